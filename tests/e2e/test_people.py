"""Accounts from the first admin to the last sign-in, as somebody has them who runs a box."""

import json
from pathlib import Path
from typing import Any

import httpx2

from tests.app.services.test_accounts import GOOD
from tests.e2e.conftest import Cli
from tests.e2e.test_bad_input import is_one_clear_error
from tests.e2e.test_commands import asked

ADA = "ada@example.com"


def api(box: Path) -> httpx2.Client:
    return httpx2.Client(base_url=json.loads((box / "box.json").read_text())["api_url"], trust_env=False)


def viewer(http: httpx2.Client, token: str) -> Any:
    response = http.post("/graphql", json={"query": "{ viewer { name role } }"}, headers={"Authorization": f"Bearer {token}"})
    return response.json()["data"]["viewer"] if response.is_success else response.status_code


def test_an_account_from_its_beginning_to_its_end(cli: Cli, box: Path, tmp_path: Path) -> None:
    assert "no users: make the first by" in cli("users", "list", "--data", box).stdout
    secret = tmp_path / "secret"
    secret.write_text(f"{GOOD}\nnot this line\n")
    assert cli("users", "create", ADA, "--role", "analyst", "--password-file", secret, "--data", box).stdout == f"{ADA} is there, as analyst\n"
    with api(box) as http:
        token = http.post("/auth/sign-in", json={"email": ADA, "password": GOOD}).raise_for_status().json()["accessToken"]
        assert viewer(http, token) == {"name": ADA, "role": "ANALYST"}
        assert asked(cli, "users", "role", ADA, "--role", "viewer", data=box)["user"] == {"email": ADA, "role": "VIEWER", "disabled": False}
        assert viewer(http, token) == 401
        token = http.post("/auth/sign-in", json={"email": ADA, "password": GOOD}).raise_for_status().json()["accessToken"]
        (user,) = asked(cli, "users", "list", data=box)["users"]
        assert [one["client"].split()[0] for one in user["signIns"]] == ["127.0.0.1"] * 2
        refused = cli("users", "list", "--url", str(http.base_url), env={"API_SECRET_KEY": token})
        is_one_clear_error(refused, 77)
        assert f"users needs the role admin, and {ADA} is viewer; ask an admin" in refused.stderr
        assert cli("users", "disable", ADA, "--data", box).stdout == f"{ADA} is shut out\n"
        assert viewer(http, token) == 401
        assert http.post("/auth/sign-in", json={"email": ADA, "password": GOOD}).status_code == 401
    shown = cli("users", "audit", "--data", box).stdout
    assert [line for line in ("sign in refused", "user disabled", "role set", "signed in", "user created") if line not in shown] == []
    assert GOOD not in shown


def test_a_program_has_a_key_of_a_service_account(cli: Cli, box: Path) -> None:
    bot = "bot@example.com"
    assert cli("users", "create", bot, "--role", "analyst", "--service", "--data", box).returncode == 0
    made = cli("keys", "create", "nightly", "--user", bot, "--role", "viewer", "--days", "7", "--data", box)
    key = made.stdout.strip()
    assert key.startswith("usdcarb_")
    assert f"in the name of {bot}, as viewer, until" in made.stderr
    with api(box) as http:
        elsewhere = {"API_SECRET_KEY": key}
        assert cli("backtest", "list", "--url", str(http.base_url), env=elsewhere).returncode == 0
        (listed,) = asked(cli, "keys", "list", data=box)["keys"]
        assert listed["usedAt"] is not None
        assert cli("keys", "revoke", listed["id"], "--data", box).stdout == f"key {listed['id']} (nightly, of {bot}) opens nothing from now on\n"
        is_one_clear_error(cli("backtest", "list", "--url", str(http.base_url), env=elsewhere), 77)
    assert cli("keys", "list", "--data", box).stdout == "no keys\n"


def test_a_password_is_asked_for_or_read_and_nowhere_else(cli: Cli, box: Path, tmp_path: Path) -> None:
    nobody = cli("users", "create", "eve@example.com", "--data", box)
    is_one_clear_error(nobody, 65)
    assert "give it by --password-file FILE, or - for standard input" in nobody.stderr
    missing = cli("users", "password", ADA, "--password-file", tmp_path / "none", "--data", box)
    is_one_clear_error(missing, 65)
    (tmp_path / "weak").write_text("password1234")
    weak = cli("users", "create", "eve@example.com", "--password-file", tmp_path / "weak", "--data", box)
    is_one_clear_error(weak, 65)
    assert "expected one that is hard to guess" in weak.stderr
    is_one_clear_error(cli("users", "role", "nobody@example.com", "--role", "admin", "--data", box), 66)
    is_one_clear_error(cli("users", "role", "nobody@example.com", "--role", "king", "--data", box), 65)
