"""The observations of one instrument as columns: what each kind of data becomes before anything decides on it."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.arrays import Bools, Floats, Int64s
from engine.config import Instrument
from engine.schema import SeriesKey


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


class Times(NamedTuple):
    """When each row of quotes was true and when it was known, (N,) [µs]."""

    happened_us: Int64s  # as recorded
    known_us: Int64s
    event_us: Int64s  # increasing: the latest of all rows so far
    available_us: Int64s  # increasing, and never before the event
