"""Only a holder of the key or of a valid token gets in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import httpx2
import jwt
import pytest
from starlette.applications import Starlette

from app.api.auth import AUDIENCE, ISSUER, issue_token, read_header
from app.settings import Settings
from tests.app.api.asking import ask, client_of


async def test_the_api_key_opens_the_api_as_the_local_admin(client: httpx2.AsyncClient) -> None:
    assert await ask(client, "Viewer") == {"viewer": {"name": "local", "role": "ADMIN"}}


async def test_an_issued_token_opens_the_api_under_its_subject(app: Starlette, app_settings: Settings) -> None:
    async with client_of(app, issue_token(app_settings, "ada")) as client:
        assert (await ask(client, "Viewer"))["viewer"]["name"] == "ada"


def test_a_token_lives_as_long_as_the_settings_say(app_settings: Settings) -> None:
    claims = jwt.decode(issue_token(app_settings, "ada"), options={"verify_signature": False})
    assert claims["exp"] - claims["iat"] == app_settings.jwt_expiration
    assert (claims["iss"], claims["aud"], claims["sub"]) == (ISSUER, AUDIENCE, "ada")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer ", "Bearer wrong", "Basic {key}", "{key}", "Bearer {key}x", "Bearer {key} x", "Bearer é"])
async def test_anything_else_is_answered_with_401_and_what_is_expected(stranger: httpx2.AsyncClient, app_settings: Settings, header: str) -> None:
    sent = header.format(key=app_settings.api_secret_key.get_secret_value()).encode("latin-1")
    response = await stranger.post("/graphql", json={"query": "{ viewer { name } }"}, headers={b"Authorization": sent})
    assert response.status_code == 401
    assert response.headers["www-authenticate"] == 'Bearer realm="usdc-arb"'
    assert response.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


async def test_no_header_at_all_is_answered_with_401(stranger: httpx2.AsyncClient) -> None:
    for response in [await stranger.post("/graphql", json={}), await stranger.get("/runs/x/files/report.html")]:
        assert response.status_code == 401


NOW = datetime.now(UTC)  # when the tests were collected, which may be long before they run
GOOD = {"iss": ISSUER, "aud": AUDIENCE, "sub": "ada", "iat": NOW, "exp": NOW + timedelta(days=1)}


def sign(settings: Settings, claims: dict[str, Any], *, algorithm: str = "HS256", typ: str = "at+jwt", key: str | None = None) -> str:
    secret = settings.jwt_secret.get_secret_value() if key is None else key
    return jwt.encode(claims, secret, algorithm=algorithm, headers={"typ": typ})


def test_a_token_made_by_hand_as_ours_are_is_accepted(app_settings: Settings) -> None:
    found = read_header(app_settings, f"bearer {sign(app_settings, GOOD)}")
    assert found is not None
    assert found.name == "ada"


@pytest.mark.parametrize("missing", ["iss", "aud", "sub", "iat", "exp"])
def test_a_token_without_one_of_its_claims_is_refused(app_settings: Settings, missing: str) -> None:
    claims = {name: value for name, value in GOOD.items() if name != missing}
    assert read_header(app_settings, f"Bearer {sign(app_settings, claims)}") is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"iss": "somebody"},
        {"aud": "another-api"},
        {"sub": ""},
        {"exp": NOW - timedelta(seconds=1)},
        {"nbf": NOW + timedelta(days=1)},
    ],
)
def test_a_token_with_a_wrong_claim_is_refused(app_settings: Settings, wrong: dict[str, Any]) -> None:
    assert read_header(app_settings, f"Bearer {sign(app_settings, GOOD | wrong)}") is None


def test_a_token_of_another_algorithm_type_or_key_is_refused(app_settings: Settings) -> None:
    forged = [
        sign(app_settings, GOOD, algorithm="none", key=""),
        sign(app_settings, GOOD, typ="JWT"),
        sign(app_settings, GOOD, key="another key of 32 bytes or longer"),
        sign(app_settings, GOOD, key=app_settings.api_secret_key.get_secret_value()),
        sign(app_settings, GOOD)[:-4] + "AAAA",
    ]
    assert [read_header(app_settings, f"Bearer {token}") for token in forged] == [None] * 5


def test_the_algorithm_is_pinned_within_its_family(app_settings: Settings) -> None:
    key = "k" * 64
    settings = app_settings.model_copy(update={"jwt_secret": type(app_settings.jwt_secret)(key)})
    assert read_header(settings, f"Bearer {sign(settings, GOOD, algorithm='HS256')}") is not None
    assert read_header(settings, f"Bearer {sign(settings, GOOD, algorithm='HS512')}") is None
