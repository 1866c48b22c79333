"""Signing in over HTTP, and what each role may do."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import httpx2
import jwt
import pytest
from graphql import build_schema
from redis.asyncio import Redis
from starlette.applications import Starlette

from app.api.application import create_app
from app.api.auth import read_header
from app.api.doors import A_MINUTE
from app.api.mutations import Mutation
from app.api.schema import sdl
from app.api.types import Needs
from app.contract import operation
from app.db.accounts import Role
from app.db.session import Sessions
from app.services import accounts, runs
from app.settings import Settings
from tests.app.api.asking import Form, ask, client_of, post
from tests.app.api.rows import submit
from tests.app.services.test_accounts import GOOD, OTHER, user

MUTATIONS = {
    "submitRun": Role.ANALYST,
    "submitSweep": Role.ANALYST,
    "retry": Role.ANALYST,
    "cancelRun": Role.ANALYST,
    "cancelSweep": Role.ANALYST,
    "drainWorker": Role.OPERATOR,
    "setShare": Role.OPERATOR,
    "createUser": Role.ADMIN,
    "setRole": Role.ADMIN,
    "setDisabled": Role.ADMIN,
    "setPassword": Role.ADMIN,
    "endSignIns": Role.ADMIN,
    "endSignIn": Role.VIEWER,
    "createKey": Role.VIEWER,
    "revokeKey": Role.VIEWER,
}
FOR_ADMINS = {"users", "audit"}
NOBODY = "bob@example.com"
GIVEN: dict[str, Form] = {
    "SubmitRun": {"spec": {"toml": "x"}},
    "SubmitSweep": {"sweep": {"toml": "x"}},
    "Retry": {"id": str(uuid4())},
    "CancelRun": {"id": str(uuid4())},
    "CancelSweep": {"id": str(uuid4())},
    "DrainWorker": {"name": "w", "draining": True},
    "SetShare": {"user": "ada", "weight": -1.0},
    "CreateUser": {"email": "no email", "role": "VIEWER", "password": GOOD},
    "SetRole": {"email": NOBODY, "role": "VIEWER"},
    "SetDisabled": {"email": NOBODY, "disabled": True},
    "SetPassword": {"email": NOBODY, "password": GOOD},
    "EndSignIns": {"email": NOBODY},
    "EndSignIn": {"id": str(uuid4())},
    "CreateKey": {"name": " ", "role": "VIEWER", "days": 1},
    "RevokeKey": {"id": str(uuid4())},
    "Users": {},
    "Audit": {"first": 1},
}


async def door(client: httpx2.AsyncClient, name: str, **body: object) -> httpx2.Response:
    return await client.post(f"/auth/{name}", json=body)


async def enter(client: httpx2.AsyncClient, email: str = "ada@example.com", password: str = GOOD) -> Form:
    response = await door(client, "sign-in", email=email, password=password)
    assert response.status_code == 200, response.text
    assert response.headers["cache-control"] == "no-store"
    form: Form = response.json()
    return form


@pytest.fixture
async def ada(app: Starlette, sessions: Sessions, stranger: httpx2.AsyncClient, request: pytest.FixtureRequest) -> AsyncIterator[httpx2.AsyncClient]:
    """Yield a client signed in as somebody of the role that the test asks for."""
    await user(sessions, role=request.param)
    async with client_of(app, (await enter(stranger))["accessToken"]) as client:
        yield client


@pytest.mark.parametrize("ada", [Role.ANALYST], indirect=True)
async def test_who_signed_in_asks_under_their_email_and_role(ada: httpx2.AsyncClient) -> None:
    assert await ask(ada, "Viewer") == {"viewer": {"name": "ada@example.com", "role": "ANALYST"}}


@pytest.mark.parametrize("ada", [Role.ANALYST], indirect=True)
async def test_a_token_opens_nothing_once_its_user_is_disabled_and_less_with_another_role(ada: httpx2.AsyncClient, sessions: Sessions) -> None:
    await accounts.set_disabled(sessions, "ada@example.com", disabled=True, by="local")
    response = await ada.post("/graphql", json={"query": "{ viewer { name } }"})
    assert (response.status_code, response.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


async def test_tokens_are_refreshed_and_signed_out_of(stranger: httpx2.AsyncClient, app: Starlette, sessions: Sessions) -> None:
    await user(sessions)
    first = await enter(stranger)
    second = (await door(stranger, "refresh", refreshToken=first["refreshToken"])).json()
    async with client_of(app, second["accessToken"]) as client:
        assert (await ask(client, "Viewer"))["viewer"]["name"] == "ada@example.com"
        assert (await door(stranger, "sign-out", refreshToken=second["refreshToken"])).status_code == 204
        assert (await client.post("/graphql", json={"query": "{ viewer { name } }"})).status_code == 401
    again = await door(stranger, "refresh", refreshToken=second["refreshToken"])
    assert (again.status_code, again.json()["errors"][0]["extensions"]["code"]) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("ada", [Role.VIEWER], indirect=True)
async def test_a_user_changes_the_password_and_signs_in_again(
    ada: httpx2.AsyncClient, stranger: httpx2.AsyncClient, client: httpx2.AsyncClient
) -> None:
    assert (await door(stranger, "password", old=GOOD, new=OTHER)).status_code == 401
    assert (await door(client, "password", old=GOOD, new=OTHER)).status_code == 400  # the key's holder has none
    assert (await door(ada, "password", old=OTHER, new=OTHER)).status_code == 401
    assert (await door(ada, "password", old=GOOD, new="too short")).status_code == 400
    assert (await door(ada, "password", old=GOOD, new=OTHER)).status_code == 204
    await enter(stranger, password=OTHER)


@pytest.mark.parametrize(
    "body", [b"", b"[]", b"{}", b'{"email": "ada@example.com"}', b'{"email": 7, "password": "x"}', b'{"email": "a\\u0000", "password": ""}', b"\xff"]
)
async def test_what_is_no_sign_in_is_said(stranger: httpx2.AsyncClient, body: bytes) -> None:
    response = await stranger.post("/auth/sign-in", content=body)
    assert (response.status_code, response.json()["errors"][0]["message"]) == (
        400,
        "expected one JSON object with the strings `email`, `password`",
    )
    assert (await stranger.post("/auth/sign-in", content=b" " * 5_000)).status_code == 413
    assert (await stranger.get("/auth/sign-in")).status_code == 405


async def test_an_address_has_so_many_tries_a_minute(stranger: httpx2.AsyncClient) -> None:
    found = await asyncio.gather(*(door(stranger, "sign-in", email="no email", password="x") for _ in range(A_MINUTE["sign-in"] + 2)))
    assert sorted(response.status_code for response in found) == [401] * A_MINUTE["sign-in"] + [429] * 2
    refused = next(response for response in found if response.status_code == 429)
    assert 0 < int(refused.headers["retry-after"]) <= 60


@pytest.fixture
def app_without_queue(sessions: Sessions, app_settings: Settings) -> Starlette:
    async def ring() -> None:
        return

    return create_app(sessions=sessions, redis=Redis(port=1), queue="q", settings=app_settings, ring=ring)


async def test_nobody_signs_in_while_tries_cannot_be_counted_and_who_is_in_stays_in(
    app_without_queue: Starlette, stranger: httpx2.AsyncClient, sessions: Sessions
) -> None:
    await user(sessions)
    token = (await enter(stranger))["accessToken"]
    async with client_of(app_without_queue, token) as client:
        response = await door(client, "sign-in", email="ada@example.com", password=GOOD)
        assert (response.status_code, response.headers["retry-after"]) == (503, "5")
        assert (await ask(client, "Viewer"))["viewer"]["name"] == "ada@example.com"


def test_every_mutation_needs_a_role_and_no_query_but_those_for_admins() -> None:
    schema = build_schema(sdl())
    assert schema.mutation_type is not None
    assert set(schema.mutation_type.fields) == set(MUTATIONS)
    found = {
        field.graphql_name or field.name: [extension.role for extension in field.extensions if isinstance(extension, Needs)]
        for field in Mutation.__strawberry_definition__.fields  # type: ignore[attr-defined]
    }
    assert {camel(name): roles for name, roles in found.items()} == {name: [role] for name, role in MUTATIONS.items()}


def camel(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


@pytest.mark.parametrize("ada", list(Role), indirect=True)
async def test_each_role_may_do_what_it_may_and_is_told_of_the_rest(ada: httpx2.AsyncClient) -> None:
    mine = Role((await ask(ada, "Viewer"))["viewer"]["role"].lower())
    for name, variables in GIVEN.items():
        field = name[0].lower() + name[1:]
        needed = MUTATIONS.get(field, Role.ADMIN)
        answer = await post(ada, operation(name), operationName=name, variables=variables)
        codes = [error["extensions"]["code"] for error in answer.get("errors", [])]
        assert codes == ([] if mine.includes(needed) else ["FORBIDDEN"]), (name, answer)
        if codes:
            assert f"{field} needs the role {needed}, and ada@example.com is {mine}" in answer["errors"][0]["message"]
    assert set(GIVEN) == {name[0].upper() + name[1:] for name in [*MUTATIONS, *FOR_ADMINS]}


@pytest.mark.parametrize("ada", [Role.ANALYST, Role.OPERATOR], indirect=True)
async def test_an_analyst_decides_over_their_own_runs_and_an_operator_over_all(ada: httpx2.AsyncClient, sessions: Sessions) -> None:
    own, other = await submit(sessions, by="ada@example.com"), await submit(sessions, by="eve@example.com")
    mine = Role((await ask(ada, "Viewer"))["viewer"]["role"].lower())
    assert (await ask(ada, "CancelRun", id=str(own.id)))["cancelRun"]["__typename"] == "Run"
    found = (await ask(ada, "CancelRun", id=str(other.id)))["cancelRun"]
    if mine == Role.OPERATOR:
        assert found["__typename"] == "Run"
        return
    assert (found["__typename"], found["code"]) == ("Forbidden", "FORBIDDEN")
    assert "eve@example.com's" in found["message"]
    assert (await ask(ada, "CancelSweep", id=str(other.id)))["cancelSweep"]["__typename"] == "Forbidden"
    await runs.cancel(sessions, other.id)
    assert (await ask(ada, "Retry", id=str(other.id)))["retry"]["__typename"] == "Forbidden"
    assert (await ask(ada, "Retry", id=str(own.id)))["retry"]["__typename"] == "Run"


async def test_an_admin_keeps_the_accounts(client: httpx2.AsyncClient, stranger: httpx2.AsyncClient) -> None:
    made = (await ask(client, "CreateUser", email="ada@example.com", role="ANALYST", password=GOOD))["createUser"]
    assert made == {"__typename": "User", "email": "ada@example.com", "role": "ANALYST", "disabled": False}
    refused: list[tuple[str, Form, str]] = [
        ("CreateUser", {"email": "ada@example.com", "role": "VIEWER", "password": GOOD}, "Conflict"),
        ("CreateUser", {"email": "eve@example.com", "role": "VIEWER", "password": "short"}, "BadInput"),
        ("SetRole", {"email": NOBODY, "role": "VIEWER"}, "NotFound"),
        ("SetPassword", {"email": "ada@example.com", "password": "short"}, "BadInput"),
    ]
    for name, variables, kind in refused:
        assert (await ask(client, name, **variables))[name[0].lower() + name[1:]]["__typename"] == kind
    await enter(stranger)
    (found,) = (await ask(client, "Users"))["users"]
    assert (found["email"], len(found["signIns"]), found["lockedUntil"]) == ("ada@example.com", 1, None)
    assert (await ask(client, "SetRole", email="ada@example.com", role="ADMIN"))["setRole"]["role"] == "ADMIN"
    assert (await ask(client, "SetDisabled", email="ada@example.com", disabled=True))["setDisabled"]["__typename"] == "Conflict"  # the last
    assert (await ask(client, "EndSignIns", email="ada@example.com"))["endSignIns"]["__typename"] == "User"
    page = (await ask(client, "Audit", first=3))["audit"]
    rest = (await ask(client, "Audit", first=100, after=page["pageInfo"]["endCursor"]))["audit"]
    entries = [edge["node"] for edge in page["edges"] + rest["edges"]]
    assert [(entry["actor"], entry["action"]) for entry in reversed(entries)] == [
        ("local", "user_created"),
        ("ada@example.com", "signed_in"),
        ("local", "role_set"),
        ("local", "sign_ins_ended"),
    ]
    assert (await ask(client, "Audit", first=1, after="bm9uZQ"))["audit"]["__typename"] == "BadInput"


@pytest.mark.parametrize("ada", [Role.VIEWER], indirect=True)
async def test_a_token_is_named_after_its_key_and_outlives_a_change_of_it(ada: httpx2.AsyncClient, app_settings: Settings) -> None:
    header = ada.headers["authorization"]
    kid = jwt.get_unverified_header(header.removeprefix("Bearer "))["kid"]
    new = type(app_settings.jwt_secret)("n" * 40)
    changed: dict[str, Any] = {"jwt_secret": new, "jwt_secret_old": app_settings.jwt_secret}
    assert read_header(app_settings, header) is not None
    assert read_header(app_settings.model_copy(update=changed), header) == read_header(app_settings, header)
    assert read_header(app_settings.model_copy(update={"jwt_secret": new}), header) is None
    assert len(kid) == 8


@pytest.mark.parametrize("ada", [Role.ANALYST], indirect=True)
async def test_a_user_makes_keys_for_programs_and_a_program_makes_none(
    ada: httpx2.AsyncClient, app: Starlette, client: httpx2.AsyncClient, sessions: Sessions
) -> None:
    await user(sessions, "eve@example.com", Role.ADMIN)
    made = (await ask(ada, "CreateKey", name="nightly", role="ANALYST", days=7))["createKey"]
    async with client_of(app, made["text"]) as program:
        assert await ask(program, "Viewer") == {"viewer": {"name": "ada@example.com", "role": "ANALYST"}}
        assert (await ask(program, "CreateKey", name="more", role="VIEWER", days=7))["createKey"]["message"] == "a key makes no keys: sign in"
        assert (await door(program, "password", old=GOOD, new=OTHER)).status_code == 400
        for role, of in (("OPERATOR", None), ("VIEWER", "eve@example.com")):
            assert (await ask(ada, "CreateKey", name="x", role=role, days=7, user=of))["createKey"]["__typename"] == "Forbidden"
        of_eve = (await ask(client, "CreateKey", name="x", role="VIEWER", days=7, user="eve@example.com"))["createKey"]["key"]
        assert [key["user"] for key in (await ask(ada, "Keys"))["keys"]] == ["ada@example.com"]
        assert [key["user"] for key in (await ask(client, "Keys"))["keys"]] == ["ada@example.com", "eve@example.com"]
        assert (await ask(ada, "RevokeKey", id=of_eve["id"]))["revokeKey"]["__typename"] == "NotFound"
        assert (await ask(ada, "RevokeKey", id=made["key"]["id"]))["revokeKey"]["name"] == "nightly"
        assert (await program.post("/graphql", json={"query": "{ viewer { name } }"})).status_code == 401


@pytest.mark.parametrize("ada", [Role.VIEWER], indirect=True)
async def test_a_user_sees_and_ends_what_they_are_signed_in_to_and_nobody_elses(
    ada: httpx2.AsyncClient, stranger: httpx2.AsyncClient, client: httpx2.AsyncClient, sessions: Sessions, app: Starlette
) -> None:
    await user(sessions, "eve@example.com")
    await enter(stranger, "eve@example.com")
    (of_eve,) = (await ask(client, "Users"))["users"][1]["signIns"]
    async with client_of(app, (await enter(stranger))["accessToken"]) as phone:
        mine = (await ask(ada, "SignIns"))["signIns"]
        assert len(mine) == 2
        assert (await ask(ada, "EndSignIn", id=of_eve["id"]))["endSignIn"]["__typename"] == "NotFound"
        assert (await ask(ada, "EndSignIn", id=mine[0]["id"]))["endSignIn"]["id"] == mine[0]["id"]
        assert (await phone.post("/graphql", json={"query": "{ viewer { name } }"})).status_code == 401
    assert [one["id"] for one in (await ask(ada, "SignIns"))["signIns"]] == [mine[1]["id"]]
    assert (await ask(client, "EndSignIn", id=of_eve["id"]))["endSignIn"]["__typename"] == "SignIn"
    assert (await ask(client, "SignIns"))["signIns"] == []
