"""Parts of a sweep: what they do to it, in the transactions of those who hold them.

A sweep with parts is running, without a lease, while they are computed; once the last one is done it is queued, and whoever takes it finds
all rows. A part that fails takes the sweep and the other parts with it.
"""

from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.models import Outbox, Run, RunState

_BY_PARTS = 0.8  # which share of a sweep its trials are


def in_parts() -> ColumnElement[bool]:
    """Tell whether a run is a sweep whose parts are under way."""
    return and_(Run.state == RunState.RUNNING, Run.lease_until.is_(None))


async def begun(session: AsyncSession, sweep_id: UUID) -> None:
    """Have a sweep run, of which a part does."""
    running = {"state": RunState.RUNNING, "started_at": func.coalesce(Run.started_at, func.now()), "stage": "running the trials, in parts"}
    await session.execute(update(Run).where(Run.id == sweep_id, Run.state == RunState.QUEUED, Run.open_parts > 0).values(running))


async def counted(session: AsyncSession, sweep_id: UUID, trials: int) -> None:
    """Count rows that came in."""
    have = func.coalesce(Run.trials_done, 0) + trials
    how_far = {"trials_done": have, "progress": func.least(_BY_PARTS, _BY_PARTS * have / func.greatest(Run.trials, 1))}
    await session.execute(update(Run).where(Run.id == sweep_id, in_parts()).values(how_far))


async def done(session: AsyncSession, sweep_id: UUID) -> None:
    """Count a part that is done; after the last one queue the sweep, for a worker that puts them together."""
    left = Run.open_parts - 1
    counted_down = (
        update(Run)
        .where(Run.id == sweep_id, in_parts())
        .values(open_parts=left, state=case((left == 0, RunState.QUEUED), else_=Run.state))
        .returning(Run.state, Run.attempt)
    )
    sweep = (await session.execute(counted_down)).one_or_none()
    if sweep is not None and sweep.state == RunState.QUEUED:
        session.add(Outbox(run_id=sweep_id, attempt=sweep.attempt))


async def failed(session: AsyncSession, sweep_id: UUID, *, code: str, message: str) -> None:
    """Fail a sweep of which a part failed, and stop the others."""
    why = {"error_code": code, "error_message": message, "finished_at": func.now(), "open_parts": 0}
    await session.execute(update(Run).where(Run.id == sweep_id, in_parts()).values(state=RunState.FAILED, **why))
    await stop(session, sweep_id)


async def stop(session: AsyncSession, sweep_id: UUID) -> None:
    """Cancel the parts of a sweep that are not over."""
    waits = Run.state == RunState.QUEUED
    asked = {
        "cancel_requested": True,
        "state": case((waits, RunState.CANCELLED), else_=Run.state),
        "finished_at": case((waits, func.now()), else_=None),
    }
    await session.execute(update(Run).where(Run.parent_id == sweep_id, Run.state.in_((RunState.QUEUED, RunState.RUNNING))).values(asked))
