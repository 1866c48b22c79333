"""`db status` and `db maintain` say in words what a database has, lacks and lets go."""

import json

import asyncpg
import pytest
from anyio.from_thread import BlockingPortal

from app.cli import database
from app.errors import Forbidden
from app.ops.box.record import Box
from app.settings import Settings

BARS = "INSERT INTO bars SELECT 1, 60000000, now() - n * interval '10 days', 1, 2, 0.5, 1.5, 7 FROM generate_series(1, 5) n"


@pytest.fixture(autouse=True)
def _environment(app_settings: Settings, postgres_servers: Box, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (postgres_servers.variables | {"DB_NAME": app_settings.db_name}).items():
        monkeypatch.setenv(name, value)


def test_status_says_what_there_is_and_what_is_lost(capsys: pytest.CaptureFixture[str]) -> None:
    database.show_status(data=None, as_json=False)
    said = capsys.readouterr().out.splitlines()
    assert said[0].startswith("PostgreSQL 18.")
    assert said[0].endswith("which is what this version needs")
    assert said[1] == "TimescaleDB: not in this database"
    assert said[4].split() == ["bars", "0", "0.0", "MiB", "for", "ever"]
    assert any(line.strip().startswith("no policies: `usdc-arb db maintain`") for line in said)
    database.show_status(data=None, as_json=True)
    form = json.loads(capsys.readouterr().out)
    names = ["bars", "quotes", "trades", "pool_states", "funding_rates"]
    assert (form["edition"], form["extension"], [one["name"] for one in form["tables"]]) == ("none", None, names)
    assert [one["rows_estimated"] for one in form["tables"]] == [0] * 5


def test_the_role_of_the_box_may_not_make_others() -> None:
    with pytest.raises(Forbidden, match="DB_USER may not make roles"):
        database.make_roles(data=None, as_json=False)


def test_maintenance_lets_go_what_is_past_its_time_and_nothing_unasked(
    libpq_uri: str, servers_portal: BlockingPortal, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    servers_portal.call(_execute, libpq_uri, BARS)
    database.maintain(data=None, as_json=False)
    assert capsys.readouterr().out.startswith("all market data is kept for ever")
    monkeypatch.setenv("BARS_KEEP_DAYS", "25")
    database.maintain(data=None, as_json=False)
    assert capsys.readouterr().out == "bars: 3 let go\n"
    database.maintain(data=None, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"gone": {"bars": 0}}


async def _execute(uri: str, statement: str) -> None:
    connection = await asyncpg.connect(uri)
    await connection.execute(statement)
    await connection.close()
