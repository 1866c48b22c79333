"""/graphql takes one JSON document by POST and nothing else; faults stay inside."""

import json
from typing import Any

import httpx2
import pytest
import structlog
from arq.connections import ArqRedis
from graphql import GraphQLError
from redis.asyncio import Redis
from starlette.applications import Starlette

from app.api.application import create_app
from app.api.errors import explain_all
from app.api.guard import Limits
from app.db.session import Sessions
from app.main.api import make_app
from app.main.servers import Servers
from app.settings import Settings
from tests.app.api.asking import client_of, post
from tests.app.api.conftest import QUEUE
from tests.app.api.rows import submit, weekend

JSON = {"Content-Type": "application/json"}


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH"])
async def test_only_post_is_allowed(client: httpx2.AsyncClient, method: str) -> None:
    response = await client.request(method, "/graphql?query={viewer{name}}")
    assert response.status_code == 405
    assert response.headers["allow"] == "POST"
    assert response.json()["errors"][0]["extensions"]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize("media", ["multipart/form-data; boundary=x", "application/x-www-form-urlencoded", "text/plain", "application/graphql", ""])
async def test_only_json_is_accepted(client: httpx2.AsyncClient, media: str) -> None:
    response = await client.post("/graphql", content=b'{"query": "{ viewer { name } }"}', headers={"Content-Type": media})
    assert response.status_code == 415


async def test_json_with_a_charset_is_json(client: httpx2.AsyncClient) -> None:
    content = b'{"query": "{ viewer { name } }"}'
    response = await client.post("/graphql", content=content, headers={"Content-Type": "application/json; charset=utf-8"})
    assert response.json()["data"]["viewer"]["name"] == "local"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "not JSON"),
        (b"{", "not JSON"),
        (b'{"query": "\xff"}', "not JSON"),
        (b'{"query": "{a}", "variables": {"x": "\\ud800"}}', "not JSON"),
        (b'{"variables": ' + b"[" * 2000 + b"]" * 2000 + b"}", "not JSON"),
        (b'{"query": "\\u0000"}', "NUL"),
        (b'[{"query": "{ viewer { name } }"}]', "batches are not accepted"),
        (b'"{ viewer { name } }"', "expected one object"),
        (b"{}", "a string as `query`"),
        (b'{"query": 1}', "a string as `query`"),
        (b'{"query": "{a}", "operationName": 1}', "`operationName`"),
        (b'{"query": "{a}", "variables": []}', None),
        (b'{"query": "{a}", "variables": [1]}', "`variables`"),
    ],
    ids=lambda value: repr(value[:30]) if value else "None",
)
async def test_a_body_that_is_no_request_is_refused_with_what_was_expected(client: httpx2.AsyncClient, body: bytes, said: str | None) -> None:
    response = await client.post("/graphql", content=body, headers=JSON)
    assert response.status_code == (400 if said else 200)
    assert (said or "Cannot query field") in response.json()["errors"][0]["message"]


async def test_a_body_over_the_limit_is_refused_whether_or_not_it_says_its_length(client: httpx2.AsyncClient) -> None:
    async def unannounced() -> Any:
        for _ in range(3):
            yield b" " * (1 << 19)

    for content in (b" " * (1 << 20) + b"{", unannounced()):
        response = await client.post("/graphql", content=content, headers=JSON)
        assert response.status_code == 413
        assert response.json()["errors"][0]["extensions"]["code"] == "TOO_LARGE"


async def test_a_document_over_a_limit_is_an_error_with_a_code(client: httpx2.AsyncClient) -> None:
    answer = await post(client, "{ run " * 17 + "{ id" + " }" * 18)
    assert answer["errors"][0]["extensions"]["code"] == "TOO_LARGE"
    assert "data" not in answer


