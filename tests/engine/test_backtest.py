"""The pipeline, whole: one run by hand, the stages that it reports, and the same bytes from the same manifest."""

import json
import math
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest

from engine import backtest
from engine.errors import DataError
from engine.schema import SeriesKey
from tests.engine.digests import busy, digests, moving
from tests.engine.small import Bar, after, bars, dear_alfa, small
from tests.strategies import World

ROOT = Path(__file__).parents[2]


def by_hand() -> World:
    """Return a package that is sold at bravo whole and bought at alfa in part, with fees, latencies and a rise of BTC at the end."""
    return small(
        {
            "alfa BTC/USD": bars({2: Bar(100.0, open=100.5, volume=4.0), 5: Bar(110.0), 6: Bar(110.0)}),
            "bravo BTC/USD": bars({0: Bar(102.0), 1: Bar(100.0, open=102.0), 2: Bar(100.0, open=101.5), 5: Bar(110.0), 6: Bar(110.0)}),
        },
        minutes=7,
        strategy={"threshold_bps": 50.0},
        execution={"volume_share": 0.1, "tolerance_bps": 100},
        venues={
            "alfa": {"fee_bps": 10, "feed_latency": "1s", "order_latency": "1s", "balances": {"USD": "1000"}},
            "bravo": {"fee_bps": 20, "feed_latency": "2s", "order_latency": "3s", "balances": {"BTC": "5"}},
        },
        instruments={name: {"lot": "0.001"} for name in ("alfa BTC/USD", "bravo BTC/USD")},
    )


def test_a_run_comes_to_what_was_worked_out_by_hand() -> None:
    # decided when bar 0 is known, at 1 min 2 s: 102 × 0.998 / (100 × 1.001) - 1; a tenth of 10 BTC; both fill at the open of bar 2,
    # the first after their arrival, known at 3 min; of alfa's bar 0.4 BTC are ours
    world = by_hand()
    found = backtest.run(world.spec, world.data)
    names = ("venue", "side", "planned", "filled", "decision_price", "limit_price", "price", "flow", "fee", "outcome")
    assert found.fills.select(names).rows() == [
        ("bravo", "sell", 1.0, 1.0, 102.0, 100.98, 101.5, 101.5, 0.203, "filled"),
        ("alfa", "buy", 1.0, 0.4, 100.0, 101.0, 100.5, 40.2, 0.0402, "partial"),
    ]
    times = {name: found.fills[name].dt.epoch("us").to_list() for name in ("decided", "arrival", "recorded")}
    assert times == {"decided": [after(62)] * 2, "arrival": [after(65), after(63)], "recorded": [after(180)] * 2}
    assert found.opportunities["edge_bps"].to_list() == pytest.approx([1e4 * (102 * 0.998 / (100 * 1.001) - 1)])
    # marks: 100, 101 from 1 min 2 s, 100 from 2 min 2 s, 110 from 6 min 2 s
    # at 3 min: 4.4 BTC and 1000 - 40.2402 + 101.297 USD
    equity = [1500, 1500, 1505, 440 + 1061.0568, 1501.0568, 1501.0568, 1501.0568, 484 + 1061.0568]
    assert found.equity["equity"].to_list() == pytest.approx(equity)
    assert found.equity["hold"].to_list() == pytest.approx([1500, 1500, 1505, 1500, 1500, 1500, 1500, 1550])
    # gross: 0.4 of the sell's 1, and of the buy 0.4 × 1; slippage: 0.4 × -0.5 and 0.4 × -0.5; misses: 0.6 × 0.5
    # inventory: drift 1 - 0.4, and 0.6 BTC less while they rise by 10
    lines = {row["line"]: row["amount"] for row in found.summary["attribution"]}  # type: ignore[attr-defined]
    assert lines == pytest.approx(
        {"gross": 0.8, "slippage": -0.4, "leg_misses": 0.3, "fees": -0.2432, "gas": 0.0}
        | {"transfers": 0.0, "peg": 0.0, "inventory": 0.6 - 6, "hold": 50.0},
        abs=1e-9,
    )
    assert found.summary["excess"] == pytest.approx(-4.9432)
    # 0.6 BTC are bought back at alfa, at 110 and its fee of 10 bps
    assert found.summary["trade_back"] == {"amount": pytest.approx(-0.066), "excess": pytest.approx(-5.0092), "at_mark": []}
    assert found.summary["verdict"] == (
        "An edge, lost again: 11.1 of 56.5 bps gross were left after slippage (28.2) and fees (17.2), "  # of a turnover of 141.70
        "but the revaluation of coins that were left behind took 381.1. "
        "Lost 5.01 USD against holding: +0.46 from trading 1 package, after fees, slippage and missed legs, "
        "-5.40 as what was left behind changed in value, and -0.07 by trading back to the starting balances."
    )
    # twice the latencies meet the same bars; half of each volume is half of everything
    assert found.summary["stress"] == pytest.approx({"latencies_doubled": -4.9432, "shares_halved": -2.4716})


