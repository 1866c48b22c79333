"""What the same run would have come to where one of its conditions was worse."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import NamedTuple

import polars as pl

from engine import ledger, market, panel
from engine.config import Spec, Tier, Venue, parse_spec
from engine.errors import DataError, SpecError
from engine.guard import Guard
from engine.guard import build as build_guard
from engine.kernels.market import Market, World
from engine.panel import Panel
from engine.path import Found, candidates, walk_path
from engine.schema import SeriesKey


class _Variant(NamedTuple):
    spec: Spec
    panel: Panel
    world: World
    found: Found


def excesses(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], seen: Panel, *, guard: Guard, found: Found) -> dict[str, float]:
    """Return the excess of each variant at the end [numeraire]; one that would change nothing, or could not run, is left out.

    Parameters
    ----------
    spec : Spec
        The run's.
    data : Mapping[SeriesKey, pl.DataFrame]
        What it ran on.
    seen, guard, found : Panel, Guard, Found
        What it saw, when its guard halted it, and its candidates; the variants share what does not change.

    Notes
    -----
    By the names of `engine.wording.STRESS`. `latencies_doubled`: feed and order latencies of all venues × 2; receive times that were
    recorded stay as they are. `worse_tier`: each tier pays the rate of the one before it. `shares_halved`: take_share and volume_share × 0.5.
    """
    return {name: _excess(variant) for name, variant in _variants(spec, data, seen, guard, found)}


def _variants(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], seen: Panel, guard: Guard, found: Found) -> Iterator[tuple[str, _Variant]]:
    slower = spec.model_copy(update={"venues": {name: _slower(venue) for name, venue in spec.venues.items()}})
    if slower != spec:
        with suppress(SpecError, DataError):
            yield "latencies_doubled", _later(parse_spec(slower.canonical()), data, seen, found)  # feed latencies of bars stay below the interval
    dearer = spec.model_copy(update={"venues": {name: _dearer(venue) for name, venue in spec.venues.items()}})
    if dearer != spec:  # no pair reaches the threshold that did not before
        yield "worse_tier", _Variant(dearer, seen, market.world(dearer, seen, guard), found)
    shares = {name: getattr(spec.execution, name) / 2 for name in ("take_share", "volume_share")}
    halved = spec.model_copy(update={"execution": spec.execution.model_copy(update=shares)})
    yield "shares_halved", _Variant(halved, seen, market.world(halved, seen, guard, observed=_halved(market.market(spec, seen))), found)


def _later(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], seen: Panel, found: Found) -> _Variant:
    then = panel.delayed(spec, data, seen)
    world = market.world(spec, then, build_guard(spec, then.marks))
    return _Variant(spec, then, world, found if then is seen else candidates(world, spec.strategy.threshold_bps))


def _excess(variant: _Variant) -> float:
    path = walk_path(variant.spec, variant.world, variant.found)
    return ledger.excess_of(variant.spec, path, variant.panel.marks)


def _slower(venue: Venue) -> Venue:
    return venue.model_copy(update={name: 2 * getattr(venue, name) for name in ("feed_latency", "order_latency")})


def _dearer(venue: Venue) -> Venue:
    rows = tuple(row.model_copy(update={"tiers": _shifted(row.tiers)}) for row in venue.fees)
    return venue.model_copy(update={"fees": rows})


def _shifted(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    rates = [tier.taker_bps for tier in (*tiers[:1], *tiers)]
    return tuple(tier.model_copy(update={"taker_bps": rate}) for tier, rate in zip(tiers, rates, strict=False))


def _halved(whole: Market) -> Market:
    # floor(s / 2 * x) is half of floor(s * x), rounded down: what a panel of the halved share would have
    return whole._replace(size=whole.size >> 1, volume_cap=whole.volume_cap >> 1)
