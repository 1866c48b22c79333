"""Runs as workers hold them: claimed in turn for a lease, every write guarded by the claim's fence.

A claim raises the run's fence. Whoever holds an older one (frozen, cut off, declared dead) finds no row to write to, so
each run has one result, however often it was delivered. Times are the database's, so workers' clocks do not matter.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, and_, case, delete, extract, func, insert, literal, or_, select, update
from sqlalchemy.dialects import postgresql
from sqlalchemy.ext.asyncio import AsyncSession
from sqlalchemy.sql.dml import ReturningUpdate

from app.db.jobs import EventKind, RunEvent
from app.db.models import Json, Outbox, Run, RunFile, RunKind, RunState, SweepPart
from app.db.session import Sessions
from app.services import parts, turns

Values = Mapping[str, object]

POISONED = "POISONED"
"""Failure code of a run that ended its worker's process too often to be tried again."""

DEADLINE = "DEADLINE"
"""Failure code of a run whose deadline passed before it was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to compute a run, until its fence is raised by another."""

    run_id: UUID
    fence: int
    attempt: int
    spec: Json
    kind: RunKind = RunKind.BACKTEST
    left_s: float | None = None
    """How long until its deadline."""
    parent_id: UUID | None = None
    part: tuple[int, int] = (0, 0)
    """Of a part of a sweep: its first place and the one behind its last."""

    @property
    def sweep_id(self) -> UUID:
        """Whose rows its rows are."""
        return self.parent_id or self.run_id


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """How far a run is: what it does, which share is done, and of a sweep how many trials, and for how long it will go on."""

    stage: str | None
    fraction: float
    trials_done: int | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of some trials of a sweep, which need not be run again."""

    first_trial: int
    trials: int
    made_from: str
    rows: bytes


class Standing(StrEnum):
    """What became of a claim since it was last looked at."""

    HELD = "held"
    CANCEL = "cancel"
    """Still held, and the run's owner asks to stop."""
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Product:
    """What a run brought: what is asked for often, and the files."""

    summary: Json
    manifest: Json
    manifest_hash: str
    files: Mapping[str, bytes]


async def claim(sessions: Sessions, *, worker: str, lease_s: float, most_running: int | None = None) -> Claim | None:
    """Take the queued run whose turn it is; commits. None if there is none that may begin."""
    while True:
        async with sessions.begin() as session:
            run_id = await turns.take(session, most_running=most_running)
            if run_id is None:
                return None
            run = await session.scalar(_taken(run_id, worker, lease_s))
            if run is not None and run.parent_id is not None:
                await parts.begun(session, run.parent_id)
            if run is not None:  # else its owner cancelled it just now
                return await _claim(session, run)


async def _claim(session: AsyncSession, run: Run) -> Claim:
    left_s = None if run.deadline_at is None else await session.scalar(select(extract("epoch", Run.deadline_at - func.now())).where(Run.id == run.id))
    first = run.part_first or 0
    return Claim(
        run_id=run.id,
        fence=run.fence,
        attempt=run.attempt,
        spec=run.spec,
        kind=RunKind(run.kind),
        left_s=None if left_s is None else float(left_s),
        parent_id=run.parent_id,
        part=(first, first + (run.trials or 0)) if run.parent_id else (0, 0),
    )


def _taken(run_id: UUID, worker: str, lease_s: float) -> ReturningUpdate[Run]:
    return (
        update(Run)
        .where(Run.id == run_id, Run.state == RunState.QUEUED)
        .values(
            state=RunState.RUNNING,
            fence=Run.fence + 1,
            worker=worker,
            lease_until=_from_now(lease_s),
            started_at=func.coalesce(Run.started_at, func.now()),
            progress=0.0,
            stage=None,
        )
        .returning(Run)
    )


async def heartbeat(sessions: Sessions, held: Claim, *, lease_s: float, reading: Reading) -> Standing:
    """Renew the lease and write how far the run is; commits."""
    how_far: dict[str, object] = {"progress": reading.fraction, "stage": reading.stage, "eta_s": reading.eta_s}
    if reading.trials_done is not None:
        how_far["trials_done"] = reading.trials_done
    renewed = update(Run).where(_holds(held)).values(lease_until=_from_now(lease_s), **how_far).returning(Run.cancel_requested)
    async with sessions.begin() as session:
        return _standing(await session.scalar(renewed))


