"""Health, readiness and numbers, with the servers there and away."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast
from uuid import UUID

import httpx2
import pytest
import structlog
from redis.asyncio import Redis
from sqlalchemy import URL, text
from starlette.applications import Starlette

from app.api import health
from app.api.application import create_app
from app.contract import operation
from app.db import migrate
from app.db.session import Sessions, make_sessions
from app.settings import Settings
from app.version import code_version
from engine.synth import depeg_weekend
from tests.app.api.asking import ask, client_of, post
from tests.app.api.conftest import QUEUE
from tests.app.api.rows import submit


@asynccontextmanager
async def stranger_on(url: URL, redis: Redis, settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client of an application on another database."""
    engine, sessions = make_sessions(url, 2)
    app = create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=settings, ring=redis.ping)
    async with client_of(app, None) as client:
        yield client
    await engine.dispose()


async def test_a_living_process_tells_its_version_and_schema_to_anybody(stranger: httpx2.AsyncClient) -> None:
    response = await stranger.get("/healthz")
    assert response.status_code == 200
    assert response.json() == {"status": "ok", "version": code_version(), "schema": migrate.head()}


async def test_it_is_ready_where_database_queue_and_schema_are(stranger: httpx2.AsyncClient) -> None:
    response = await stranger.get("/readyz")
    assert (response.status_code, response.json()) == (200, {"ready": True, "parts": {"database": "ok", "queue": "ok"}})


@pytest.fixture
def nowhere() -> int:
    """A port that nobody listens on."""
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return cast(int, s.getsockname()[1])


async def test_it_is_not_ready_without_the_database_but_alive(redis: Redis, app_settings: Settings, nowhere: int) -> None:
    async with stranger_on(app_settings.database_url.set(port=nowhere), redis, app_settings) as client:
        ready, alive = await client.get("/readyz"), await client.get("/healthz")
    assert (ready.status_code, alive.status_code) == (503, 200)
    assert ready.json()["parts"] == {"database": "fails with ConnectionRefusedError", "queue": "ok"}
    assert ready.headers["retry-after"] == "5"


async def test_it_is_not_ready_without_the_queue(sessions: Sessions, app_settings: Settings, nowhere: int) -> None:
    async with Redis(port=nowhere) as away:
        app = create_app(sessions=sessions, redis=away, queue=QUEUE, settings=app_settings, ring=away.ping)
        async with client_of(app, None) as client:
            ready = await client.get("/readyz")
    assert (ready.status_code, ready.json()["parts"]) == (503, {"database": "ok", "queue": "fails with ConnectionError"})


async def test_it_is_not_ready_on_another_schema_and_says_which(empty_database_url: URL, redis: Redis, app_settings: Settings) -> None:
    async with stranger_on(empty_database_url, redis, app_settings) as client:
        ready = await client.get("/readyz")
    assert ready.status_code == 503
    assert ready.json()["parts"]["database"] == f"the schema is at None, this code expects {migrate.head()}: migrate"


