"""All that a run sees of the market: the observations of every series, how good they are, and marks."""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from engine import marks, quality, series
from engine.config import Spec
from engine.errors import DataError
from engine.schema import SeriesKey
from engine.series import Series

__all__ = ["Panel", "Series", "build"]


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
    read = tuple(series.build(spec, instrument, data[instrument.key]) for instrument in spec.instruments)
    marked = marks.build(spec, read)
    return Panel(series=read, quality=quality.assess(spec, data), marks=marked)
