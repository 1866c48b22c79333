"""Sweeps as their users see them: beside runs, with rows that are kept on the way and go when the result is whole."""

import io
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import polars as pl
import pytest
from sqlalchemy import func, select, update

from app.db.hypertables import Lifecycle
from app.db.models import Run, RunKind, RunState, SweepPart
from app.db.session import Sessions
from app.errors import BadInput, Conflict, NotFound
from app.services import leases, runs, storage, sweeps
from app.services.leases import Claim, Part, Product
from engine.sweep import Estimate, Sweep, parse_sweep
from engine.synth import Weekend
from tests.app.jobs.stage import spec, submit

PARAMETERS: list[dict[str, Any]] = [
    {"path": "strategy.threshold_bps", "values": [0, 4, 10]},
    {"path": "strategy.cool_down", "values": ["5m", "30m"]},
]


def the_sweep(**more: Any) -> Sweep:
    """Return a sweep of six sets."""
    form = {"version": 1, "name": "six sets", "design": "grid", "keep": 1, "rank_by": "excess", "parameters": PARAMETERS}
    return parse_sweep({**form, "spec": spec("weekend").canonical(), **more})


async def queued(sessions: Sessions, **more: Any) -> UUID:
    return (await sweeps.submit(sessions, sweep=the_sweep(**more), submitted_by="ada")).id


async def claimed(sessions: Sessions, sweep_id: UUID, *, lease_s: float = 60) -> Claim:
    claim = await leases.claim(sessions, worker="w", lease_s=lease_s)
    assert claim is not None
    assert claim.run_id == sweep_id
    return claim


def part(trials: list[int], *, made_from: str = "now", **values: list[Any]) -> Part:
    """Return rows of trials whose excess is ten times their ordinal."""
    columns = {"trial": trials, "excess": [10.0 * trial for trial in trials], "strategy.threshold_bps": [0.0] * len(trials), **values}
    buffer = io.BytesIO()
    pl.DataFrame({**columns, "strategy.cool_down": ["5m"] * len(trials), "periods": [[1.0]] * len(trials)}).write_parquet(buffer)
    return Part(first_trial=trials[0], trials=len(trials), made_from=made_from, rows=buffer.getvalue())


async def parts(sessions: Sessions) -> int:
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(SweepPart)) or 0


async def get(sessions: Sessions, sweep_id: UUID) -> Run:
    return await runs.get(sessions, sweep_id, kind=RunKind.SWEEP)


async def test_sweeps_and_runs_are_told_apart(sessions: Sessions) -> None:
    sweep_id, run_id = await queued(sessions), await submit(sessions, "a")
    found = await get(sessions, sweep_id)
    assert (found.state, found.name, found.created_by, found.strategy, found.trials, found.trials_done) == (
        *(RunState.QUEUED, "six sets", "ada", "spatial"),
        *(6, 0),
    )
    assert parse_sweep(found.spec) == the_sweep()
    assert [run.id for run in (await runs.page(sessions, first=9)).runs] == [run_id]
    assert [run.id for run in (await runs.page(sessions, first=9, kind=RunKind.SWEEP)).runs] == [sweep_id]
    with pytest.raises(NotFound, match="there is no run"):
        await runs.cancel(sessions, sweep_id)
    with pytest.raises(NotFound, match=r"there is no sweep .*list the sweeps"):
        await get(sessions, run_id)
    assert (await runs.cancel(sessions, sweep_id, kind=RunKind.SWEEP)).state == RunState.CANCELLED
    with pytest.raises(Conflict, match=f"sweep {sweep_id} is cancelled"):
        await runs.cancel(sessions, sweep_id, kind=RunKind.SWEEP)


async def test_rows_on_the_way_are_ranked_and_stay_where_a_sweep_is_cancelled(sessions: Sessions) -> None:
    claim = await claimed(sessions, await queued(sessions))
    assert (await sweeps.rows(sessions, await get(sessions, claim.run_id), offset=0, limit=5)).total == 0
    with pytest.raises(Conflict, match="no trial of it is done"):
        await sweeps.heat(sessions, await get(sessions, claim.run_id), across=None, down=None)
    assert await leases.keep(sessions, claim, [part([2, 0])])
    assert await leases.keep(sessions, claim, [part([5])])
    await runs.cancel(sessions, claim.run_id, kind=RunKind.SWEEP)
    assert await leases.stop(sessions, claim)
    run = await get(sessions, claim.run_id)
    assert run.state == RunState.CANCELLED
    found = await sweeps.rows(sessions, run, offset=1, limit=1)
    assert (found.total, found.frame["trial"].to_list()) == (3, [2])
    assert "periods" not in found.frame.columns
    cells = await sweeps.heat(sessions, run, across=None, down=None)
    assert (cells.values.tolist(), cells.best) == ([[50.0]], (0, 0))
    with pytest.raises(BadInput, match="expected a figure of a row"):
        await sweeps.rows(sessions, run, by="strategy.cool_down", offset=0, limit=1)
    with pytest.raises(BadInput, match=r"one of strategy\.threshold_bps, strategy\.cool_down, found 'scale'"):
        await sweeps.heat(sessions, run, across="scale", down=None)


