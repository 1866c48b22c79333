"""The commands against a box that runs: import, run, look, cancel; each in words and in JSON."""

import json
from pathlib import Path
from typing import Any

import httpx2
import polars as pl
import pytest

from engine.synth import depeg_weekend, differences
from tests.app.services.exchange_server import Market, served, utc
from tests.e2e.conftest import Cli, made, write_market

SWEEP = """version = 1
name = "Thresholds"
base = "spec.toml"
design = "grid"
rank_by = "excess"
keep = 1
[[parameters]]
path = "strategy.threshold_bps"
values = [10, 25, 60]
[[parameters]]
path = "strategy.cool_down"
values = ["5m", "1h"]
"""


def asked(cli: Cli, *arguments: str | Path, data: Path, code: int = 0) -> Any:
    ended = cli(*arguments, "--data", data, "--json")
    assert ended.returncode == code, ended.stderr
    return json.loads(ended.stdout if code == 0 else ended.stderr.splitlines()[-1])


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_market(tmp_path_factory.mktemp("market"))


@pytest.fixture
def imported(box: Path, cli: Cli, market: Path) -> Path:
    asked(cli, "data", "import", market, data=box)
    return box


def test_an_import_says_what_it_took_the_files_for_and_is_there_afterwards(imported: Path, cli: Cli, market: Path) -> None:
    again = cli("data", "import", market, "--data", imported)
    assert "5 files, 14,424 rows, 0 of them new" in again.stdout
    listed = asked(cli, "data", "list", data=imported)["instruments"]
    first = listed[0]
    assert (first["venue"], first["instrument"], first["coverage"][0]["rows"]) == ("synthetic-alpha", "BTC/USD", 2890)
    assert len(asked(cli, "data", "list", "--venue", "synthetic-gamma", data=imported)["instruments"]) == 1
    assert "synthetic-gamma" in cli("data", "list", "--data", imported).stdout


def test_a_run_in_the_box_and_one_on_the_files_are_the_same_run(imported: Path, cli: Cli, market: Path, tmp_path: Path) -> None:
    in_box = asked(cli, "backtest", "run", market / "spec.toml", "--out", tmp_path / "box", data=imported)
    on_files = json.loads(cli("backtest", "run", market / "spec.toml", "--files", market, "--out", tmp_path / "files", "--json").stdout)
    assert in_box["run"]["state"] == "DONE"
    assert on_files["run"] is None
    assert in_box["summary"] == on_files["summary"]
    for name in in_box["files"]:
        assert made(tmp_path / "box" / name) == made(tmp_path / "files" / name), name
    assert differences(pl.read_parquet(tmp_path / "box" / "fills.parquet"), depeg_weekend(1).truth) == []


def test_runs_are_listed_newest_first_and_shown_again(imported: Path, cli: Cli, market: Path, tmp_path: Path) -> None:
    run = asked(cli, "backtest", "run", market / "spec.toml", data=imported)["run"]
    newest = asked(cli, "backtest", "list", "--limit", "1", data=imported)["runs"][0]
    assert newest["id"] == run["id"]
    assert run["id"] in cli("backtest", "list", "--data", imported).stdout
    shown = cli("backtest", "show", "last", "--data", imported, "--out", tmp_path / "again")
    assert "= excess over holding" in shown.stdout
    assert (tmp_path / "again" / "report.html").exists()
    assert asked(cli, "backtest", "show", run["id"], data=imported)["run"]["state"] == "DONE"


def test_a_run_that_is_over_cannot_be_cancelled_and_the_answer_says_so(imported: Path, cli: Cli, market: Path) -> None:
    run = asked(cli, "backtest", "run", market / "spec.toml", data=imported)["run"]
    assert asked(cli, "backtest", "cancel", run["id"], data=imported, code=75)["error"]["code"] == "CONFLICT"


def test_a_sweep_in_the_box_and_one_on_the_files_are_the_same_sweep(imported: Path, cli: Cli, market: Path, tmp_path: Path) -> None:
    (market / "sweep.toml").write_text(SWEEP)
    in_box = asked(cli, "sweep", "run", market / "sweep.toml", "--out", tmp_path / "box", data=imported)
    on_files = json.loads(cli("sweep", "run", market / "sweep.toml", "--files", market, "--out", tmp_path / "files", "--json").stdout)
    assert (in_box["sweep"]["state"], in_box["sweep"]["trialsDone"], on_files["sweep"]) == ("DONE", 6, None)
    assert (in_box["summary"], in_box["best"]) == (on_files["summary"], on_files["best"])
    assert set(in_box["files"]) == set(on_files["files"]) > {"trials.parquet", f"best/{in_box['summary']['best'][0]}/report.html"}
    for name in in_box["files"]:
        assert made(tmp_path / "box" / name) == made(tmp_path / "files" / name), name
    sweep_id = in_box["sweep"]["id"]
    assert [sweep["id"] for sweep in asked(cli, "sweep", "list", data=imported)["sweeps"]] == [sweep_id]
    assert f"{sweep_id}  done" in cli("sweep", "list", "--data", imported).stdout
    shown = cli("sweep", "show", "last", "--data", imported)
    assert "Is the best trial more than luck?" in shown.stdout
    assert f"usdc-arb sweep show {sweep_id} --out DIR" in shown.stdout
    refused = asked(cli, "sweep", "cancel", sweep_id, data=imported, code=75)
    assert "only one that is queued or running can be cancelled" in refused["error"]["message"]