async def test_a_part_that_hangs_is_given_up_in_time(redis: Redis, app_settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "PART_SECONDS", 0.2)
    open_ends: list[asyncio.StreamWriter] = []

    async def say_nothing(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        open_ends.append(writer)

    async with await asyncio.start_server(say_nothing, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        async with stranger_on(app_settings.database_url.set(port=port), redis, app_settings) as client:
            ready = await client.get("/readyz")
        for end in open_ends:
            end.close()
    assert ready.json()["parts"]["database"] == "no answer within 0.2 s"


async def test_a_query_without_the_database_says_that_it_may_succeed_later(redis: Redis, app_settings: Settings, nowhere: int) -> None:
    engine, sessions = make_sessions(app_settings.database_url.set(port=nowhere), 2)
    app = create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=app_settings, ring=redis.ping)
    async with client_of(app, app_settings.api_secret_key.get_secret_value()) as client:
        with structlog.testing.capture_logs() as logs:
            response = await client.post("/graphql", json={"query": "{ runs { edges { cursor } } }"})
            answer = response.json()
    await engine.dispose()
    assert (response.status_code, response.headers["retry-after"]) == (503, "5")
    assert answer["errors"][0]["extensions"] == {"code": "UNAVAILABLE"}
    assert "try again later" in answer["errors"][0]["message"]
    assert [entry["log_level"] for entry in logs if entry["event"] != "request"] == ["warning"]


async def test_a_full_disk_of_the_database_is_said_with_what_to_do(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    async with sessions.begin() as session:  # what PostgreSQL says when it cannot make a table's file longer
        said = "BEGIN RAISE 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END"
        await session.execute(text(f"CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $${said}$$"))
        await session.execute(text("CREATE TRIGGER full_disk BEFORE INSERT ON runs EXECUTE FUNCTION full_disk()"))
    answer = await post(client, operation("SubmitRun"), operationName="SubmitRun", variables={"spec": {"toml": depeg_weekend(1).spec_toml}})
    (error,) = answer["errors"]
    assert error["extensions"] == {"code": "DISK_FULL"}
    assert "make room" in error["message"]


async def test_it_recovers_by_itself_when_the_database_lost_its_connections(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    await ask(client, "Runs")
    async with sessions() as session:
        others = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
        await session.execute(text(others))
    await ask(client, "Runs")


async def samples(client: httpx2.AsyncClient) -> dict[str, float]:
    response = await client.get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain")
    lines = [line.rsplit(" ", 1) for line in response.text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


async def test_the_metrics_count_operations_errors_runs_and_the_queue(
    client: httpx2.AsyncClient, stranger: httpx2.AsyncClient, sessions: Sessions, redis: Redis, done: UUID
) -> None:
    await submit(sessions)
    await redis.zadd(QUEUE, {"a:0": 1, "b:0": 2})
    await ask(client, "Viewer")
    await post(client, "query Mine { viewer { name } }")
    await post(client, "{ runs(first: 0) { edges { cursor } } }")
    await client.get(f"/runs/{done}/files/report.html")
    await client.get("/nothing")
    found = await samples(stranger)
    assert found['usdc_arb_graphql_operation_seconds_count{operation="Viewer"}'] == 1
    assert found['usdc_arb_graphql_operation_seconds_count{operation="other"}'] == 2
    assert found['usdc_arb_graphql_errors_total{code="BAD_INPUT",operation="other"}'] == 1
    assert found['usdc_arb_http_request_seconds_count{method="POST",route="/graphql",status="200"}'] == 3
    assert found['usdc_arb_http_request_seconds_count{method="GET",route="/runs/{id}/files/{name:path}",status="200"}'] == 1
    assert found['usdc_arb_http_request_seconds_count{method="other",route="other",status="404"}'] == 1
    assert {state: found[f'usdc_arb_runs{{state="{state}"}}'] for state in ("queued", "done", "failed")} == {"queued": 1, "done": 1, "failed": 0}
    assert found['usdc_arb_queue_depth{queue="test:runs"}'] == 2
    assert found['usdc_arb_up{part="database"}'] == found['usdc_arb_up{part="queue"}'] == 1


async def test_the_metrics_answer_without_the_database(redis: Redis, app_settings: Settings, nowhere: int) -> None:
    async with stranger_on(app_settings.database_url.set(port=nowhere), redis, app_settings) as client:
        found = await samples(client)
    assert (found['usdc_arb_up{part="database"}'], found['usdc_arb_up{part="queue"}']) == (0, 1)
    assert 'usdc_arb_runs{state="queued"}' not in found


async def test_two_applications_in_one_process_count_apart(app: Starlette, sessions: Sessions, redis: Redis, app_settings: Settings) -> None:
    other = create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=app_settings, ring=redis.ping)
    async with client_of(app, app_settings.api_secret_key.get_secret_value()) as client:
        await ask(client, "Viewer")
    async with client_of(other, None) as client:
        assert 'usdc_arb_graphql_operation_seconds_count{operation="Viewer"}' not in await samples(client)
