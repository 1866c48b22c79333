"""Tasks of upkeep: once at their time, whoever is up, with the times that were missed."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import update

from app.db.accounts import Role
from app.db.jobs import Schedule
from app.db.models import Json
from app.db.session import Sessions
from app.errors import Forbidden
from app.jobs.chores import Chore, do_next
from app.main.worker import chores
from app.services import accounts, keys, leases, reviews, schedules, signing_in
from app.services.schedules import Cadence, following, missed
from app.settings import Settings
from tests.app.jobs.stage import submit
from tests.app.services.test_accounts import GOOD


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("cadence", "after", "then"),
    [
        (Cadence.DAILY, "2026-11-30 01:59:59", "2026-11-30 02:00"),
        (Cadence.DAILY, "2026-11-30 02:00", "2026-12-01 02:00"),
        (Cadence.WEEKLY, "2026-11-30 01:00", "2026-11-30 02:00"),  # a Monday
        (Cadence.WEEKLY, "2026-11-30 02:00", "2026-12-07 02:00"),
        (Cadence.MONTHLY, "2028-02-01 03:00", "2028-03-01 02:00"),
        (Cadence.MONTHLY, "2026-12-31 23:00", "2027-01-01 02:00"),
    ],
)
def test_times_follow_each_other_at_two_in_the_morning(cadence: Cadence, after: str, then: str) -> None:
    assert following(cadence, at(after)) == at(then)


def test_the_times_that_were_missed_are_those_after_the_one_that_is_done() -> None:
    assert missed(Cadence.DAILY, at("2026-11-30 02:00"), at("2026-12-01 01:59")) == []
    assert missed(Cadence.DAILY, at("2026-11-30 02:00"), at("2026-12-02 02:00")) == [at("2026-12-01 02:00"), at("2026-12-02 02:00")]
    assert missed(Cadence.WEEKLY, at("2026-11-30 02:00"), at("2026-12-15 00:00")) == [at("2026-12-07 02:00"), at("2026-12-14 02:00")]


async def due(sessions: Sessions, days_ago: float, **values: object) -> None:
    """Have all tasks be due since some days."""
    async with sessions.begin() as session:
        await session.execute(update(Schedule).values(due_at=datetime.now(UTC) - timedelta(days=days_ago), **values))


async def known(sessions: Sessions, work: Chore) -> dict[str, Chore]:
    tasks = {"task": work}
    await schedules.register(sessions, {name: chore.cadence for name, chore in tasks.items()})
    await schedules.register(sessions, {name: chore.cadence for name, chore in tasks.items()})
    return tasks


def counting(done: list[int], pause_s: float = 0.0) -> Chore:
    async def work() -> Json:
        await asyncio.sleep(pause_s)
        done.append(1)
        return {"done": len(done)}

    return Chore(cadence=Cadence.DAILY, work=work)


async def the_task(sessions: Sessions) -> Schedule:
    (found,) = await schedules.every(sessions)
    return found


async def test_a_task_is_done_once_however_many_workers_are_up_and_says_what_was_missed(sessions: Sessions) -> None:
    done: list[int] = []
    tasks, stop = await known(sessions, counting(done, 0.1)), asyncio.Event()
    assert not await do_next(sessions, tasks, worker="early", stop=stop), "not due yet"
    await due(sessions, 3)
    found = await asyncio.gather(*(do_next(sessions, tasks, worker=f"w{n}", stop=stop) for n in range(6)))
    assert (sum(found), len(done)) == (1, 1)
    task = await the_task(sessions)
    assert (task.report, task.error, task.missed, task.lease_until) == ({"done": 1}, None, 3, None)
    assert task.missed_at is not None
    assert timedelta(0) < task.due_at - datetime.now(UTC) <= timedelta(days=1)
    assert not await do_next(sessions, tasks, worker="late", stop=stop)


async def test_a_task_that_fails_says_why_and_is_due_again(sessions: Sessions) -> None:
    async def work() -> Json:
        raise ZeroDivisionError("no days")

    tasks = await known(sessions, Chore(cadence=Cadence.MONTHLY, work=work))
    await due(sessions, 0.01)
    assert await do_next(sessions, tasks, worker="w", stop=asyncio.Event())
    task = await the_task(sessions)
    assert (task.error, task.report, task.missed) == ("ZeroDivisionError: no days", None, 0)
    assert task.due_at > datetime.now(UTC)


async def test_a_task_of_a_worker_that_stops_or_is_lost_is_done_by_another_and_counts_once(sessions: Sessions) -> None:
    done: list[int] = []
    tasks, stop = await known(sessions, counting(done)), asyncio.Event()
    await due(sessions, 0.01)
    leaving = asyncio.Event()
    slow = asyncio.create_task(do_next(sessions, {"task": counting(done, 60)}, worker="stops", stop=leaving))
    await asyncio.sleep(0.1)
    leaving.set()
    assert await slow
    lost = await schedules.claim(sessions, tasks, worker="lost")
    assert lost is not None
    assert await schedules.claim(sessions, tasks, worker="w") is None, "it has its lease"
    await due(sessions, 0.01, lease_until=datetime.now(UTC))
    assert await do_next(sessions, tasks, worker="heir", stop=stop)
    assert await schedules.end(sessions, lost, Cadence.DAILY, report={"done": 99}, error=None) is None
    task = await the_task(sessions)
    assert (task.worker, task.report, task.fence, len(done)) == ("heir", {"done": 1}, 3, 1)


async def test_every_task_of_a_worker_works(sessions: Sessions, app_settings: Settings, tmp_path: Path) -> None:
    tasks, stop = chores(app_settings.model_copy(update={"snapshots": str(tmp_path)}), sessions), asyncio.Event()
    await schedules.register(sessions, {name: chore.cadence for name, chore in tasks.items()})
    await due(sessions, 0.01)
    while await do_next(sessions, tasks, worker="w", stop=stop):
        pass
    found = await schedules.every(sessions)
    assert {task.name: task.error for task in found} == dict.fromkeys(tasks)
    assert [task.name for task in found if task.report is None] == []


async def test_the_reviews_tell_waits_failures_growth_and_who_submitted(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    await submit(sessions, "b")
    held = await leases.claim(sessions, worker="w", lease_s=60)
    assert held is not None
    assert held.run_id == run_id
    await leases.crash(sessions, held, reason="it broke", max_crashes=1)
    found = await reviews.performance(sessions, {"table_bytes": {"runs": 0}})
    assert (found["runs"], found["failed"], found["events"]) == (1, {"POISONED": 1}, {"crashed": 1, "poisoned": 1})
    assert 0 <= found["waited_s"]["half"] <= found["waited_s"]["of_20_19"] < 60
    assert list(found["grown_bytes"]) == ["runs"]
    assert found["grown_bytes"]["runs"] == found["table_bytes"]["runs"] > 0
    await accounts.create(sessions, email="ada@example.com", role=Role.OPERATOR, password=GOOD, by="local")
    await signing_in.sign_in(sessions, email="ada@example.com", password=GOOD, client="tests")
    with pytest.raises(Forbidden):
        await signing_in.sign_in(sessions, email="eve@example.com", password=GOOD, client="tests")
    await keys.create(sessions, email="ada@example.com", name="nightly", role=Role.VIEWER, days=7, by="local")
    seen = await reviews.access(sessions)
    (key,) = seen["keys"]
    assert (key["user"], key["name"], key["role"], key["last_used"]) == ("ada@example.com", "nightly", "viewer", None)
    (account,) = seen["accounts"]
    assert (account["email"], account["role"], account["disabled"], account["signed_in_to"]) == ("ada@example.com", "operator", False, 1)
    assert account["last_sign_in"] >= account["password_since"]
    assert seen["refused_sign_ins_30_days"] == {"eve@example.com": 1}
    (user,) = seen["users"]
    assert (user["user"], user["submitted"], user["last_30_days"]) == ("tester", 2, 2)
    assert seen["database_roles"]
