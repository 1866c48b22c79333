"""From recorded quotes, of one level or more, to a series."""

from collections.abc import Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np
import polars as pl

from engine import quality
from engine.arrays import Bools, Floats, Int64s
from engine.config import Instrument, Spec
from engine.errors import DataError
from engine.kernels.quotes import take_level
from engine.observations import Observed, bounds_us, names, nothing_good, refuse_overflow, times_of, window
from engine.quality import Level
from engine.schema import check_quotes, level_columns, micros, quote_levels
from engine.series import Series, Times

_MOST_NEGATIVE = 0.01
"""Where more than this share of the rows was received before it happened, the clock is wrong, not the rows."""

_NO_FLOATS, _NO_INTS, _NO_BOOLS = np.empty(0), np.empty(0, np.int64), np.empty(0, np.bool_)


def build(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Observed:
    """Return the observations of one instrument that has quotes or quote bars.

    Raises
    ------
    DataError
        Where they break the contract of `QUOTES`, more than 1 % were received before they happened, none is good, or sizes and prices
        would overflow int64.
    """
    check_quotes(frame, key=instrument.key)
    if instrument.data == "quote_bars" and frame["received"].null_count() < frame.height:
        raise DataError(f"{instrument.key}: expected quote bars without receive times, found some; leave `received` empty")
    read = window(spec, instrument, frame)
    if read.is_empty():
        raise nothing_good(spec, instrument, frame)
    times = times_of(spec, instrument, read)
    _refuse_negative_latency(spec, instrument, times)
    levels = [_level(read, number) for number in range(1, quote_levels(read) + 1)]
    checked = quality.check_levels(levels)
    good = checked.good & ~quality.touches(times.event_us, times.event_us, spec.venues[instrument.venue].outages)
    if not good.any():
        raise nothing_good(spec, instrument, frame)
    row: quality.Row = {
        **names(instrument),
        "rows": read.height,
        "flagged": int(np.count_nonzero(~good)),
        **checked.counts,
        "duplicates": quality.repeated([times.happened_us, times.known_us, *(column for level in levels for column in level)]),
        **quality.quote_times(spec, instrument, times),
    }
    bids, asks = (_side(spec, levels, good, column) for column in (0, 2))
    highest = max(float(np.fmax.reduce(side.price, axis=None)) for side in (bids, asks))
    refuse_overflow(spec, instrument, largest=max(bids.largest, asks.largest), highest=highest)
    return Observed(_with_outages(spec, _series(instrument, times, good, bids, asks)), row, _NO_FLOATS, _NO_FLOATS)


class _Side(NamedTuple):
    price: Floats  # (N, L)
    size: Int64s  # (N, L)
    largest: float  # [atoms of base] no row offers more


def _level(frame: pl.DataFrame, number: int) -> Level:
    bid, bid_size, ask, ask_size = (_column(frame[name]) for name in level_columns(number))
    return bid, bid_size, ask, ask_size


def _column(values: pl.Series) -> Floats:
    column = values.to_numpy()  # null becomes nan
    column.setflags(write=False)  # as columns without nulls are: one type for the kernels
    return column


def _side(spec: Spec, levels: Sequence[Level], good: Bools, column: int) -> _Side:
    price, size = np.empty((good.size, len(levels))), np.empty((good.size, len(levels)), np.int64)
    share = spec.execution.take_share
    largest = [take_level(level[column], level[column + 1], good, share, depth, price, size) for depth, level in enumerate(levels)]
    return _Side(price, size, float(sum(largest)))


def _series(instrument: Instrument, times: Times, good: Bools, bids: _Side, asks: _Side) -> Series:
    return Series(
        instrument=instrument,
        event_us=times.event_us,
        available_us=times.available_us,
        good=good,
        bid=bids.price,
        ask=asks.price,
        bid_size=bids.size,
        ask_size=asks.size,
        price=(bids.price[:, 0] + asks.price[:, 0]) / 2,
        open_us=_NO_INTS,
        fill_bid=_NO_FLOATS,
        fill_ask=_NO_FLOATS,
        volume_cap=_NO_INTS,
        blocked=_NO_BOOLS,
    )


def _with_outages(spec: Spec, series: Series) -> Series:
    # a row that says that there is nothing, before what happened since, as each outage begins
    first, last = bounds_us(spec)
    began = [micros(outage.start) for outage in spec.venues[series.instrument.venue].outages]
    starts = np.array([us for us in began if first <= us <= last], np.int64)
    if not starts.size:
        return series
    rows = np.searchsorted(series.event_us, starts)
    return replace(
        series,
        event_us=np.insert(series.event_us, rows, starts),
        available_us=np.maximum.accumulate(np.insert(series.available_us, rows, starts)),
        good=np.insert(series.good, rows, False),
        bid=np.insert(series.bid, rows, np.nan, axis=0),
        ask=np.insert(series.ask, rows, np.nan, axis=0),
        bid_size=np.insert(series.bid_size, rows, 0, axis=0),
        ask_size=np.insert(series.ask_size, rows, 0, axis=0),
        price=np.insert(series.price, rows, np.nan),
    )


def _refuse_negative_latency(spec: Spec, instrument: Instrument, times: Times) -> None:
    lag = times.known_us - times.happened_us
    negative = lag[lag < 0]
    if negative.size <= _MOST_NEGATIVE * lag.size:
        return
    offset, missing = spec.venues[instrument.venue].clock_offset / 1e3, -float(np.median(negative)) / 1e3
    raise DataError(
        f"{instrument.key}: expected quotes that were received after they happened, found {negative.size} of {lag.size} received before, by "
        f"{missing:g} ms at the median: the recorder's clock was behind; venues.{instrument.venue}.clock_offset ({offset:g} ms) must be "
        "larger by that and by the feed's true latency"
    )