@pytest.mark.parametrize(
    ("query", "more"),
    [
        ("{ nothing }", {}),
        ("{ viewer", {}),
        ("", {}),
        ("fragment F on Run { id }", {}),
        ("query A { viewer { name } } query B { viewer { name } }", {}),
        ("query A { viewer { name } }", {"operationName": "B"}),
        ("subscription { viewer { name } }", {}),
        ("query A($id: ID!) { run(id: $id) { id } }", {}),
        ("query A($id: ID!) { run(id: $id) { id } }", {"variables": {"id": {"a": 1}}}),
        ("query A($n: Int = 5) { runs(first: $n) { edges { cursor } } }", {"variables": {"n": None}}),
        ('{ bars(venue: "a", instrument: "b", interval: "1 fortnight", start: "x", end: "y") { __typename } }', {}),
        ("query A($s: SpecInput!) { validateSpec(spec: $s) { __typename } }", {"variables": {"s": {}}}),
        ("query A($s: SpecInput!) { validateSpec(spec: $s) { __typename } }", {"variables": {"s": {"toml": "", "document": {}}}}),
        ('{ validateSpec(spec: {toml: "", document: {}}) { __typename } }', {}),
    ],
)
async def test_a_document_that_is_wrong_is_the_clients_error(client: httpx2.AsyncClient, query: str, more: dict[str, Any]) -> None:
    with structlog.testing.capture_logs() as logs:
        answer = await post(client, query, **more)
    assert {error["extensions"]["code"] for error in answer["errors"]} == {"BAD_DOCUMENT"}
    assert "data" not in answer or answer["errors"][0]["path"]
    assert [entry for entry in logs if entry["log_level"] == "error"] == []


async def test_an_unexpected_error_is_masked_and_logged_once_with_its_traceback(client: httpx2.AsyncClient, sessions: Sessions) -> None:
    run = await submit(sessions)
    async with sessions.begin() as session:
        stored = await session.get_one(type(run), run.id)
        stored.state, stored.summary = "done", {"secret": "of the database"}  # a row that no version of ours wrote
    with structlog.testing.capture_logs() as logs:
        answer = await post(client, "query A($id: ID!) { run(id: $id) { id a: result { verdict } } }", variables={"id": str(run.id)})
    (error,) = answer["errors"]
    (entry,) = (entry for entry in logs if entry["log_level"] == "error")
    assert error["extensions"] == {"code": "INTERNAL"}
    assert entry["reference"] in error["message"]
    assert "verdict" not in json.dumps(answer["errors"][0]["message"])
    assert isinstance(entry["exc_info"], KeyError)
    assert entry["exc_info"].__traceback__ is not None


async def test_an_expected_error_keeps_its_message_and_code(client: httpx2.AsyncClient) -> None:
    answer = await post(client, "{ runs(first: 101) { edges { cursor } } }")
    assert answer["errors"][0]["message"] == "first: expected 1 to 100, found 101"
    assert answer["errors"][0]["extensions"] == {"code": "BAD_INPUT"}
    assert answer["data"] is None


async def test_the_schema_is_shown_and_names_are_suggested_only_where_that_is_wanted(
    app: Starlette, sessions: Sessions, redis: Redis, app_settings: Settings
) -> None:
    open_app = create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=app_settings, ring=redis.ping, introspection=True)
    key = app_settings.api_secret_key.get_secret_value()
    found = {}
    for name, tried in {"closed": app, "open": open_app}.items():
        async with client_of(tried, key) as client:
            found[name] = [
                await post(client, "{ __schema { queryType { name } } }"),
                await post(client, "{ viewr { name } }"),
                await post(client, "query A($s: RunState) { runs(state: $s) { edges { cursor } } }", variables={"s": "QUEUD"}),
            ]
    assert found["open"][0]["data"]["__schema"]["queryType"]["name"] == "Query"
    assert found["closed"][0]["errors"][0]["extensions"]["code"] == "BAD_DOCUMENT"
    assert ["Did you mean" in a["errors"][0]["message"] for a in found["open"][1:]] == [True, True]
    assert ["Did you mean" in a["errors"][0]["message"] for a in found["closed"][1:]] == [False, False]


async def test_typename_stays_allowed_where_the_schema_is_not_shown(client: httpx2.AsyncClient) -> None:
    assert (await post(client, "{ viewer { __typename } }"))["data"]["viewer"]["__typename"] == "Viewer"


