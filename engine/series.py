"""The observations of a run in columns: all series one after the other, and each of them as a part."""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from engine.arrays import Bools, Floats, Int32s, Int64s, Records
from engine.config import Instrument
from engine.schema import SeriesKey


class Columns(NamedTuple):
    """N observations of up to L levels, B of them bars, one series after the other, each in the order in which its rows count."""

    event_us: Int64s  # (N,) [µs] increasing in each series: when it was true at the venue; bars: their end
    available_us: Int64s  # (N,) [µs] increasing in each series: when it could be known
    good: Bools  # (N,) quality did not flag it
    price: Floats  # (2, N, L) [quote per base] bids and asks, best first; nan where it is not good or has no such level
    size: Int64s  # (2, N, L) [atoms of base] our share of what is displayed, 0 where there is none; bars: of their volume
    open_us: Int64s  # (B,) [µs] open time
    close: Floats  # (B,) [quote per base]
    fill_price: Floats  # (2, B) [quote per base] what a sell gets, and what a buy pays, that fills in this bar
    volume_cap: Int64s  # (B,) [atoms of base] our share of its volume
    blocked: Bools  # (B,) nothing fills in it

    def part(self, rows: slice, bars: slice) -> "Columns":
        """Return some of the rows and bars; what is written there is written here."""
        return Columns(
            event_us=self.event_us[rows],
            available_us=self.available_us[rows],
            good=self.good[rows],
            price=self.price[:, rows],
            size=self.size[:, rows],
            open_us=self.open_us[bars],
            close=self.close[bars],
            fill_price=self.fill_price[:, bars],
            volume_cap=self.volume_cap[bars],
            blocked=self.blocked[bars],
        )


def room(rows: int, bars: int, levels: int) -> Columns:
    """Return columns of so many rows, to be written."""
    return Columns(
        event_us=np.empty(rows, np.int64),
        available_us=np.empty(rows, np.int64),
        good=np.empty(rows, np.bool_),
        price=np.empty((2, rows, levels)),
        size=np.empty((2, rows, levels), np.int64),
        open_us=np.empty(bars, np.int64),
        close=np.empty(bars),
        fill_price=np.empty((2, bars)),
        volume_cap=np.empty(bars, np.int64),
        blocked=np.empty(bars, np.bool_),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The observations of one instrument: N rows of the columns of all, and as many bars or none."""

    instrument: Instrument
    event_us: Int64s  # all of these as in `Columns`
    available_us: Int64s
    good: Bools
    bid: Floats  # (N, L)
    ask: Floats
    bid_size: Int64s
    ask_size: Int64s
    open_us: Int64s
    close: Floats
    fill_bid: Floats
    fill_ask: Floats
    volume_cap: Int64s
    blocked: Bools
    good_rows: Int32s | None  # (G,) the rows that are good; None: all
    states: Records | None = None  # (N,) engine.kernels.market.POOL, of pools alone

    @property
    def key(self) -> SeriesKey:
        """Venue and instrument."""
        return self.instrument.key

    def prices(self, rows: Int64s | slice) -> Floats:
        """Return what marks go by in some rows [quote per base]: the mid, of bars the close; of quotes that are not good nan."""
        return self.close[rows] if self.close.size else (self.bid[rows, 0] + self.ask[rows, 0]) / 2

    def last_good(self, times_us: Int64s, at_us: Int64s) -> Int64s:
        """Return the last good row at or before each time by one of its columns of times [µs], -1 where there is none."""
        rows = np.searchsorted(times_us, at_us, side="right") - 1
        if self.good_rows is None:
            return rows
        known = np.searchsorted(self.good_rows, rows.astype(np.int32), side="right") - 1
        return np.where(known >= 0, self.good_rows[known], -1)


def series(instrument: Instrument, part: Columns) -> Series:
    """Return the series of an instrument, given its part of the columns."""
    return Series(
        instrument=instrument,
        event_us=part.event_us,
        available_us=part.available_us,
        good=part.good,
        bid=part.price[0],
        ask=part.price[1],
        bid_size=part.size[0],
        ask_size=part.size[1],
        open_us=part.open_us,
        close=part.close,
        fill_bid=part.fill_price[0],
        fill_ask=part.fill_price[1],
        volume_cap=part.volume_cap,
        blocked=part.blocked,
        good_rows=None if part.good.all() else np.flatnonzero(part.good).astype(np.int32),
    )


class Times(NamedTuple):
    """When each row of quotes was true and when it was known, (N,) [µs]."""

    happened_us: Int64s  # as recorded
    known_us: Int64s
    event_us: Int64s  # increasing: the latest of all rows so far
    available_us: Int64s  # increasing, and never before the event
