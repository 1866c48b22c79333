"""Runs as their users see them."""

import asyncio
from uuid import UUID, uuid4

import pytest
from sqlalchemy import func, select

from app.db.models import Outbox, Run, RunState
from app.db.session import Sessions
from app.errors import BadInput, Conflict, NotFound
from app.services import leases, runs, sweeps
from app.services.admission import Limits
from app.services.runs import Wish
from engine.config import parse_spec
from tests.app.jobs.stage import spec, submit
from tests.app.services.test_sweeps import the_sweep


async def test_a_submitted_run_is_queued_with_its_spec_and_owed_a_ring(sessions: Sessions) -> None:
    run = await runs.submit(sessions, spec=spec("mine"), submitted_by="ada")
    found = await runs.get(sessions, run.id)
    assert (found.state, found.name, found.created_by, found.strategy) == (RunState.QUEUED, "mine", "ada", "spatial")
    assert parse_spec(found.spec) == spec("mine")
    assert found.spec_hash == spec("mine").hash()
    async with sessions() as session:
        rings = (await session.execute(select(Outbox.run_id, Outbox.attempt, Outbox.sent_at))).all()
    assert [tuple(ring) for ring in rings] == [(run.id, 0, None)]


async def test_an_unknown_run_is_not_found(sessions: Sessions) -> None:
    nobody = uuid4()
    with pytest.raises(NotFound, match=str(nobody)):
        await runs.get(sessions, nobody)
    with pytest.raises(NotFound, match=str(nobody)):
        await runs.cancel(sessions, nobody)


async def test_pages_list_every_run_once_newest_first(sessions: Sessions) -> None:
    made = [await submit(sessions, f"quick {number}") for number in range(7)]
    seen, after, more = [], None, True
    while more:
        page = await runs.page(sessions, first=3, after=after)
        seen += [run.id for run in page.runs]
        after, more = page.runs[-1].id, page.more
    assert seen == made[::-1]


async def test_runs_of_one_instant_are_paged_without_loss(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        made = [runs.Run(created_by="ada", name="twin", strategy="spatial", spec={}, spec_hash="") for _ in range(5)]
        session.add_all(made)
    assert len({run.created_at for run in made}) == 1
    first = await runs.page(sessions, first=2)
    rest = await runs.page(sessions, first=9, after=first.runs[-1].id)
    assert sorted(run.id for run in first.runs + rest.runs) == sorted(run.id for run in made)
    assert (first.more, rest.more) == (True, False)


async def test_a_page_can_be_of_one_state(sessions: Sessions) -> None:
    queued, cancelled = await submit(sessions, "a"), await submit(sessions, "b")
    await runs.cancel(sessions, cancelled)
    assert [run.id for run in (await runs.page(sessions, first=9, state=RunState.CANCELLED)).runs] == [cancelled]
    assert [run.id for run in (await runs.page(sessions, first=9, state=RunState.QUEUED)).runs] == [queued]


async def test_a_finished_run_cannot_be_cancelled(sessions: Sessions) -> None:
    run_id = await submit(sessions, "a")
    assert (await runs.cancel(sessions, run_id)).finished_at is not None
    with pytest.raises(Conflict, match="is cancelled; only one that is queued or running"):
        await runs.cancel(sessions, run_id)


async def test_a_run_that_is_cancelled_while_it_is_claimed_is_never_both(sessions: Sessions) -> None:
    for _ in range(20):
        run_id = await submit(sessions, "a")
        claim, run = await asyncio.gather(
            leases.claim(sessions, worker="w", lease_s=60),
            runs.cancel(sessions, run_id),
        )
        assert (claim is None) == (run.state == RunState.CANCELLED)
        assert run.cancel_requested


async def test_a_refused_submission_leaves_nothing_behind(sessions: Sessions) -> None:
    with pytest.raises(Exception, match=r"invalid byte sequence|untranslatable|\\u0000"):
        await runs.submit(sessions, spec=spec("a").model_copy(update={"name": "zero \x00"}), submitted_by="ada")
    async with sessions() as session:
        assert await session.scalar(select(func.count()).select_from(Outbox)) == 0
    assert (await runs.page(sessions, first=1)).runs == []


async def asked(sessions: Sessions, name: str = "mine", *, by: str = "ada", key: str | None = "k-1", limits: Limits = runs.NO_LIMITS) -> UUID:
    return (await runs.submit(sessions, spec=spec(name), submitted_by=by, wish=Wish(request_key=key), limits=limits)).id


async def queued(sessions: Sessions) -> tuple[int, int]:
    """Return how many runs there are, parts too, and how many rings they are owed."""
    async with sessions() as session:
        return await session.scalar(select(func.count()).select_from(Run)) or 0, await session.scalar(select(func.count()).select_from(Outbox)) or 0


async def test_what_is_asked_for_again_under_its_key_is_what_it_was_and_is_queued_once(sessions: Sessions) -> None:
    first = await asked(sessions)
    assert await asked(sessions, limits=Limits(queued=1)) == first, "also while there is no room for more"
    await runs.cancel(sessions, first)
    assert await asked(sessions) == first
    assert await queued(sessions) == (1, 1)
    assert len({first, await asked(sessions, by="eve"), await asked(sessions, key="k-2"), await asked(sessions, key=None)}) == 4
    with pytest.raises(Conflict, match=rf"k-1 stands for the run {first}, which is another one"):
        await asked(sessions, "yours")


async def test_of_many_who_ask_at_once_under_one_key_all_get_the_same(sessions: Sessions) -> None:
    found = await asyncio.gather(*(asked(sessions) for _ in range(8)))
    assert len(set(found)) == 1
    assert await queued(sessions) == (1, 1)


async def test_a_sweep_under_a_key_is_queued_once_with_its_parts(sessions: Sessions) -> None:
    made = the_sweep(parameters=[{"path": "strategy.threshold_bps", "low": 1, "high": 50, "count": 50}])

    async def submitted() -> UUID:
        wish = Wish(request_key="k-1")
        return (await sweeps.submit(sessions, sweep=made, submitted_by="ada", parts=3, wish=wish)).id

    assert len(set(await asyncio.gather(*(submitted() for _ in range(4))))) == 1
    assert await queued(sessions) == (4, 3)
    with pytest.raises(Conflict, match="k-1 stands for the sweep "):
        await asked(sessions)


@pytest.mark.parametrize("key", ["", "a b", "x" * 101, "caf\u00e9", "a\n"])
async def test_what_is_no_key_is_said(sessions: Sessions, key: str) -> None:
    with pytest.raises(BadInput, match="requestKey: expected 1 to 100 visible characters"):
        await asked(sessions, key=key)
    assert await queued(sessions) == (0, 0)
