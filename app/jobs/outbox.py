"""Rings that are owed: sent once their run is committed, and again when nobody came."""

from datetime import timedelta

from arq.connections import ArqRedis
from sqlalchemy import and_, delete, func, select, update

from app.db.models import Outbox, Run, RunState
from app.db.session import Sessions
from app.jobs.queue import ring, ring_again

_BATCH = 500


async def relay(sessions: Sessions, redis: ArqRedis) -> int:
    """Send the rings that were not sent yet and return how many; commits. Side by side with others, each takes its own."""
    unsent = select(Outbox).where(Outbox.sent_at.is_(None)).order_by(Outbox.id).limit(_BATCH).with_for_update(skip_locked=True)
    async with sessions.begin() as session:
        rows = list(await session.scalars(unsent))
        for row in rows:
            await ring(redis, row.run_id, row.attempt)
        if rows:
            await session.execute(update(Outbox).where(Outbox.id.in_([row.id for row in rows])).values(sent_at=func.now()))
    return len(rows)


async def sweep(sessions: Sessions, redis: ArqRedis, *, older_than_s: float) -> int:
    """Ring again for runs that wait though the queue lost their ring, and return how many; commits.

    Rings that were sent so long ago are looked at in turn; those whose run is no longer waiting for them are deleted.
    """
    stale = Outbox.sent_at < func.now() - timedelta(seconds=older_than_s)
    waiting = and_(Run.id == Outbox.run_id, Run.attempt == Outbox.attempt, Run.state == RunState.QUEUED)
    async with sessions.begin() as session:
        await session.execute(delete(Outbox).where(stale, ~select(Run.id).where(waiting).exists()))
        oldest = select(Outbox).where(stale).order_by(Outbox.sent_at).limit(_BATCH).with_for_update(skip_locked=True)
        rows = list(await session.scalars(oldest))
        lost = await ring_again(redis, [(row.run_id, row.attempt) for row in rows])
        if rows:
            await session.execute(update(Outbox).where(Outbox.id.in_([row.id for row in rows])).values(sent_at=func.now()))
    return lost
