"""Runs as workers hold them: one holder, one result."""

import asyncio
from uuid import UUID

from sqlalchemy import func, select

from app.db.models import Outbox, Run, RunFile, RunState
from app.db.session import Sessions
from app.services import leases, runs
from app.services.leases import Claim, Product, Standing
from tests.app.jobs.stage import submit

PRODUCT = Product(summary={"n": 1}, manifest={}, manifest_hash="ab", files={"a.txt": b"a", "b.txt": b"b"})


async def taken(sessions: Sessions, run_id: UUID, *, attempt: int = 0, lease_s: float = 60) -> Claim:
    claim = await leases.claim(sessions, worker="w", lease_s=lease_s)
    assert claim is not None
    assert (claim.run_id, claim.attempt) == (run_id, attempt)
    return claim


async def lapsed(sessions: Sessions) -> Claim:
    """Return a claim whose run somebody else has reaped and claimed since."""
    run_id = await submit(sessions, "a")
    old = await taken(sessions, run_id, lease_s=-1)
    assert await leases.reap(sessions, max_crashes=3) == {run_id: RunState.QUEUED}
    await taken(sessions, run_id, attempt=1)
    return old


async def count(sessions: Sessions, table: type[Outbox] | type[RunFile]) -> int:
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(table)) or 0


async def test_of_many_who_claim_a_run_one_gets_it(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    claims = await asyncio.gather(*(leases.claim(sessions, worker=str(n), lease_s=60) for n in range(8)))
    assert [claim.run_id for claim in claims if claim] == [run_id]


async def test_a_result_is_stored_whole(sessions: Sessions) -> None:
    claim = await taken(sessions, await submit(sessions, "a"))
    assert await leases.finish(sessions, claim, PRODUCT)
    run = await runs.get(sessions, claim.run_id)
    assert (run.state, run.summary, run.manifest_hash, run.progress, run.lease_until) == (RunState.DONE, {"n": 1}, "ab", 1.0, None)
    assert run.finished_at is not None
    assert await count(sessions, RunFile) == 2


async def test_whoever_lost_the_claim_can_write_nothing(sessions: Sessions) -> None:
    old = await lapsed(sessions)
    before = await runs.get(sessions, old.run_id)
    assert await leases.standing(sessions, old) == Standing.LOST
    assert await leases.heartbeat(sessions, old, lease_s=60, reading=leases.Reading(stage="late", fraction=0.9)) == Standing.LOST
    assert not await leases.finish(sessions, old, PRODUCT)
    assert not await leases.fail(sessions, old, code="X", message="x")
    assert not await leases.stop(sessions, old)
    assert not await leases.give_back(sessions, old)
    assert await leases.crash(sessions, old, reason="x", max_crashes=1) is None
    after = await runs.get(sessions, old.run_id)
    assert {c.key: getattr(after, c.key) for c in Run.__table__.columns} == {c.key: getattr(before, c.key) for c in Run.__table__.columns}
    assert await count(sessions, RunFile) == 0


async def test_a_lease_that_is_renewed_is_not_reaped(sessions: Sessions) -> None:
    claim = await taken(sessions, await submit(sessions, "a"), lease_s=-1)
    assert await leases.heartbeat(sessions, claim, lease_s=60, reading=leases.Reading(stage="half way", fraction=0.25)) == Standing.HELD
    assert await leases.reap(sessions, max_crashes=3) == {}
    run = await runs.get(sessions, claim.run_id)
    assert (run.progress, run.stage) == (0.25, "half way")


async def test_many_reapers_count_a_crash_once(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    await taken(sessions, run_id, lease_s=-1)
    await asyncio.gather(*(leases.reap(sessions, max_crashes=3) for _ in range(6)))
    run = await runs.get(sessions, run_id)
    assert (run.state, run.crashes, run.attempt) == (RunState.QUEUED, 1, 1)
    assert await count(sessions, Outbox) == 2


async def test_the_third_lease_that_runs_out_poisons_the_run_with_the_reason(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    for attempt in range(3):
        await taken(sessions, run_id, attempt=attempt, lease_s=-1)
        await leases.reap(sessions, max_crashes=3)
    run = await runs.get(sessions, run_id)
    assert (run.state, run.error_code, run.attempt) == (RunState.FAILED, leases.POISONED, 2)
    assert run.error_message == "given up after breaking 3 times; the last time: its worker w stopped answering"
    assert await count(sessions, Outbox) == 3


async def test_giving_a_run_back_is_no_crash_and_rings_again(sessions: Sessions) -> None:
    claim = await taken(sessions, await submit(sessions, "a"))
    assert await leases.give_back(sessions, claim)
    run = await runs.get(sessions, claim.run_id)
    assert (run.state, run.attempt, run.crashes, run.worker, run.error_code) == (RunState.QUEUED, 1, 0, None, None)
    assert await count(sessions, Outbox) == 2


async def test_a_wish_to_cancel_wins_over_whatever_else_happens(sessions: Sessions) -> None:
    for end in (
        lambda claim: leases.give_back(sessions, claim),
        lambda claim: leases.crash(sessions, claim, reason="x", max_crashes=1),
        lambda claim: leases.stop(sessions, claim),
    ):
        claim = await taken(sessions, await submit(sessions, "a"))
        await runs.cancel(sessions, claim.run_id)
        assert await leases.standing(sessions, claim) == Standing.CANCEL
        assert not await leases.finish(sessions, claim, PRODUCT)
        assert await end(claim)
        run = await runs.get(sessions, claim.run_id)
        assert (run.state, run.error_code) == (RunState.CANCELLED, None)
        assert run.finished_at is not None
    assert await count(sessions, RunFile) == 0


async def test_a_run_that_nobody_asked_to_cancel_cannot_be_stopped(sessions: Sessions) -> None:
    claim = await taken(sessions, await submit(sessions, "a"))
    assert not await leases.stop(sessions, claim)
    assert (await runs.get(sessions, claim.run_id)).state == RunState.RUNNING
