"""Counting what a series holds while its batches pass by."""

from dataclasses import dataclass
from datetime import datetime

import polars as pl


@dataclass(slots=True, kw_only=True)
class Tally:
    """What was counted so far."""

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
        steps = frame["ts"].diff().fill_null(frame["ts"][0] - (self.last or frame["ts"][0])).dt.total_microseconds()
        longest = int(steps.max())  # type: ignore[arg-type]
        self.longest_gap_us = max(self.longest_gap_us, longest if longest > self.interval_us else 0)
        self.first = self.first or frame["ts"][0]
        self.last = frame["ts"][-1]
