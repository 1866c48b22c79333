"""The queue as an operator sees it, by the named operations that the command line sends."""

from datetime import UTC, datetime, timedelta

import httpx2
from sqlalchemy import update

from app.db.models import Outbox, Run
from app.db.session import Sessions
from app.services import leases, workers
from app.services.workers import State
from tests.app.api.asking import ask
from tests.app.api.rows import submit
from tests.app.api.test_health import samples
from tests.app.services.test_parts import queued as sweep_in_parts

IDLE = State(slots=4, busy=1, children_bytes=3 << 30, version="1")


async def test_the_queue_shows_what_waits_who_works_and_whose_share_is_what(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    await submit(sessions, by="ada")
    await submit(sessions, by="bob")
    assert await leases.claim(sessions, worker="w:1", lease_s=60) is not None
    await workers.tell(sessions, "w:1", IDLE)
    await workers.tell(sessions, "gone", IDLE)
    await workers.leave(sessions, "gone")
    share = (await ask(client, "SetShare", user="bob", weight=2.5, maxRunning=3))["setShare"]
    assert share == {"__typename": "Share", "user": "bob", "weight": 2.5, "maxRunning": 3, "maxQueued": None}
    queue = (await ask(client, "Queue"))["queue"]
    assert (queue["queued"], [worker["name"] for worker in queue["workers"]]) == (1, ["w:1"])
    assert (queue["workers"][0]["busy"], int(queue["workers"][0]["childrenBytes"])) == (1, 3 << 30)
    assert [(user["share"]["user"], user["share"]["weight"], user["queued"], user["running"]) for user in queue["users"]] == [
        ("ada", 1.0, 0, 1),
        ("bob", 2.5, 1, 0),
    ]
    assert (await ask(client, "SetShare", user="bob", weight=0))["setShare"]["code"] == "BAD_INPUT"
    assert (await ask(client, "SetShare", user="new", maxQueued=0))["setShare"]["maxQueued"] == 0


async def test_a_worker_is_drained_and_let_loose_by_its_name(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    await workers.tell(sessions, "w:1", IDLE)
    assert (await ask(client, "DrainWorker", name="w:1"))["drainWorker"] == {"__typename": "Worker", "name": "w:1", "busy": 1, "draining": True}
    assert await workers.tell(sessions, "w:1", IDLE), "it hears of it"
    assert not (await ask(client, "DrainWorker", name="w:1", draining=False))["drainWorker"]["draining"]
    assert (await ask(client, "DrainWorker", name="w:2"))["drainWorker"]["code"] == "NOT_FOUND"


async def test_a_job_tells_who_has_it_and_what_happened_to_it(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run = await submit(sessions)
    held = await leases.claim(sessions, worker="w:1", lease_s=60)
    assert held is not None
    await leases.crash(sessions, held, reason="it broke", max_crashes=2)
    assert await leases.claim(sessions, worker="w:2", lease_s=60) is not None
    job = (await ask(client, "Job", id=str(run.id)))["job"]
    assert (job["kind"], job["state"], job["worker"], job["attempt"], job["crashes"]) == ("BACKTEST", "RUNNING", "w:2", 1, 1)
    assert [(event["attempt"], event["event"], event["reason"]) for event in job["events"]] == [(0, "crashed", "it broke")]
    assert (await ask(client, "Job", id="nothing"))["job"] is None


async def test_jobs_are_listed_with_the_parts_of_sweeps(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    sweep_id = await sweep_in_parts(sessions, 2)
    jobs = (await ask(client, "Jobs"))["jobs"]
    assert sorted(job["kind"] for job in jobs) == ["PART", "PART", "SWEEP"]
    part = next(job for job in jobs if job["kind"] == "PART")
    assert (await ask(client, "Job", id=part["id"]))["job"]["parentId"] == str(sweep_id)
    await ask(client, "CancelSweep", id=str(sweep_id))
    assert (await ask(client, "Jobs", state="QUEUED"))["jobs"] == []


async def test_the_metrics_tell_depth_age_claims_events_outbox_and_memory(
    client: httpx2.AsyncClient, sessions: Sessions, stranger: httpx2.AsyncClient
) -> None:
    await submit(sessions)
    await submit(sessions)
    assert await leases.claim(sessions, worker="w", lease_s=-1) is not None
    await leases.reap(sessions, max_crashes=1)
    await workers.tell(sessions, "w", IDLE)
    async with sessions.begin() as session:
        ago = datetime.now(UTC) - timedelta(seconds=100)
        await session.execute(update(Run).values(created_at=ago))
        await session.execute(update(Outbox).values(created_at=ago))
    found = await samples(stranger)
    assert (found["usdc_arb_jobs_queued"], found["usdc_arb_jobs_claims"], found["usdc_arb_workers"]) == (1, 1, 1)
    assert 100 <= found["usdc_arb_jobs_oldest_seconds"] < 160
    assert 100 <= found["usdc_arb_jobs_outbox_seconds"] < 160
    events = {name: found[f'usdc_arb_jobs_events{{event="{name}"}}'] for name in ("lost", "poisoned", "crashed")}
    assert events == {"lost": 1, "poisoned": 1, "crashed": 0}
    assert (found['usdc_arb_worker_slots{use="busy"}'], found['usdc_arb_worker_slots{use="free"}']) == (1, 3)
    assert found["usdc_arb_worker_children_bytes"] == 3 << 30
