"""How long the chunks of a hypertable are: as long as fits into memory, and long enough that each series has a good part of it.

Pure, a part of the hardware plan (`infra.sizing`). What is written lies in the newest chunk of each table, and stays quick as long as those
chunks with their indexes are in memory. A chunk with few rows of each series is read and compressed badly.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from math import ceil
from typing import Final

MEMORY_PERCENT: Final = 25
"""The part of the database's memory that the newest chunks of all tables, with their indexes, take at most."""
LEAST_ROWS: Final = 1_000
"""Rows that a series has in a chunk at least."""
HOURS: Final = (1, 2, 3, 4, 6, 8, 12, 24, 2 * 24, 4 * 24, 7 * 24, 14 * 24, 28 * 24)
"""Lengths of chunks that divide a day, or are whole days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stream:
    """What comes into a table: so many series, rows a day of each, and bytes a row with its index."""

    series: int
    rows_a_day: int
    row_bytes: int

    def bytes_in(self, hours: int) -> int:
        """Return how large a chunk of so many hours becomes."""
        return self.series * ceil(self.rows_a_day * hours / 24) * self.row_bytes

    @property
    def least_hours(self) -> int:
        """The shortest chunk in which every series has its rows; the longest that there is where no chunk has."""
        return next((hours for hours in HOURS if self.rows_a_day * hours >= LEAST_ROWS * 24), HOURS[-1])

    @property
    def least_bytes(self) -> int:
        """How large the shortest chunk becomes."""
        return self.bytes_in(self.least_hours)


def bars(series: int) -> Stream:
    """Return what bars of a minute bring; measured 134 bytes a row."""
    return Stream(series=series, rows_a_day=1_440, row_bytes=140)


def quotes(series: int, rows_a_day: int) -> Stream:
    """Return what recorded best prices bring; measured 167 bytes a row."""
    return Stream(series=series, rows_a_day=rows_a_day, row_bytes=170)


def trades(series: int, rows_a_day: int) -> Stream:
    """Return what recorded trades bring; an estimate: a row is a little smaller than one of bars."""
    return Stream(series=series, rows_a_day=rows_a_day, row_bytes=130)


def pools(series: int) -> Stream:
    """Return what states of pools bring, one after each swap; an estimate: some 10,000 a day, and rows as large as those of quotes."""
    return Stream(series=series, rows_a_day=10_000, row_bytes=170)


def funding(series: int) -> Stream:
    """Return what payments of perpetuals bring, one every eight hours; an estimate: a row is smaller than one of bars."""
    return Stream(series=series, rows_a_day=3, row_bytes=100)


def least_memory(streams: Mapping[str, Stream]) -> int:
    """Return the least memory [bytes] of a database in which the newest chunks have their place."""
    return -(-sum(stream.least_bytes for stream in streams.values()) * 100 // MEMORY_PERCENT)


def chunk_hours(streams: Mapping[str, Stream], memory: int) -> dict[str, int]:
    """Return the length of each table's chunks for a database with so much memory, which is `least_memory` or more.

    Every table has what its shortest chunk takes, and an equal part of the rest.
    """
    part = (memory * MEMORY_PERCENT // 100 - sum(stream.least_bytes for stream in streams.values())) // len(streams)
    return {
        name: max(hours for hours in HOURS if hours == stream.least_hours or stream.bytes_in(hours) <= stream.least_bytes + part)
        for name, stream in streams.items()
    }
