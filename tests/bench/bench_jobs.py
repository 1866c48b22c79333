"""Jobs against the engine called directly, and the queue by itself: `python -m tests.bench.bench_jobs`.

The box's PostgreSQL, with its wait for the disk, and Valkey, in a folder of their own; one worker of two children in this process. Submit to start
is from the call that submits, with its ring, to the claim. A job's overhead is what it takes from that call to its stored result, beyond what the
child's computation takes: a child that sleeps 2 s, and one that does nothing. Claims are timed beside 0 and beside 100,000 queued runs; sweep scaling
is a sweep in parts on one worker and on two of one child each, beside two threads that compute.
"""

import asyncio
import logging
import statistics
import sys
import tempfile
import time
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from uuid import UUID

import structlog
from arq.connections import ArqRedis
from sqlalchemy import delete, insert

from app.db import migrate
from app.db.jobs import Share
from app.db.models import Outbox, Run, RunState
from app.db.objects import Place
from app.db.session import Sessions, make_sessions
from app.jobs import outbox, queue
from app.jobs.process import ChildOptions
from app.jobs.wire import ARCHIVE
from app.jobs.worker import WorkerOptions
from app.ops.box.record import Box
from app.ops.box.supervisor import servers
from app.services import imports, leases, runs, sweeps
from app.services.snapshots import Archive
from engine.synth import depeg_weekend
from tests.app.jobs.stage import ACTOR, spec, working
from tests.app.services.test_sweeps import the_sweep
from tests.bench.probe import machine, two_thread_speedup

MANY = 100_000
ROUNDS = 100


async def submit(sessions: Sessions, redis: ArqRedis, part: str, user: str = "bench") -> UUID:
    """Submit a run as the API does, ring and all."""
    run = await runs.submit(sessions, spec=spec(part), submitted_by=user)
    await outbox.relay(sessions, redis)
    return run.id


async def ended(sessions: Sessions, run_id: UUID) -> Run:
    """Look every two milliseconds until a run is done."""
    while True:
        run = await runs.get(sessions, run_id, kind=None)
        if run.state in {RunState.DONE, RunState.FAILED}:
            assert run.state == RunState.DONE, run.error_message
            return run
        await asyncio.sleep(0.002)


def percentiles(found: Sequence[float]) -> str:
    """Return the middle and the 99th of a hundred, in ms."""
    ordered = sorted(found)
    return f"p50 {1e3 * statistics.median(ordered):7.1f} ms   p99 {1e3 * ordered[int(0.99 * (len(ordered) - 1))]:7.1f} ms"


async def starts(sessions: Sessions, redis: ArqRedis, *, loaded: bool) -> str:
    """Return how long a run waits for its start with two idle children, or beside the runs of another user that keep both at work."""
    if loaded:
        for _ in range(10 * ROUNDS):
            await runs.submit(sessions, spec=spec("sleep 0.05"), submitted_by="other")
        await outbox.relay(sessions, redis)
    waits = []
    for _ in range(ROUNDS):
        began = time.time()
        run = await ended(sessions, await submit(sessions, redis, "quick"))
        assert run.started_at is not None
        waits.append(run.started_at.timestamp() - began)
        await asyncio.sleep(0.05)
    async with sessions.begin() as session:
        left = await session.execute(delete(Run).where(Run.created_by == "other", Run.state == RunState.QUEUED).returning(Run.id))
        assert len(left.all()) > 0 or not loaded, "both children had work to the end"
    return percentiles(waits)


async def overhead(sessions: Sessions, redis: ArqRedis, part: str, alone_s: float, rounds: int) -> list[float]:
    """Return by how much a job is slower than its computation."""
    found = []
    for _ in range(rounds):
        began = time.perf_counter()
        await ended(sessions, await submit(sessions, redis, part))
        found.append(time.perf_counter() - began - alone_s)
    return found


async def throughput(sessions: Sessions, redis: ArqRedis) -> float:
    """Return how many runs that do nothing are done in a second, once all are queued."""
    ids = [(await runs.submit(sessions, spec=spec("quick"), submitted_by=f"user {at % 5}")).id for at in range(500)]
    began = time.perf_counter()
    await outbox.relay(sessions, redis)
    await asyncio.gather(*(ended(sessions, run_id) for run_id in ids[-3:]))
    while (await runs.page(sessions, first=1, state=RunState.QUEUED)).runs:
        await asyncio.sleep(0.01)
    return len(ids) / (time.perf_counter() - began)


