"""Hundreds of runs while workers are killed, stopped and frozen at random moments, and the queue is emptied: exactly once, every one.

JOBS_SOAK_RUNS says how many runs there are, and with them how long it takes; the trouble goes on until they are done.
"""

import asyncio
import os
import random
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import Awaitable, Callable
from pathlib import Path
from uuid import UUID

import psutil
from arq.connections import ArqRedis
from sqlalchemy import URL, func, select

from app.db.models import Outbox, Run, RunFile, RunState
from app.db.session import Sessions
from app.services import results, runs
from tests.app.jobs.actor import FILLS
from tests.app.jobs.stage import ACTOR, spec, until

RUNS = int(os.environ.get("JOBS_SOAK_RUNS", "120"))
WORKERS = 2
LEASE_S = 1.0
PATIENCE_S = 120 + RUNS / 2
FINAL = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)


class Crew:
    """Worker processes, and the trouble that comes over them."""

    def __init__(self, arguments: list[str], seed: int) -> None:
        self.arguments = [sys.executable, "-m", "tests.app.jobs.worker_process", *arguments, "99", str(LEASE_S)]
        self.random = random.Random(seed)
        self.workers: list[Process] = []
        self.blows = 0

    async def hire(self) -> None:
        while len(self.workers) < WORKERS:
            quiet = asyncio.subprocess.DEVNULL
            self.workers.append(await asyncio.create_subprocess_exec(*self.arguments, stdout=quiet, stderr=quiet))

    async def strike(self, redis: ArqRedis) -> None:
        """Have one thing go wrong."""
        self.blows += 1
        victim, blow = self.random.choice(self.workers), self.blows % 4
        if blow == 0:
            await redis.flushall()
        elif blow == 1:  # longer than a lease
            victim.send_signal(signal.SIGSTOP)
            await asyncio.sleep(1.5 * LEASE_S)
            victim.send_signal(signal.SIGCONT)
        else:
            victim.send_signal(signal.SIGKILL if blow == 2 else signal.SIGTERM)
            await victim.wait()
            self.workers.remove(victim)

    async def go(self) -> None:
        for worker in self.workers:
            worker.terminate()
        await asyncio.gather(*(worker.wait() for worker in self.workers))


async def test_no_run_is_lost_and_none_is_done_twice_whatever_befalls_the_workers(
    sessions: Sessions, redis: ArqRedis, database_url: URL, redis_url: str, tmp_path: Path
) -> None:
    crew = Crew([database_url.render_as_string(hide_password=False), redis_url, str(tmp_path)], seed=7)
    ids = [(await runs.submit(sessions, spec=spec(f"sleep 0.0{at % 9}"), submitted_by="abc"[at % 3])).id for at in range(RUNS)]
    await crew.hire()
    try:
        async with asyncio.timeout(PATIENCE_S):
            while await left(sessions):
                await asyncio.sleep(crew.random.uniform(0.5, 2.5))
                await crew.strike(redis)
                await crew.hire()
    finally:
        await crew.go()
    assert crew.blows >= 4, "every kind of trouble"
    await the_ledger_is_right(sessions, ids)
    await until(nobody(tmp_path), "no process left")


async def left(sessions: Sessions) -> int:
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(Run).where(Run.state.not_in(FINAL))) or 0


async def the_ledger_is_right(sessions: Sessions, ids: list[UUID]) -> None:
    """Each run is done once, with the files of one result; nobody holds anything."""
    async with sessions() as session:
        rows = (await session.scalars(select(Run))).all()
        files = await session.scalar(select(func.count()).select_from(RunFile))
        owed = await session.scalar(select(func.count()).select_from(Outbox).join(Run, Run.id == Outbox.run_id).where(Run.state.not_in(FINAL)))
    assert {run.id: (run.state, run.lease_until, run.progress) for run in rows} == dict.fromkeys(ids, (RunState.DONE, None, 1.0))
    assert all(run.fence == run.attempt + 1 for run in rows), "a claim for each attempt, and no other"
    assert sum(run.attempt for run in rows) > 0, "some were begun again"
    assert (files, owed) == (3 * len(ids), 0)
    for id_ in ids:
        assert (await results.fills(sessions, run_id=id_, offset=0, limit=99))[0].equals(FILLS)


def nobody(folder: Path) -> Callable[[], Awaitable[bool]]:
    """Return a look for computing processes of this test that are left."""

    async def gone() -> bool:
        found = [process for process in psutil.process_iter(["cmdline"]) if ACTOR[-1] in (process.info["cmdline"] or [])]
        return not any(str(folder) == environment(process).get("ACTOR_FOLDER") for process in found)

    return gone


def environment(process: psutil.Process) -> dict[str, str]:
    try:
        return dict(process.environ())
    except psutil.Error:
        return {}
