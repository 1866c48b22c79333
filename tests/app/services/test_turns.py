"""Whose turn it is: users by weight, their runs by priority, nobody for ever, nobody beyond a limit."""

import asyncio
from collections import Counter
from datetime import UTC, datetime, timedelta
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import URL, delete, insert, update

from app.db.jobs import Share
from app.db.models import Outbox, Priority, Run, RunState
from app.db.session import Sessions, make_sessions
from app.errors import BadInput, Conflict, QueueFull
from app.services import leases, runs, turns
from app.services.admission import Limits
from app.services.leases import Claim, Product
from app.services.runs import Wish
from tests.app.jobs.stage import spec

ENDED = Product(summary={}, manifest={}, manifest_hash="", files={})


async def submit(sessions: Sessions, user: str, count: int = 1, **wish: object) -> list[UUID]:
    rows = [{"created_by": user, "name": "a", "strategy": "spatial", "spec": {}, "spec_hash": "", **wish} for _ in range(count)]
    async with sessions.begin() as session:
        return list(await session.scalars(insert(Run).returning(Run.id), rows))


async def share(sessions: Sessions, user: str, **values: object) -> None:
    async with sessions.begin() as session:
        await session.execute(update(Share).where(Share.name == user).values(**values))


async def claim(sessions: Sessions, **how: int) -> Claim:
    found = await leases.claim(sessions, worker="w", lease_s=60, **how)
    assert found is not None
    return found


async def user_of(sessions: Sessions, held: Claim) -> str:
    return (await runs.get(sessions, held.run_id)).created_by


async def serve(sessions: Sessions, turns: int) -> list[str]:
    """Return whose runs are begun on one slot, each ended before the next."""
    users = []
    for _ in range(turns):
        held = await claim(sessions)
        users.append(await user_of(sessions, held))
        assert await leases.finish(sessions, held, ENDED)
    return users


async def test_users_take_turns_by_weight_whoever_came_first(sessions: Sessions) -> None:
    for user in ("ada", "bob"):
        await submit(sessions, user, 40)
    await share(sessions, "bob", weight=3)
    served = await serve(sessions, 24)
    assert Counter(served) == {"ada": 6, "bob": 18}
    assert max(map(len, "".join(user[0] for user in served).split("a"))) <= 4, "never more than weight + 1 in a row"


async def test_a_user_who_comes_back_gets_no_more_turns_for_having_been_away(sessions: Sessions) -> None:
    await submit(sessions, "bob")
    await serve(sessions, 1)
    await submit(sessions, "ada", 40)
    await serve(sessions, 20)
    await submit(sessions, "bob", 20)
    assert Counter(await serve(sessions, 10)) == {"ada": 5, "bob": 5}


async def test_a_free_slot_goes_to_whoever_has_fewest_runs_under_way(sessions: Sessions) -> None:
    await submit(sessions, "ada", 9)
    for _ in range(3):
        await claim(sessions)
    await submit(sessions, "bob", 9)
    assert [await user_of(sessions, await claim(sessions)) for _ in range(4)] == ["bob", "bob", "bob", "ada"]


async def test_priority_orders_the_runs_of_a_user_and_takes_nothing_from_others(sessions: Sessions) -> None:
    (plain,), (low,), (high,) = [await submit(sessions, "ada", priority=priority) for priority in (Priority.NORMAL, Priority.LOW, Priority.HIGH)]
    (other,) = await submit(sessions, "bob")
    order = []
    for _ in range(4):
        held = await claim(sessions)
        order.append(held.run_id)
        await leases.finish(sessions, held, ENDED)
    assert order.index(other) <= 1
    assert [run for run in order if run != other] == [high, plain, low]


async def test_nobody_has_more_runs_under_way_than_may_be_whoever_asks_at_once(sessions: Sessions) -> None:
    for user in ("ada", "bob"):
        await submit(sessions, user, 9)
    await share(sessions, "bob", max_running=1)
    found = await asyncio.gather(*(leases.claim(sessions, worker="w", lease_s=60, most_running=3) for _ in range(9)))
    assert Counter([await user_of(sessions, held) for held in found if held]) == {"ada": 3, "bob": 1}


SHARES = st.lists(st.sampled_from([0.5, 1.0, 2.0, 5.0]), min_size=2, max_size=4)
ARRIVALS = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 6)), min_size=1, max_size=6)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(weights=SHARES, arrivals=ARRIVALS)
def test_no_other_user_gets_more_turns_than_its_weight_says_before_one_who_waits(
    database_url: URL, weights: list[float], arrivals: list[tuple[int, int]]
) -> None:
    """On one slot: while u waits, v has at most weight(v) / weight(u) + 1 turns, whoever comes when."""
    for waiting, mine in enumerate(asyncio.run(overtaken(database_url, weights, arrivals))):
        for other, count in mine.items():
            assert count <= weights[other] / weights[waiting] + 1 + 1e-9, (waiting, other, count)


