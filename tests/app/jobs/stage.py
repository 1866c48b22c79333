"""What the tests of jobs share: runs that act a part, quick rules, a worker in this process or in one of its own."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from importlib.resources import files
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
from arq.connections import ArqRedis

from app.db.models import Run, RunState
from app.db.session import Sessions
from app.jobs.execution import Rules
from app.jobs.faults import SERVERS
from app.jobs.process import ChildOptions
from app.jobs.worker import WorkerOptions, serve
from app.services import runs
from engine.config import Spec, parse_spec_toml

ACTOR = (sys.executable, "-m", "tests.app.jobs.actor")
PATIENCE_S = 120.0
"""Beyond what any of it takes on a busy machine: only a test that fails waits as long."""


def spec(name: str) -> Spec:
    return parse_spec_toml((files("engine") / "synth.toml").read_text(encoding="utf-8")).model_copy(update={"name": name})


async def submit(sessions: Sessions, part: str) -> UUID:
    return (await runs.submit(sessions, spec=spec(part), submitted_by="tester")).id


def options(folder: Path, *, rules: Rules | None = None, memory_bytes: int = 0, **others: Any) -> WorkerOptions:
    """Return options by which leases last six seconds (a busy machine may pause for some), and rings half of one."""
    children = ChildOptions(environment={"ACTOR_FOLDER": str(folder)}, threads=1, memory_bytes=memory_bytes, command=ACTOR)
    return WorkerOptions(**{"slots": 1, "children": children, "rules": rules or QUICK, **_QUICK, **others})


QUICK = Rules(lease_s=6.0, heartbeat_s=0.3, progress_s=0.05, look_s=0.05)
_QUICK = {"poll_s": 0.05, "relay_s": 0.05, "reap_s": 0.1, "sweep_s": 0.1, "ring_again_s": 0.5, "retry_s": 0.1, "tell_s": 0.2}


@asynccontextmanager
async def working(sessions: Sessions, redis: ArqRedis, chosen: WorkerOptions) -> AsyncIterator[None]:
    """Have a worker in this process for the length of the block."""
    stop = asyncio.Event()
    worker = asyncio.create_task(serve(sessions, redis, chosen, stop=stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(worker, PATIENCE_S)


async def until(seen: Callable[[], Awaitable[Any]], what: str) -> Any:
    """Wait for something to be true, and return it."""
    try:
        async with asyncio.timeout(PATIENCE_S):
            while not (found := await seen()):
                await asyncio.sleep(0.02)
    except TimeoutError:
        raise AssertionError(f"never came: {what}") from None
    return found


async def reaches(sessions: Sessions, run_id: UUID, *states: RunState) -> Run:
    """Wait until a run is in one of the states, also while the database is away."""

    async def there() -> Run | None:
        try:
            run = await runs.get(sessions, run_id, kind=None)
        except SERVERS:
            return None
        return run if run.state in states else None

    return await until(there, f"{run_id} in {states}")


async def ends(sessions: Sessions, run_id: UUID) -> Run:
    return await reaches(sessions, run_id, RunState.DONE, RunState.FAILED, RunState.CANCELLED)


async def acts(sessions: Sessions, run_id: UUID) -> Run:
    """Wait until the run's child is in the middle of its act."""

    async def acting() -> Run | None:
        run = await runs.get(sessions, run_id)
        return run if run.state == RunState.RUNNING and run.stage == "acting" else None

    return await until(acting, f"{run_id} acting")


def begun(folder: Path, run_id: UUID) -> list[int]:
    """Return the process ids of the children that began the run, in order."""
    path = folder / str(run_id)
    return [int(line) for line in path.read_text(encoding="ascii").split()] if path.exists() else []


async def gone(pid: int) -> None:
    """Wait until there is no such process, or only what its parent has not collected yet."""

    async def dead() -> bool:
        return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE

    await until(dead, f"{pid} gone")


def children() -> list[psutil.Process]:
    """Return the children of workers in this process; the servers of the tests are children of it as well."""
    return [process for process in psutil.Process(os.getpid()).children() if ACTOR[-1] in process.cmdline()]
