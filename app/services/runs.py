"""Runs as their users see them: submit, look, list, cancel, retry. What a worker does with them is in `leases`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.jobs import EventKind, RunEvent
from app.db.models import Outbox, Priority, Run, RunKind, RunState
from app.db.session import Sessions
from app.errors import BadInput, Conflict, NotFound
from app.services import parts
from app.services.admission import Limits, admit
from engine.config import Spec

NAMES = {RunKind.BACKTEST: "run", RunKind.SWEEP: "sweep", RunKind.PART: "part"}
"""How people call them."""

_KEY = re.compile(r"[!-~]{1,100}")
_OPEN = (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """How soon somebody wants a run: before which of their own, and until when at all."""

    priority: Priority = Priority.NORMAL
    deadline_at: datetime | None = None
    request_key: str | None = None
    """A name of theirs for the request: asked again under it, they get what they asked for the first time."""


NO_WISH = Wish()
NO_LIMITS = Limits()


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some runs, newest first, and whether there are more behind them."""

    runs: list[Run]
    more: bool


async def submit(sessions: Sessions, *, spec: Spec, submitted_by: str, wish: Wish = NO_WISH, limits: Limits = NO_LIMITS) -> Run:
    """Queue a backtest; commits the run and the ring that it is owed together. QueueFull where there is no room."""
    run = Run(
        created_by=submitted_by,
        name=spec.name,
        strategy=spec.strategy.kind,
        spec=spec.canonical(),
        spec_hash=spec.hash(),
    )
    return await enqueue(sessions, run, wish=wish, limits=limits)


async def enqueue(sessions: Sessions, run: Run, *, wish: Wish, limits: Limits, in_parts: Sequence[Run] = ()) -> Run:
    """Queue what is to be computed, whole or in parts; commits all and the rings that they are owed together.

    Asked under a request key that the submitter has used, it returns what was queued then, whatever became of it, and queues nothing; Conflict where
    that was something else. BadInput; QueueFull if there is no room.
    """
    known = await _asked_before(sessions, run, wish.request_key)
    if known is not None:
        return known
    if wish.deadline_at is not None and wish.deadline_at <= datetime.now(UTC):
        raise BadInput(f"deadline: expected a time to come, found {wish.deadline_at:%Y-%m-%d %H:%M:%S} UTC")
    run.priority, run.deadline_at, run.request_key = wish.priority, wish.deadline_at, wish.request_key
    try:
        async with sessions.begin() as session:
            await admit(session, run.created_by, limits)
            session.add(run)
            await session.flush()
            for part in in_parts:
                part.parent_id, part.priority, part.deadline_at = run.id, run.priority, run.deadline_at
            session.add_all(in_parts)
            await session.flush()
            session.add_all(Outbox(run_id=each.id, attempt=each.attempt) for each in in_parts or (run,))
    except IntegrityError:
        known = await _asked_before(sessions, run, wish.request_key)  # somebody asked for the same at the same time
        if known is None:
            raise
        return known
    return run


async def _asked_before(sessions: Sessions, run: Run, key: str | None) -> Run | None:
    if key is None:
        return None
    if not _KEY.fullmatch(key):
        raise BadInput(f"requestKey: expected 1 to 100 visible characters, found {key[:120]!r}")
    async with sessions() as session:
        found: Run | None = await session.scalar(select(Run).where(Run.created_by == run.created_by, Run.request_key == key))
    if found is not None and (found.kind, found.spec_hash) != (run.kind or RunKind.BACKTEST, run.spec_hash):
        raise Conflict(f"requestKey: {key} stands for the {NAMES[RunKind(found.kind)]} {found.id}, which is another one; make up a new key")
    return found


async def get(sessions: Sessions, run_id: UUID, *, kind: RunKind | None = RunKind.BACKTEST) -> Run:
    """Return a run of a kind, or of any; NotFound if there is none."""
    async with sessions() as session:
        return await find(session, run_id, kind=kind)


async def owner(sessions: Sessions, run_id: UUID) -> str | None:
    """Return who submitted a job of any kind; None where there is none."""
    async with sessions() as session:
        found: str | None = await session.scalar(select(Run.created_by).where(Run.id == run_id))
    return found


