"""What the oracle sees of the market, and when: observations, series and the times of the run."""

from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from engine.config import MARK_MAX_AGE_US, Instrument, Spec
from engine.oracle.rules import Levels, Side
from engine.schema import SeriesKey, micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """What an order on bars meets: prices in quote per base, our share of the volume in atoms of base."""

    opens: int
    open: float
    high: float
    low: float
    volume_cap: int
    blocked: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A state of a pool: price and range in quote per base, liquidity in units."""

    price: float
    liquidity: float
    lower: float
    upper: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One row of a series; times in µs; a flagged one is not good and has no levels."""

    event: int
    available: int
    good: bool
    bids: Levels
    asks: Levels
    price: float  # what marks read: a quote's mid, a bar's close
    bid_epoch: int = -1  # row at which the best price began to be what it is
    ask_epoch: int = -1
    bar: Bar | None = None
    pool: Pool | None = None

    def levels(self, side: Side) -> Levels:
        """Return the levels that an order of this side takes from, best first."""
        return self.bids if side == "sell" else self.asks

    def epoch(self, side: Side) -> int:
        """Return the epoch of the levels that an order of this side takes from."""
        return self.bid_epoch if side == "sell" else self.ask_epoch


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The observations of one instrument, in their sequence; event and available times never fall."""

    instrument: Instrument
    rows: list[Observation]
    max_age: int
    channel: tuple["Series", ...] = ()  # what was sent by the same channel, itself included

    def in_view(self, t: int) -> Observation | None:
        """Return the last observation that was available at t [µs]."""
        seen = bisect_right(self.rows, t, key=lambda row: row.available)
        return self.rows[seen - 1] if seen else None

    def in_force(self, a: int) -> Observation | None:
        """Return the last observation whose event was at or before a [µs]."""
        happened = bisect_right(self.rows, a, key=lambda row: row.event)
        return self.rows[happened - 1] if happened else None

    def present(self, t: int) -> Observation | None:
        """Return what is in view at t if the instrument is present then."""
        row, heard = self.in_view(t), [one.in_view(t) for one in self.channel]
        return row if row is not None and row.good and row.bids[0].price > 0 and self._is_young(row, heard, t) else None  # a bid of 0: absent

    def met(self, a: int) -> Observation | None:
        """Return what is in force at a [µs] if an order can meet it."""
        row, heard = self.in_force(a), [one.in_force(a) for one in self.channel]
        return row if row is not None and row.good and self._is_young(row, heard, a) else None

    def _is_young(self, row: Observation, heard: list[Observation | None], t: int) -> bool:
        return t - max(one.event for one in (row, *heard) if one is not None) <= self.max_age

    def has_news(self, t: int) -> bool:
        """Return whether an observation became available at t, good or not."""
        row = self.in_view(t)
        return row is not None and row.available == t


Market = dict[SeriesKey, Series]


def in_window(spec: Spec, event: int) -> bool:
    """Return whether the run reads an observation of this event time [µs]."""
    return micros(spec.start) - MARK_MAX_AGE_US <= event <= micros(spec.end)


def outages(spec: Spec, instrument: Instrument) -> list[tuple[int, int]]:
    """Return [from, to) of the outages of an instrument's venue, by time [µs]."""
    return sorted((micros(w.start), micros(w.end)) for w in spec.venues[instrument.venue].outages)


def running_maximum(values: Iterable[int]) -> Iterator[int]:
    """Yield the largest value so far."""
    largest = None
    for value in values:
        largest = value if largest is None or value > largest else largest
        yield largest


def ticks(spec: Spec) -> list[int]:
    """Return the multiples of the clock from start to end, both included [µs]."""
    return list(range(micros(spec.start), micros(spec.end) + 1, spec.clock))


def last_tick(spec: Spec, t: int) -> int:
    """Return the last tick at or before t [µs]."""
    return micros(spec.start) + (t - micros(spec.start)) // spec.clock * spec.clock


def instants(spec: Spec, market: Market) -> list[int]:
    """Return the times of the run at which an observation of a trade or convert instrument becomes available [µs]."""
    decided = [series for series in market.values() if series.instrument.use != "mark"]
    times = {row.available for series in decided for row in series.rows}
    return sorted(t for t in times if micros(spec.start) <= t <= micros(spec.end))
