"""How good each day of what is stored is: looked at when it changed, kept in a table, and read from there by whoever asks.

Days of one instrument's name, at all its venues, are looked at together, since some of the checks hold them against each other; a change of
one has the others looked at again. What was looked at is the day's snapshot, which is built where it is missing; data that runs do not read,
and so has no snapshots (trades), is read from its table.
"""

import hashlib
import itertools
from collections.abc import Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import cast

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, objects
from app.db import quality as stored
from app.db.objects import Objects
from app.db.quality import Checked, Member
from app.db.session import Sessions
from app.db.snapshots import end_of, share, start_of
from app.errors import Conflict
from app.services import findings, market, snapshot_files, snapshots
from app.services.findings import Finding, Grade
from app.services.market import Coverage
from app.services.snapshots import Archive, Tell
from app.sources.kinds import TRADES, Data, Kind
from engine.cross_checks import Recorded, compare
from engine.day_checks import check_day
from engine.schema import SeriesKey, micros, quotes_schema

VERSION = 1
"""Of the checks: with a higher one every day is looked at again."""


def _silent(_stage: str, _fraction: float) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validated:
    """What looking did: days that are stored, days that were looked at now, and how many of all have each grade."""

    days: int
    checked: int
    grades: Mapping[Grade, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Day:
    """A day of a series, and what the checks said about it last."""

    key: SeriesKey
    kind: Kind
    day: date
    is_current: bool
    """Whether it has not changed since they looked."""
    grade: Grade | None
    """None where they never did."""
    counts: Mapping[str, float]
    checked_at: datetime | None
    found: list[Finding] = field(default_factory=list)


def validate(archive: Archive, *, tell: Tell = _silent) -> Validated:
    """Look at the days that changed since they were looked at, building their snapshots first. Commits each day; blocks."""
    snapshots.build(archive, tell=tell)
    files = objects.at(archive.place)
    with adbc.session(archive.libpq_uri) as session, ThreadPoolExecutor(1) as pool:
        with session.transaction() as cursor:
            groups = _groups(stored.members(cursor))
        due = [group for group in groups if any(one.checked_from != _made_from(group) for one in group)]
        for n, group in enumerate(due):
            tell(f"{group[0].instrument} {group[0].day.day}", n / len(due))
            with session.transaction() as cursor:
                share(cursor)
                for checked in _check(cursor, files, group, pool):
                    stored.record(cursor, checked)
        with session.transaction() as cursor:
            grades = stored.counted(cursor)
    days = sum(map(len, groups))
    return Validated(days=days, checked=sum(map(len, due)), grades={grade: grades.get(grade, 0) for grade in Grade})


async def days(
    sessions: Sessions,
    *,
    venues: Collection[str] | None = None,
    instruments: Collection[str] | None = None,
    first: date | None = None,
    last: date | None = None,
) -> list[Day]:
    """Return the days of all series, or of some venues' and instruments' alone, by series, then day."""
    async with sessions() as session:
        found = await stored.days(session, venues=venues, instruments=instruments, first=first, last=last)
    return [day_of(one) for one in found]


def day_of(found: stored.Found) -> Day:
    """Return what the table has of a day, with what it means."""
    key = SeriesKey(found.venue, found.instrument)
    return Day(
        key=key,
        kind=Kind(cast(Data, found.data), found.interval_us),
        day=found.day,
        is_current=found.is_current,
        grade=Grade(found.grade) if found.grade else None,
        counts=found.counts,
        checked_at=found.checked_at,
        found=findings.find(key, found.data, found.counts) if found.grade else [],
    )


# Days that are looked at together; one whose snapshot is behind waits for the next time.
def _groups(members: Sequence[Member]) -> list[list[Member]]:
    there = [one for one in members if one.day.sha256 or one.line.data == TRADES.data]
    return [list(group) for _, group in itertools.groupby(there, key=lambda one: (one.instrument, one.day.day))]


def _made_from(group: Sequence[Member]) -> str:
    parts = [f"{one.venue} {one.line} {one.day.sha256 or one.day.changed}" for one in group]
    return hashlib.sha256("\n".join([str(VERSION), *parts]).encode()).hexdigest()


def _check(cursor: Cursor, files: Objects, group: Sequence[Member], pool: ThreadPoolExecutor) -> list[Checked]:
    frames = [_frame(cursor, files, one, pool) for one in group]
    seen = [Recorded(one.venue, one.line.data, one.line.interval_us, frame) for one, frame in zip(group, frames, strict=True) if frame is not None]
    beside = iter(compare(seen) if seen else [])
    made_from = _made_from(group)
    return [_checked(one, frame, {} if frame is None else next(beside), made_from) for one, frame in zip(group, frames, strict=True)]


def _checked(one: Member, frame: pl.DataFrame | None, beside: Mapping[str, float], made_from: str) -> Checked:
    if frame is None:
        counts: Mapping[str, float] = {"rows": one.day.rows, "damaged": 1}
        made_from = ""  # mended, it has the same hash: look again
    else:
        whole = (micros(start_of(one.day.day)), micros(end_of(one.day.day)))
        counts = {**check_day(frame, data=one.line.data, interval_us=one.line.interval_us, day=whole), **beside}
    grade = findings.grade(findings.find(SeriesKey(one.venue, one.instrument), one.line.data, counts))
    return Checked(one.line, one.day.day, one.day.changed, one.day.sha256, made_from, grade, counts)


# None where it is damaged.
def _frame(cursor: Cursor, files: Objects, one: Member, pool: ThreadPoolExecutor) -> pl.DataFrame | None:
    start, end = start_of(one.day.day), end_of(one.day.day)
    if one.day.sha256 is None:
        cover = Coverage(instrument_id=one.line.instrument_id, data="trades", interval_us=0, first=start, last=end, count=0)
        return market.rows(cursor, cover, start, end)
    if not one.day.rows:
        return pl.DataFrame(schema=snapshots.SCHEMAS.get(one.line.data, quotes_schema(1)))
    try:
        return snapshot_files.read(files, [one.day], pool)[0]
    except Conflict:
        return None
