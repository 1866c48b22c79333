"""A sweep as a job: computed by a child as the engine computes it, with rows that outlive whoever computed them."""

import asyncio
import dataclasses
import io
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
import psutil
import pytest
from arq.connections import ArqRedis
from sqlalchemy import func, select

from app.db import adbc, snapshots
from app.db.models import Run, RunKind, RunState
from app.db.objects import Place
from app.db.session import Sessions
from app.jobs import sweeping
from app.jobs.execution import TIMEOUT, Rules
from app.jobs.process import ChildOptions
from app.jobs.wire import ARCHIVE, Message, Part, Progress, Task
from app.jobs.worker import WorkerOptions
from app.services import leases, results, runs, sweeps
from app.services.snapshots import Archive, Loaded
from engine import sweep as engine_sweep
from engine.sweep import Sweep
from engine.synth import Weekend
from tests.app.jobs.stage import ends, options, until, working
from tests.app.services.test_sweeps import claimed, parts, the_sweep

SLOW: list[dict[str, Any]] = [
    {"path": "strategy.threshold_bps", "values": [0, 4, 10]},
    {"path": "quality.wick_bps", "low": 20, "high": 500, "count": 140},
]
"""A panel for each of 140 values: some seconds."""


def told(sweep: Sweep, weekend: Weekend, libpq_uri: str, run_id: UUID, say: Any) -> Any:
    """Compute a sweep as a child does, with every row handed on at once."""
    task = Task(run_id=str(run_id), spec=sweep.canonical(), memory_bytes=0, computes="sweep", threads=1)
    return sweeping.compute(task, say, libpq_uri=libpq_uri, load=lambda _sweep: Loaded(frames=dict(weekend.bars), named=[]))


def computing(libpq_uri: str, folder: Path) -> WorkerOptions:
    """Return options of a worker whose child computes in earnest, on snapshots in a folder."""
    archive = Archive(libpq_uri=libpq_uri, read_uri=libpq_uri, place=Place(url=str(folder / "snapshots")))
    return WorkerOptions(slots=1, children=ChildOptions(environment={ARCHIVE: archive.text}, threads=1, memory_bytes=0))


async def submit(sessions: Sessions, sweep: Sweep) -> UUID:
    return (await sweeps.submit(sessions, sweep=sweep, submitted_by="tester")).id


async def get(sessions: Sessions, sweep_id: UUID) -> Run:
    return await runs.get(sessions, sweep_id, kind=RunKind.SWEEP)


async def test_a_sweep_through_the_queue_is_the_sweep_of_the_engine(
    sessions: Sessions, redis: ArqRedis, libpq_uri: str, weekend: Weekend, tmp_path: Path
) -> None:
    sweep = the_sweep(keep=2)
    async with working(sessions, redis, computing(libpq_uri, tmp_path)):
        run = await ends(sessions, await submit(sessions, sweep))
    assert run.state == RunState.DONE, run.error_message
    direct = engine_sweep.run(sweep, weekend.bars)
    named = (run.manifest or {})["snapshots"]
    assert (run.summary, run.manifest, run.trials, run.trials_done) == (direct.summary, {**direct.manifest, "snapshots": named}, 6, 6)
    with adbc.transaction(libpq_uri) as cursor:
        assert {one["sha256"] for one in named} == snapshots.known(cursor)
    assert run.manifest_hash == direct.summary["manifest_hash"]
    files = {name: await results.file(sessions, run_id=run.id, name=name) for name in direct.files()}
    whole = {"manifest.json", "report.html"}  # these name the snapshots
    assert {name: files[name] for name in files.keys() - whole} == {n: content for n, content in direct.files().items() if n not in whole}
    assert (await sweeps.rows(sessions, run, offset=0, limit=9)).frame["trial"][0] == direct.best[0][0]


async def test_a_killed_child_costs_no_trial_that_was_handed_on(
    sessions: Sessions, redis: ArqRedis, libpq_uri: str, weekend: Weekend, tmp_path: Path
) -> None:
    sweep = the_sweep(parameters=SLOW, keep=0)
    async with working(sessions, redis, computing(libpq_uri, tmp_path)):
        sweep_id = await submit(sessions, sweep)
        await until(lambda: parts(sessions), "the first rows")
        running = await get(sessions, sweep_id)
        assert running.state == RunState.RUNNING
        kept = (await sweeps.rows(sessions, running, offset=0, limit=1)).total
        assert 0 < kept < 420
        for child in psutil.Process().children():
            if "app.jobs.child" in child.cmdline():
                child.kill()
        again = await until(lambda: resumed(sessions, sweep_id), "another attempt")
        assert (again.trials_done or 0) >= kept
        run = await ends(sessions, sweep_id)
    assert (run.state, run.crashes, run.attempt, await parts(sessions)) == (RunState.DONE, 1, 1, 0)
    assert pl.read_parquet(io.BytesIO(await results.file(sessions, run_id=sweep_id, name="trials.parquet"))).equals(
        engine_sweep.run(sweep, weekend.bars).trials
    )


