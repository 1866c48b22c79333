"""How much may wait: a full queue is refused, with the time after which it is worth asking again."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, func, select, text, true
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.models import Run, RunState
from app.errors import QueueFull

_LOOK_BACK = timedelta(minutes=10)


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How many runs may wait; those of one user where their share says nothing else."""

    queued: int = 200_000
    queued_per_user: int = 100_000


async def admit(session: AsyncSession, user: str, limits: Limits) -> None:
    """Raise QueueFull where there is no room for another run of a user; those who ask at the same time may come to a few more."""
    asked = {"user": user, "per_user": limits.queued_per_user, "queued": limits.queued}
    found = (await session.execute(_ROOM, asked)).one()
    if found.own >= found.most:
        raise await _full(session, f"{user} has {found.own:,} runs waiting, which is as many as one user may have", Run.created_by == user)
    if found.everybody >= limits.queued:
        raise await _full(session, f"{limits.queued:,} runs are waiting, which is as many as there may be", true())


_ROOM = text("""
    WITH may AS (SELECT coalesce((SELECT max_queued FROM shares WHERE name = :user), :per_user) AS most)
    SELECT most,
        (SELECT count(*) FROM (SELECT FROM runs WHERE state = 'queued' AND created_by = :user LIMIT (SELECT most FROM may)) own) AS own,
        (SELECT count(*) FROM (SELECT FROM runs WHERE state = 'queued' LIMIT :queued) everybody) AS everybody
    FROM may""")
"""Counts no further than matters."""


async def _count(session: AsyncSession, *which: ColumnElement[bool]) -> int:
    return await session.scalar(select(func.count()).select_from(Run).where(*which)) or 0


async def _full(session: AsyncSession, why: str, whose: ColumnElement[bool]) -> QueueFull:
    ended = await _count(session, whose, Run.finished_at > func.now() - _LOOK_BACK)
    waiting = await _count(session, whose, Run.state == RunState.QUEUED)
    if not ended:
        return QueueFull(f"{why}, and none has ended in the last 10 minutes, so nobody knows when there will be room: is a worker up?")
    each_s = _LOOK_BACK.total_seconds() / ended
    room, done = _about(each_s), _about(each_s * waiting)
    return QueueFull(f"{why}; at the present pace there will be room in about {room}, and all of them are done in about {done}", each_s)


def _about(seconds: float) -> str:
    size, unit = next((size, unit) for size, unit in ((86_400, "d"), (3_600, "h"), (60, "min"), (0.0, "s")) if seconds >= 2 * size)
    return f"{max(1.0, seconds / (size or 1)):,.0f} {unit}"
