"""What a run reads of one instrument's frame, and what every kind of data must bring."""

from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s, read_only
from engine.config import MARK_MAX_AGE_US, POOLS, Instrument, Spec
from engine.errors import DataError
from engine.kernels.quotes import first_reached
from engine.quality import Row
from engine.schema import ATOMS_PER_UNIT, micros
from engine.series import Series

LARGEST_FLOW = 2.0**62
"""In atoms: sums of a few flows fit int64."""


class Read(NamedTuple):
    """What a run reads of one instrument, and how much room it takes."""

    instrument: Instrument
    given: pl.DataFrame
    frame: pl.DataFrame  # the window of it
    rows: int  # observations
    bars: int  # as many, or none
    levels: int


class Observed(NamedTuple):
    """A series, what is said about its data, and of bars how far prices went in each."""

    series: Series
    row: Row
    high: Floats  # (N,) [quote per base]; of length 0 for quotes
    low: Floats


def happened_us(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Int64s:
    """Return when quotes happened, (N,) as recorded [µs]; where only `received` is, their feed latency before they were known."""
    venue = spec.venues[instrument.venue]
    return _recorded(frame, "ts", 0) if _is_known(frame, "ts") else _recorded(frame, "received", venue.clock_offset - venue.feed_latency)


def known_us(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Int64s:
    """Return when quotes were known, (N,) [µs]: when received, shifted by the venue's `clock_offset`, else their feed latency after `ts`."""
    venue = spec.venues[instrument.venue]
    return _recorded(frame, "received", venue.clock_offset) if _is_known(frame, "received") else _recorded(frame, "ts", venue.feed_latency)


def window(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the rows that the run reads: those whose event lies between five minutes before its start and its end.

    Notes
    -----
    The event of a quote is the latest of all rows up to it, so that what is read is one stretch of the frame, in its order: from the first
    row that happened in the window or later to the first that happened after it.
    """
    first, last = bounds_us(spec)
    if instrument.data == "bars":
        return frame.filter((pl.col("ts").dt.epoch("us") + spec.interval_us).is_between(first, last))
    happened = happened_us(spec, instrument, frame)
    begin, end = (first_reached(happened, us) for us in (first, last + 1))
    return frame.slice(begin, end - begin)


def _is_known(frame: pl.DataFrame, name: str) -> bool:
    return frame[name].null_count() == 0


def _recorded(frame: pl.DataFrame, name: str, shift_us: int) -> Int64s:
    times = frame[name].to_physical().to_numpy()
    return read_only(times + shift_us if shift_us else times)


def bounds_us(spec: Spec) -> tuple[int, int]:
    """Return the first and the last time whose events the run reads [µs]."""
    return micros(spec.start) - MARK_MAX_AGE_US, micros(spec.end)


def names(instrument: Instrument) -> Row:
    """Return what a row about a series begins with."""
    return {"venue": instrument.venue, "instrument": instrument.name, "data": instrument.data}


def nothing_good(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> DataError:
    """Return the refusal of a series without a good observation in the run."""
    wanted = "bars with volume" if instrument.data == "bars" else "good states of the pool" if instrument.data in POOLS else "good quotes"
    time = "ts" if frame["ts"].null_count() == 0 else "received"
    has = (
        f"it has {frame.height} rows from {frame[time][0]} to {frame[time][-1]}, outages of the venue apart: "
        "choose start and end within that, or add data"
        if frame.height
        else "the series is empty: add data"
    )
    return DataError(f"{instrument.key}: expected {wanted} between {spec.start} and {spec.end}, found none; {has}")


def refuse_overflow(spec: Spec, instrument: Instrument, *, largest: float, highest: float) -> None:
    """Raise DataError where the largest size [atoms of base] at the highest price, with all that may come on top, leaves int64."""
    rates = [rate for span in spec.fee_rows(instrument) for _, rate in span.tiers]
    on_top = (instrument.half_spread, spec.execution.tolerance_bps * 1e-4, spec.execution.residual_bps * 1e-4, max(rates, default=0.0))
    flow = largest * max(1.0, highest) * float(np.prod([1 + part for part in on_top]))
    if flow > LARGEST_FLOW:
        raise DataError(f"{instrument.key}: expected volumes × prices below 4.6e10, found {largest / ATOMS_PER_UNIT:g} × {highest:g}")
