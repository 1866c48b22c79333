"""The rows of a small world on three venues, where pairs compete, stand without news, miss a leg and are unwound, against its backtests."""

from typing import Any

import pytest

from engine import backtest, sweep
from engine.sweep.design import design
from engine.sweep.spec import parse_sweep
from tests.engine.small import Book, books, small
from tests.strategies import World

QUOTES = {
    "alfa BTC/USD": books(
        {
            5: Book(102.0, 102.2, 0.5, 0.4),
            5.7: Book(101.0, 101.2, 0.1, 0.4),
            9: Book(100.0, 100.1),
            65: Book(101.0, 101.1, 3.0),
            65.6: Book(100.9, 101.1, 0.7),
            90.5: Book(99.0, 99.1),
            200: Book(97, 97.1),
        }
    ),
    "bravo BTC/USD": books(
        {5.2: Book(99.9, 100.0, 2.0, 0.3), 65.3: Book(100.0, 100.2, 2.0, 2.0), 90.4: Book(99.5, 99.6, 1.0, 0.2), 140: Book(99, 101)}
    ),
    "delta BTC/USD": books({5.5: Book(100.5, 100.6, 1.0, 1.0), 65.3: Book(99.0, 99.5, 1.0, 0.1), 65.4: Book(100.2, 100.3), 91: Book(98.0, 98.2)}),
}
TIERS = [{"volume": "0", "taker_bps": 9}, {"volume": "100", "taker_bps": 2}]
PARAMETERS: list[dict[str, Any]] = [
    {"path": "strategy.threshold_bps", "values": [1, 40]},
    {"path": "venues.alfa.order_latency", "values": ["50ms", "800ms"]},
    {"path": "venues.bravo.balances.USD", "values": ["10000", "40"]},
    {"path": "venues.alfa.volume_30d", "values": ["0", "100"]},
]
NAMES = {"gross": "gross", "slippage": "slippage", "leg_misses": "leg_misses", "fees": "fees", "transfers": "transfer_costs"}


def world(tiers: bool) -> World:
    """Return the world, with tiers at alfa or one rate."""
    fees: dict[str, Any] = {"fee_bps": None, "fees": [{"tiers": TIERS}]} if tiers else {"fee_bps": 2}
    return small(QUOTES, venues={"alfa": {**fees, "feed_latency": "20ms"}}, execution={"residual": "unwind", "tolerance_bps": 1.0})


@pytest.mark.parametrize("tiers", [False, True])
def test_every_figure_of_every_set_is_that_of_its_backtest(tiers: bool) -> None:
    one = world(tiers)
    form = {"version": 1, "name": "small", "design": "grid", "keep": 0, "spec": one.spec.canonical(), "parameters": PARAMETERS}
    made = parse_sweep(form)
    rows = sweep.run(made, one.data, threads=1).trials
    assert rows["leg_misses"].n_unique() > 2
    assert rows["residual_orders"].max() > 0  # type: ignore[operator]
    assert rows["episodes"].n_unique() > 1
    for trial in range(made.most_trials):
        said: dict[str, Any] = backtest.run(design(made).spec_of(trial), one.data, stress=False).summary
        lines = {NAMES[row["line"]]: row["amount"] for row in said["attribution"] if row["line"] in NAMES}
        known = said["counts"] | said["metrics"] | lines | {"after_trading_back": said["trade_back"]["excess"], "start_equity": said["equity_start"]}
        row = rows.row(trial, named=True)
        assert {name: value for name, value in row.items() if name in known} == {name: value for name, value in known.items() if name in row}


@pytest.mark.parametrize("design_", ["random", "sobol"])
@pytest.mark.parametrize("charged", ["quote", "received"])
def test_rows_of_sets_that_each_have_fees_of_their_own_are_those_of_their_backtests(design_: str, charged: str) -> None:
    fees = {name: {"fee_bps": 2, "fee_currency": charged} for name in ("alfa", "bravo", "delta")}
    one = small(QUOTES, venues=fees, execution={"tolerance_bps": 1.0})
    parameters = [{"path": f"venues.{name}.fee_bps", "low": 0, "high": 60} for name in ("alfa", "bravo", "delta")]
    form = {"version": 1, "name": "small", "design": design_, "trials": 8, "keep": 0, "spec": one.spec.canonical()}
    made = parse_sweep({**form, "parameters": parameters})
    rows = sweep.run(made, one.data, threads=1).trials
    assert rows["packages"].n_unique() > 2
    for trial in range(8):
        said: dict[str, Any] = backtest.run(design(made).spec_of(trial), one.data, stress=False).summary
        known = said["counts"] | said["metrics"] | {"after_trading_back": said["trade_back"]["excess"]}
        row = rows.row(trial, named=True)
        assert {name: value for name, value in row.items() if name in known} == {name: value for name, value in known.items() if name in row}