async def overtaken(url: URL, weights: list[float], arrivals: list[tuple[int, int]]) -> list[Counter[int]]:
    """Return, for each user, the most turns that each other one had while the user waited."""
    engine, sessions = make_sessions(url, 1)
    async with sessions.begin() as session:
        for table in (Outbox, Run, Share):
            await session.execute(delete(table))
        await session.execute(insert(Share), [{"name": str(at), "weight": weight} for at, weight in enumerate(weights)])
    most = [Counter[int]() for _ in weights]
    since = [Counter[int]() for _ in weights]
    waiting = Counter[int]()
    for user, count in (*arrivals, (-1, 0)):
        if count and user < len(weights):
            if not waiting[user]:
                since[user].clear()
            waiting[user] += count
            await submit(sessions, str(user), count)
        for _ in range(waiting.total() if user < 0 else min(3, waiting.total())):
            served = int((await serve(sessions, 1))[0])
            waiting[served] -= 1
            since[served].clear()
            for other in range(len(weights)):
                if other != served and waiting[other]:
                    since[other][served] += 1
                    most[other] |= since[other]
    await engine.dispose()
    return most


async def test_a_run_whose_deadline_passes_in_the_queue_fails_and_says_so(sessions: Sessions) -> None:
    (late,) = await submit(sessions, "ada", deadline_at=datetime.now(UTC) - timedelta(seconds=1))
    (soon,) = await submit(sessions, "ada", deadline_at=datetime.now(UTC) + timedelta(seconds=60))
    assert 50 < ((await claim(sessions)).left_s or 0) <= 60
    assert await leases.claim(sessions, worker="w", lease_s=60) is None
    assert await leases.expire(sessions) == [late]
    run = await runs.get(sessions, late)
    assert (run.state, run.error_code, (await runs.get(sessions, soon)).state) == (RunState.FAILED, leases.DEADLINE, RunState.RUNNING)
    assert [event.event for event in await runs.events(sessions, late)] == ["expired"]
    with pytest.raises(BadInput, match="expected a time to come"):
        await runs.submit(sessions, spec=spec("a"), submitted_by="ada", wish=Wish(deadline_at=datetime.now(UTC)))


async def test_a_full_queue_is_refused_with_the_time_after_which_there_is_room(sessions: Sessions) -> None:
    limits = Limits(queued=5, queued_per_user=3)
    for _ in range(3):
        await runs.submit(sessions, spec=spec("a"), submitted_by="ada", limits=limits)
    with pytest.raises(QueueFull, match=r"ada has 3 runs waiting, .* none has ended in the last 10 minutes, .* is a worker up\?") as refused:
        await runs.submit(sessions, spec=spec("a"), submitted_by="ada", limits=limits)
    assert refused.value.retry_after_s is None
    await leases.finish(sessions, await claim(sessions), ENDED)
    await submit(sessions, "bob", 3)
    with pytest.raises(QueueFull, match=r"5 runs are waiting, .*room in about 10 min, and all of them are done in about 50 min") as refused:
        await runs.submit(sessions, spec=spec("a"), submitted_by="cleo", limits=limits)
    assert refused.value.retry_after_s == 600
    await share(sessions, "ada", max_queued=0)
    with pytest.raises(QueueFull, match="ada has 0 runs waiting"):
        await runs.submit(sessions, spec=spec("a"), submitted_by="ada")


async def test_a_run_that_failed_is_queued_again_with_its_history(sessions: Sessions) -> None:
    run = await runs.submit(sessions, spec=spec("a"), submitted_by="ada")
    with pytest.raises(Conflict, match="is queued; only one that failed or was cancelled"):
        await runs.retry(sessions, run.id, by="bob")
    await leases.crash(sessions, await claim(sessions), reason="it broke", max_crashes=1)
    again = await runs.retry(sessions, run.id, by="bob")
    assert (again.state, again.attempt, again.crashes, again.error_code, again.finished_at) == (RunState.QUEUED, 1, 0, None, None)
    happened = [(event.event, event.attempt, event.reason) for event in await runs.events(sessions, run.id)]
    assert happened == [
        ("crashed", 0, "it broke"),
        ("poisoned", 0, "given up after breaking 1 times; the last time: it broke"),
        ("retried", 1, "bob queued it again after it had failed"),
    ]
    held = await claim(sessions)
    assert (held.run_id, held.attempt) == (run.id, 1)


async def test_whoever_freezes_in_the_middle_of_a_claim_holds_up_the_others_for_seconds(sessions: Sessions, libpq_uri: str) -> None:
    await submit(sessions, "ada", 2)
    frozen = await asyncpg.connect(libpq_uri)
    await frozen.execute("BEGIN")
    await frozen.execute(str(turns.ONE_AT_A_TIME))
    async with asyncio.timeout(60):
        first, second = [await claim(sessions) for _ in range(2)]
    assert first.run_id != second.run_id
    assert frozen.is_closed()