def test_a_sweep_that_may_not_be_meant_is_asked_about(imported: Path, cli: Cli, market: Path) -> None:
    (market / "many.toml").write_text(SWEEP.replace("values = [10, 25, 60]", "low = 10\nhigh = 60\ncount = 60_000"))
    refused = asked(cli, "sweep", "run", market / "many.toml", data=imported, code=65)
    assert refused["error"]["message"].startswith("120,000 trials: about ")
    assert "found no terminal; add --yes to run it" in refused["error"]["message"]
    assert "belong to --files" in asked(cli, "sweep", "run", market / "many.toml", "--resume", data=imported, code=65)["error"]["message"]


def test_a_token_opens_the_api_that_nothing_else_opens(box: Path, cli: Cli) -> None:
    url = json.loads((box / "box.json").read_text())["api_url"]
    token = cli("token", "create", "--name", "notebook", "--data", box).stdout.strip()
    body = {"query": "{ viewer { name } }"}
    assert httpx2.post(f"{url}/graphql", json=body, headers={"Authorization": f"Bearer {token}"}).json() == {"data": {"viewer": {"name": "notebook"}}}
    assert httpx2.post(f"{url}/graphql", json=body).status_code == 401
    assert cli("backtest", "list", env={"USDC_ARB_URL": url, "API_SECRET_KEY": token}).returncode == 0
    refused = cli("backtest", "list", env={"USDC_ARB_URL": url, "API_SECRET_KEY": "wrong"})
    assert refused.returncode == 77
    assert "token" in refused.stderr


def test_the_schema_of_the_boxs_database_is_what_this_version_needs(box: Path, cli: Cli) -> None:
    assert asked(cli, "db", "current", data=box)["up_to_date"] is True
    assert asked(cli, "db", "upgrade", data=box)["up_to_date"] is True


def test_the_plan_shares_out_no_more_than_there_is(cli: Cli) -> None:
    form = json.loads(cli("ops", "plan", "--json").stdout)
    assert form["plan"]["postgres_memory"] < form["hardware"]["memory"]
    assert "left to others" in cli("ops", "plan").stdout


def test_bars_are_fetched_from_an_exchange_and_only_what_is_missing(box: Path, cli: Cli) -> None:
    begin = int(utc("2024-03-01 00:00").timestamp())
    bars = [(begin + 60 * minute, 100.0, 101.0, 99.0, 100.5, 1.0) for minute in range(40)]
    with served(Market(now=utc("2024-03-01 00:30"), bars=bars)) as url:
        said = ("data", "fetch", "coinbase", "BTC/USD", "--from", "2024-03-01", "--api", url, "--data", box)
        first, again = cli(*said), cli(*said)
    assert first.returncode == 0, first.stderr
    assert "1 gap, 30 rows, 30 of them new" in first.stdout
    assert "behind this machine's" in first.stderr
    assert again.stdout == "nothing new: what was asked for is stored\n"


def test_trades_are_looked_at_imported_without_their_bad_rows_and_made_into_bars(box: Path, cli: Cli, tmp_path: Path) -> None:
    us = 1_735_689_600_000_000
    rows = [f"{number},{100 + number},2,200,{us + 20_000_000 * number},True,True" for number in range(10)]
    file = tmp_path / "ETHUSDT-trades-2025-01-01.csv"
    file.write_text("\n".join([*rows, "10,oops,2,200,1,True,True"]) + "\n")
    looked = json.loads(cli("data", "look", file, "--json").stdout)["files"][0]
    assert (looked["format"], looked["data"], looked["columns"]["buyer is maker"]) == ("binance-trades", "trades", "side")
    said = cli("data", "import", file, "--quarantine", tmp_path / "bad.csv", "--data", box)
    assert "1 file, 10 rows, 10 of them new" in said.stdout
    assert f"bad rows set aside in {tmp_path}/bad.csv: 1" in said.stderr
    assert 'line 11,time,1,"a time of 2009 to 2099 in us' in (tmp_path / "bad.csv").read_text()
    made = asked(cli, "data", "bars", "--venue", "binance", "--instrument", "ETH/USDT", data=box)["imports"][0]
    assert (made["rows_new"], made["first"]) == (3, "2025-01-01T00:00:00+00:00")  # the fourth minute may go on
