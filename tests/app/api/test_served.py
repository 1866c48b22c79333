"""The application behind uvicorn, on a socket, as it runs in earnest."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import httpx2
import pytest
import structlog
import uvicorn
from starlette.applications import Starlette

from app.settings import Settings
from tests.app.api.asking import ask, post


@asynccontextmanager
async def served(app: Starlette) -> AsyncIterator[tuple[str, int]]:
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, access_log=False, lifespan="on"))
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        serving = asyncio.create_task(server.serve(sockets=[listening]))
        while not server.started:
            await asyncio.sleep(0.01)
        yield listening.getsockname()
        server.should_exit = True
        await serving


@pytest.fixture
async def address(app: Starlette) -> AsyncIterator[tuple[str, int]]:
    async with served(app) as at:
        yield at


@pytest.fixture
async def remote(address: tuple[str, int], app_settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    headers = {"Authorization": f"Bearer {app_settings.api_secret_key.get_secret_value()}"}
    async with httpx2.AsyncClient(base_url=f"http://{address[0]}:{address[1]}", headers=headers, trust_env=False) as client:
        yield client


async def test_operations_and_files_come_over_a_socket(remote: httpx2.AsyncClient, done: UUID) -> None:
    result = (await ask(remote, "RunResult", id=str(done)))["run"]["result"]
    assert (await remote.get(result["files"][0]["path"])).status_code == 200


async def test_a_body_over_the_limit_is_refused_and_the_next_request_served(remote: httpx2.AsyncClient) -> None:
    response = await remote.post("/graphql", content=b" " * (3 << 20), headers={"Content-Type": "application/json"})
    assert response.status_code == 413
    assert (await ask(remote, "Viewer"))["viewer"]["name"] == "local"


async def test_a_client_that_goes_away_in_mid_body_is_no_error(address: tuple[str, int], app_settings: Settings) -> None:
    key = app_settings.api_secret_key.get_secret_value()
    head = f"POST /graphql HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\nContent-Type: application/json\r\nContent-Length: 100\r\n\r\n"
    with structlog.testing.capture_logs() as logs:
        _, writer = await asyncio.open_connection(*address)
        writer.write(head.encode() + b"{")
        await writer.drain()
        await asyncio.sleep(0.1)
        writer.close()
        async with asyncio.timeout(60):
            while not any(entry["event"] == "request" for entry in logs):
                await asyncio.sleep(0.01)
    assert [entry["status"] for entry in logs if entry["event"] == "request"] == [499]
    assert [entry for entry in logs if entry["log_level"] in {"warning", "error"}] == []


async def test_requests_side_by_side_do_not_mix(remote: httpx2.AsyncClient) -> None:
    answers = await asyncio.gather(*(post(remote, f"{{ a{i}: viewer {{ name }} }}") for i in range(20)))
    assert [list(answer["data"]) for answer in answers] == [[f"a{i}"] for i in range(20)]