async def keep(sessions: Sessions, held: Claim, parts_kept: Sequence[Part]) -> bool:
    """Store rows of a sweep that goes on; commits. False, and nothing stored, if the claim is lost; rows that are there stay."""
    async with sessions.begin() as session:
        if await session.scalar(select(Run.id).where(_holds(held)).with_for_update(key_share=True)) is None:
            return False
        values = [{"run_id": held.sweep_id, **asdict(part)} for part in parts_kept]
        fresh = await session.scalars(postgresql.insert(SweepPart).on_conflict_do_nothing().returning(SweepPart.trials), values)
        if held.parent_id:
            await parts.counted(session, held.parent_id, sum(fresh))
    return True


async def standing(sessions: Sessions, held: Claim) -> Standing:
    """Look at a claim without writing anything."""
    async with sessions() as session:
        return _standing(await session.scalar(select(Run.cancel_requested).where(_holds(held))))


async def finish(sessions: Sessions, held: Claim, product: Product) -> bool:
    """Store files, summary and the state `done` together; commits. False, and nothing stored, if lost or to be cancelled."""
    done: dict[str, object] = {
        "state": RunState.DONE,
        "progress": 1.0,
        "summary": product.summary,
        "manifest": product.manifest,
        "manifest_hash": product.manifest_hash,
        "eta_s": None,
    }
    if held.kind == RunKind.SWEEP:
        done["trials"] = done["trials_done"] = product.summary.get("trials")
    async with sessions.begin() as session:
        if not await _close(session, and_(_holds(held), ~Run.cancel_requested), done):
            return False
        files = [{"run_id": held.run_id, "name": name, "content": content} for name, content in product.files.items()]
        if files:
            await session.execute(insert(RunFile), files)
        if held.kind == RunKind.SWEEP:
            await session.execute(delete(SweepPart).where(SweepPart.run_id == held.run_id))
        if held.parent_id:
            await parts.done(session, held.parent_id)
    return True


async def fail(sessions: Sessions, held: Claim, *, code: str, message: str) -> bool:
    """End a run that cannot succeed, with a reason that its owner understands; commits. False if the claim is lost."""
    async with sessions.begin() as session:
        failed = await _close(session, _holds(held), {"state": RunState.FAILED, "error_code": code, "error_message": message})
        if failed and held.parent_id:
            await parts.failed(session, held.parent_id, code=code, message=message)
    return failed


async def stop(sessions: Sessions, held: Claim) -> bool:
    """End a run whose owner asked to cancel it; commits. False if the claim is lost or nobody asked."""
    async with sessions.begin() as session:
        return await _close(session, and_(_holds(held), Run.cancel_requested), {"state": RunState.CANCELLED})


async def give_back(sessions: Sessions, held: Claim) -> bool:
    """Queue a run again that its worker has no time for, which is no crash; commits. False if the claim is lost."""
    why = literal("its worker was told to stop")
    async with sessions.begin() as session:
        return bool(await _requeue(session, _holds(held), _given_back(), EventKind.GIVEN_BACK, why))


async def crash(sessions: Sessions, held: Claim, *, reason: str, max_crashes: int) -> RunState | None:
    """Queue a run again whose computation broke, or fail it as poisoned; commits. None if the claim is lost."""
    why = literal(reason)
    async with sessions.begin() as session:
        ended = await _requeue(session, _holds(held), _crashed(why, max_crashes), EventKind.CRASHED, why)
    return next(iter(ended.values()), None)


async def reap(sessions: Sessions, *, max_crashes: int, limit: int = 100) -> dict[UUID, RunState]:
    """Treat runs whose lease ran out as crashed and return what became of them; commits. Skips what another reaper has."""
    overdue = select(Run.id).where(Run.state == RunState.RUNNING, Run.lease_until < func.now()).limit(limit).with_for_update(skip_locked=True)
    reason = func.concat("its worker ", Run.worker, " stopped answering")
    async with sessions.begin() as session:
        lost = list(await session.scalars(overdue))
        return await _requeue(session, Run.id.in_(lost), _crashed(reason, max_crashes), EventKind.LOST, reason) if lost else {}


