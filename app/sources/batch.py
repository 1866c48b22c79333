"""A piece of a table as it was read: columns of its layout before they are checked, and the way back to what the file says."""

from collections.abc import Callable
from typing import NamedTuple

import polars as pl


class Row(NamedTuple):
    """One row in the file's own words."""

    place: str
    """Such as `line 17`."""
    texts: tuple[str, ...]
    """Of the layout's fields."""


class Batch(NamedTuple):
    """Rows as read: Times as integers, numbers, text or times, the rest float64; null where a value is none of that."""

    frame: pl.DataFrame
    row: Callable[[int], Row]

    def part(self, start: int, end: int) -> "Batch":
        """Return the rows from one index to before another."""
        return Batch(self.frame[start:end], lambda index: self.row(start + index))