async def claims(sessions: Sessions, beside: int) -> str:
    """Return how long a claim takes while so many runs of ten users wait."""
    async with sessions.begin() as session:
        await session.execute(delete(Outbox))
        await session.execute(delete(Run))
        await session.execute(delete(Share))
    rows = [{"created_by": f"user {at % 10}", "name": "a", "strategy": "spatial", "spec": {}, "spec_hash": ""} for at in range(beside + ROUNDS)]
    for first in range(0, len(rows), 5_000):
        async with sessions.begin() as session:
            await session.execute(insert(Run), rows[first : first + 5_000])
    found = []
    for _ in range(ROUNDS):
        began = time.perf_counter()
        assert await leases.claim(sessions, worker="bench", lease_s=600) is not None
        found.append(time.perf_counter() - began)
    return percentiles(found)


async def scaled(sessions: Sessions, redis: ArqRedis, one: WorkerOptions) -> tuple[float, float]:
    """Return how long a sweep in parts takes on one worker, and on two."""
    sweep = the_sweep(parameters=[{"path": "quality.wick_bps", "low": 20, "high": 500, "count": 600}], keep=0)
    both = []
    for workers in (1, 2):
        async with working(sessions, redis, one):
            other = working(sessions, redis, replace(one, name="second")) if workers == 2 else None
            if other:
                await other.__aenter__()
            await ended(sessions, (await sweeps.submit(sessions, sweep=the_sweep(), submitted_by="warm", parts=2)).id)
            began = time.perf_counter()
            run = await sweeps.submit(sessions, sweep=sweep, submitted_by="bench", parts=12)
            await outbox.relay(sessions, redis)
            await ended(sessions, run.id)
            both.append(time.perf_counter() - began)
            if other:
                await other.__aexit__(None, None, None)
    return both[0], both[1]


async def measured(box: Box, folder: Path) -> None:
    """Print what was found."""
    engine, sessions = make_sessions(box.settings.database_url, 10)
    redis = await queue.connect(box.settings.redis)
    acting = ChildOptions(environment={"ACTOR_FOLDER": str(folder)}, threads=1, memory_bytes=0, command=ACTOR)
    async with working(sessions, redis, WorkerOptions(slots=2, children=acting)):
        for _ in range(4):
            await ended(sessions, await submit(sessions, redis, "quick"))
        await told("submit to start, idle", starts(sessions, redis, loaded=False))
        await told("submit to start, both children at work", starts(sessions, redis, loaded=True))
        empty = await overhead(sessions, redis, "quick", 0.0, ROUNDS)
        print(f"{'a job beyond its computation, empty':45}{percentiles(empty)}")
        long = await overhead(sessions, redis, "sleep 2", 2.0, 5)
        print(f"{'… of 2 s':45}{1e3 * statistics.median(long):7.1f} ms: {50 * statistics.median(long):.1f} %")
        print(f"{'empty runs':45}{await throughput(sessions, redis):7.0f} a second on two children")
    for beside in (0, MANY):
        await told(f"a claim beside {beside:,} queued runs", claims(sessions, beside))
    await claims(sessions, 0)
    archive = Archive(libpq_uri=box.settings.libpq_uri, read_uri=box.settings.libpq_uri, place=Place(url=str(folder / "snapshots")))
    one = WorkerOptions(slots=1, children=ChildOptions(environment={ARCHIVE: archive.text}, threads=1, memory_bytes=0))
    alone, together = await scaled(sessions, redis, one)
    print(f"{'a sweep in 12 parts':45}{alone:7.2f} s on one worker, {together:.2f} s on two: {alone / together:.2f} ×")
    print(f"{'two threads that compute, the same minute':45}{two_thread_speedup():7.2f} ×")
    await redis.aclose()
    await engine.dispose()


async def told(what: str, found: Awaitable[str]) -> None:
    """Print a line."""
    print(f"{what:45}{await found}", flush=True)


async def main() -> None:
    """Run the servers, and measure."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.WARNING))
    print(machine())
    with tempfile.TemporaryDirectory() as folder:
        async with servers(Path(folder) / "box") as box:
            await migrate.upgrade(box.settings.database_url)
            for key, frame in depeg_weekend(1).bars.items():
                path = Path(folder) / f"{key.venue}-{key.base}-{key.quote}.parquet"
                frame.write_parquet(path)
                await imports.import_files(box.settings.libpq_uri, [path], venue=key.venue, instrument=key.instrument)
            await measured(box, Path(folder))


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
