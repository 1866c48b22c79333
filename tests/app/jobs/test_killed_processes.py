"""Workers and servers that are killed, frozen or told to stop: nothing is lost, nothing is done twice, no process is left."""

import asyncio
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
from arq.connections import ArqRedis
from sqlalchemy import URL, func, select

from app.db.models import RunFile, RunState
from app.db.session import Sessions
from app.ops.box.record import Box
from app.services import runs
from tests.app.jobs.stage import PATIENCE_S, acts, begun, ends, gone, options, submit, working


@asynccontextmanager
async def worker_process(database_url: URL, redis_url: str, folder: Path) -> AsyncIterator[Process]:
    url = database_url.render_as_string(hide_password=False)
    process = await asyncio.create_subprocess_exec(sys.executable, "-m", "tests.app.jobs.worker_process", url, redis_url, str(folder))
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def files_of(sessions: Sessions) -> int:
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(RunFile)) or 0


async def test_a_run_of_a_killed_worker_is_taken_over_and_its_child_is_gone(
    sessions: Sessions, redis: ArqRedis, database_url: URL, redis_url: str, tmp_path: Path
) -> None:
    async with worker_process(database_url, redis_url, tmp_path) as process:
        run_id = await submit(sessions, "sleep 1")
        await acts(sessions, run_id)
        process.kill()
        await gone(begun(tmp_path, run_id)[0])
    assert (await runs.get(sessions, run_id)).state == RunState.RUNNING
    async with working(sessions, redis, options(tmp_path, name="heir")):
        run = await ends(sessions, run_id)
    assert (run.state, run.worker, run.attempt, run.crashes, run.fence) == (RunState.DONE, "heir", 1, 1, 2)
    assert await files_of(sessions) == 3


async def test_the_child_of_a_killed_worker_dies_with_it(sessions: Sessions, database_url: URL, redis_url: str, tmp_path: Path) -> None:
    async with worker_process(database_url, redis_url, tmp_path) as process:
        run_id = await submit(sessions, "sleep 60")
        await acts(sessions, run_id)
        process.kill()
        await gone(begun(tmp_path, run_id)[0])


async def test_sigterm_gives_the_run_back_without_counting_a_crash_and_leaves_no_process(
    sessions: Sessions, redis: ArqRedis, database_url: URL, redis_url: str, tmp_path: Path
) -> None:
    async with worker_process(database_url, redis_url, tmp_path) as process:
        run_id = await submit(sessions, "sleep 1")
        await acts(sessions, run_id)
        children = psutil.Process(process.pid).children(recursive=True)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), PATIENCE_S) == 0
    assert children
    assert not any(child.is_running() for child in children)
    given_back = await runs.get(sessions, run_id)
    assert (given_back.state, given_back.attempt, given_back.crashes) == (RunState.QUEUED, 1, 0)
    async with working(sessions, redis, options(tmp_path)):
        assert (await ends(sessions, run_id)).state == RunState.DONE


async def test_a_worker_that_was_frozen_past_its_lease_writes_nothing_when_it_thaws(
    sessions: Sessions, redis: ArqRedis, database_url: URL, redis_url: str, tmp_path: Path
) -> None:
    async with worker_process(database_url, redis_url, tmp_path) as process:
        run_id = await submit(sessions, "sleep 0.5")
        frozen = await acts(sessions, run_id)
        process.send_signal(signal.SIGSTOP)  # its child goes on and finishes
        async with working(sessions, redis, options(tmp_path, name="heir")):
            run = await ends(sessions, run_id)
            process.send_signal(signal.SIGCONT)
            later = await submit(sessions, "quick")
            await ends(sessions, later)
        await asyncio.sleep(0.5)
    assert frozen.worker != "heir"
    assert (run.state, run.worker, run.crashes) == (RunState.DONE, "heir", 1)
    now = await runs.get(sessions, run_id)
    assert (now.worker, now.fence, now.finished_at) == (run.worker, run.fence, run.finished_at)
    assert await files_of(sessions) == 6


async def test_killing_the_queue_server_ends_no_run_and_loses_none(
    sessions: Sessions, redis: ArqRedis, postgres_servers: Box, tmp_path: Path
) -> None:
    async with working(sessions, redis, options(tmp_path, slots=2)):
        running = await submit(sessions, "sleep 1")
        await acts(sessions, running)
        psutil.Process((await redis.info("server"))["process_id"]).kill()
        queued = await submit(sessions, "quick")
        ended = [await ends(sessions, running), await ends(sessions, queued)]
    assert [(run.state, run.crashes, run.attempt) for run in ended] == [(RunState.DONE, 0, 0)] * 2


async def test_a_queue_server_that_refuses_for_a_while_ends_no_run_and_loses_none(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    async with working(sessions, redis, options(tmp_path, slots=2)):
        running = await submit(sessions, "sleep 1")
        await acts(sessions, running)
        try:
            await redis.execute_command("ACL", "SETUSER", "default", "-zrangebyscore", "-zadd")
            queued = await submit(sessions, "quick")
            await asyncio.sleep(0.5)
        finally:
            await redis.execute_command("ACL", "SETUSER", "default", "+zrangebyscore", "+zadd")
        ended = [await ends(sessions, running), await ends(sessions, queued)]
    assert [(run.state, run.crashes, run.attempt) for run in ended] == [(RunState.DONE, 0, 0)] * 2


async def test_killing_the_database_server_ends_no_run_and_loses_none(
    sessions: Sessions, redis: ArqRedis, postgres_servers: Box, tmp_path: Path
) -> None:
    async with working(sessions, redis, options(tmp_path)):
        run_id = await submit(sessions, "sleep 1")
        await acts(sessions, run_id)
        pid = int((postgres_servers.folder.postgres / "postmaster.pid").read_text(encoding="utf-8").split()[0])
        psutil.Process(pid).kill()
        await gone(pid)
        run = await ends(sessions, run_id)
    assert run.state == RunState.DONE
    assert await files_of(sessions) == 3
    assert len(begun(tmp_path, run_id)) == run.attempt + 1
