"""Quotes in by binary COPY and out as Arrow, in the order of their places. The caller holds the transaction."""

from collections.abc import Sequence
from datetime import UTC, datetime
from math import nan
from typing import NamedTuple

import numpy as np
import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db.series import Series
from engine.schema import QUOTES, TIMESTAMP, quotes_schema

_PIECE = 8_192
_PLACE = {"at": TIMESTAMP, "seq": pl.Int32()}
_NUMBERS = tuple(QUOTES)[2:]
_COLUMNS = ", ".join((*_PLACE, *QUOTES, "levels"))


class Times(NamedTuple):
    """Which times the stored quotes of a series have."""

    events: bool
    receipts: bool


def times(cursor: Cursor, series: Series) -> Times | None:
    """Return which times the quotes of a series have, told by one of them; None where none is stored."""
    row = cursor.execute(
        "SELECT ts IS NOT NULL, received IS NOT NULL FROM quotes WHERE instrument_id = $1 AND interval_us = $2 LIMIT 1", tuple(series)
    ).fetchone()
    return None if row is None else Times(*row)


def append(cursor: Cursor, series: Series, frame: pl.DataFrame) -> None:
    """Store placed quotes at places where none are stored."""
    key = {"instrument_id": pl.lit(series.instrument_id, pl.Int32), "interval_us": pl.lit(series.interval_us, pl.Int64)}
    rows = frame.select(**key, **{name: pl.col(name) for name in (*_PLACE, *QUOTES)}).with_columns(_deeper(frame)).to_arrow()
    # In small pieces: the driver sends each once it is encoded, and the server works on it meanwhile.
    cursor.adbc_ingest("quotes", rows.to_reader(max_chunksize=_PIECE), mode="append")


def between(cursor: Cursor, series: Series, first: tuple[datetime, int], last: tuple[datetime, int]) -> pl.DataFrame:
    """Return the placed quotes from one place to another, both included."""
    return _fetched(cursor, f"{_key(series)} AND (at, seq) >= {_place(first)} AND (at, seq) <= {_place(last)}")


def at_time(cursor: Cursor, series: Series, at: datetime) -> pl.DataFrame:
    """Return the placed quotes of one time."""
    return _fetched(cursor, f"{_key(series)} AND at = {_time(at)}")


def delete(cursor: Cursor, series: Series, after: tuple[datetime, int], last: tuple[datetime, int]) -> int:
    """Take out the quotes behind one place, up to and with another; return how many there were."""
    query = f"DELETE FROM quotes WHERE {_key(series)} AND (at, seq) > {_place(after)} AND (at, seq) <= {_place(last)}"  # noqa: S608  numbers and times only
    cursor.execute(query)
    return int(cursor.rowcount)


def load(cursor: Cursor, series: Series, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the quotes that arrived in [start, end), in their order, in the schema `QUOTES` with as many levels as are stored."""
    return _fetched(cursor, f"{_key(series)} AND at >= {_time(start)} AND at < {_time(end)}").drop(*_PLACE)


def _deeper(frame: pl.DataFrame) -> pl.Series:
    names = [name for name in frame.columns if name not in {*_PLACE, *QUOTES}]
    if not names:
        return pl.Series("levels", [None], dtype=pl.List(pl.Float64)).new_from_index(0, frame.height)
    return pl.Series("levels", np.ascontiguousarray(frame.select(names).to_numpy())).arr.to_list()


# Values in the text, not as parameters: the driver then streams by COPY, half as fast again.
def _fetched(cursor: Cursor, where: str) -> pl.DataFrame:
    cursor.execute(f"SELECT {_COLUMNS} FROM quotes WHERE {where} ORDER BY at, seq")  # noqa: S608  numbers and times only
    rows: pl.DataFrame = cursor.fetch_polars()
    return rows.select(*(pl.col(name).cast(dtype) for name, dtype in {**_PLACE, **QUOTES}.items()), *_levels(rows["levels"]))


def _levels(stored: pl.Series) -> Sequence[pl.Series]:
    counts = stored.list.len().fill_null(0).to_numpy()
    width = int(counts.max(initial=0))
    numbers = np.full((len(stored), width), nan)
    numbers[np.arange(width) < counts[:, None]] = stored.drop_nulls().explode().to_numpy()
    names = list(quotes_schema(width // 4 + 1))[len(QUOTES) :]
    return [pl.Series(name, np.ascontiguousarray(numbers[:, at])) for at, name in enumerate(names)]


def _key(series: Series) -> str:
    return f"instrument_id = {series.instrument_id:d} AND interval_us = {series.interval_us:d}"


def _place(place: tuple[datetime, int]) -> str:
    return f"({_time(place[0])}, {place[1]:d})"


def _time(when: datetime) -> str:
    return f"'{when.astimezone(UTC).isoformat()}'::timestamptz"
