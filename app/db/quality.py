"""What is known of how good each day of a series is. The caller holds the transaction."""

import json
from collections.abc import Collection, Mapping
from datetime import date, datetime
from typing import NamedTuple

from adbc_driver_manager.dbapi import Cursor
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.snapshots import Day, Line

KINDS = ("bars", "quotes", "quote_bars", "trades", "pool", "pool_bars")
"""Kinds of data that are looked at."""


class Member(NamedTuple):
    """A day of a series, as it stands beside the other series of its instrument's name."""

    venue: str
    instrument: str
    line: Line
    day: Day
    """Without a file where there is none, or where it changed since."""
    checked_from: str | None
    """What was looked at when it was checked."""


class Checked(NamedTuple):
    """What the checks said about a day of a series."""

    line: Line
    day: date
    built_from: int
    sha256: str | None
    made_from: str
    grade: str
    counts: Mapping[str, float]


class Found(NamedTuple):
    """A day of a series, with what the checks said about it last; nothing where they never looked."""

    instrument_id: int
    venue: str
    instrument: str
    data: str
    interval_us: int
    day: date
    is_current: bool
    """Whether it has not changed since."""
    grade: str | None
    counts: dict[str, float]
    checked_at: datetime | None


def members(cursor: Cursor) -> list[Member]:
    """Return all days of all series, those of one instrument's name and day together."""
    query = f"""
        SELECT v.name, i.name, d.instrument_id, d.data, d.interval_us, d.day, d.changed, s.sha256, s.file_sha256,
               coalesce(s.rows, 0), coalesce(s.built_from, -1), q.made_from
        FROM series_days d JOIN instruments i ON i.id = d.instrument_id JOIN venues v ON v.id = i.venue_id
        LEFT JOIN snapshots s ON (s.instrument_id, s.data, s.interval_us, s.day) = (d.instrument_id, d.data, d.interval_us, d.day)
             AND s.retired_at IS NULL AND s.built_from >= d.changed
        LEFT JOIN series_quality q ON (q.instrument_id, q.data, q.interval_us, q.day) = (d.instrument_id, d.data, d.interval_us, d.day)
        WHERE d.data IN {KINDS} ORDER BY i.name, d.day, v.name, d.data, d.interval_us"""  # noqa: S608  names of ours
    return [Member(row[0], row[1], Line(*row[2:5]), Day(*row[5:11]), row[11]) for row in cursor.execute(query).fetchall()]


def record(cursor: Cursor, found: Checked) -> None:
    """Write what was found, over what was known."""
    columns = "instrument_id, data, interval_us, day, built_from, sha256, made_from, grade, counts"
    query = f"""
        INSERT INTO series_quality ({columns}) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9::text::jsonb)
        ON CONFLICT (instrument_id, data, interval_us, day) DO UPDATE SET checked_at = now(), (built_from, sha256, made_from, grade, counts)
        = (excluded.built_from, excluded.sha256, excluded.made_from, excluded.grade, excluded.counts)"""  # noqa: S608  names of ours
    cursor.execute(query, (*found.line, *found[1:6], json.dumps(found.counts)))


_DAYS = text("""
    SELECT i.id, v.name, i.name, d.data, d.interval_us, d.day, coalesce(q.built_from >= d.changed, false), q.grade, q.counts, q.checked_at
    FROM series_days d JOIN instruments i ON i.id = d.instrument_id JOIN venues v ON v.id = i.venue_id
    LEFT JOIN series_quality q ON (q.instrument_id, q.data, q.interval_us, q.day) = (d.instrument_id, d.data, d.interval_us, d.day)
    WHERE d.data = ANY(:data) AND v.name = ANY(coalesce(:venues, ARRAY[v.name])) AND i.name = ANY(coalesce(:instruments, ARRAY[i.name]))
          AND d.day BETWEEN coalesce(:first, d.day) AND coalesce(:last, d.day)
    ORDER BY v.name, i.name, d.data, d.interval_us, d.day""")
_GRADES = f"""
    SELECT CASE WHEN q.built_from >= d.changed THEN q.grade ELSE 'unchecked' END, count(*) FROM series_days d
    LEFT JOIN series_quality q ON (q.instrument_id, q.data, q.interval_us, q.day) = (d.instrument_id, d.data, d.interval_us, d.day)
    WHERE d.data IN {KINDS} GROUP BY 1"""  # noqa: S608  names of ours


async def days(
    session: AsyncSession, *, venues: Collection[str] | None, instruments: Collection[str] | None, first: date | None, last: date | None
) -> list[Found]:
    """Return the days of all series, or of some venues' and instruments' alone, in the order of venue, instrument, kind and day."""
    names = {"venues": venues, "instruments": instruments}
    values = {name: None if some is None else sorted(some) for name, some in names.items()}
    rows = await session.execute(_DAYS, {"data": list(KINDS), "first": first, "last": last, **values})
    return [Found._make((*row[:8], row[8] or {}, row[9])) for row in rows]


def counted(cursor: Cursor) -> dict[str, int]:
    """Return how many days have each grade; "unchecked" are those that have changed since, or were never looked at."""
    return {str(grade): int(count) for grade, count in cursor.execute(_GRADES).fetchall()}


async def grades(session: AsyncSession) -> dict[str, int]:
    """Return the same."""
    return {str(grade): int(count) for grade, count in await session.execute(text(_GRADES))}
