"""Series in the database: whose they are, what was imported of them, and the lock of whoever writes them. The caller holds the transaction."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, NamedTuple

from adbc_driver_manager.dbapi import Cursor

from engine.schema import SeriesKey

_LOCK = 0x62617273  # "bars": whoever writes a series holds it until its transaction ends
_CASTS = {"id": "::text::uuid", "detail": "::text::jsonb"}

COVERAGE = """
    SELECT v.name, i.name, i.base, i.quote, i.id, m.data, m.interval_us, min(m.first_ts), max(m.last_ts), sum(m.rows_new)::bigint
    FROM imports m JOIN instruments i ON i.id = m.instrument_id JOIN venues v ON v.id = i.venue_id
    WHERE v.name = coalesce(:venue, v.name) GROUP BY v.name, i.id, m.data, m.interval_us ORDER BY v.name, i.name, m.data, m.interval_us"""
"""What is stored, from the record of imports, which write every row: no row has to be counted."""


class Series(NamedTuple):
    """What the rows of a series have in common; quotes have the interval 0."""

    instrument_id: int
    interval_us: int


def series_id(cursor: Cursor, key: SeriesKey) -> int:
    """Return the instrument's id, made with its venue where it is new, and lock its rows against other writers."""
    venue = _id(cursor, "venues", {"name": key.venue}, {})
    found = _id(cursor, "instruments", {"venue_id": venue, "name": key.instrument}, {"base": key.base, "quote": key.quote})
    cursor.execute("SELECT 1 FROM pg_advisory_xact_lock($1::int, $2::int)", (_LOCK, found)).fetchall()
    return found


def imported_from(cursor: Cursor, series: Series, data: str, at: datetime) -> str:
    """Return the file of the latest import that covers a stored row."""
    query = """
        SELECT path FROM imports WHERE instrument_id = $1 AND interval_us = $2 AND data = $3 AND $4 BETWEEN first_ts AND last_ts
        ORDER BY id DESC LIMIT 1"""
    row = cursor.execute(query, (*series, data, at)).fetchone()
    return "no import that is recorded" if row is None else str(row[0])


def record(cursor: Cursor, series: Series, row: Mapping[str, object]) -> None:
    """Write a row of `imports`, or write it anew; identifier and detail come as text."""
    columns = {"instrument_id": series.instrument_id, "interval_us": series.interval_us, **row}
    values = ", ".join(f"${n}{_CASTS.get(name, '')}" for n, name in enumerate(columns, 1))
    news = ", ".join(f"{name} = excluded.{name}" for name in columns if name != "id")
    cursor.execute(
        f"INSERT INTO imports ({', '.join(columns)}) VALUES ({values}) ON CONFLICT (id) DO UPDATE SET {news}",  # noqa: S608  names of ours
        tuple(columns.values()),
    )


def fetched(cursor: Cursor, series: Series, data: str, form: str) -> list[tuple[int, int]]:
    """Return the stretches of time [µs] that imports of a format asked for whole, the end of each not included."""
    query = """
        SELECT (detail -> 'fetched' ->> 0)::bigint, (detail -> 'fetched' ->> 1)::bigint FROM imports
        WHERE instrument_id = $1 AND interval_us = $2 AND data = $3 AND format = $4 AND detail ? 'fetched'"""
    return [(int(start), int(end)) for start, end in cursor.execute(query, (*series, data, form)).fetchall()]


def coverage(cursor: Cursor) -> list[tuple[Any, ...]]:
    """Return the rows of `COVERAGE` for all venues."""
    rows: list[tuple[Any, ...]] = cursor.execute(COVERAGE.replace(":venue", "NULL")).fetchall()
    return rows


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