async def test_limits_can_be_set(sessions: Sessions, redis: Redis, app_settings: Settings) -> None:
    limits = Limits(body_bytes=100)
    small = create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=app_settings, ring=redis.ping, limits=limits)
    async with client_of(small, app_settings.api_secret_key.get_secret_value()) as client:
        assert (await client.post("/graphql", json={"query": " " * 200})).status_code == 413


async def test_a_path_that_is_not_there_is_answered_in_json(client: httpx2.AsyncClient) -> None:
    response = await client.get("/nothing")
    assert response.status_code == 404
    assert response.json()["errors"][0]["extensions"]["code"] == "NOT_FOUND"


async def test_every_answer_has_a_request_id_and_one_log_line_without_secrets(client: httpx2.AsyncClient, app_settings: Settings) -> None:
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as logs:
        named = await client.post("/graphql", json={"query": "query Viewer { viewer { name } }"}, headers={"X-Request-ID": "mine-1"})
        made = await client.post("/graphql", json={"query": "{ viewer { name } }"}, headers={"X-Request-ID": "no good\tid"})
    lines = [entry for entry in logs if entry["event"] == "request"]
    assert named.headers["x-request-id"] == "mine-1"
    assert len(made.headers["x-request-id"]) == 32
    assert [line["request_id"] for line in lines] == ["mine-1", made.headers["x-request-id"]]
    assert {key: lines[0][key] for key in ("method", "path", "status", "operation")} == {
        "method": "POST", "path": "/graphql", "status": 200, "operation": "Viewer",
    }  # fmt: skip
    assert not any(secret in str(logs) for secret in app_settings.secrets)


async def test_a_fault_outside_graphql_is_answered_with_a_reference(app_settings: Settings, redis: Redis) -> None:
    def broken() -> None:
        raise RuntimeError("wrongly put together")

    app = create_app(sessions=broken, redis=redis, queue=QUEUE, settings=app_settings, ring=redis.ping)  # type: ignore[arg-type]
    async with client_of(app, app_settings.api_secret_key.get_secret_value()) as client:
        with structlog.testing.capture_logs() as logs:
            response = await client.get("/runs/018f3c2e-0000-7000-8000-000000000000/files/report.html")
    (entry,) = (entry for entry in logs if entry["log_level"] == "error")
    assert response.status_code == 500
    assert entry["reference"] in response.json()["errors"][0]["message"]
    assert "wrongly" not in response.text


async def test_a_nul_in_a_spec_never_reaches_the_database(client: httpx2.AsyncClient) -> None:
    document = weekend()[0].canonical() | {"name": "a\0b"}
    body = {"query": "mutation A($s: SpecInput!) { submitRun(spec: $s) { __typename } }", "variables": {"s": {"document": document}}}
    assert (await client.post("/graphql", json=body)).status_code == 400


def test_one_exception_that_fails_several_fields_is_logged_once_under_one_reference() -> None:
    cause = RuntimeError("a loader broke")
    with structlog.testing.capture_logs() as logs:
        explained = explain_all([GraphQLError(name, path=[name], original_error=cause) for name in "ab"], suggestions=True)
    assert len(logs) == 1
    assert [error["path"] for error in explained] == [["a"], ["b"]]
    assert len({error["message"] for error in explained}) == 1


@pytest.mark.parametrize(("host", "shown"), [("127.0.0.1", True), ("localhost", True), ("::1", True), ("0.0.0.0", False), ("api", False)])
async def test_the_schema_is_shown_to_this_machine_alone(host: str, shown: bool, sessions: Sessions, redis: Redis, app_settings: Settings) -> None:
    queue = ArqRedis(connection_pool=redis.connection_pool)
    app = make_app(app_settings.model_copy(update={"api_host": host}), Servers(sessions=sessions, redis=queue))
    async with client_of(app, app_settings.api_secret_key.get_secret_value()) as client:
        answer = await post(client, "{ __schema { queryType { name } } }")
    assert ("errors" not in answer) == shown
