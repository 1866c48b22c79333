"""Counting what a series holds while its batches pass by."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl


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

    def add(self, frame: pl.DataFrame, repeated: int) -> None:
        """Count a batch."""
        self.repeated += repeated
        if not frame.height:
            return
        self.rows += frame.height
        self.no_trade += int((frame["volume"] == 0).sum())
        longest = longest_step(frame["ts"], self.last)
        self.longest_gap_us = max(self.longest_gap_us, longest if longest > self.interval_us else 0)
        self.first = self.first or frame["ts"][0]
        self.last = frame["ts"][-1]


@dataclass(slots=True, kw_only=True)
class QuoteTally:
    """What was counted of placed quotes so far."""

    rows: int = 0
    no_price: int = 0
    """Rows without a bid or without an ask."""
    crossed: int = 0
    longest_gap_us: int = 0
    least_delay_us: int | None = None
    """Shortest time from event to receipt; below 0 where the recorder's clock was behind."""
    first: datetime | None = None
    last: datetime | None = None
    aside: Counter[str] = field(default_factory=Counter)
    """Messages that are no rows, by what they are."""

    def add(self, frame: pl.DataFrame, aside: Mapping[str, int]) -> None:
        """Count a batch."""
        self.aside.update(aside)
        if not frame.height:
            return
        self.rows += frame.height
        self.no_price += int((frame["bid"].is_nan() | frame["ask"].is_nan()).sum())
        self.crossed += int((frame["bid"].fill_nan(None) > frame["ask"].fill_nan(None)).sum())
        self.longest_gap_us = max(self.longest_gap_us, longest_step(frame["at"], self.last))
        self.least_delay_us = min((delay for delay in (self.least_delay_us, least_delay(frame)) if delay is not None), default=None)
        self.first = self.first or frame["at"][0]
        self.last = frame["at"][-1]


def longest_step(times: pl.Series, before: datetime | None) -> int:
    """Return the longest time between two rows, the last one of the batch before included [µs]."""
    steps = times.diff().fill_null(times[0] - (before or times[0])).dt.total_microseconds()
    return int(steps.max())  # type: ignore[arg-type]


def least_delay(frame: pl.DataFrame) -> int | None:
    """Return the shortest time from event to receipt of quotes [µs]; None where one of both is not known."""
    least = (frame["received"] - frame["ts"]).dt.total_microseconds().min()
    return None if least is None else int(least)  # type: ignore[arg-type]


def clock_advice(least_delay_us: int | None) -> str | None:
    """Say by how much a recorder's clock was behind, and what a run needs for it; None where it was not."""
    if least_delay_us is None or least_delay_us >= 0:
        return None
    ms = -(least_delay_us // 1_000)
    behind = f"quotes were received up to {-least_delay_us / 1_000:,.1f} ms before they happened: the recorder's clock was behind"
    return f'{behind}; a run needs a clock_offset of "{ms}ms" or more at their venue'
