"""Those who follow runs hear the present state, every later one at the latest when it is the last, and each end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID, uuid4

import pytest
from sqlalchemy import delete, event, text, update

from app.db.models import Run, RunKind, RunState
from app.db.session import Sessions
from app.errors import NotFound
from app.services import leases, runs
from app.services.following import Following, Place
from tests.app.jobs.stage import submit
from tests.app.services.test_leases import PRODUCT, taken

PATIENCE_S = 120


def following(sessions: Sessions) -> Following:
    return Following(sessions, every_s=0.02)


async def ended(sessions: Sessions) -> UUID:
    """Return a run that came to its end just now."""
    return (await runs.cancel(sessions, await submit(sessions, "c"))).id


async def heard(states: AsyncIterator[Run]) -> list[tuple[str, float]]:
    async with asyncio.timeout(PATIENCE_S):
        return [(run.state, run.progress) async for run in states]


async def next_of(ends: AsyncIterator[tuple[Place, Run]], count: int) -> list[UUID]:
    async with asyncio.timeout(PATIENCE_S):
        return [(await anext(ends))[1].id for _ in range(count)]


async def test_a_run_is_followed_through_its_states_to_its_end(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    found: list[tuple[str, float]] = []
    async with asyncio.timeout(PATIENCE_S), aclosing(following(sessions).run(run_id, kind=RunKind.BACKTEST)) as states:
        async for run in states:
            found.append((run.state, run.progress))
            match found[-1]:
                case (RunState.QUEUED, _):
                    claim = await taken(sessions, run_id)
                case (RunState.RUNNING, 0.0):
                    await leases.heartbeat(sessions, claim, lease_s=60, reading=leases.Reading(stage="half way", fraction=0.5))
                case (RunState.RUNNING, _):
                    await leases.finish(sessions, claim, PRODUCT)
    assert found == [("queued", 0.0), ("running", 0.0), ("running", 0.5), ("done", 1.0)]


async def test_who_comes_when_a_run_is_over_hears_that_alone(sessions: Sessions) -> None:
    assert await heard(following(sessions).run(await ended(sessions), kind=RunKind.BACKTEST)) == [("cancelled", 0.0)]
    with pytest.raises(NotFound, match="there is no run"):
        await heard(following(sessions).run(uuid4(), kind=RunKind.BACKTEST))


async def test_a_run_that_is_deleted_has_no_more_states(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    async with asyncio.timeout(PATIENCE_S), aclosing(following(sessions).run(run_id, kind=RunKind.BACKTEST)) as states:
        assert (await anext(states)).state == RunState.QUEUED
        async with sessions.begin() as session:
            await session.execute(delete(Run).where(Run.id == run_id))
        assert [run async for run in states] == []


async def test_many_who_follow_cost_a_statement_a_look_and_one_for_what_changed(sessions: Sessions) -> None:
    sent: list[str] = []
    run_id, other = await submit(sessions, "a"), await submit(sessions, "b")
    shared = Following(sessions, every_s=0.2)
    async with asyncio.TaskGroup() as group:
        crowd = [group.create_task(heard(shared.run(run_id, kind=RunKind.BACKTEST))) for _ in range(40)]
        group.create_task(heard(shared.run(other, kind=RunKind.BACKTEST)))
        while len(shared._followers) < 41:
            await asyncio.sleep(0.01)
        async with sessions() as session:
            engine = (await session.connection()).sync_connection.engine
        event.listen(engine, "before_cursor_execute", lambda *told: sent.append(told[2]))
        await runs.cancel(sessions, run_id)
        await asyncio.gather(*crowd)
        looks = [statement for statement in sent if statement.startswith("SELECT")]
        await runs.cancel(sessions, other)
    assert {tuple(one.result()) for one in crowd} == {(("queued", 0.0), ("cancelled", 0.0))}
    assert 2 <= len(looks) <= 8, looks


async def begun(sessions: Sessions, ends: AsyncIterator[tuple[Place, Run]]) -> tuple[Place, list[UUID]]:
    """Return the first place that comes, and the runs that ended after it until it came."""
    first, made = asyncio.create_task(anext(ends)), list[UUID]()
    async with asyncio.timeout(PATIENCE_S):
        while not first.done():
            made.append(await ended(sessions))
            await asyncio.sleep(0.1)
        place, run = await first
    return place, made[made.index(run.id) + 1 :]


async def test_those_who_follow_outlast_the_loss_of_every_connection(sessions: Sessions) -> None:
    others = text("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    run_id, shared = await submit(sessions, "b"), following(sessions)
    ends, states = shared.ends(None), shared.run(run_id, kind=RunKind.BACKTEST)
    _, made = await begun(sessions, ends)
    assert (await anext(states)).state == RunState.QUEUED
    for _ in range(5):
        await asyncio.sleep(0.05)
        async with sessions() as session:
            await session.execute(others)
    await runs.cancel(sessions, run_id)
    assert await heard(states) == [("cancelled", 0.0)]
    assert await next_of(ends, len(made) + 1) == [*made, run_id]
    await ends.aclose()


async def test_ends_come_in_their_order_and_go_on_from_a_place(sessions: Sessions) -> None:
    async with aclosing(following(sessions).ends(None)) as ends:
        place, made = await begun(sessions, ends)
        made += [await ended(sessions), await ended(sessions)]
        assert await next_of(ends, len(made)) == made
    made.append(await ended(sessions))
    async with aclosing(following(sessions).ends(place)) as again:
        ids = await next_of(again, len(made))
        while ids[-1] != made[-1]:  # what ended shortly before the place may come again
            ids += await next_of(again, 1)
    assert place.id not in ids
    assert ids[-len(made) :] == made


async def test_an_end_that_is_committed_late_is_not_lost(sessions: Sessions) -> None:
    early, late = await submit(sessions, "a"), await submit(sessions, "b")
    ends_now = update(Run).values(state=RunState.CANCELLED, finished_at=text("now()"))
    async with aclosing(following(sessions).ends(None)) as ends, sessions.begin() as slow:
        await slow.execute(ends_now.where(Run.id == early))
        _, made = await begun(sessions, ends)
        async with sessions.begin() as fast:
            await fast.execute(ends_now.where(Run.id == late))
        assert await next_of(ends, len(made) + 1) == [*made, late]
        await slow.commit()
        assert await next_of(ends, 1) == [early]