async def expire(sessions: Sessions, *, limit: int = 100) -> list[UUID]:
    """Fail queued runs whose deadline has passed, and return them; commits. Skips what another has."""
    late = and_(Run.state == RunState.QUEUED, Run.deadline_at < func.now())
    some = select(Run.id).where(late).limit(limit).with_for_update(skip_locked=True)
    why = "no worker was free for it before its deadline"
    failed = update(Run).where(Run.id.in_(some)).values(state=RunState.FAILED, finished_at=func.now(), error_code=DEADLINE, error_message=why)
    async with sessions.begin() as session:
        rows = (await session.execute(failed.returning(Run.id, Run.attempt, Run.parent_id))).all()
        await _record(session, [{"run_id": row.id, "attempt": row.attempt, "event": EventKind.EXPIRED, "reason": why} for row in rows])
        for parent_id in {row.parent_id for row in rows if row.parent_id}:
            await parts.failed(session, parent_id, code=DEADLINE, message=why)
    return [row.id for row in rows]


def _holds(held: Claim) -> ColumnElement[bool]:
    return and_(Run.id == held.run_id, Run.fence == held.fence, Run.state == RunState.RUNNING)


def _from_now(seconds: float) -> ColumnElement[Any]:
    return func.now() + timedelta(seconds=seconds)


def _standing(cancel_requested: bool | None) -> Standing:
    if cancel_requested is None:
        return Standing.LOST
    return Standing.CANCEL if cancel_requested else Standing.HELD


async def _close(session: AsyncSession, which: ColumnElement[bool], values: Values) -> bool:
    ended = update(Run).where(which).values(lease_until=None, finished_at=func.now(), **values).returning(Run.id)
    return await session.scalar(ended) is not None


def _given_back() -> Values:
    # Whoever asked to cancel gets that, whatever else happens to the run.
    cancelled = Run.cancel_requested
    return {
        "state": case((cancelled, RunState.CANCELLED), else_=RunState.QUEUED),
        "attempt": case((cancelled, Run.attempt), else_=Run.attempt + 1),
        "finished_at": case((cancelled, func.now()), else_=None),
    }


def _crashed(reason: ColumnElement[str], max_crashes: int) -> Values:
    crashes = Run.crashes + 1
    cancelled, poisoned = Run.cancel_requested, crashes >= max_crashes
    why = func.concat("given up after breaking ", crashes, " times; the last time: ", reason)
    return {
        "crashes": crashes,
        "state": case((cancelled, RunState.CANCELLED), (poisoned, RunState.FAILED), else_=RunState.QUEUED),
        "attempt": case((or_(cancelled, poisoned), Run.attempt), else_=Run.attempt + 1),
        "finished_at": case((or_(cancelled, poisoned), func.now()), else_=None),
        "error_code": case((cancelled, None), (poisoned, POISONED), else_=None),
        "error_message": case((cancelled, None), (poisoned, why), else_=None),
    }


async def _requeue(
    session: AsyncSession, which: ColumnElement[bool], values: Values, event: EventKind, reason: ColumnElement[str]
) -> dict[UUID, RunState]:
    # The next claim raises the fence; until then no row is `running`, which is the other half of the guard.
    happened = select(Run.id, Run.attempt, literal(event.value), reason).where(which)
    await session.execute(insert(RunEvent).from_select(["run_id", "attempt", "event", "reason"], happened))
    reset = {"worker": None, "lease_until": None, "progress": 0.0, "stage": None, "eta_s": None}
    moved = update(Run).where(which).values(**values, **reset).returning(Run.id, Run.attempt, Run.state, Run.error_message, Run.parent_id)
    rows = (await session.execute(moved)).all()
    rings = [{"run_id": row.id, "attempt": row.attempt} for row in rows if row.state == RunState.QUEUED]
    if rings:
        await session.execute(insert(Outbox), rings)
    poisoned = [row for row in rows if row.state == RunState.FAILED]
    given_up = [{"run_id": row.id, "attempt": row.attempt, "event": EventKind.POISONED, "reason": row.error_message} for row in poisoned]
    await _record(session, given_up)
    for row in poisoned:
        if row.parent_id:
            await parts.failed(session, row.parent_id, code=POISONED, message=row.error_message)
    return {row.id: RunState(row.state) for row in rows}


async def _record(session: AsyncSession, events: list[dict[str, object]]) -> None:
    if events:
        await session.execute(insert(RunEvent), events)
