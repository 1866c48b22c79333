"""What no table of a spec can see alone: parts that contradict each other."""

import itertools
import math

from engine.errors import Problem
from engine.schema import ATOMS_PER_UNIT, US_PER_SECOND, SeriesKey, micros
from engine.spec.problems import suggest
from engine.spec.spec import Spec
from engine.units import LARGEST_AMOUNT, atoms, iso

_HOUR_US = 3_600 * US_PER_SECOND


def contradictions(spec: Spec) -> list[Problem]:
    """Return what is wrong between the parts of a spec that are each right."""
    return [
        Problem(path="", message=sentence)
        for check in (_time_problems, _instrument_problems, _leg_problems, _amount_problems)
        for sentence in check(spec)
    ]


def _time_problems(spec: Spec) -> list[str]:
    found = []
    if spec.interval == 0 or spec.clock <= 0:
        return ["interval and clock must be longer than 0"]
    if spec.clock % US_PER_SECOND or _HOUR_US % spec.clock:  # returns are counted by the hour
        found.append("clock must be a multiple of 1 s that divides 1 h")
    if spec.start >= spec.end:
        found.append(f"start ({iso(spec.start)}) must be before end ({iso(spec.end)})")
    for name, when in (("start", spec.start), ("end", spec.end)):
        if micros(when) % spec.clock:
            found.append(f"{name} ({iso(when)}) must lie on the clock, a multiple of {spec.clock / 1e6:g} s")
    if spec.interval is None:
        return found
    if spec.max_wait_us <= 0 or spec.max_wait_us % spec.interval:
        found.append("execution.max_wait must be a multiple of interval")
    for name, venue in spec.venues.items():
        if venue.feed_latency >= spec.interval:
            found.append(f"venues.{name}.feed_latency must be below the interval: bars of two intervals would meet otherwise")
    return found


def _instrument_problems(spec: Spec) -> list[str]:
    found = [
        f"instruments: {i.key} is at venue {i.venue!r}, which [venues] does not have; {suggest(i.venue, spec.venues)}"
        for i in spec.instruments
        if i.venue not in spec.venues
    ]
    found += [f"instruments: {i.key} has one currency on both sides" for i in spec.instruments if i.key.base == i.key.quote]
    found += [f"instruments: {key} is there twice" for key in sorted(set(spec.series)) if spec.series.count(key) > 1]
    idle = sorted(set(spec.venues) - {i.venue for i in spec.instruments})
    return found + [f"venues.{name} has no instrument: add one or leave the venue out" for name in idle if not spec.venues[name].balances]


def _leg_problems(spec: Spec) -> list[str]:
    if len(spec.legs) < 2:
        return ['instruments: at least two with use = "trade" are needed']
    bases = sorted({leg.key.base for leg in spec.legs})
    found = [f'instruments: those with use = "trade" must have one base currency, found {", ".join(bases)}'] if len(bases) > 1 else []
    common = spec.comparison_currency
    convertible = {currency for i in spec.instruments if i.use == "convert" for currency in _other_side(i.key, common)}
    foreign = {leg.key.quote for leg in spec.legs} - {common} - convertible - set(spec.assume_par)
    return found + [
        f"instruments: {currency} is a quote currency beside {common}; add an instrument {currency}/{common}"
        ' with use = "convert", or name it in assume_par'
        for currency in sorted(foreign)
    ]


def _other_side(key: SeriesKey, currency: str) -> set[str]:
    sides = {key.base, key.quote}
    return sides - {currency} if currency in sides else set()


def _amount_problems(spec: Spec) -> list[str]:
    return [
        f"instruments: no quantity up to 1e10 is a multiple of the lots of both {a.key} ({a.lot}) and {b.key} ({b.lot})"
        for a, b in itertools.combinations(spec.legs, 2)
        if math.lcm(atoms(a.lot), atoms(b.lot)) > LARGEST_AMOUNT * ATOMS_PER_UNIT
    ]
