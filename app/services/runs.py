"""Runs as their users see them: submit, look, list, cancel. What a worker does with them is in `leases`."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, func, or_, select, true, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.models import Outbox, Run, RunKind, RunState
from app.db.session import Sessions
from app.errors import BadInput, Conflict, NotFound
from engine.config import Spec

NAMES = {RunKind.BACKTEST: "run", RunKind.SWEEP: "sweep"}
"""How people call them."""

_OPEN = (RunState.QUEUED, RunState.RUNNING)


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """Some runs, newest first, and whether there are more behind them."""

    runs: list[Run]
    more: bool


def refuse_unstored(spec: Spec) -> None:
    """Raise BadInput where the spec reads what the database does not keep."""
    if spec.perpetual is not None:
        raise BadInput(f"{spec.perpetual.key} is a perpetual, and the database keeps no funding: run it on files, with --files DIR")


async def submit(sessions: Sessions, *, spec: Spec, submitted_by: str) -> Run:
    """Queue a backtest; commits the run and the ring that it is owed together. BadInput where its data cannot be stored."""
    refuse_unstored(spec)
    run = Run(
        created_by=submitted_by,
        name=spec.name,
        strategy=spec.strategy.kind,
        spec=spec.canonical(),
        spec_hash=spec.hash(),
    )
    return await enqueue(sessions, run)


async def enqueue(sessions: Sessions, run: Run) -> Run:
    """Queue what is to be computed; commits it and the ring that it is owed together."""
    async with sessions.begin() as session:
        session.add(run)
        await session.flush()
        session.add(Outbox(run_id=run.id, attempt=run.attempt))
    return run


async def get(sessions: Sessions, run_id: UUID, *, kind: RunKind | None = RunKind.BACKTEST) -> Run:
    """Return a run of a kind, or of any; NotFound if there is none."""
    async with sessions() as session:
        return await find(session, run_id, kind=kind)


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
    queued = Run.state == RunState.QUEUED
    asked = (
        update(Run)
        .where(Run.id == run_id, Run.kind == kind, Run.state.in_(_OPEN))
        .values(
            cancel_requested=True,
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
    return run


def _behind(run: Run) -> ColumnElement[bool]:
    older = Run.created_at < run.created_at
    return or_(older, and_(Run.created_at == run.created_at, Run.id > run.id))
