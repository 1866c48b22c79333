"""All that a run sees of the market: the observations of every series, how good they are, and marks."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine import bar_series, demands, marks, payments, pool_series, quality, quote_series
from engine.arrays import Int32s, Int64s
from engine.config import Instrument, Spec
from engine.errors import DataError
from engine.kernels.market import epochs
from engine.observations import Observed, Read
from engine.schema import SeriesKey, micros
from engine.series import Columns, Series, room

__all__ = ["Panel", "Series", "build"]

_MODULES = {"bars": bar_series, "quotes": quote_series, "quote_bars": quote_series, "pool": pool_series, "pool_bars": pool_series}
_READ = {data: module.read for data, module in _MODULES.items()}
_FILL = {data: module.fill for data, module in _MODULES.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """All series of a run, what is known about how good they are, and what currencies are worth."""

    columns: Columns  # the legs first, then what converts, then what only marks
    epoch: Int32s  # (2, N) row of the columns at which the best price, bid or ask, began to be what it is
    series: tuple[Series, ...]  # parts of the columns, in the order of `Spec.series`
    quality: list[quality.Row]  # a row of counts a series, in that order
    unmet: list[demands.Unmet]  # days below what the spec demands
    marks: marks.Marks
    payments: payments.Payments

    def of(self, key: SeriesKey) -> Series:
        """Return one series."""
        return next(s for s in self.series if s.key == key)


def build(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> Panel:
    """Return the panel of a run.

    Parameters
    ----------
    spec : Spec
        What to read.
    data : Mapping[SeriesKey, pl.DataFrame]
        A frame of `engine.schema.BARS`, `QUOTES` or `POOL_STATES` for each of `spec.series`, as `Instrument.data` says; rows outside the
        window are cut.

    Raises
    ------
    DataError
        Where a series is missing, breaks its contract, has no good observation in the window, or would overflow int64; where a currency
        has no mark at the start; where a day is below what the spec demands, and it refuses that.
    """
    missing = [key for key in spec.series if key not in data]
    if missing:
        raise DataError(f"{missing[0]}: expected its data, found none; there are {', '.join(map(str, sorted(data))) or 'no series at all'}")
    found = [_READ[instrument.data](spec, instrument, data[instrument.key]) for instrument in spec.instruments]
    below = demands.unmet(spec, data)
    columns, parts, first = _room(spec, found)
    read = [_FILL[one.instrument.data](spec, one, parts[one.instrument.key]) for one in found]
    marked = marks.build(spec, [observed.series for observed in read])
    judged = _without_wicks(spec, read, marked)
    epoch = epochs(columns.price, columns.good, first)
    paid = payments.read(spec, data)
    parted = tuple(o.series for o in judged)
    return Panel(columns=columns, epoch=epoch, series=parted, quality=[o.row for o in judged], unmet=below, marks=marked, payments=paid)


def delayed(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], seen: Panel) -> Panel:
    """Return the panel of a run that differs in latencies alone from one whose panel is built; it shares what stays.

    Raises
    ------
    DataError
        As `build` does.
    """
    if all(venue.feed_latency == 0 for venue in spec.venues.values()):
        return seen
    if any(i.data == "bars" or data[i.key]["ts"].null_count() for i in spec.instruments):  # wicks, or events, may be others
        return build(spec, data)
    available, series, first = seen.columns.available_us.copy(), {}, 0
    for instrument in order(spec):
        one = seen.of(instrument.key)
        known = available[first : first + one.event_us.size]
        if data[one.key]["received"].null_count():
            quote_series.delay(spec, one, known)
        series[one.key], first = replace(one, available_us=known), first + known.size
    late = tuple(series[key] for key in spec.series)
    return replace(seen, columns=seen.columns._replace(available_us=available), series=late, marks=marks.build(spec, late))


def order(spec: Spec) -> list[Instrument]:
    """Return the instruments in the order in which they stand in the columns: legs, what converts, what only marks."""
    uses = ("trade", "convert", "mark")
    return sorted(spec.instruments, key=lambda instrument: uses.index(instrument.use))


def _room(spec: Spec, found: list[Read]) -> tuple[Columns, dict[SeriesKey, Columns], Int64s]:
    # what is read is written once, where it stays: at millions of rows a copy costs as much as the walk
    reads = {one.instrument.key: one for one in found}
    stand = [reads[instrument.key] for instrument in order(spec)]
    first, bar = (np.cumsum([0, *sizes]) for sizes in ([one.rows for one in stand], [one.bars for one in stand]))
    columns = room(int(first[-1]), int(bar[-1]), max(one.levels for one in stand))
    bounds = zip(itertools.pairwise(first), itertools.pairwise(bar), strict=True)
    parts = {one.instrument.key: columns.part(slice(*rows), slice(*bars)) for one, (rows, bars) in zip(stand, bounds, strict=True)}
    return columns, parts, first


def _without_wicks(spec: Spec, read: list[Observed], marked: marks.Marks) -> list[Observed]:
    # wicks are told by all bars of a base, at marks, which need all series
    judged = list(read)
    by_base: dict[str, list[int]] = {}
    for at, observed in enumerate(read):
        if observed.series.instrument.data == "bars":
            by_base.setdefault(observed.series.key.base, []).append(at)
    for places in by_base.values():
        bars = [quality.Bars(read[at].series, read[at].high, read[at].low) for at in places]
        for at, found in zip(places, quality.wicks(spec.quality.wick_bps, bars, marked), strict=True):
            judged[at] = _judged(spec, read[at], found)
    return judged


def _judged(spec: Spec, observed: Observed, wicks: quality.Wicks) -> Observed:
    series = observed.series
    inside = (series.open_us >= micros(spec.start)) & (series.event_us <= micros(spec.end))
    np.logical_or(series.blocked, wicks.blocking, out=series.blocked)
    found = {"flagged": ~series.good, "wicks": wicks.found, "blocked": series.blocked}
    counts = {name: int(np.count_nonzero(rows & inside)) for name, rows in found.items()}
    return observed._replace(row={**observed.row, **counts})
