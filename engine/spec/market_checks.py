"""Contradictions between the instruments of a spec, their data and the clock of the bars."""

import itertools
import math
from collections.abc import Iterator

from engine.errors import Problem, suggest
from engine.schema import ATOMS_PER_UNIT, US_PER_SECOND, SeriesKey
from engine.spec.spec import LASTING_US, Spec
from engine.spec.venues import POOLS
from engine.strategies.dex_cex import DexCex
from engine.units import LARGEST_AMOUNT, atoms

_DAY_US = 86_400 * US_PER_SECOND


def _intervals(spec: Spec) -> Iterator[Problem]:
    barred = [i for i in spec.instruments if i.data not in LASTING_US]
    if spec.interval is None and barred:
        yield Problem(path="interval", message=f'is required: {barred[0].key} has data = "{barred[0].data}"')
    if spec.interval is None:
        return
    if spec.interval == 0:
        yield Problem(path="interval", message="must be longer than 0")
        return
    if spec.max_wait_us <= 0 or spec.max_wait_us % spec.interval:
        yield Problem(path="execution.max_wait", message="must be a multiple of interval, and longer than 0")
    if barred and spec.quality.demands is not None and _DAY_US % spec.interval:
        yield Problem(path="quality.demands", message="judges whole days: interval must divide a day")
    for name, venue in spec.venues.items():
        if barred and venue.feed_latency >= spec.interval:
            yield Problem(path=f"venues.{name}.feed_latency", message="must be below the interval: bars of two intervals would meet otherwise")


def _names(spec: Spec) -> Iterator[Problem]:
    for i in spec.instruments:
        if i.venue not in spec.venues:
            message = f"{i.key} is at venue {i.venue!r}, which [venues] does not have; {suggest(i.venue, spec.venues)}"
            yield Problem(path="instruments", message=message)
        if i.key.base == i.key.quote:
            yield Problem(path="instruments", message=f"{i.key} has one currency on both sides")
    for key in sorted(set(spec.series)):
        if spec.series.count(key) > 1:
            yield Problem(path="instruments", message=f"{key} is there twice")


def _legs(spec: Spec) -> Iterator[Problem]:
    least, count = (1, "one") if spec.strategy.sends == "alone" else (2, "two")
    if len(spec.legs) < least:
        yield Problem(path="instruments", message=f'at least {count} with use = "trade" {"is" if least == 1 else "are"} needed')
        return
    in_pairs = spec.strategy.sends == "pairs"
    bases = {leg.key.base for leg in spec.legs} if in_pairs else set()
    kinds = {str(leg.data) for leg in spec.legs if leg.data not in POOLS}
    for what, found in (("base currency", bases), ("kind of data", kinds)):
        if len(found) > 1:
            yield Problem(path="instruments", message=f'those with use = "trade" must have one {what}, found {", ".join(sorted(found))}')
    for a, b in itertools.combinations(spec.legs if in_pairs else (), 2):
        if math.lcm(atoms(a.lot), atoms(b.lot)) > LARGEST_AMOUNT * ATOMS_PER_UNIT:
            message = f"no quantity up to 1e10 is a multiple of the lots of both {a.key} ({a.lot}) and {b.key} ({b.lot})"
            yield Problem(path="instruments", message=message)


def _channels(spec: Spec) -> Iterator[Problem]:
    used = [(i.venue, i.channel) for i in spec.instruments]
    for i in spec.instruments:
        if i.channel is not None and used.count((i.venue, i.channel)) == 1:
            message = f"{i.key} is alone on channel {i.channel!r}: name what else {i.venue} sent by it, or leave channel out"
            yield Problem(path="instruments", message=message)


def _pools(spec: Spec) -> Iterator[Problem]:
    named = spec.strategy.pools if isinstance(spec.strategy, DexCex) else ()
    for leg in spec.legs:
        if (leg.data in POOLS) == (str(leg.key) in named):
            continue
        if named:
            message = f'{leg.key} has data = "{leg.data}": name in strategy.pools those, and only those, that have data = "pool" or "pool_bars"'
        else:
            message = f'{leg.key} has data = "{leg.data}", which only a strategy of kind "dex_cex" trades'
        yield Problem(path="strategy.pools" if named else "instruments", message=message)
    for leg in spec.legs:
        venue = spec.venues.get(leg.venue)
        if leg.data in POOLS and venue is not None and any(row.charged_in != "quote" for row in venue.schedule):
            yield Problem(path=f"venues.{leg.venue}", message='a pool keeps its fee of what goes in: charged_in must be "quote"')


def _strategy(spec: Spec) -> Iterator[Problem]:
    for path, message in spec.strategy.complaints([leg.key for leg in spec.legs], spec.execution.residual):
        yield Problem(path=path, message=message)


def _conversions(spec: Spec) -> Iterator[Problem]:
    if spec.strategy.sends != "pairs":
        return
    common = spec.comparison_currency
    convertible = {currency for i in spec.instruments if i.use == "convert" for currency in _other_side(i.key, common)}
    for currency in sorted({leg.key.quote for leg in spec.legs} - {common} - convertible - set(spec.assume_par)):
        message = (
            f'{currency} is a quote currency beside {common}; add an instrument {currency}/{common} with use = "convert", or name it in assume_par'
        )
        yield Problem(path="instruments", message=message)


def _marks(spec: Spec) -> Iterator[Problem]:
    series = [i.key for i in spec.instruments if i.perpetual is None]
    direct = {currency for key in series for currency in _other_side(key, spec.numeraire)}
    marked = {spec.numeraire} | direct | {currency for key in series for third in direct for currency in _other_side(key, third)}
    for currency in spec.currencies:
        if currency not in marked:
            message = (
                f"nothing marks {currency}, which {_why(spec, currency)}; add an instrument {currency}/{spec.numeraire}"
                f' with use = "mark", or one against a currency that has such an instrument'
            )
            yield Problem(path="instruments", message=message)


def _why(spec: Spec, currency: str) -> str:
    if currency in spec.traded:
        return "is traded"
    holder = next((name for name, venue in sorted(spec.venues.items()) if currency in venue.balances), None)
    if holder is not None:
        return f"lies at {holder}"
    if any(leg.gas_currency == currency for leg in spec.legs):
        return "is burnt as gas"
    route = next((route.name for route in spec.routes if route.currency == currency), None)
    return "is charged as a fee" if route is None else f"is moved by the route {route!r}"


def _other_side(key: SeriesKey, currency: str) -> set[str]:
    sides = {key.base, key.quote}
    return sides - {currency} if currency in sides else set()


ALL = (_intervals, _names, _legs, _channels, _pools, _strategy, _conversions, _marks)
"""The checks of this module."""
