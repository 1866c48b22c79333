"""Which days of a series have changed, and which file holds each. The caller holds the transaction.

Readers and builders share a lock; what removes files takes it alone, so that no file goes between looking it up and reading it.
"""

from datetime import date, datetime, timedelta
from typing import Any, NamedTuple

import polars as pl
from adbc_driver_manager.dbapi import Cursor

_LOCK = 0x736E6170  # "snap"
_KEY = "instrument_id = $1 AND data = $2 AND interval_us = $3"


class Line(NamedTuple):
    """A series as snapshots know it."""

    instrument_id: int
    data: str
    interval_us: int


class Day(NamedTuple):
    """A day of a series, how often it changed, and its current file by the hashes of its columns and of its bytes; none where it was never built."""

    day: date
    changed: int
    sha256: str | None
    file_sha256: str | None
    rows: int
    built_from: int

    @property
    def stale(self) -> bool:
        """Whether it changed since its file was built."""
        return self.built_from < self.changed


class Version(NamedTuple):
    """What a day's file was found to be."""

    day: date
    sha256: str
    file_sha256: str | None
    rows: int
    bytes: int
    built_from: int


class Listed(NamedTuple):
    """A series in the list of snapshots."""

    venue: str
    instrument: str
    data: str
    interval_us: int
    days: int
    stale: int
    rows: int
    bytes: int
    older: int
    first: date
    last: date


def days(cursor: Cursor, line: Line, first: date, last: date) -> list[Day]:
    """Return the days of a series from one to another, both included, that have or may have rows."""
    query = f"""
        SELECT d.day, d.changed, s.sha256, s.file_sha256, coalesce(s.rows, 0) AS rows, coalesce(s.built_from, -1) AS built_from
        FROM (SELECT * FROM series_days WHERE {_KEY} AND day BETWEEN $4 AND $5) d
        LEFT JOIN snapshots s USING (instrument_id, data, interval_us, day) WHERE s.retired_at IS NULL ORDER BY d.day"""  # noqa: S608  names of ours
    found: pl.DataFrame = cursor.execute(query, (*line, first, last)).fetch_polars()
    return [Day(*row) for row in found.iter_rows()]


def lines(cursor: Cursor) -> list[tuple[Line, date, date]]:
    """Return every series, with its first and its last day."""
    query = "SELECT instrument_id, data, interval_us, min(day), max(day) FROM series_days GROUP BY 1, 2, 3 ORDER BY 1, 2, 3"
    return [(Line(*row[:3]), row[3], row[4]) for row in cursor.execute(query).fetchall()]


def record(cursor: Cursor, line: Line, found: Version) -> bool:
    """Make what was built the day's current version, unless somebody built from later rows; return whether its content is new."""
    at = (*line, found.day)
    know(cursor, found.sha256, found.file_sha256)
    cursor.execute(f"SELECT 1 FROM series_days WHERE {_KEY} AND day = $4 FOR UPDATE", at).fetchall()  # noqa: S608  names of ours
    past = cursor.execute(
        f"SELECT version, sha256, built_from FROM snapshots WHERE {_KEY} AND day = $4 ORDER BY version DESC LIMIT 1",  # noqa: S608
        at,
    ).fetchone()
    if past is not None and past[2] >= found.built_from:
        return False
    if past is not None and past[1] == found.sha256:
        cursor.execute(f"UPDATE snapshots SET built_from = $5 WHERE {_KEY} AND day = $4 AND retired_at IS NULL", (*at, found.built_from))  # noqa: S608
        return False
    cursor.execute(f"UPDATE snapshots SET retired_at = now() WHERE {_KEY} AND day = $4 AND retired_at IS NULL", at)  # noqa: S608
    columns = "instrument_id, data, interval_us, day, version, sha256, file_sha256, rows, bytes, built_from"
    cursor.execute(
        f"INSERT INTO snapshots ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)",  # noqa: S608  names of ours
        (*at, past[0] + 1 if past else 1, found.sha256, found.file_sha256, found.rows, found.bytes, found.built_from),
    )
    return True


def know(cursor: Cursor, sha256: str, file_sha256: str | None) -> None:
    """Note the hash of the bytes that a file has now, for all days that it holds."""
    cursor.execute("UPDATE snapshots SET file_sha256 = $2 WHERE sha256 = $1 AND file_sha256 IS DISTINCT FROM $2", (sha256, file_sha256))


def distrust(cursor: Cursor, sha256: str) -> None:
    """Have the days of a damaged file built anew."""
    cursor.execute("UPDATE snapshots SET built_from = -1 WHERE sha256 = $1 AND retired_at IS NULL", (sha256,))


def listed(cursor: Cursor) -> list[Listed]:
    """Return how each series stands."""
    query = """
        SELECT v.name, i.name, d.data, d.interval_us, count(s.day), count(*) FILTER (WHERE coalesce(s.built_from, -1) < d.changed),
               coalesce(sum(s.rows), 0)::bigint, coalesce(sum(s.bytes), 0)::bigint,
               (SELECT count(*) FROM snapshots o WHERE o.instrument_id = i.id AND o.data = d.data AND o.interval_us = d.interval_us
                AND o.retired_at IS NOT NULL), min(d.day), max(d.day)
        FROM series_days d JOIN instruments i ON i.id = d.instrument_id JOIN venues v ON v.id = i.venue_id
        LEFT JOIN snapshots s ON (s.instrument_id, s.data, s.interval_us, s.day) = (d.instrument_id, d.data, d.interval_us, d.day)
             AND s.retired_at IS NULL
        GROUP BY v.name, i.id, i.name, d.data, d.interval_us ORDER BY 1, 2, 3, 4"""
    return [Listed(*row) for row in cursor.execute(query).fetchall()]


def known(cursor: Cursor) -> set[str]:
    """Return the hashes of all versions."""
    return {str(row[0]) for row in cursor.execute("SELECT DISTINCT sha256 FROM snapshots WHERE rows > 0").fetchall()}


def forget(cursor: Cursor, retired_before: datetime, most: int) -> tuple[int, list[str]]:
    """Take out versions that were superseded before a time and that no run names; return how many, and the hashes that nothing has any more."""
    query = """
        WITH named AS (SELECT DISTINCT one ->> 'sha256' AS sha256 FROM runs, jsonb_array_elements(runs.manifest -> 'snapshots') one),
        old AS (
            SELECT ctid FROM snapshots s WHERE retired_at < $1 AND NOT EXISTS (SELECT FROM named WHERE named.sha256 = s.sha256) LIMIT $2)
        DELETE FROM snapshots WHERE ctid IN (SELECT ctid FROM old) RETURNING sha256"""
    gone = [str(row[0]) for row in cursor.execute(query, (retired_before, most)).fetchall()]
    return len(gone), sorted(set(gone) - known(cursor)) if gone else []


def share(cursor: Cursor) -> None:
    """Keep files from being removed until the transaction ends."""
    cursor.execute("SELECT 1 FROM pg_advisory_xact_lock_shared($1::bigint)", (_LOCK,)).fetchall()


def exclude(cursor: Cursor) -> bool:
    """Keep readers and builders out until the transaction ends; False where one is at work."""
    row: Any = cursor.execute("SELECT pg_try_advisory_xact_lock($1::bigint)", (_LOCK,)).fetchone()
    return bool(row[0])


def start_of(day: date) -> datetime:
    """Return when a day begins."""
    return datetime.fromisoformat(f"{day.isoformat()}T00:00:00+00:00")


def end_of(day: date) -> datetime:
    """Return when the day after begins."""
    return start_of(day) + timedelta(days=1)
