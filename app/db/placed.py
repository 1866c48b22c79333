"""Rows that have places in their series (quotes, trades, states of pools): in by binary COPY and out as Arrow, in order.

The caller holds the transaction.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import NamedTuple

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db.series import Series
from engine.schema import TIMESTAMP

_PIECE = 8_192
PLACE = {"at": TIMESTAMP, "seq": pl.Int32()}
"""The columns of a place (`app.services.sequence`)."""


class Times(NamedTuple):
    """Which times the stored rows of a series have."""

    events: bool
    receipts: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table of such rows: its name, its columns, and how frames become rows and come back."""

    name: str
    key: tuple[str, ...]
    """The columns that name a series, in the order of `Series`."""
    columns: pl.Schema
    """Of every row, behind its place."""
    further: Callable[[pl.DataFrame], list[pl.Series]]
    """What a placed frame has beyond them, as columns of the table."""
    back: Callable[[pl.DataFrame], list[pl.Series]]
    """What those columns hold, as columns of a frame."""
    beyond: tuple[str, ...] = ()
    """How they are asked for."""
    texts: tuple[str, ...] = ()
    """Columns of integers that no type of a frame holds, so that they stand in it as texts."""

    def times(self, cursor: Cursor, series: Series) -> Times | None:
        """Return which times the rows of a series have, told by one of them; None where none is stored."""
        row = cursor.execute(f"SELECT ts IS NOT NULL, received IS NOT NULL FROM {self.name} WHERE {self._key(series)} LIMIT 1").fetchone()  # noqa: S608
        return None if row is None else Times(*row)

    def append(self, cursor: Cursor, series: Series, frame: pl.DataFrame) -> None:
        """Store placed rows at places where none are stored."""
        types = {"instrument_id": pl.Int32(), "interval_us": pl.Int64()}
        key = {name: pl.lit(getattr(series, name), types[name]) for name in self.key}
        rows = frame.select(**key, **{name: pl.col(name) for name in (*PLACE, *self.columns)}).with_columns(*self.further(frame))
        known = [name for name in self.texts if rows[name].null_count() < rows.height]
        rows = rows.drop(name for name in self.texts if name not in known)
        if known:
            self._append_cast(cursor, rows, known)
        else:
            _copy(cursor, self.name, rows, temporary=False)

    # Texts are cast by the server: as decimals of 256 bits the driver would send them, but takes 0.3 ms for each.
    def _append_cast(self, cursor: Cursor, rows: pl.DataFrame, known: Sequence[str]) -> None:
        staged, names = f"staged_{self.name}", rows.columns
        texts, numbers = (", ".join(f"{name}::{to} AS {name}" if name in known else name for name in names) for to in ("text", "numeric"))
        cursor.execute(f"CREATE TEMPORARY TABLE {staged} ON COMMIT DROP AS SELECT {texts} FROM {self.name} WITH NO DATA")  # noqa: S608  names of ours
        _copy(cursor, staged, rows, temporary=True)
        cursor.execute(f"INSERT INTO {self.name} ({', '.join(names)}) SELECT {numbers} FROM {staged}")  # noqa: S608  names of ours
        cursor.execute(f"DROP TABLE {staged}")

    def between(self, cursor: Cursor, series: Series, first: tuple[datetime, int], last: tuple[datetime, int]) -> pl.DataFrame:
        """Return the placed rows from one place to another, both included."""
        return self._fetched(cursor, f"{self._key(series)} AND (at, seq) >= {_place(first)} AND (at, seq) <= {_place(last)}")

    def at_time(self, cursor: Cursor, series: Series, at: datetime) -> pl.DataFrame:
        """Return the placed rows of one time."""
        return self._fetched(cursor, f"{self._key(series)} AND at = {_time(at)}")

    def delete(self, cursor: Cursor, series: Series, after: tuple[datetime, int], last: tuple[datetime, int]) -> int:
        """Take out the rows behind one place, up to and with another; return how many there were."""
        where = f"{self._key(series)} AND (at, seq) > {_place(after)} AND (at, seq) <= {_place(last)}"
        cursor.execute(f"DELETE FROM {self.name} WHERE {where}")  # noqa: S608  numbers and times only
        return int(cursor.rowcount)

    def load(self, cursor: Cursor, series: Series, start: datetime, end: datetime) -> pl.DataFrame:
        """Return the rows that arrived in [start, end), in their order, without their places."""
        return self._fetched(cursor, f"{self._key(series)} AND at >= {_time(start)} AND at < {_time(end)}").drop(*PLACE)

    # Values in the text, not as parameters: the driver then streams by COPY, half as fast again.
    def _fetched(self, cursor: Cursor, where: str) -> pl.DataFrame:
        names = ", ".join((*PLACE, *self.columns, *self.beyond))
        cursor.execute(f"SELECT {names} FROM {self.name} WHERE {where} ORDER BY at, seq")  # noqa: S608  numbers and times only
        rows: pl.DataFrame = cursor.fetch_polars()
        return rows.select(*(pl.col(name).cast(dtype) for name, dtype in {**PLACE, **self.columns}.items()), *self.back(rows))

    def _key(self, series: Series) -> str:
        return " AND ".join(f"{name} = {getattr(series, name):d}" for name in self.key)


# In small pieces: the driver sends each once it is encoded, and the server works on it meanwhile.
def _copy(cursor: Cursor, table: str, rows: pl.DataFrame, *, temporary: bool) -> None:
    cursor.adbc_ingest(table, rows.to_arrow().to_reader(max_chunksize=_PIECE), mode="append", temporary=temporary)


def _place(place: tuple[datetime, int]) -> str:
    return f"({_time(place[0])}, {place[1]:d})"


def _time(when: datetime) -> str:
    return f"'{when.astimezone(UTC).isoformat()}'::timestamptz"
