"""The observations of one instrument as columns: what each kind of data becomes before anything decides on it."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Bools, Floats, Int64s
from engine.config import MARK_MAX_AGE_US, Instrument, Spec
from engine.errors import DataError
from engine.prices import ceil_tick, floor_tick, implied_ask, implied_bid
from engine.schema import ATOMS_PER_UNIT, BARS, SeriesKey, check_bars, check_columns, micros

_LARGEST_FLOW = 2.0**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The observations of one instrument, in columns of one length N, in the order in which they count."""

    instrument: Instrument
    event_us: Int64s  # (N,) [µs] increasing: when it was true at the venue; bars: their end
    available_us: Int64s  # (N,) [µs] increasing: when it could be known
    good: Bools  # (N,) quality did not flag it
    bid: Floats  # (N, L) [quote per base] best first; nan where it is not good or has no such level
    ask: Floats
    bid_size: Int64s  # (N, L) [atoms of base] our share of what is displayed, 0 where there is none; bars: of their volume
    ask_size: Int64s
    price: Floats  # (N,) [quote per base] what marks go by: the mid, of bars the close
    open_us: Int64s  # bars only, else of length 0: (N,) [µs] open time
    fill_bid: Floats  # (N,) [quote per base] what a sell gets that fills in this bar
    fill_ask: Floats  # (N,) what a buy pays
    volume_cap: Int64s  # (N,) [atoms of base] our share of its volume
    blocked: Bools  # (N,) nothing fills in it

    @property
    def key(self) -> SeriesKey:
        """Venue and instrument."""
        return self.instrument.key


def build(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Series:
    """Return the observations of one instrument.

    Raises
    ------
    DataError
        Where they break their contract, none is good, or volumes and prices would overflow int64.
    """
    return _bars(spec, instrument, frame)


def window(spec: Spec, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the bars that the run reads: those that ended at most five minutes before its start, or later, by its end."""
    event = pl.col("ts").dt.epoch("us") + spec.interval
    return frame.filter(event.is_between(micros(spec.start) - MARK_MAX_AGE_US, micros(spec.end)))


def _bars(spec: Spec, instrument: Instrument, found: pl.DataFrame) -> Series:
    check_columns(found, key=instrument.key)
    frame = check_bars(window(spec, found), key=instrument.key, interval_us=spec.interval).filter(pl.col("volume") > 0)
    if frame.is_empty():
        raise DataError(f"{instrument.key}: expected bars with volume between {spec.start} and {spec.end}, found none; {_coverage(found)}")
    opened, opens, high, low, close, volume = (frame[name].to_physical().to_numpy() for name in BARS)
    caps = np.floor(spec.execution.volume_share * volume * ATOMS_PER_UNIT)
    if float(caps.max()) * max(1.0, float(high.max())) > _LARGEST_FLOW:
        raise DataError(f"{instrument.key}: expected volumes × prices below 4.6e10, found {caps.max() / ATOMS_PER_UNIT:g} × {high.max():g}")
    volume_cap = caps.astype(np.int64)
    worst = spec.execution.fill_price == "worst"
    tick = float(instrument.tick)
    bid = implied_bid(close, instrument)
    return Series(
        instrument=instrument,
        event_us=opened + spec.interval,
        available_us=opened + spec.interval + spec.feed_latency_us,
        good=np.ones(opened.size, np.bool_),
        bid=np.where(bid > 0, bid, np.nan)[:, None],
        ask=np.where(bid > 0, implied_ask(close, instrument), np.nan)[:, None],
        bid_size=volume_cap[:, None],
        ask_size=volume_cap[:, None],
        price=close,
        open_us=opened,
        fill_bid=floor_tick(low, tick) if worst else implied_bid(opens, instrument),
        fill_ask=ceil_tick(high, tick) if worst else implied_ask(opens, instrument),
        volume_cap=volume_cap,
        blocked=np.zeros(opened.size, np.bool_),
    )


def _coverage(frame: pl.DataFrame) -> str:
    return "the series is empty" if frame.is_empty() else f"it has {frame.height} bars from {frame['ts'][0]} to {frame['ts'][-1]}"
