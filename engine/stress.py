"""What the same run would have come to where one of its conditions was worse."""

from collections.abc import Iterator, Mapping
from dataclasses import replace

import polars as pl

from engine import guard, ledger, panel
from engine.config import Spec, Tier, Venue, parse_spec
from engine.errors import DataError, SpecError
from engine.panel import Panel
from engine.path import walk_path
from engine.schema import SeriesKey
from engine.series import Series


def excesses(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], seen: Panel) -> dict[str, float]:
    """Return the excess of each variant at the end [numeraire]; one that would change nothing, or could not run, is left out.

    Parameters
    ----------
    spec : Spec
        The run's.
    data : Mapping[SeriesKey, pl.DataFrame]
        What it ran on.
    seen : Panel
        The panel of it; the variants share what does not change.

    Notes
    -----
    By the names of `engine.wording.STRESS`. `latencies_doubled`: feed and order latencies of all venues × 2; receive times that were
    recorded stay as they are. `worse_tier`: each tier pays the rate of the one before it. `shares_halved`: take_share and volume_share × 0.5.
    """
    return {name: _excess(variant, aligned) for name, variant, aligned in _variants(spec, data, seen)}


def _variants(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], seen: Panel) -> Iterator[tuple[str, Spec, Panel]]:
    slower = spec.model_copy(update={"venues": {name: _slower(venue) for name, venue in spec.venues.items()}})
    if slower != spec:
        try:
            slower = parse_spec(slower.canonical())  # feed latencies of bars must stay below the interval
            yield "latencies_doubled", slower, panel.build(slower, data)
        except (SpecError, DataError):
            pass
    dearer = spec.model_copy(update={"venues": {name: _dearer(venue) for name, venue in spec.venues.items()}})
    if dearer != spec:
        yield "worse_tier", dearer, seen
    shares = {name: getattr(spec.execution, name) / 2 for name in ("take_share", "volume_share")}
    halved = spec.model_copy(update={"execution": spec.execution.model_copy(update=shares)})
    yield "shares_halved", halved, replace(seen, series=tuple(map(_halved, seen.series)))


def _excess(spec: Spec, seen: Panel) -> float:
    path = walk_path(spec, seen, guard.build(spec, seen.marks))
    return ledger.excess(ledger.holdings(spec, path), seen.marks)


def _slower(venue: Venue) -> Venue:
    return venue.model_copy(update={name: 2 * getattr(venue, name) for name in ("feed_latency", "order_latency")})


def _dearer(venue: Venue) -> Venue:
    rows = tuple(row.model_copy(update={"tiers": _shifted(row.tiers)}) for row in venue.fees)
    return venue.model_copy(update={"fees": rows})


def _shifted(tiers: tuple[Tier, ...]) -> tuple[Tier, ...]:
    rates = [tier.taker_bps for tier in (*tiers[:1], *tiers)]
    return tuple(tier.model_copy(update={"taker_bps": rate}) for tier, rate in zip(tiers, rates, strict=False))


def _halved(series: Series) -> Series:
    # floor(s / 2 * x) is half of floor(s * x), rounded down: what a panel of the halved share would have
    sizes = {name: getattr(series, name) // 2 for name in ("bid_size", "ask_size", "volume_cap")}
    return replace(series, **sizes)
