"""Runs on pools from files: invented ones as the command writes them, and real minutes of Uniswap against an invented book."""

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from app.cli import invented
from app.services.folder import read_folder
from app.services.wanted import wanted
from engine import backtest
from engine.config import parse_spec, parse_spec_toml
from engine.schema import TIMESTAMP, SeriesKey
from tests.engine.engines import by_kernel, by_oracle
from tests.engine.test_kernel_equals_oracle import assert_same
from tests.strategies import World

ROOT = Path(__file__).parents[3]
REAL = ROOT.parent / "shared" / "data" / "uniswap-v3-polygon"
EXAMPLE = ROOT / "examples" / "dex-cex-synthetic.toml"
POOL, BOOK = SeriesKey("uniswap-v3-polygon-5bps", "ETH/USDC"), SeriesKey("synthetic-book", "ETH/USDC")


def test_the_example_runs_on_what_the_command_invents(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    invented.write(tmp_path, market="pool", seed=1, as_json=False)
    assert "SYNTHETIC: invented prices, no market: synthetic-pool_ETH-USDC.csv (1,447 rows)" in capsys.readouterr().out
    spec = parse_spec_toml(EXAMPLE.read_text(encoding="utf-8"))
    found = backtest.run(spec, read_folder(tmp_path, wanted(spec)))
    summary: dict[str, Any] = found.summary
    assert (summary["synthetic"], summary["indicative"], summary["warnings"]) == (True, True, [])
    assert summary["counts"]["packages"] > 0
    lines = {row["line"]: row["amount"] for row in summary["attribution"]}
    assert lines["gas"] < 0
    assert sum(lines.values()) == pytest.approx(summary["equity_end"] - summary["equity_start"])
    assert set(summary["stress"]) >= {"latencies_doubled"}
    assert "gas" in found.files()["report.html"].decode()


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs real pool minutes in {REAL}")
def test_real_minutes_of_the_crash_run_against_an_invented_book() -> None:
    form = {
        "version": 2, "name": "the crash of 2023-08-17", "numeraire": "USDC", "interval": "1m",
        "start": "2023-08-17T20:30:00Z", "end": "2023-08-17T23:30:00Z",
        "strategy": {"kind": "dex_cex", "pools": [str(POOL)], "threshold_bps": 1.0},
        "venues": {
            POOL.venue: {"fee_bps": 5.0, "feed_latency": "1s", "order_latency": "1s", "balances": {"USDC": "100000", "ETH": "50"}},
            BOOK.venue: {"fee_bps": 1.0, "feed_latency": "50ms", "order_latency": "50ms", "balances": {"USDC": "100000", "ETH": "50"}},
        },
        "instruments": [
            {"venue": POOL.venue, "name": "ETH/USDC", "data": "pool_bars", "block_time": "2s", "gas": "0.00001", "gas_currency": "ETH"}
            | {"tick": "0.000001", "lot": "0.001", "min_notional": "1"},
            {"venue": BOOK.venue, "name": "ETH/USDC", "data": "quote_bars", "tick": "0.01", "lot": "0.001", "min_notional": "1"},
        ],
    }  # fmt: skip
    spec = parse_spec(form)
    pool = read_folder(REAL, {POOL: wanted(spec)[POOL]})[POOL]
    middle = pool["price"].to_numpy() * (1 + np.random.default_rng(20230817).normal(0, 15e-4, pool.height))
    sides = {"bid": middle * 0.9999, "bid_size": 5.0, "ask": middle * 1.0001, "ask_size": 5.0}
    book = pool.select("ts", received=pl.lit(None, dtype=TIMESTAMP)).with_columns(
        **{name: pl.Series(np.broadcast_to(x, pool.height)) for name, x in sides.items()}
    )
    world = World(form=form, spec=spec, data={POOL: pool, BOOK: book})
    found = by_oracle(world)
    assert_same(by_kernel(world), found)
    assert {order.outcome for order in found.orders if order.venue == POOL.venue} == {"filled"}
    prices = [order.price for order in found.orders if order.venue == POOL.venue and order.price is not None]
    assert max(prices) - min(prices) > 100  # before and in the crash
