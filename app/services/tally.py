"""Counting what a series holds while its batches pass by."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType

import polars as pl

from app.sources.kinds import Data, Kind
from engine.schema import US_PER_SECOND


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was counted of bars so far."""

    interval_us: int
    rows: int = 0
    repeated: int = 0
    """Rows that said again what the row before said."""
    no_trade: int = 0
    """Bars without volume."""
    longest_gap_us: int = 0
    """Longest time between two open times, if it is more than the interval."""
    first: datetime | None = None
    last: datetime | None = None
    aside: Counter[str] = field(default_factory=Counter)
    """Rows that were left aside, by what they are."""

    def add(self, frame: pl.DataFrame, repeated: int, aside: Mapping[str, int]) -> None:
        """Count a batch."""
        self.repeated += repeated
        self.aside.update(aside)
        if not frame.height:
            return
        self.rows += frame.height
        self.look(frame)
        first, last = frame["ts"][0], frame["ts"][-1]
        between = [] if self.first is None or self.last is None else [abs(first - self.last), abs(self.first - last)]
        longest = max(longest_step(frame["ts"], None), min(between) // timedelta(microseconds=1) if between else 0)
        self.longest_gap_us = max(self.longest_gap_us, longest if longest > self.interval_us else 0)
        self.first, self.last = min(self.first or first, first), max(self.last or last, last)

    def look(self, frame: pl.DataFrame) -> None:
        """Count what only rows of this kind can have."""
        self.no_trade += int((frame["volume"] == 0).sum())

    def counts(self) -> dict[str, int]:
        """Return what is odd by name; `missing` is what the time from first to last would hold beyond the bars that are there."""
        assert self.first is not None, "there are bars"
        assert self.last is not None, "and so a last"
        span = round((self.last - self.first).total_seconds() * US_PER_SECOND) // self.interval_us + 1
        return {"missing": span - self.rows, "no_trade": self.no_trade, **dict(sorted(self.aside.items()))}


@dataclass(slots=True, kw_only=True)
class FundingTally(Tally):
    """What was counted of payments so far, which have no length."""

    interval_us: int = 0
    unpublished: int = 0
    """Payments of which nobody says when their rate was known."""

    def look(self, frame: pl.DataFrame) -> None:
        """Count payments without a time of publication."""
        self.unpublished += frame["published"].null_count()

    def counts(self) -> dict[str, int]:
        """Return that by name."""
        return {"unpublished": self.unpublished, **dict(sorted(self.aside.items()))}


@dataclass(slots=True, kw_only=True)
class RecordingTally:
    """What was counted of placed rows so far, whatever they are."""

    rows: int = 0
    repeated: int = 0
    longest_gap_us: int = 0
    least_delay_us: int | None = None
    """Shortest time from event to receipt; below 0 where the recorder's clock was behind."""
    first: datetime | None = None
    last: datetime | None = None
    aside: Counter[str] = field(default_factory=Counter)
    """Messages and rows that were left aside, by what they are."""

    def add(self, frame: pl.DataFrame, aside: Mapping[str, int]) -> None:
        """Count a batch."""
        self.aside.update(aside)
        if not frame.height:
            return
        self.rows += frame.height
        self.look(frame)
        self.longest_gap_us = max(self.longest_gap_us, longest_step(frame["at"], self.last))
        self.least_delay_us = min((delay for delay in (self.least_delay_us, least_delay(frame)) if delay is not None), default=None)
        self.first = self.first or frame["at"][0]
        self.last = frame["at"][-1]

    def counts(self) -> dict[str, int]:
        """Return what is odd by name."""
        delay = {} if self.least_delay_us is None else {"least_delay_us": self.least_delay_us}
        return {**self.odd(), **delay, **dict(sorted(self.aside.items()))}

    def look(self, frame: pl.DataFrame) -> None:
        """Count what only rows of this kind can have."""

    def odd(self) -> dict[str, int]:
        """Return that by name."""
        return {}


@dataclass(slots=True, kw_only=True)
class QuoteTally(RecordingTally):
    """What was counted of placed quotes so far."""

    no_price: int = 0
    """Rows without a bid or without an ask."""
    crossed: int = 0

    def look(self, frame: pl.DataFrame) -> None:
        """Count rows without a price, and crossed ones."""
        self.no_price += int((frame["bid"].is_nan() | frame["ask"].is_nan()).sum())
        self.crossed += int((frame["bid"].fill_nan(None) > frame["ask"].fill_nan(None)).sum())

    def odd(self) -> dict[str, int]:
        """Return both."""
        return {"crossed": self.crossed, "no_price": self.no_price}


@dataclass(slots=True, kw_only=True)
class TradeTally(RecordingTally):
    """What was counted of placed trades so far."""

    no_side: int = 0
    """Rows whose taker is not known."""

    def look(self, frame: pl.DataFrame) -> None:
        """Count rows without a side."""
        self.no_side += int((frame["side"] == 0).sum())

    def odd(self) -> dict[str, int]:
        """Return it."""
        return {"no_side": self.no_side}


@dataclass(slots=True, kw_only=True)
class PoolTally(RecordingTally):
    """What was counted of placed states of a pool so far."""

    no_liquidity: int = 0
    """Rows in which nothing can be traded."""

    def look(self, frame: pl.DataFrame) -> None:
        """Count rows without liquidity."""
        self.no_liquidity += int((frame["liquidity"] == 0).sum())

    def odd(self) -> dict[str, int]:
        """Return it."""
        return {"no_liquidity": self.no_liquidity}


PlacedTally = QuoteTally | TradeTally | PoolTally
AnyTally = Tally | PlacedTally

_PLACED: Mapping[Data, type[PlacedTally]] = MappingProxyType(
    {"quotes": QuoteTally, "quote_bars": QuoteTally, "trades": TradeTally, "pool": PoolTally, "pool_bars": PoolTally}
)


def tally_of(kind: Kind) -> PlacedTally:
    """Return an empty tally for placed rows of a kind."""
    return _PLACED[kind.data]()


def longest_step(times: pl.Series, before: datetime | None) -> int:
    """Return the longest time between two rows, the last one of the batch before included [µs]."""
    steps = times.diff().fill_null(times[0] - (before or times[0])).dt.total_microseconds()
    return int(steps.max())  # type: ignore[arg-type]


def least_delay(frame: pl.DataFrame) -> int | None:
    """Return the shortest time from event to receipt of rows [µs]; None where one of both is not known."""
    least = (frame["received"] - frame["ts"]).dt.total_microseconds().min()
    return None if least is None else int(least)  # type: ignore[arg-type]


def clock_advice(least_delay_us: int | None) -> str | None:
    """Say by how much a recorder's clock was behind, and what a run needs for it; None where it was not."""
    if least_delay_us is None or least_delay_us >= 0:
        return None
    ms = -(least_delay_us // 1_000)
    behind = f"rows were received up to {-least_delay_us / 1_000:,.1f} ms before they happened: the recorder's clock was behind"
    return f'{behind}; a run needs a clock_offset of "{ms}ms" or more at their venue'