async def test_rows_of_a_sweep_without_a_result_go_a_month_after_its_end(sessions: Sessions) -> None:
    lately, long_ago, going_on = [await claimed(sessions, await queued(sessions)) for _ in range(3)]
    for claim in (lately, long_ago, going_on):
        assert await leases.keep(sessions, claim, [part([0])])
    for claim, days in ((lately, 29), (long_ago, 31)):
        assert await leases.fail(sessions, claim, code="X", message="x")
        async with sessions.begin() as session:
            await session.execute(update(Run).where(Run.id == claim.run_id).values(finished_at=datetime.now(UTC) - timedelta(days=days)))
    assert await storage.maintain(sessions.kw["bind"], Lifecycle()) == {"sweep_parts": 1}
    left = [(await sweeps.rows(sessions, await get(sessions, claim.run_id), offset=0, limit=1)).total for claim in (lately, long_ago, going_on)]
    assert left == [1, 0, 1]
    assert await storage.maintain(sessions.kw["bind"], Lifecycle()) == {}


async def test_rows_are_kept_once_and_by_the_holder_of_the_claim_alone(sessions: Sessions) -> None:
    old = await claimed(sessions, await queued(sessions), lease_s=-1)
    assert await leases.keep(sessions, old, [part([0]), part([3])])
    assert await leases.keep(sessions, old, [part([0])])
    await leases.reap(sessions, max_crashes=3)
    assert not await leases.keep(sessions, old, [part([1])])
    assert await parts(sessions) == 2


async def test_another_attempt_finds_the_rows_of_its_own_data_and_code(sessions: Sessions, libpq_uri: str) -> None:
    claim = await claimed(sessions, await queued(sessions))
    await leases.keep(sessions, claim, [part([0], made_from="before"), part([1, 4]), part([5])])
    assert sweeps.done(libpq_uri, str(claim.run_id), made_from="later") is None
    found = sweeps.done(libpq_uri, str(claim.run_id), made_from="now")
    assert found is not None
    assert sorted(found["trial"]) == [1, 4, 5]


async def test_rows_go_once_the_result_is_whole_and_the_trials_that_were_run_are_counted(sessions: Sessions) -> None:
    claim = await claimed(sessions, await queued(sessions))
    await leases.keep(sessions, claim, [part([0])])
    product = Product(summary={"trials": 5}, manifest={}, manifest_hash="ab", files={})
    assert await leases.finish(sessions, claim, product)
    run = await get(sessions, claim.run_id)
    assert (run.state, run.trials, run.trials_done, await parts(sessions)) == (RunState.DONE, 5, 5, 0)


async def test_progress_counts_trials_and_a_new_attempt_keeps_the_count(sessions: Sessions) -> None:
    claim = await claimed(sessions, await queued(sessions))
    reading = leases.Reading(stage="running the trials", fraction=0.5, trials_done=3, eta_s=2.5)
    await leases.heartbeat(sessions, claim, lease_s=60, reading=reading)
    run = await get(sessions, claim.run_id)
    assert (run.trials_done, run.eta_s, run.progress) == (3, 2.5, 0.5)
    await leases.give_back(sessions, claim)
    run = await get(sessions, claim.run_id)
    assert (run.state, run.trials_done, run.eta_s, run.progress) == (RunState.QUEUED, 3, None, 0.0)


@pytest.mark.parametrize(
    ("changed", "large"), [({}, False), ({"trials": 100_001}, True), ({"seconds": 601.0}, True), ({"memory_bytes": 2 << 30}, True)]
)
def test_a_sweep_is_large_by_trials_by_time_and_by_memory(changed: dict[str, Any], large: bool) -> None:
    found = Estimate(**{"trials": 100_000, "panels": 1, "seconds": 600.0, "memory_bytes": 1 << 30, **changed})
    assert sweeps.is_large(found, memory_bytes=1 << 30) is large
    assert sweeps.is_large(Estimate(trials=1, panels=1, seconds=1.0, memory_bytes=1 << 40), memory_bytes=0) is False


async def test_a_sweep_is_measured_by_what_is_stored_of_its_window(sessions: Sessions, weekend: Weekend) -> None:
    rows = sum(frame.height for frame in weekend.bars.values())
    found, half = await sweeps.measure(sessions, the_sweep()), the_sweep()
    shorter = half.model_copy(update={"spec": half.spec.model_copy(update={"end": half.spec.start + (half.spec.end - half.spec.start) / 2})})
    assert found.trials == 6
    assert found.memory_bytes > (await sweeps.measure(sessions, shorter)).memory_bytes > (200 << 20) + rows / 2 * 250
