"""The specs under examples/ run as they are."""

import json
import re
import shlex
from pathlib import Path

import pytest

from engine.config import parse_spec_toml
from engine.synth import depeg_weekend
from tests.e2e.conftest import REAL_DATA, ROOT, Cli, write_market

SWEEPS = sorted((ROOT / "examples").glob("sweep-*.toml"))
EXAMPLES = sorted({*(ROOT / "examples").glob("*.toml")} - {*SWEEPS})
CAPTURES = REAL_DATA.parent / "binance-websocket"
REAL = [path for path in EXAMPLES if "2023-03" in path.name]


def test_the_demos_spec_is_among_the_examples() -> None:
    found = parse_spec_toml((ROOT / "examples" / "spatial-demo.toml").read_text())
    assert found == parse_spec_toml(depeg_weekend(1).spec_toml)


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.name)
def test_an_example_is_valid_and_without_warnings(path: Path, cli: Cli) -> None:
    form = json.loads(cli("backtest", "validate", path, "--json").stdout)
    assert form["valid"] is True
    assert form["warnings"] == []


def test_the_demos_example_runs_on_the_demos_files(cli: Cli, tmp_path: Path) -> None:
    ended = cli("backtest", "run", ROOT / "examples" / "spatial-demo.toml", "--files", write_market(tmp_path / "market"))
    assert ended.returncode == 0, ended.stderr


@pytest.mark.parametrize("path", SWEEPS, ids=lambda path: path.name)
def test_a_sweep_among_the_examples_runs_as_its_header_says(path: Path, cli: Cli, tmp_path: Path) -> None:
    write_market(tmp_path / ".demo" / "market")
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    (line,) = re.findall(r"usdc-arb (sweep run .*)", path.read_text())
    ended = cli(*shlex.split(line))
    assert ended.returncode == 0, ended.stderr
    assert "warning" not in ended.stderr
    assert "Report: results/" in ended.stdout


@pytest.mark.skipif(not REAL_DATA.is_dir(), reason=f"needs real market data in {REAL_DATA}")
@pytest.mark.parametrize("path", REAL, ids=lambda path: path.name)
def test_an_example_runs_on_real_data(path: Path, cli: Cli) -> None:
    ended = cli("backtest", "run", path, "--files", REAL_DATA, "--json")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)["summary"]
    assert summary["synthetic"] is False
    assert {row["venue"] for row in summary["quality"]} == {i.venue for i in parse_spec_toml(path.read_text()).instruments}
    assert summary["counts"]["packages"] > 0
    assert sum(row["amount"] for row in summary["attribution"]) == pytest.approx(summary["equity_end"] - summary["equity_start"])


@pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"needs real captures in {CAPTURES}")
def test_the_example_of_a_basis_runs_on_real_captures_into_which_no_funding_falls(cli: Cli, tmp_path: Path) -> None:
    for name in ("spot_btcusdt_20240808.gz", "usdm_btcusdt_20240808.gz"):
        (tmp_path / name).symlink_to(CAPTURES / name)
    spec = ROOT / "examples" / "basis-binance-capture.toml"
    without = cli("backtest", "run", spec, "--files", tmp_path)
    assert "expected files of binance-usdm BTC/USDT funding, found " in without.stderr
    (tmp_path / "binance-usdm_BTC-USDT_funding.csv").write_text("ts,rate\n2024-08-08T16:00:00Z,0.0001\n2024-08-09T00:00:00Z,0.0001\n")
    ended = cli("backtest", "run", spec, "--files", tmp_path, "--json")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)["summary"]
    assert summary["indicative"] is False
    assert summary["counts"]["packages"] > 0
    assert summary["perpetual"]["funding_payments"] == 0
    assert sum(row["amount"] for row in summary["attribution"]) == pytest.approx(summary["equity_end"] - summary["equity_start"])


@pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"needs real captures in {CAPTURES}")
def test_the_capture_example_runs_on_real_captures(cli: Cli) -> None:
    ended = cli("backtest", "run", ROOT / "examples" / "spatial-binance-capture.toml", "--files", CAPTURES, "--json")
    assert ended.returncode == 0, ended.stderr
    summary = json.loads(ended.stdout)["summary"]
    assert summary["indicative"] is False
    assert {row["venue"]: row["data"] for row in summary["quality"]} == {"binance": "quotes", "binance-usdm": "quotes"}
    assert summary["counts"]["packages"] > 0
    assert sum(row["amount"] for row in summary["attribution"]) == pytest.approx(summary["equity_end"] - summary["equity_start"])
    assert "the snapshot at line 8, not bookTicker (--stream), not trade (--stream); left aside: 28,040 bookTicker, 9,757 trade" in ended.stderr
    assert any("binance-usdm BTC/USDT ends at 2024-08-09T00:00:01Z" in warning for warning in summary["warnings"])