def test_what_is_held_at_the_end_is_what_lies_in_wallets_and_what_is_in_flight() -> None:
    for result in (busy(), moving()):
        summary, flows = result.summary, dict.fromkeys(result.spec.currencies, 0.0)
        for row in result.fills.filter(pl.col("filled") > 0).iter_rows(named=True):
            base, _, quote = row["instrument"].partition("/")
            sign = 1 if row["side"] == "buy" else -1
            flows[base] += sign * row["filled"]
            flows[quote] -= sign * row["flow"]
            flows[row["fee_currency"]] -= row["fee"]
        for row in result.transfers.iter_rows(named=True):
            flows[row["currency"]] -= row["fee"]
        for currency, flow in flows.items():
            wallets = [row for row in summary["balances"] if row["currency"] == currency]  # type: ignore[attr-defined]
            held = sum(row["free"] + row["reserved"] + row["pending"] + row["in_flight"] for row in wallets)
            assert held == pytest.approx(sum(row["start"] for row in wallets) + flow, abs=1e-6), currency


def test_a_run_that_sent_nothing_or_was_told_not_to_is_not_stressed() -> None:
    world = by_hand()
    assert backtest.run(world.spec, world.data, stress=False).summary["stress"] == {}
    quiet = dear_alfa(strategy={"threshold_bps": 200.0})
    assert backtest.run(quiet.spec, quiet.data).summary["stress"] == {}


def test_an_excess_that_nothing_moves_has_no_drawdown_however_large_what_is_held() -> None:
    # one package with equal legs, earned at minute 12; BTC goes on moving, but as much of it is held as at the start
    level = {n: round(20_000 + 700 * math.sin(n) + n / 3, 2) for n in range(-2, 240)}
    calm = {n: Bar(close) for n, close in level.items()}
    dear = {**calm, 10: Bar(round(level[10] * 1.01, 2)), 11: Bar(level[11], open=round(level[10] * 1.01, 2)), 12: Bar(level[12], open=level[11])}
    world = small(
        {"alfa BTC/USD": bars(dear, last=239), "bravo BTC/USD": bars({**calm, 11: Bar(level[11], open=level[10])}, last=239)},
        minutes=240,
        strategy={"threshold_bps": 90.0},
        venues={name: {"balances": {"BTC": "40.1", "USD": "1000000.37"}} for name in ("alfa", "bravo")},
    )
    found = backtest.run(world.spec, world.data)
    figures = found.summary["metrics"]
    assert isinstance(figures, dict)
    assert found.fills["filled"].to_list() == [10.0, 10.0]
    assert found.equity["excess"].n_unique() == 2
    assert (figures["max_drawdown"], figures["calmar"], figures["sortino"]) == (0.0, None, None)


def test_progress_names_each_stage_as_it_begins() -> None:
    world, said = dear_alfa(), []
    backtest.run(world.spec, world.data, on_progress=lambda stage, fraction: said.append((stage, fraction)))
    assert [stage for stage, _ in said] == ["aligning", "walking the path", "attributing", "stressing", "hashing", "done"]
    fractions = [fraction for _, fraction in said]
    assert fractions == sorted(fractions)
    assert (fractions[0], fractions[-1]) == (0.0, 1.0)


def test_data_that_cannot_carry_the_run_is_refused() -> None:
    world = dear_alfa()
    with pytest.raises(DataError, match="bravo BTC/USD: expected its data, found none"):
        backtest.run(world.spec, {key: table for key, table in world.data.items() if key.venue != "bravo"})


def test_series_that_the_spec_does_not_name_change_nothing() -> None:
    world = dear_alfa()
    more = {SeriesKey("zulu", "BTC/USD"): bars(level=1.0), **world.data}
    assert backtest.run(world.spec, more).files() == backtest.run(world.spec, world.data).files()


def test_the_best_edge_is_told_only_where_none_reached_the_threshold() -> None:
    # 101 / 100 - 1
    world = dear_alfa(strategy={"threshold_bps": 200.0})
    assert "the best was +100.00 bps." in str(backtest.run(world.spec, world.data).summary["verdict"])


def test_a_permuted_spec_gives_the_same_bytes() -> None:
    world = by_hand()
    instruments, venues = world.form["instruments"], world.form["venues"]
    assert isinstance(instruments, list)
    assert isinstance(venues, dict)
    turned = world.but(instruments=instruments[::-1], venues=dict(reversed(venues.items())))
    assert backtest.run(turned.spec, turned.data).files() == backtest.run(world.spec, world.data).files()


def test_the_same_manifest_gives_the_same_bytes_in_every_process_and_on_any_number_of_threads() -> None:
    assert busy().packages.height > 1000
    assert moving().transfers.height > 5
    here = digests()
    assert digests() == here
    assert len(here) == 3 * 10
    for threads in ("1", "4"):
        assert elsewhere(threads) == here


def elsewhere(threads: str) -> dict[str, str]:
    """Return the digests that a process of its own comes to on so many threads."""
    pools = dict.fromkeys(("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), threads)
    environment = {**os.environ, **pools, "PYTHONHASHSEED": threads}
    script = [sys.executable, "-m", "tests.engine.digests"]
    done = subprocess.run(script, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def test_warming_runs_a_whole_backtest_on_bars_and_one_on_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    kinds: list[tuple[str, bool]] = []
    whole = backtest.run

    def watched(spec: backtest.Spec, given: dict[SeriesKey, pl.DataFrame]) -> backtest.Result:
        found = whole(spec, given)
        kinds.append((spec.legs[0].data, found.packages.height > 5))
        return found

    monkeypatch.setattr(backtest, "run", watched)
    backtest.warm()
    assert kinds == [("bars", True), ("quotes", True)]
