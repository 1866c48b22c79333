"""Bars in by binary COPY and out as Arrow. The caller holds the transaction."""

import math
from datetime import UTC, datetime
from typing import Any, NamedTuple

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db.series import Series
from engine.schema import BARS

_PIECE = 8_192
_NUMBERS = tuple(name for name in BARS if name != "ts")
_OFFERED, _STORED = (", ".join(f"{table}.{name}" for name in _NUMBERS) for table in ("s", "b"))
_BOTH = "FROM staged_bars s JOIN bars b USING (instrument_id, interval_us, ts)"
_CONTRADICTS = " OR ".join(f"abs(s.{name} - b.{name}) > $1 * greatest(s.{name}, b.{name})" for name in _NUMBERS)

_STAGE = "CREATE TEMPORARY TABLE IF NOT EXISTS staged_bars (LIKE bars) ON COMMIT DROP"
_OVERLAP = f"SELECT count(*), count(*) FILTER (WHERE ({_OFFERED}) IS DISTINCT FROM ({_STORED})) {_BOTH}"  # noqa: S608  names of ours
_FIRST_CONFLICT = f"SELECT ts, {_OFFERED}, {_STORED} {_BOTH} WHERE {_CONTRADICTS} ORDER BY ts LIMIT 1"
_ADD = "INSERT INTO bars SELECT * FROM staged_bars ON CONFLICT (instrument_id, interval_us, ts) DO NOTHING"
_NEW = ", ".join(f"excluded.{name}" for name in _NUMBERS)
_REPLACE = f"""
    INSERT INTO bars AS b SELECT * FROM staged_bars ON CONFLICT (instrument_id, interval_us, ts)
    DO UPDATE SET ({", ".join(_NUMBERS)}) = ({_NEW}) WHERE ({_STORED}) IS DISTINCT FROM ({_NEW})"""  # noqa: S608  names of ours


class Merged(NamedTuple):
    """How many bars were new, and how many were stored with other numbers."""

    new: int
    replaced: int


class Conflict(NamedTuple):
    """A bar that is stored with other numbers than a file has, and the first of them."""

    ts: datetime
    field: str
    offered: float
    stored: float


def is_free(cursor: Cursor, series: Series, frame: pl.DataFrame) -> bool:
    """Tell whether no bar is stored between the first and the last of a sorted frame."""
    there = "SELECT 1 FROM bars WHERE instrument_id = $1 AND interval_us = $2 AND ts BETWEEN $3 AND $4 LIMIT 1"
    return cursor.execute(there, (*series, frame["ts"][0], frame["ts"][-1])).fetchone() is None


def append(cursor: Cursor, series: Series, frame: pl.DataFrame) -> None:
    """Store bars of times at which none are stored: the fast way."""
    _copy(cursor, "bars", frame, series, temporary=False)


def merge(cursor: Cursor, series: Series, frame: pl.DataFrame, *, noise: float, replace: bool) -> Merged | Conflict:
    """Store bars among others; without `replace`, the first that is stored with other numbers is returned, and nothing is stored.

    Numbers that differ by less than the part `noise` of them are the same, and stay as they are stored.
    """
    cursor.execute(_STAGE)
    cursor.execute("TRUNCATE staged_bars")
    _copy(cursor, "staged_bars", frame, series, temporary=True)
    there, differing = cursor.execute(_OVERLAP).fetchone() or (0, 0)
    conflict = cursor.execute(_FIRST_CONFLICT, (noise,)).fetchone() if differing and not replace else None
    if conflict is not None:
        return _conflict(conflict, noise)
    if replace and differing:
        cursor.execute(_REPLACE)
    elif there < frame.height:
        cursor.execute(_ADD)
    return Merged(frame.height - there, differing if replace else 0)


def load(cursor: Cursor, series: Series, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the bars that open in [start, end), in order, in the schema `BARS`."""
    # Values in the text, not as parameters: the driver then streams by COPY, half as fast again.
    key = f"instrument_id = {series.instrument_id:d} AND interval_us = {series.interval_us:d}"
    window = f"ts >= '{start.astimezone(UTC).isoformat()}' AND ts < '{end.astimezone(UTC).isoformat()}'"
    cursor.execute(f"SELECT {', '.join(BARS)} FROM bars WHERE {key} AND {window} ORDER BY ts")  # noqa: S608  numbers and times only
    bars: pl.DataFrame = cursor.fetch_polars()
    return bars.cast(BARS)


# In small pieces: the driver sends each once it is encoded, and the server works on it meanwhile.
def _copy(cursor: Cursor, table: str, frame: pl.DataFrame, series: Series, *, temporary: bool) -> None:
    key = {"instrument_id": pl.lit(series.instrument_id, pl.Int32), "interval_us": pl.lit(series.interval_us, pl.Int64)}
    rows = frame.select(**key, **{name: pl.col(name) for name in BARS}).to_arrow()
    cursor.adbc_ingest(table, rows.to_reader(max_chunksize=_PIECE), mode="append", temporary=temporary)


def _conflict(row: tuple[Any, ...], noise: float) -> Conflict:
    offered, stored = row[1 : 1 + len(_NUMBERS)], row[1 + len(_NUMBERS) :]
    pairs = zip(_NUMBERS, offered, stored, strict=True)
    return next(Conflict(row[0], *pair) for pair in pairs if not math.isclose(pair[1], pair[2], rel_tol=noise))
