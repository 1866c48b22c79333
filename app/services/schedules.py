"""Tasks of upkeep at their times: once, however many workers are up, and with a word on the times that were missed.

A task that is due is claimed for a lease like a run; whoever loses the claim writes nothing. Times at which nobody was up are counted, and the
task is done once for all of them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from sqlalchemy import func, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.jobs import Schedule
from app.db.models import Json
from app.db.session import Sessions

LEASE = timedelta(hours=2)
"""How long a task may take; after that another worker may begin it anew."""
_HOUR = timedelta(hours=2)  # after midnight, UTC


class Cadence(StrEnum):
    """How often: at 02:00 UTC each day, on Mondays, on the first of the month."""

    DAILY = "daily"
    WEEKLY = "weekly"
    MONTHLY = "monthly"


@dataclass(frozen=True, slots=True, kw_only=True)
class Turn:
    """The right to do a task that is due, until its fence is raised by another."""

    name: str
    fence: int
    due_at: datetime


def following(cadence: Cadence, after: datetime) -> datetime:
    """Return the first time of a cadence after another time."""
    day = (after.astimezone(UTC) - _HOUR).date()
    while True:
        day += timedelta(days=1)
        if cadence == Cadence.DAILY or (cadence == Cadence.WEEKLY and day.weekday() == 0) or (cadence == Cadence.MONTHLY and day.day == 1):
            return datetime(day.year, day.month, day.day, tzinfo=UTC) + _HOUR


def missed(cadence: Cadence, due_at: datetime, now: datetime) -> list[datetime]:
    """Return the times after the one that was due, up to now."""
    found, at = [], following(cadence, due_at)
    while at <= now:
        found.append(at)
        at = following(cadence, at)
    return found


async def register(sessions: Sessions, cadences: Mapping[str, Cadence]) -> None:
    """Make tasks known that are not, due at their next time; commits."""
    async with sessions.begin() as session:
        now = await session.scalar(select(func.now()))
        assert now is not None, "a server has a clock"
        rows = [{"name": name, "due_at": following(cadence, now)} for name, cadence in cadences.items()]
        if rows:
            await session.execute(insert(Schedule).on_conflict_do_nothing(), rows)


async def claim(sessions: Sessions, names: Iterable[str], *, worker: str) -> Turn | None:
    """Take a task that is due, one of those that this worker knows; commits. None if there is none."""
    free = or_(Schedule.lease_until.is_(None), Schedule.lease_until < func.now())
    due = select(Schedule.name).where(Schedule.name.in_(list(names)), Schedule.due_at <= func.now(), free)
    one = due.order_by(Schedule.due_at).limit(1).with_for_update(skip_locked=True).scalar_subquery()
    taken = (
        update(Schedule)
        .where(Schedule.name == one)
        .values(fence=Schedule.fence + 1, worker=worker, lease_until=func.now() + LEASE, begun_at=func.now())
        .returning(Schedule.name, Schedule.fence, Schedule.due_at)
    )
    async with sessions.begin() as session:
        row = (await session.execute(taken)).one_or_none()
    return row and Turn(name=row.name, fence=row.fence, due_at=row.due_at)


async def end(sessions: Sessions, turn: Turn, cadence: Cadence, *, report: Json | None, error: str | None) -> list[datetime] | None:
    """Write how a task went, and when it is due again; commits. Return the times that were missed; None if the claim is lost."""
    async with sessions.begin() as session:
        now = await session.scalar(select(func.now()))
        assert now is not None, "a server has a clock"
        skipped = missed(cadence, turn.due_at, now)
        values = {"due_at": following(cadence, now), "lease_until": None, "ended_at": now, "report": report, "error": error}
        if skipped:
            values |= {"missed": Schedule.missed + len(skipped), "missed_at": skipped[-1]}
        ended = update(Schedule).where(Schedule.name == turn.name, Schedule.fence == turn.fence).values(values).returning(Schedule.name)
        return skipped if await session.scalar(ended) else None


async def give_back(sessions: Sessions, turn: Turn) -> None:
    """Leave a task to others, as its worker stops; commits."""
    async with sessions.begin() as session:
        await session.execute(update(Schedule).where(Schedule.name == turn.name, Schedule.fence == turn.fence).values(lease_until=None))


async def every(sessions: Sessions) -> list[Schedule]:
    """Return the tasks, by name."""
    async with sessions() as session:
        return list(await session.scalars(select(Schedule).order_by(Schedule.name)))