async def find(session: AsyncSession, run_id: UUID, *, kind: RunKind | None = RunKind.BACKTEST) -> Run:
    """Return a run in a transaction of the caller's; NotFound if there is none."""
    run = await session.get(Run, run_id)
    if run is None or kind not in {None, run.kind}:
        named = NAMES[kind or RunKind.BACKTEST]
        raise NotFound(f"there is no {named} {run_id}; list the {named}s to see which there are")
    return run


async def page(sessions: Sessions, *, first: int, after: UUID | None = None, state: RunState | None = None, kind: RunKind = RunKind.BACKTEST) -> Page:
    """Return the `first` newest runs of a kind, or those that follow the run `after`, in one state or in any."""
    async with sessions() as session:
        behind = _behind(await find(session, after, kind=kind)) if after else true()
        in_state = Run.state == state if state else true()
        statement = select(Run).where(Run.kind == kind, behind, in_state).order_by(Run.created_at.desc(), Run.id).limit(first + 1)
        runs = list(await session.scalars(statement))
    return Page(runs=runs[:first], more=len(runs) > first)


async def cancel(sessions: Sessions, run_id: UUID, *, kind: RunKind = RunKind.BACKTEST) -> Run:
    """Cancel a queued run at once, ask the worker of a running one to stop; commits. Conflict if the run is over."""
    queued = or_(Run.state == RunState.QUEUED, parts.in_parts())  # nobody holds it
    asked = (
        update(Run)
        .where(Run.id == run_id, Run.kind == kind, Run.state.in_(_OPEN))
        .values(
            cancel_requested=True,
            open_parts=0,
            state=case((queued, RunState.CANCELLED), else_=Run.state),
            finished_at=case((queued, func.now()), else_=None),
        )
        .returning(Run)
    )
    async with sessions.begin() as session:
        run = await session.scalar(asked)
        if run is None:
            over = await find(session, run_id, kind=kind)
            raise Conflict(f"{NAMES[kind]} {run_id} is {over.state}; only one that is queued or running can be cancelled")
        if kind == RunKind.SWEEP:
            await parts.stop(session, run_id)
    return run


async def retry(sessions: Sessions, run_id: UUID, *, by: str, kind: RunKind | None = None, limits: Limits = NO_LIMITS) -> Run:
    """Queue a run again that failed or was cancelled, as if it had never crashed; commits. Conflict if it is in another state."""
    again = (
        update(Run)
        .where(Run.id == run_id, Run.state.in_((RunState.FAILED, RunState.CANCELLED)))
        .values(state=RunState.QUEUED, attempt=Run.attempt + 1, crashes=0, cancel_requested=False, progress=0.0, stage=None, **_UNENDED)
        .returning(Run)
    )
    async with sessions.begin() as session:
        before = await find(session, run_id, kind=kind)
        await admit(session, before.created_by, limits)
        why = f"{by} queued it again after it {_ENDED.get(before.state, before.state)}"
        run = await session.scalar(again.execution_options(populate_existing=True))
        if run is None:
            named = NAMES[RunKind(before.kind)]
            raise Conflict(f"{named} {run_id} is {before.state}; only one that failed or was cancelled can be queued again")
        session.add(Outbox(run_id=run.id, attempt=run.attempt))
        session.add(RunEvent(run_id=run.id, attempt=run.attempt, event=EventKind.RETRIED, reason=why))
    return run


_UNENDED = {"finished_at": None, "error_code": None, "error_message": None, "deadline_at": None}
_ENDED = {RunState.FAILED.value: "had failed", RunState.CANCELLED.value: "had been cancelled"}


async def events(sessions: Sessions, run_id: UUID) -> Sequence[RunEvent]:
    """Return what happened to a run out of the ordinary, in order."""
    async with sessions() as session:
        return (await session.scalars(select(RunEvent).where(RunEvent.run_id == run_id).order_by(RunEvent.id))).all()


def _behind(run: Run) -> ColumnElement[bool]:
    older = Run.created_at < run.created_at
    return or_(older, and_(Run.created_at == run.created_at, Run.id > run.id))
