"""The jobs as an operator sees them: how much waits and for how long, what went wrong, who works, whose share is what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, extract, func, select, update
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.orm import InstrumentedAttribute

from app.db.jobs import EventKind, RunEvent, Share, WorkerRow
from app.db.models import Outbox, Run, RunState
from app.db.session import Sessions
from app.errors import BadInput
from app.services import workers


@dataclass(frozen=True, slots=True, kw_only=True)
class Numbers:
    """Jobs in numbers; ages in seconds."""

    queued: int
    oldest_s: float
    """How long the oldest of them has waited."""
    claims: int
    """Runs begun so far, those that were begun again each time."""
    events: Mapping[EventKind, int]
    """What happened out of the ordinary so far."""
    outbox_s: float
    """How long the oldest ring has not been sent."""
    workers: int
    slots: int
    busy: int
    children_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """A user's share, and how many runs wait and are under way."""

    share: Share
    queued: int
    running: int


async def numbers(sessions: Sessions) -> Numbers:
    """Return the jobs in numbers, in four statements that read indexes and small tables."""
    up = workers.is_present()
    about_workers = select(
        func.count(WorkerRow.name),
        func.coalesce(func.sum(WorkerRow.slots), 0),
        func.coalesce(func.sum(WorkerRow.busy), 0),
        func.coalesce(func.sum(WorkerRow.children_bytes), 0),
    ).where(up)
    waiting = select(func.count(), _age_s(Run.created_at)).where(Run.state == RunState.QUEUED)
    unsent = select(_age_s(Outbox.created_at)).where(Outbox.sent_at.is_(None)).scalar_subquery()
    claims = select(func.coalesce(func.sum(Share.claims), 0)).scalar_subquery()
    async with sessions() as session:
        queued, oldest_s = (await session.execute(waiting)).one()
        outbox_s, begun = (await session.execute(select(unsent, claims))).one()
        rows = await session.execute(select(RunEvent.event, func.count()).group_by(RunEvent.event))
        seen = {event: number for event, number in rows}  # noqa: C416  a row is no pair to the type checker
        count, slots, busy, held = (await session.execute(about_workers)).one()
    return Numbers(
        queued=queued,
        oldest_s=float(oldest_s),
        claims=int(begun),
        events={kind: seen.get(kind.value, 0) for kind in EventKind},
        outbox_s=float(outbox_s),
        workers=count,
        slots=int(slots),
        busy=int(busy),
        children_bytes=int(held),
    )


def _age_s(since: InstrumentedAttribute[datetime]) -> ColumnElement[float]:
    return func.coalesce(extract("epoch", func.now() - func.min(since)), 0.0)


async def newest(sessions: Sessions, *, first: int, state: RunState | None = None) -> Sequence[Run]:
    """Return the newest jobs of any kind, parts of sweeps among them, in one state or in any."""
    statement = select(Run).order_by(Run.created_at.desc(), Run.id).limit(first)
    async with sessions() as session:
        return (await session.scalars(statement.where(Run.state == state) if state else statement)).all()


async def standings(sessions: Sessions) -> list[Standing]:
    """Return the share of everybody who ever submitted, by name."""
    counted = (
        select(Run.created_by, Run.state, func.count()).where(Run.state.in_((RunState.QUEUED, RunState.RUNNING))).group_by(Run.created_by, Run.state)
    )
    async with sessions() as session:
        shares = (await session.scalars(select(Share).order_by(Share.name))).all()
        counts = {(user, state): count for user, state, count in await session.execute(counted)}
    return [
        Standing(share=share, queued=counts.get((share.name, RunState.QUEUED), 0), running=counts.get((share.name, RunState.RUNNING), 0))
        for share in shares
    ]


async def set_share(sessions: Sessions, user: str, *, weight: float, max_running: int | None, max_queued: int | None) -> Share:
    """Set a user's weight and limits, None: those of everybody; commits. BadInput where they cannot be."""
    if not 0 < weight <= 1_000:
        raise BadInput(f"weight: expected more than 0 and at most 1000, found {weight:g}")
    if min(max_running or 0, max_queued or 0) < 0:
        raise BadInput("limits: expected 0 or more")
    values = {"weight": weight, "max_running": max_running, "max_queued": max_queued}
    async with sessions.begin() as session:
        await session.execute(insert(Share).values(name=user).on_conflict_do_nothing())
        return (await session.scalars(update(Share).where(Share.name == user).values(values).returning(Share))).one()
