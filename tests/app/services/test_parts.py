"""A sweep in parts: each once, by whoever; together again after the last; one that fails takes all with it."""

from uuid import UUID

import pytest
from sqlalchemy import select

from app.db.models import Run, RunKind, RunState
from app.db.session import Sessions
from app.services import leases, runs, sweeps
from app.services.leases import Claim, Product
from engine.sweep import Estimate
from tests.app.services.test_sweeps import get, part, parts, the_sweep

NOTHING = Product(summary={}, manifest={}, manifest_hash="", files={})


async def queued(sessions: Sessions, count: int) -> UUID:
    return (await sweeps.submit(sessions, sweep=the_sweep(), submitted_by="ada", parts=count)).id


async def claim(sessions: Sessions) -> Claim | None:
    return await leases.claim(sessions, worker="w", lease_s=60)


async def states(sessions: Sessions, sweep_id: UUID) -> list[str]:
    """Return the states of the parts, in their order."""
    async with sessions() as session:
        return list(await session.scalars(select(Run.state).where(Run.parent_id == sweep_id).order_by(Run.part_first)))


async def test_parts_cover_the_sweep_each_trial_once_and_come_together_after_the_last(sessions: Sessions) -> None:
    sweep_id = await queued(sessions, 4)
    claims = [await claim(sessions) for _ in range(5)]
    assert claims.pop() is None, "the sweep itself waits for its parts"
    held = [one for one in claims if one]
    assert [(one.kind, one.sweep_id, range(*one.part)) for one in held] == [
        (RunKind.PART, sweep_id, places) for places in (range(1), range(1, 3), range(3, 4), range(4, 6))
    ]
    running = await get(sessions, sweep_id)
    assert (running.state, running.worker, running.lease_until, running.open_parts) == (RunState.RUNNING, None, None, 4)
    for one in held:
        assert await leases.keep(sessions, one, [part(list(range(*one.part)))])
        assert await leases.keep(sessions, one, [part(list(range(*one.part)))]), "what is sent twice counts once"
        assert await leases.finish(sessions, one, NOTHING)
        assert not await leases.finish(sessions, one, NOTHING)
    found = await get(sessions, sweep_id)
    assert (found.state, found.trials_done, found.open_parts, await parts(sessions)) == (RunState.QUEUED, 6, 0, 4)
    together = await claim(sessions)
    assert together is not None
    assert (together.run_id, together.kind, together.part) == (sweep_id, RunKind.SWEEP, (0, 0))
    assert await leases.reap(sessions, max_crashes=1) == {}


async def test_a_part_that_fails_for_good_fails_the_sweep_and_stops_the_others(sessions: Sessions) -> None:
    for poison in (True, False):
        sweep_id = await queued(sessions, 3)
        first, second = await claim(sessions), await claim(sessions)
        assert first is not None
        assert second is not None
        if poison:
            assert await leases.crash(sessions, first, reason="it broke", max_crashes=1) == RunState.FAILED
        else:
            assert await leases.fail(sessions, first, code="INVALID_DATA", message="no bars")
        found = await get(sessions, sweep_id)
        code, said = ("POISONED", "given up after breaking 1 times; the last time: it broke") if poison else ("INVALID_DATA", "no bars")
        assert (found.state, found.error_code, found.error_message) == (RunState.FAILED, code, said)
        assert await states(sessions, sweep_id) == [RunState.FAILED, RunState.RUNNING, RunState.CANCELLED]
        assert not await leases.finish(sessions, second, NOTHING), "asked to stop"
        assert await leases.stop(sessions, second)
        assert (await get(sessions, sweep_id)).state == RunState.FAILED


async def test_a_part_whose_worker_is_lost_is_taken_again_and_counts_once(sessions: Sessions) -> None:
    sweep_id = await queued(sessions, 2)
    lost = await leases.claim(sessions, worker="w", lease_s=-1)
    assert lost is not None
    await leases.reap(sessions, max_crashes=3)
    for _ in range(2):
        again = await claim(sessions)
        assert again is not None
        assert await leases.finish(sessions, again, NOTHING)
    assert not await leases.keep(sessions, lost, [part([0])])
    assert not await leases.finish(sessions, lost, NOTHING)
    assert ((await get(sessions, sweep_id)).state, await parts(sessions)) == (RunState.QUEUED, 0)


async def test_a_sweep_in_parts_is_cancelled_with_them_and_goes_on_whole_when_it_is_queued_again(sessions: Sessions) -> None:
    sweep_id = await queued(sessions, 3)
    held = await claim(sessions)
    assert held is not None
    assert (await runs.cancel(sessions, sweep_id, kind=RunKind.SWEEP)).state == RunState.CANCELLED
    assert await states(sessions, sweep_id) == [RunState.RUNNING, RunState.CANCELLED, RunState.CANCELLED]
    assert await leases.standing(sessions, held) == leases.Standing.CANCEL
    assert await leases.stop(sessions, held)
    await runs.retry(sessions, sweep_id, by="ada")
    again = await claim(sessions)
    assert again is not None
    assert (again.run_id, again.kind) == (sweep_id, RunKind.SWEEP)


@pytest.mark.parametrize(("seconds", "trials", "count"), [(5.0, 10_000, 1), (100.0, 10_000, 5), (1e6, 10_000_000, 256), (1e4, 48, 3)])
def test_long_sweeps_have_many_parts_of_some_seconds_and_short_ones_none(seconds: float, trials: int, count: int) -> None:
    assert sweeps.parts_of(Estimate(trials=trials, panels=1, seconds=seconds, memory_bytes=0)) == count
