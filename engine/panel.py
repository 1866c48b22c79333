"""All that a run sees of the market: the observations of every series, how good they are, and marks."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import polars as pl

from engine import bar_series, marks, quality, quote_series
from engine.config import Spec
from engine.errors import DataError
from engine.observations import Observed
from engine.schema import SeriesKey, micros
from engine.series import Series

__all__ = ["Panel", "Series", "build"]

_READERS = {"bars": bar_series.build, "quotes": quote_series.build, "quote_bars": quote_series.build}


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """All series of a run, what is known about how good they are, and what currencies are worth."""

    series: tuple[Series, ...]  # in the order of `Spec.series`
    quality: list[quality.Row]  # a row of counts a series, in that order
    marks: marks.Marks

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
        A frame of `engine.schema.BARS` or `engine.schema.QUOTES` for each of `spec.series`, as `Instrument.data` says; rows outside the
        window are cut.

    Raises
    ------
    DataError
        Where a series is missing, breaks its contract, has no good observation in the window, or would overflow int64; where a currency
        has no mark at the start.
    """
    missing = [key for key in spec.series if key not in data]
    if missing:
        raise DataError(f"{missing[0]}: expected its data, found none; there are {', '.join(map(str, sorted(data))) or 'no series at all'}")
    read = [_READERS[instrument.data](spec, instrument, data[instrument.key]) for instrument in spec.instruments]
    marked = marks.build(spec, [observed.series for observed in read])
    judged = _without_wicks(spec, read, marked)
    return Panel(series=tuple(o.series for o in judged), quality=[o.row for o in judged], marks=marked)


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
    blocked = series.blocked | wicks.blocking
    found = {"flagged": ~series.good, "wicks": wicks.found, "blocked": blocked}
    counts = {name: int(np.count_nonzero(rows & inside)) for name, rows in found.items()}
    return observed._replace(series=replace(series, blocked=blocked), row={**observed.row, **counts})
