"""Subscriptions over a WebSocket: who gets in, what comes, what is refused, and that nothing is left."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
from redis.asyncio import Redis
from starlette.applications import Starlette
from websockets import State
from websockets.asyncio.client import ClientConnection, connect

from app.api.application import create_app
from app.api.live import A_CONNECTION
from app.contract import operation
from app.db.session import Sessions, make_sessions
from app.services import accounts, leases, runs
from app.settings import Settings
from tests.app.api.asking import post
from tests.app.api.rows import claim, finish, submit
from tests.app.api.test_served import address, remote, served
from tests.app.services.test_accounts import GOOD, user

__all__ = ["address", "remote"]

PATIENCE_S = 120
Form = dict[str, Any]
Address = tuple[str, int]


class Client:
    """What a client of the protocol does."""

    def __init__(self, socket: ClientConnection) -> None:
        self.socket = socket

    async def send(self, **message: object) -> None:
        await self.socket.send(json.dumps(message))

    async def hear(self) -> Form:
        async with asyncio.timeout(PATIENCE_S):
            found: Form = json.loads(await self.socket.recv())
        return found

    async def follow(self, query: str, name: str = "1", **variables: object) -> None:
        await self.send(type="subscribe", id=name, payload={"query": query, "variables": variables})

    async def data(self, field: str) -> Form:
        """Return what comes next of a subscription; no error is expected."""
        message = await self.hear()
        assert message["type"] == "next", message
        assert "errors" not in message["payload"], message
        found: Form = message["payload"]["data"][field]
        return found

    async def closed(self) -> int:
        async with asyncio.timeout(PATIENCE_S):
            await self.socket.wait_closed()
        assert self.socket.close_code is not None
        return self.socket.close_code


@asynccontextmanager
async def socket(at: Address, **options: Any) -> AsyncIterator[Client]:
    async with connect(f"ws://{at[0]}:{at[1]}/graphql", **{"subprotocols": ["graphql-transport-ws"], "proxy": None, **options}) as found:
        yield Client(found)


@asynccontextmanager
async def welcome(at: Address, settings: Settings) -> AsyncIterator[Client]:
    async with socket(at) as client:
        await client.send(type="connection_init", payload={"Authorization": f"Bearer {settings.api_secret_key.get_secret_value()}"})
        assert (await client.hear())["type"] == "connection_ack"
        yield client


@pytest.fixture
async def client(address: Address, app_settings: Settings) -> AsyncIterator[Client]:
    async with welcome(address, app_settings) as found:
        yield found


async def test_a_run_is_followed_to_its_result(client: Client, sessions: Sessions) -> None:
    run = await submit(sessions)
    await client.follow(operation("RunChanged"), id=str(run.id))
    assert (await client.data("runChanged"))["state"] == "QUEUED"
    result = await finish(sessions, run)
    last = await client.data("runChanged")
    while last["state"] != "DONE":
        last = await client.data("runChanged")
    assert last["result"]["verdict"] == result.summary["verdict"]
    assert await client.hear() == {"type": "complete", "id": "1"}


async def test_ends_are_taken_up_again_where_a_connection_broke(client: Client, address: Address, app_settings: Settings, sessions: Sessions) -> None:
    await client.follow(operation("JobEnded"))
    first = asyncio.create_task(client.data("jobEnded"))
    ids: list[str] = []
    while not first.done():
        ids.append(str((await runs.cancel(sessions, (await submit(sessions)).id)).id))
        await asyncio.sleep(0.1)
    end = await first
    await client.socket.close()
    missed = [*ids[ids.index(end["job"]["id"]) + 1 :], str((await runs.cancel(sessions, (await submit(sessions)).id)).id)]
    async with welcome(address, app_settings) as again:
        await again.follow(operation("JobEnded"), after=end["cursor"])
        heard = [(await again.data("jobEnded"))["job"]["id"] for _ in missed]
        while heard[-1] != missed[-1]:
            heard.append((await again.data("jobEnded"))["job"]["id"])
    assert heard[-len(missed) :] == missed
    assert end["job"]["state"] == "CANCELLED"


async def test_what_is_not_there_or_no_cursor_is_said_and_that_is_the_end(client: Client) -> None:
    for query, field, variables in (
        ("RunChanged", "runChanged", {"id": "nonsense"}),
        ("SweepChanged", "sweepChanged", {"id": "01a2324d-9d1e-71e3-b22b-266ae44e32cd"}),
        ("JobEnded", "jobEnded", {"after": "bm9uZQ"}),
    ):
        await client.follow(operation(query), **variables)
        found = await client.data(field)
        assert found["code"] in {"NOT_FOUND", "BAD_INPUT"}, found
        assert (await client.hear())["type"] == "complete"


@pytest.mark.parametrize("payload", [{}, {"Authorization": "Bearer wrong"}, {"Authorization": ["Bearer"]}, {"Authorization": None}])
async def test_nobody_gets_in_without_a_token(address: Address, payload: Form) -> None:
    async with socket(address) as client:
        await client.send(type="connection_init", payload=payload)
        assert await client.closed() == 4403


async def test_a_token_may_come_as_a_header(address: Address, app_settings: Settings) -> None:
    key = app_settings.api_secret_key.get_secret_value()
    async with socket(address, additional_headers={"Authorization": f"Bearer {key}"}) as client:
        await client.send(type="connection_init")
        assert await client.hear() == {"type": "connection_ack", "payload": {"livesS": app_settings.jwt_expiration}}


async def test_who_follows_before_saying_who_asks_is_cut_off(address: Address) -> None:
    async with socket(address) as client:
        await client.follow(operation("JobEnded"))
        assert await client.closed() == 4401


async def test_while_the_database_is_away_who_has_an_account_is_told_to_try_again(
    address: Address, remote: httpx2.AsyncClient, sessions: Sessions, redis: Redis, app_settings: Settings
) -> None:
    await user(sessions)
    token = (await remote.post("/auth/sign-in", json={"email": "ada@example.com", "password": GOOD})).json()["accessToken"]
    engine, away = make_sessions(app_settings.database_url.set(host="127.0.0.1", port=1), 1)
    app = create_app(sessions=away, redis=redis, queue="q", settings=app_settings, ring=redis.ping)
    async with served(app) as at, socket(at) as client:
        await client.send(type="connection_init", payload={"Authorization": f"Bearer {token}"})
        assert await client.closed() == 1013
    await engine.dispose()


async def test_another_protocol_is_not_spoken(address: Address) -> None:
    async with socket(address, subprotocols=["graphql-ws"]) as client:
        assert await client.closed() == 4406


async def test_a_page_of_another_origin_cannot_connect(address: Address) -> None:
    with pytest.raises(Exception, match="HTTP 403"):
        async with socket(address, origin="https://elsewhere.example"):
            pass


@pytest.mark.parametrize(
    "message",
    [
        "rubbish",
        "[]",
        "7",
        "{}",
        '{"type": "subscribe"}',
        '{"type": "subscribe", "id": [], "payload": {"query": "{ a }"}}',
        '{"type": "subscribe", "id": "1", "payload": "x"}',
        '{"type": "subscribe", "id": "1", "payload": {"query": 7}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "variables": []}}',
        '{"type": "subscribe", "id": "1", "payload": {"query": "{ a }", "operationName": {}}}',
        '{"type": "complete", "id": {}}',
        '{"type": "dance"}',
        b"\x00\x01",
        " " * (2 << 20),
    ],
    ids=lambda message: repr(message[:40]),
)
async def test_a_message_that_is_none_ends_the_connection_and_no_other(
    client: Client, address: Address, app_settings: Settings, message: str
) -> None:
    async with welcome(address, app_settings) as other:
        await client.socket.send(message)
        assert await client.closed() in {4400, 1009}
        await other.send(type="ping")
        assert await other.hear() == {"type": "pong"}


@pytest.mark.parametrize(
    ("query", "code", "says"),
    [
        ("{ viewer { name } }", "BAD_DOCUMENT", "A query is not answered here: a WebSocket is for subscriptions alone"),
        ("subscription { nothing }", "BAD_DOCUMENT", "Cannot query field 'nothing'"),
        ("subscription {", "BAD_DOCUMENT", "Syntax Error"),
        ("subscription { jobEnded { __typename } jobEnded2: jobEnded { __typename } }", "BAD_DOCUMENT", "must select only one top level field"),
        (f"subscription {{ jobEnded {{ {'__typename ' * 60} }} }}", "TOO_LARGE", "asked for twice"),
        ("subscription A { jobEnded { __typename } } subscription B { jobEnded { __typename } }", "BAD_DOCUMENT", "several operations"),
    ],
    ids=["query", "field", "syntax", "two", "weight", "several"],
)
async def test_a_document_is_held_to_the_rules_of_requests(client: Client, query: str, code: str, says: str) -> None:
    await client.follow(query)
    message = await client.hear()
    assert message["type"] == "error"
    (error,) = message["payload"]
    assert error["extensions"]["code"] == code
    assert says in error["message"]
    await client.send(type="ping")
    assert await client.hear() == {"type": "pong"}


async def test_a_subscription_is_not_answered_to_a_request(remote: httpx2.AsyncClient) -> None:
    answer = await post(remote, operation("JobEnded"))
    assert "subscriptions go over a WebSocket" in answer["errors"][0]["message"]


async def test_a_connection_has_so_many_subscriptions_and_no_more(client: Client) -> None:
    for at in range(A_CONNECTION + 1):
        await client.follow(operation("JobEnded"), name=str(at))
    message = await client.hear()
    assert (message["type"], message["id"]) == ("error", str(A_CONNECTION))
    await client.send(type="complete", id="3")
    await client.follow("subscription { nothing }", name="new")
    assert (await client.hear())["payload"][0]["extensions"]["code"] == "BAD_DOCUMENT"  # there is room again


async def test_a_viewer_follows_so_many_things_over_all_connections(
    client: Client, address: Address, app_settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.live.A_VIEWER", 2)
    for name in ("a", "b"):
        await client.follow(operation("JobEnded"), name=name)
    async with welcome(address, app_settings) as other:
        await other.follow(operation("JobEnded"))
        (error,) = (await other.hear())["payload"]
        assert error["extensions"]["code"] == "RATE_LIMITED"
        assert "a viewer may follow 2 things at a time" in error["message"]
        await client.socket.close()
        answer = error
        async with asyncio.timeout(PATIENCE_S):
            while answer is error:  # until the other connection's are ended
                await other.follow(operation("RunChanged"), id="none")
                message = await other.hear()
                answer = error if message["type"] == "error" else message["payload"]["data"]["runChanged"]
        assert answer["code"] == "NOT_FOUND"


async def test_nothing_is_left_of_clients_that_went_away(
    address: Address, app_settings: Settings, remote: httpx2.AsyncClient, sessions: Sessions
) -> None:
    async def gauge(name: str) -> float:
        lines = (await remote.get("/metrics")).text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])

    async def comes_to(name: str, value: float) -> None:
        async with asyncio.timeout(PATIENCE_S):
            while await gauge(name) != value:
                await asyncio.sleep(0.02)

    run = await submit(sessions)
    for _ in range(3):
        async with welcome(address, app_settings) as client:
            await client.follow(operation("JobEnded"), name="a")
            await client.follow(operation("RunChanged"), name="b", id=str(run.id))
            await client.data("runChanged")
            await comes_to("usdc_arb_subscriptions", 2)
            client.socket.transport.abort()  # no goodbye
        await comes_to("usdc_arb_subscriptions", 0)
        await comes_to("usdc_arb_websockets", 0)


async def test_a_client_that_does_not_read_gets_the_last_state_when_it_does(client: Client, sessions: Sessions) -> None:
    run = await submit(sessions)
    await client.follow(operation("RunChanged"), id=str(run.id))
    await client.data("runChanged")
    held = await claim(sessions, run)
    for step in range(40):
        await leases.heartbeat(sessions, held, lease_s=60, reading=leases.Reading(stage="on", fraction=step / 40))
    await leases.fail(sessions, held, code="X", message="x")
    heard = [await client.data("runChanged")]
    while heard[-1]["state"] != "FAILED":
        heard.append(await client.data("runChanged"))
    assert len(heard) < 40  # what changed between two looks comes once
    assert heard[-1]["error"] == {"code": "X", "message": "x"}


@pytest.fixture
def app_settings(app_settings: Settings, request: pytest.FixtureRequest) -> Settings:
    return app_settings.model_copy(update=getattr(request, "param", {}))


@pytest.mark.parametrize("app_settings", [{"jwt_expiration": 1}], indirect=True)
async def test_a_connection_lives_no_longer_than_a_token(client: Client, app: Starlette) -> None:
    await client.follow(operation("JobEnded"))
    assert await client.closed() == 1001
    assert client.socket.state == State.CLOSED


async def test_somebody_who_is_shut_out_hears_nothing_more(
    address: Address, remote: httpx2.AsyncClient, sessions: Sessions, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.api.live.AGAIN_S", 0.05)
    tokens = {}
    for email in ("ada@example.com", "eve@example.com"):
        await user(sessions, email)
        tokens[email] = (await remote.post("/auth/sign-in", json={"email": email, "password": GOOD})).json()["accessToken"]
    async with socket(address) as ada, socket(address) as eve:
        for client, email in ((ada, "ada@example.com"), (eve, "eve@example.com")):
            await client.send(type="connection_init", payload={"Authorization": f"Bearer {tokens[email]}"})
            await client.hear()
            await client.follow(operation("JobEnded"))
        await accounts.set_disabled(sessions, "ada@example.com", disabled=True, by="local")
        assert await ada.closed() == 1001
        await eve.send(type="ping")
        assert await eve.hear() == {"type": "pong"}
    async with socket(address) as again:
        await again.send(type="connection_init", payload={"Authorization": f"Bearer {tokens['ada@example.com']}"})
        assert await again.closed() == 4403


@pytest.mark.parametrize("app_settings", [{"api_trusted_only": True}], indirect=True)
async def test_trusted_documents_alone_are_followed_where_that_is_asked_for(client: Client) -> None:
    await client.follow("subscription { jobEnded { __typename } }")
    assert (await client.hear())["type"] == "error"
    await client.follow(operation("RunChanged"), id="none")
    assert (await client.data("runChanged"))["code"] == "NOT_FOUND"


@pytest.mark.parametrize("app_settings", [{"api_requests_per_minute": 3}], indirect=True)
async def test_each_subscription_counts_as_a_request(client: Client) -> None:
    for at in range(4):
        await client.follow(operation("RunChanged"), name=str(at), id="none")
    heard = [await client.hear() for _ in range(7)]
    (refused,) = [message for message in heard if message["type"] == "error"]
    assert refused["payload"][0]["extensions"]["code"] == "RATE_LIMITED"
