"""Bars in by binary COPY and out as Arrow. The caller holds the transaction."""

import math
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, NamedTuple

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from engine.schema import BARS, SeriesKey

_PIECE = 8_192
_LOCK = 0x62617273  # "bars": whoever writes a series holds it until its transaction ends
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

COVERAGE = """
    SELECT v.name, i.name, i.base, i.quote, i.id, m.interval_us, min(m.first_ts), max(m.last_ts), sum(m.rows_new)::bigint
    FROM imports m JOIN instruments i ON i.id = m.instrument_id JOIN venues v ON v.id = i.venue_id
    WHERE v.name = coalesce(:venue, v.name) GROUP BY v.name, i.id, m.interval_us ORDER BY v.name, i.name, m.interval_us"""
"""What is stored, from the record of imports, which write every bar: no bar has to be counted."""


class Series(NamedTuple):
    """What the rows of a series have in common."""

    instrument_id: int
    interval_us: int


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


def series_id(cursor: Cursor, key: SeriesKey) -> int:
    """Return the instrument's id, made with its venue where it is new, and lock its bars against other writers."""
    venue = _id(cursor, "venues", {"name": key.venue}, {})
    found = _id(cursor, "instruments", {"venue_id": venue, "name": key.instrument}, {"base": key.base, "quote": key.quote})
    cursor.execute("SELECT 1 FROM pg_advisory_xact_lock($1::int, $2::int)", (_LOCK, found)).fetchall()
    return found


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


def imported_from(cursor: Cursor, series: Series, ts: datetime) -> str:
    """Return the file of the latest import that covers a stored bar."""
    query = "SELECT path FROM imports WHERE instrument_id = $1 AND interval_us = $2 AND $3 BETWEEN first_ts AND last_ts ORDER BY id DESC LIMIT 1"
    row = cursor.execute(query, (*series, ts)).fetchone()
    return "no import that is recorded" if row is None else str(row[0])


def record(cursor: Cursor, series: Series, row: Mapping[str, object]) -> None:
    """Write a row of `imports`; identifier and detail come as text."""
    columns = {"instrument_id": series.instrument_id, "interval_us": series.interval_us, **row}
    casts = {"id": "::text::uuid", "detail": "::text::jsonb"}
    values = ", ".join(f"${n}{casts.get(name, '')}" for n, name in enumerate(columns, 1))
    cursor.execute(f"INSERT INTO imports ({', '.join(columns)}) VALUES ({values})", tuple(columns.values()))  # noqa: S608  names of ours


def coverage(cursor: Cursor) -> list[tuple[Any, ...]]:
    """Return the rows of `COVERAGE` for all venues."""
    rows: list[tuple[Any, ...]] = cursor.execute(COVERAGE.replace(":venue", "NULL")).fetchall()
    return rows


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


# Looked up before it is inserted: an insert that meets a conflict uses up a number of the sequence all the same.
def _id(cursor: Cursor, table: str, key: dict[str, object], rest: dict[str, object]) -> int:
    lookup = f"SELECT id FROM {table} WHERE {' AND '.join(f'{name} = ${n}' for n, name in enumerate(key, 1))}"  # noqa: S608  names of ours
    row = cursor.execute(lookup, tuple(key.values())).fetchone()
    if row is None:
        names, values = ", ".join((*key, *rest)), ", ".join(f"${n}" for n in range(1, len(key) + len(rest) + 1))
        cursor.execute(f"INSERT INTO {table} ({names}) VALUES ({values}) ON CONFLICT DO NOTHING", (*key.values(), *rest.values()))  # noqa: S608
        row = cursor.execute(lookup, tuple(key.values())).fetchone()
    assert row is not None, "inserted, or somebody else did"
    return int(row[0])


def _conflict(row: tuple[Any, ...], noise: float) -> Conflict:
    offered, stored = row[1 : 1 + len(_NUMBERS)], row[1 + len(_NUMBERS) :]
    pairs = zip(_NUMBERS, offered, stored, strict=True)
    return next(Conflict(row[0], *pair) for pair in pairs if not math.isclose(pair[1], pair[2], rel_tol=noise))
