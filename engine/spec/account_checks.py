"""Contradictions between the venues of a spec, what they charge, and what is limited there."""

from collections.abc import Iterator

from engine.errors import Problem, suggest
from engine.schema import STABLECOINS, instant, micros
from engine.spec.fees import FeeRow, stretches
from engine.spec.spec import Spec
from engine.units import iso

_DOLLARS = STABLECOINS | {"USD"}


def _venues(spec: Spec) -> Iterator[Problem]:
    routed = {venue for route in spec.routes for venue in (route.source, route.destination)}
    for name, venue in sorted(spec.venues.items()):
        uses = {i.use for i in spec.instruments if i.venue == name}
        if not uses and not venue.balances and name not in routed:
            yield Problem(path=f"venues.{name}", message="has no instrument, no balance and no route: add one or leave the venue out")
        for key in ("feed_latency", "order_latency"):
            if uses and key not in venue.model_fields_set:
                yield Problem(path=f"venues.{name}.{key}", message="is required")
        if uses - {"mark"} and not venue.schedule:
            yield Problem(path=f"venues.{name}.fee_bps", message="is required, or a schedule in fees")


def _fee_rows(spec: Spec) -> Iterator[Problem]:
    for name, venue in sorted(spec.venues.items()):
        known = sorted(i.name for i in spec.instruments if i.venue == name)
        for unknown in sorted({i for row in venue.fees for i in row.instruments} - set(known)):
            yield Problem(path=f"venues.{name}.fees", message=f"{name} has no instrument {unknown!r}; {suggest(unknown, known)}")


def _fee_schedules(spec: Spec) -> Iterator[Problem]:
    for i in spec.instruments:
        venue = spec.venues.get(i.venue)
        if venue is None or i.use == "mark" or not venue.fees:
            continue
        for first, last, holding in stretches(venue.fees, i.name, micros(spec.start)):
            if len(holding) != 1 and first <= micros(spec.end):
                message = f"{_found(holding)} for {i.name} {_while(first, last, micros(spec.end))}: {_remedy(holding)}"
                yield Problem(path=f"venues.{i.venue}.fees", message=message)
                break


def _while(first: int, last: int, end: int) -> str:
    since = f"from {iso(instant(first))}"
    return f"{since} to {iso(instant(last))}" if last <= end else f"{since} on"


def _found(holding: list[FeeRow]) -> str:
    return "more than one row holds" if holding else "no row holds"


def _remedy(holding: list[FeeRow]) -> str:
    return "one must end where another begins, or name other instruments" if holding else "every time of the run needs one"


def _limits(spec: Spec) -> Iterator[Problem]:
    if spec.perpetual is not None:
        return
    limited, what = _limited(spec)
    for currency in sorted(set(spec.risk.max_asset) - limited):
        message = f"no {what} {currency}, only {'in ' if what.endswith(' in') else ''}{', '.join(sorted(limited))}"
        yield Problem(path=f"risk.max_asset.{currency}", message=message)


def _limited(spec: Spec) -> tuple[set[str], str]:
    # the currencies that a package may leave more of, and what those are
    if spec.strategy.sends == "pairs":
        return {leg.key.quote for leg in spec.legs}, "leg is quoted in"
    if spec.strategy.sends == "alone":
        return {leg.key.base for leg in spec.legs}, "leg buys"
    return set(spec.traded - {spec.comparison_currency}), "cycle passes through"


def _guard(spec: Spec) -> Iterator[Problem]:
    guard = spec.risk.depeg_guard
    if guard is None:
        return
    if guard.currencies is None and spec.numeraire not in _DOLLARS:
        message = f"stablecoins are not worth one {spec.numeraire}: name the currencies that are, or leave the guard out"
        yield Problem(path="risk.depeg_guard", message=message)
    known = sorted(set(spec.currencies) - {spec.numeraire})
    for currency in sorted(set(guard.currencies or ()) - set(known)):
        message = f"{currency} is the numeraire" if currency == spec.numeraire else f"{currency} is not in this run, which has {', '.join(known)}"
        yield Problem(path="risk.depeg_guard.currencies", message=message)


ALL = (_venues, _fee_rows, _fee_schedules, _limits, _guard)
"""The checks of this module."""