async def resumed(sessions: Sessions, sweep_id: UUID) -> Run | None:
    """Return a sweep that is in the middle of its second attempt, or beyond it."""
    run = await get(sessions, sweep_id)
    return run if run.state == RunState.DONE or (run.attempt == 1 and run.stage == "running the trials") else None


async def test_a_sweep_may_take_longer_than_a_run_and_is_cancelled_as_one(sessions: Sessions, redis: ArqRedis, tmp_path: Path) -> None:
    quick = Rules(run_s=0.0, sweep_s=0.5, look_s=0.05)
    async with working(sessions, redis, options(tmp_path, rules=quick)):
        run = await ends(sessions, await submit(sessions, the_sweep(name="sleep 60")))
    assert (run.state, run.error_code) == (RunState.FAILED, TIMEOUT)
    assert "the sweep computed for longer than the 0 s that a sweep may; take fewer trials" in (run.error_message or "")
    async with working(sessions, redis, options(tmp_path)):
        sweep_id = await submit(sessions, the_sweep(name="sleep 60"))
        await until(lambda: begins(sessions, sweep_id), "a sweep that is computed")
        await runs.cancel(sessions, sweep_id, kind=RunKind.SWEEP)
        assert (await ends(sessions, sweep_id)).state == RunState.CANCELLED


async def begins(sessions: Sessions, sweep_id: UUID) -> bool:
    """Tell whether a sweep is being computed."""
    return (await get(sessions, sweep_id)).stage == "acting"


async def test_trials_whose_rows_are_kept_are_not_run_again(
    sessions: Sessions, libpq_uri: str, weekend: Weekend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "EVERY_S", 0.0)
    sweep, kept = the_sweep(parameters=[SLOW[0], {"path": "quality.wick_bps", "values": [20, 500]}]), list[leases.Part]()
    claim = await claimed(sessions, await submit(sessions, sweep))

    def until_the_first(message: Message, content: bytes = b"") -> None:
        if isinstance(message, Part):
            kept.append(leases.Part(first_trial=message.first_trial, trials=message.trials, made_from=message.made_from, rows=content))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await asyncio.to_thread(told, sweep, weekend, libpq_uri, claim.run_id, until_the_first)
    assert kept[0].trials == 3
    assert await leases.keep(sessions, claim, kept)
    heard = list[Message]()
    files = await asyncio.to_thread(told, sweep, weekend, libpq_uri, claim.run_id, lambda message, _content: heard.append(message))
    assert [part.trials for part in heard if isinstance(part, Part)] == [3]
    counts = [message.trials_done for message in heard if isinstance(message, Progress) and message.trials_done is not None]
    assert (counts[0], counts[-1]) == (3, 6)
    assert counts == sorted(counts)
    direct = engine_sweep.run(sweep, weekend.bars)
    assert files == dataclasses.replace(direct, manifest={**direct.manifest, "snapshots": []}).files()


async def test_a_sweep_in_parts_on_two_workers_of_which_one_is_lost_is_the_sweep_of_the_engine(
    sessions: Sessions, redis: ArqRedis, libpq_uri: str, weekend: Weekend, tmp_path: Path
) -> None:
    sweep = the_sweep(parameters=[SLOW[0], {**SLOW[1], "count": 40}], keep=1)
    async with working(sessions, redis, dataclasses.replace(computing(libpq_uri, tmp_path), name="stays")):
        sweep_id = (await sweeps.submit(sessions, sweep=sweep, submitted_by="tester", parts=5)).id
        async with working(sessions, redis, dataclasses.replace(computing(libpq_uri, tmp_path), name="leaves")):
            await until(lambda: at_work(sessions, "leaves"), "a part at the second worker")
        run = await ends(sessions, sweep_id)
    assert run.state == RunState.DONE, run.error_message
    direct = engine_sweep.run(sweep, weekend.bars)
    named = dataclasses.replace(direct, manifest={**direct.manifest, "snapshots": (run.manifest or {})["snapshots"]}).files()
    assert {name: await results.file(sessions, run_id=sweep_id, name=name) for name in named} == named
    async with sessions() as session:
        states = list(await session.scalars(select(Run.state).where(Run.parent_id == sweep_id)))
    assert states == [RunState.DONE] * 5


async def at_work(sessions: Sessions, worker: str) -> bool:
    """Tell whether a worker computes trials."""
    async with sessions() as session:
        return await session.scalar(select(func.count()).where(Run.worker == worker, Run.stage == "running the trials")) != 0
