"""A worker and its children, on a real database and a real queue server; only the computation is an actor's."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID

import pytest
from arq.connections import ArqRedis
from arq.constants import abort_jobs_ss, in_progress_key_prefix, job_key_prefix
from sqlalchemy import func, select, text

from app.db.jobs import WorkerRow
from app.db.models import Outbox, Run, RunFile, RunState
from app.db.session import Sessions
from app.errors import NotFound, OutOfMemory
from app.jobs import queue
from app.jobs.execution import TIMEOUT, Rules
from app.services import leases, results, runs, workers
from app.services.runs import Wish
from tests.app.jobs.actor import FILLS
from tests.app.jobs.stage import QUICK, acts, begun, children, ends, gone, options, reaches, spec, submit, until, working


async def test_a_submitted_run_is_done_with_its_summary_and_files(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "quick")
        run = await ends(sessions, run_id)
    assert (run.state, run.progress, run.attempt, run.crashes) == (RunState.DONE, 1.0, 0, 0), run.error_message
    assert run.manifest == {"made": "by an actor"}
    assert run.manifest_hash == "1f" * 32
    assert await results.summary(sessions, run_id) == {"verdict": "quick", "manifest_hash": "1f" * 32}
    assert (await results.fills(sessions, run_id=run_id, offset=0, limit=10))[0].equals(FILLS)


async def test_progress_is_written_while_a_run_computes(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run = await acts(sessions, await submit(sessions, "sleep 60"))
        assert run.progress == 0.5
        assert run.worker is not None
        assert run.started_at is not None


async def test_a_child_computes_run_after_run(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        first, second = await submit(sessions, "quick"), await submit(sessions, "quick")
        await ends(sessions, first)
        await ends(sessions, second)
    assert begun(tmp_path, first) == begun(tmp_path, second)


async def test_two_workers_share_the_runs_and_each_is_computed_once(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    many = [await submit(sessions, "sleep 0.02") for _ in range(30)]
    async with working(sessions, redis, options(tmp_path, name="one")), working(sessions, redis, options(tmp_path, name="two")):
        ended = [await ends(sessions, run_id) for run_id in many]
    assert {run.state for run in ended} == {RunState.DONE}
    assert [len(begun(tmp_path, run_id)) for run_id in many] == [1] * 30
    assert {run.worker for run in ended} == {"one", "two"}


async def test_a_queued_run_that_is_cancelled_is_never_computed(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    run_id = await submit(sessions, "quick")
    assert (await runs.cancel(sessions, run_id)).state == RunState.CANCELLED
    async with working(sessions, redis, options(tmp_path)):
        await ends(sessions, await submit(sessions, "quick"))
    assert (await runs.get(sessions, run_id)).state == RunState.CANCELLED
    assert begun(tmp_path, run_id) == []


async def test_cancelling_a_running_run_kills_its_child_and_keeps_the_worker(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "sleep 60")
        await acts(sessions, run_id)
        asked = await runs.cancel(sessions, run_id)
        assert (asked.state, asked.cancel_requested) == (RunState.RUNNING, True)
        run = await ends(sessions, run_id)
        await gone(begun(tmp_path, run_id)[0])
        assert (run.state, run.crashes) == (RunState.CANCELLED, 0)
        assert (await ends(sessions, await submit(sessions, "quick"))).state == RunState.DONE


async def test_a_run_whose_child_is_killed_is_tried_again(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "die 1")
        run = await ends(sessions, run_id)
    assert (run.state, run.crashes, run.attempt) == (RunState.DONE, 1, 1)
    assert len(begun(tmp_path, run_id)) == 2


async def test_a_run_that_breaks_three_times_is_poisoned_with_the_reason(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "die 99")
        run = await ends(sessions, run_id)
    assert (run.state, run.crashes, run.error_code) == (RunState.FAILED, 3, leases.POISONED)
    assert "breaking 3 times; the last time: the computing process was ended by SIGKILL" in (run.error_message or "")
    assert len(begun(tmp_path, run_id)) == 3


async def test_a_bug_is_a_crash_whose_trace_the_log_has_under_a_reference(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, rules=Rules(max_crashes=1))):
        run = await ends(sessions, await submit(sessions, "bug in-the-works"))
    assert run.error_code == leases.POISONED
    assert "ZeroDivisionError: in-the-works; the worker's log has the whole of it under " in (run.error_message or "")


async def test_a_result_that_is_no_json_is_a_crash_and_not_a_lost_worker(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, rules=Rules(max_crashes=1))):
        run = await ends(sessions, await submit(sessions, "quick nan"))
    assert run.error_code == leases.POISONED
    assert "its result cannot be read" in (run.error_message or "")


async def test_data_that_cannot_carry_the_run_fails_it_at_once_with_the_sentence(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "bad-data no bars of kraken BTC/USD; import them")
        run = await ends(sessions, run_id)
    assert (run.state, run.error_code, run.error_message) == (RunState.FAILED, "INVALID_DATA", "no bars of kraken BTC/USD; import them")
    assert len(begun(tmp_path, run_id)) == 1


async def test_memory_that_python_is_refused_fails_the_run_and_says_what_would_do(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, memory_bytes=256 << 20)):
        run = await ends(sessions, await submit(sessions, "numpy 1"))
        assert (run.state, run.error_code, run.crashes) == (RunState.FAILED, OutOfMemory.code, 0), run.error_message
        assert "256 MiB of memory that it may use and asked for 1,024 MiB more; about 3,840 MiB would do" in (run.error_message or "")


async def test_memory_that_polars_is_refused_aborts_the_child_and_is_no_crash(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, memory_bytes=256 << 20)):
        run = await ends(sessions, await submit(sessions, "polars 1"))
        assert (run.state, run.error_code, run.crashes) == (RunState.FAILED, OutOfMemory.code, 0), run.error_message
        assert "MiB more; about 3,840 MiB would do" in (run.error_message or "")
        assert (await ends(sessions, await submit(sessions, "quick"))).state == RunState.DONE


async def test_a_run_that_computes_too_long_is_failed_and_its_child_killed(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, rules=Rules(run_s=0.5))):
        run_id = await submit(sessions, "sleep 60")
        run = await ends(sessions, run_id)
        await gone(begun(tmp_path, run_id)[0])
    assert (run.state, run.error_code) == (RunState.FAILED, TIMEOUT)


async def test_what_libraries_print_does_not_disturb_the_result(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        assert (await ends(sessions, await submit(sessions, "print noise"))).state == RunState.DONE


async def test_a_ring_that_is_delivered_twice_computes_once(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, slots=2)):
        run_id = await submit(sessions, "sleep 0.5")
        await acts(sessions, run_id)
        await queue.ring(redis, run_id, 0)  # its ring left the queue when it was claimed, so this is a second one
        await until(lambda: _no_ring(redis), "the second ring answered")
        assert (await runs.get(sessions, run_id)).state == RunState.RUNNING
        run = await ends(sessions, run_id)
    assert (run.state, run.fence) == (RunState.DONE, 1)
    assert len(begun(tmp_path, run_id)) == 1


async def test_a_claimed_run_leaves_the_queue_at_once(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        await acts(sessions, await submit(sessions, "sleep 60"))
        assert await redis.zcard(queue.QUEUE) == 0
        assert [key async for key in redis.scan_iter("arq:*")] == []


async def test_losing_all_of_the_queue_loses_no_run(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        running = await submit(sessions, "sleep 1")
        await acts(sessions, running)
        queued = await submit(sessions, "quick")
        await until(lambda: redis.zcard(queue.QUEUE), "the second run in the queue")
        await redis.flushall()
        ended = [await ends(sessions, running), await ends(sessions, queued)]
    assert [(run.state, run.crashes) for run in ended] == [(RunState.DONE, 0)] * 2
    assert len(begun(tmp_path, running)) == len(begun(tmp_path, queued)) == 1


async def test_a_ring_that_was_lost_on_its_way_is_sent_again(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    run_id = await submit(sessions, "quick")
    await queue.ring(redis, run_id, 0)
    await redis.zrem(queue.QUEUE, f"{run_id}:0")  # arq now takes the job for present, and nobody will ever hear of it
    async with working(sessions, redis, options(tmp_path)):
        assert (await ends(sessions, run_id)).state == RunState.DONE


async def test_what_arq_does_to_aborted_and_expired_jobs_does_nothing_to_runs(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    aborted, expired, strange = [await submit(sessions, "quick") for _ in range(3)]
    await redis.zadd(abort_jobs_ss, {f"{aborted}:0": 1, "unknown:0": 1})  # arq kills the next job of that id, if it may
    for run_id in (aborted, expired, strange):
        await queue.ring(redis, run_id, 0)
    await redis.delete(f"{job_key_prefix}{expired}:0")  # what is left of a job that expired
    await redis.zadd(queue.QUEUE, {"nobody:0": 1, f"{strange}:99": 1})  # rings without a job
    async with working(sessions, redis, options(tmp_path)):
        ended = [await ends(sessions, run_id) for run_id in (aborted, expired, strange)]
    assert [(run.state, run.attempt, run.fence) for run in ended] == [(RunState.DONE, 0, 1)] * 3


async def test_locks_of_dead_workers_on_the_first_hundred_rings_hold_up_nothing(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    for at in range(120):  # arq reads a hundred ids, and passes over those that are locked
        await redis.zadd(queue.QUEUE, {f"dead-{at}:0": at + 1})
        await redis.set(f"{in_progress_key_prefix}dead-{at}:0", b"1")
    run_id = await submit(sessions, "quick")
    async with working(sessions, redis, options(tmp_path)):
        run = await ends(sessions, run_id)
    assert (run.state, run.attempt) == (RunState.DONE, 0)


async def test_the_outbox_is_empty_once_its_runs_are_taken(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async def count() -> bool:
        async with sessions() as session:
            return await session.scalar(select(func.count()).select_from(Outbox)) == 0

    async with working(sessions, redis, options(tmp_path)):
        await ends(sessions, await submit(sessions, "quick"))
        await until(count, "the outbox empty")


async def test_losing_every_database_connection_in_mid_run_loses_nothing(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    others = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "sleep 1")
        await acts(sessions, run_id)
        for _ in range(5):
            async with sessions() as session:
                await session.execute(others)
            await asyncio.sleep(0.1)
        run = await ends(sessions, run_id)
    assert (run.state, len(begun(tmp_path, run_id))) == (RunState.DONE, 1)


async def test_a_result_that_finds_the_disk_full_is_stored_once_there_is_room(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with refusing(sessions, "disk_full"), working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "quick")
        await until(lambda: begun_once(tmp_path, run_id), "the run computed")
        await asyncio.sleep(QUICK.lease_s + 0.5)
        waiting = await runs.get(sessions, run_id)
        await accept(sessions)
        run = await ends(sessions, run_id)
    assert waiting.state == RunState.RUNNING
    assert (run.state, run.crashes, run.attempt) == (RunState.DONE, 0, 0)
    assert len(begun(tmp_path, run_id)) == 1


async def test_a_result_that_the_database_refuses_for_good_is_a_crash_with_a_reason(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with refusing(sessions, "check_violation"), working(sessions, redis, options(tmp_path)):
        run = await ends(sessions, await submit(sessions, "quick"))
    assert (run.state, run.error_code, run.crashes) == (RunState.FAILED, leases.POISONED, 3)
    assert "its result could not be stored (IntegrityError)" in (run.error_message or "")


async def test_an_idle_child_that_died_is_replaced_before_a_run_gets_it(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        await ends(sessions, await submit(sessions, "quick"))
        (idle,) = children()
        idle.send_signal(signal.SIGKILL)
        await gone(idle.pid)
        run = await ends(sessions, await submit(sessions, "quick"))
    assert (run.state, run.crashes) == (RunState.DONE, 0)


async def test_a_worker_that_is_drained_ends_what_it_has_and_takes_nothing_more_until_it_may(
    sessions: Sessions, redis: ArqRedis, tmp_path: Path
) -> None:
    async with working(sessions, redis, options(tmp_path, name="one")):
        running = await submit(sessions, "sleep 1")
        await acts(sessions, running)
        (there,) = await until(lambda: busy(sessions), "a worker that says that it is busy")
        assert (there.name, there.slots, there.children_bytes > 10 << 20) == ("one", 1, True)
        await workers.drain(sessions, "one")
        assert (await ends(sessions, running)).state == RunState.DONE
        waiting = await submit(sessions, "quick")
        await asyncio.sleep(0.7)
        assert (await runs.get(sessions, waiting)).state == RunState.QUEUED
        async with working(sessions, redis, options(tmp_path, name="two")):
            assert (await ends(sessions, waiting)).worker == "two"
        await workers.drain(sessions, "one", draining=False)
        assert (await ends(sessions, await submit(sessions, "quick"))).worker == "one"
    assert await workers.present(sessions) == []
    with pytest.raises(NotFound, match="there is no worker 'one' up; there is none"):
        await workers.drain(sessions, "one")


async def busy(sessions: Sessions) -> list[WorkerRow]:
    return [worker for worker in await workers.present(sessions) if worker.busy]


async def test_a_run_is_stopped_at_its_deadline(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        await ends(sessions, await submit(sessions, "quick"))
        soon = Wish(deadline_at=datetime.now(UTC) + timedelta(seconds=1))
        run_id = (await runs.submit(sessions, spec=spec("sleep 60"), submitted_by="tester", wish=soon)).id
        run = await ends(sessions, run_id)
        await gone(begun(tmp_path, run_id)[0])
    assert (run.state, run.error_code, run.crashes) == (RunState.FAILED, leases.DEADLINE, 0)


async def test_a_worker_that_stops_gives_its_run_back_and_leaves_no_process(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "sleep 60")
        await acts(sessions, run_id)
    run = await runs.get(sessions, run_id)
    assert (run.state, run.attempt, run.crashes, run.worker) == (RunState.QUEUED, 1, 0, None)
    assert children() == []


async def test_a_worker_that_stops_while_its_children_start_leaves_no_process(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, slots=2)):
        await until(two_children, "two children on their way")
    assert children() == []


async def test_a_stored_result_is_all_there_or_not_at_all(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "quick")
        await reaches(sessions, run_id, RunState.DONE)
        async with sessions() as session:
            names = set(await session.scalars(select(RunFile.name).where(RunFile.run_id == run_id)))
            state = await session.scalar(select(Run.state).where(Run.id == run_id))
    assert (state, names) == (RunState.DONE, {"summary.json", "manifest.json", "fills.parquet"})


@asynccontextmanager
async def refusing(sessions: Sessions, condition: str) -> AsyncIterator[None]:
    """Have the database refuse files of runs with an error of its own, as it would on a full disk."""
    refuse = f"CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE {condition}; END $$"
    async with sessions.begin() as session:
        await session.execute(text(refuse))
        await session.execute(text("CREATE TRIGGER refuse BEFORE INSERT ON run_files EXECUTE FUNCTION refuse()"))
    try:
        yield
    finally:
        await accept(sessions)


async def accept(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        await session.execute(text("DROP TRIGGER IF EXISTS refuse ON run_files"))


async def two_children() -> bool:
    return len(children()) == 2


async def begun_once(folder: Path, run_id: UUID) -> bool:
    return bool(begun(folder, run_id))


async def _no_ring(redis: ArqRedis) -> bool:
    return await redis.zcard(queue.QUEUE) == 0
