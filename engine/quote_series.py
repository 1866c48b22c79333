"""From recorded quotes, of one level or more, to a series."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import quality
from engine.arrays import Int64s, read_only
from engine.config import Instrument, Spec
from engine.errors import DataError
from engine.kernels.quotes import order_times, take_level
from engine.observations import Observed, Read, bounds_us, happened_us, known_us, names, nothing_good, refuse_overflow, window
from engine.quality import Level
from engine.schema import check_quotes, level_columns, micros, quote_levels
from engine.series import Columns, Series, Times, series

_MOST_NEGATIVE = 0.01
"""Where more than this share of the rows was received before it happened, the clock is wrong, not the rows."""

_NO_FLOATS = np.empty(0)
_T = TypeVar("_T", bound=np.generic)


def read(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Read:
    """Return what the run reads of one instrument that has quotes or quote bars.

    Raises
    ------
    DataError
        Where they break the contract of `QUOTES`, or nothing is in the window.
    """
    check_quotes(frame, key=instrument.key)
    if instrument.data == "quote_bars" and frame["received"].null_count() < frame.height:
        raise DataError(f"{instrument.key}: expected quote bars without receive times, found some; leave `received` empty")
    cut = window(spec, instrument, frame)
    if cut.is_empty():
        raise nothing_good(spec, instrument, frame)
    return Read(instrument, frame, cut, cut.height + outages_us(spec, instrument).size, 0, quote_levels(cut))


def fill(spec: Spec, found: Read, part: Columns) -> Observed:
    """Return the observations of what was read, which stand in their part of the columns.

    Raises
    ------
    DataError
        Where more than 1 % were received before they happened, none is good, or sizes and prices would overflow int64.
    """
    instrument, rows = found.instrument, slice(0, found.frame.height)
    times = times_of(spec, found, part.part(rows, slice(0)))
    refuse_negative_latency(spec, instrument, times)
    levels = [_level(found.frame, number) for number in range(1, found.levels + 1)]
    checked = quality.check_levels(levels)
    part.good[rows] = checked.good & ~quality.touches(times.event_us, times.event_us, spec.venues[instrument.venue].outages)
    good = part.good[rows]
    if not good.any():
        raise nothing_good(spec, instrument, found.given)
    row: quality.Row = {
        **names(instrument),
        "rows": found.frame.height,
        "flagged": int(np.count_nonzero(~good)),
        **checked.counts,
        "duplicates": quality.repeated([times.happened_us, times.known_us, *(column for level in levels for column in level)]),
        **quality.quote_times(spec, instrument, times),
    }
    _take(spec, instrument, levels, part.part(rows, slice(0)))
    put_in_outages(spec, found, part)
    return Observed(series(instrument, part), row, _NO_FLOATS, _NO_FLOATS)


def delay(spec: Spec, one: Series, available_us: Int64s) -> None:
    """Write when quotes are known whose receive times were not recorded, (N,) [µs]: their feed latency after they happen."""
    available_us[:] = one.event_us + spec.venues[one.instrument.venue].feed_latency
    starts = outages_us(spec, one.instrument)
    ranks = np.arange(starts.size) - np.searchsorted(starts, starts)  # of those that begin together
    available_us[np.searchsorted(one.event_us, starts) + ranks] = starts  # their rows are the first of that time
    np.maximum.accumulate(available_us, out=available_us)


def times_of(spec: Spec, found: Read, part: Columns) -> Times:
    """Return when the rows of a frame happened and were known, and write when they count."""
    happened, known = (times(spec, found.instrument, found.frame) for times in (happened_us, known_us))
    order_times(happened, known, part.event_us, part.available_us)
    return Times(happened_us=happened, known_us=known, event_us=part.event_us, available_us=part.available_us)


def _level(frame: pl.DataFrame, number: int) -> Level:
    bid, bid_size, ask, ask_size = (read_only(frame[name].to_numpy()) for name in level_columns(number))  # null becomes nan
    return bid, bid_size, ask, ask_size


def _take(spec: Spec, instrument: Instrument, levels: Sequence[Level], part: Columns) -> None:
    # an order may take all levels of a side
    share, largest, highest = spec.execution.take_share, 0.0, 0.0
    for column, price, size in zip((0, 2), part.price, part.size, strict=True):
        taken = [take_level(level[column], level[column + 1], part.good, share, depth, price, size) for depth, level in enumerate(levels)]
        price[:, len(levels) :], size[:, len(levels) :] = np.nan, 0
        largest, highest = max(largest, float(sum(taken))), max(highest, float(np.fmax.reduce(price, axis=None)))
    refuse_overflow(spec, instrument, largest=largest, highest=highest)


def put_in_outages(spec: Spec, found: Read, part: Columns) -> Int64s:
    """Put in a row that says that there is nothing, before what happened since, as each outage begins; return the rows that they come before."""
    starts = outages_us(spec, found.instrument)
    rows = np.searchsorted(part.event_us[: found.frame.height], starts)
    if not starts.size:
        return rows
    _insert(part.event_us, rows, starts)
    _insert(part.available_us, rows, starts)
    np.maximum.accumulate(part.available_us, out=part.available_us)
    _insert(part.good, rows, False)
    for price, size in zip(part.price, part.size, strict=True):
        _insert(price, rows, np.nan)
        _insert(size, rows, 0)
    return rows


def _insert(column: NDArray[_T], rows: Int64s, values: Int64s | float) -> None:
    # the column has room for them at its end
    column[:] = np.insert(column[: column.shape[0] - rows.size], rows, values, axis=0)


def outages_us(spec: Spec, instrument: Instrument) -> Int64s:
    """Return when the outages of an instrument's venue begin that begin in what the run reads [µs]."""
    first, last = bounds_us(spec)
    began = [micros(outage.start) for outage in spec.venues[instrument.venue].outages]
    return np.array([us for us in began if first <= us <= last], np.int64)


def refuse_negative_latency(spec: Spec, instrument: Instrument, times: Times) -> None:
    """Raise DataError where more than 1 % of the rows were received before they happened."""
    rows = times.known_us.size
    negative = np.flatnonzero(times.known_us < times.happened_us)
    if negative.size <= _MOST_NEGATIVE * rows:
        return
    lacking = times.happened_us[negative] - times.known_us[negative]
    offset, missing = spec.venues[instrument.venue].clock_offset / 1e3, float(np.median(lacking)) / 1e3
    raise DataError(
        f"{instrument.key}: expected quotes that were received after they happened, found {negative.size} of {rows} received before, by "
        f"{missing:g} ms at the median: the recorder's clock was behind; venues.{instrument.venue}.clock_offset ({offset:g} ms) must be "
        "larger by that and by the feed's true latency"
    )
