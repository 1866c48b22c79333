"""Each line of the change of equity by hand, and all of them together."""

import numpy as np
import pytest
from hypothesis import given, settings

from engine import attribution, ledger, marks, panel
from engine.backtest import run
from engine.kernels.path import new_orders
from tests.engine.paper import MARKS, ORDERS, SPEC, atoms
from tests.engine.test_path import walked
from tests.strategies import World, worlds

HELD = ledger.holdings(SPEC, ORDERS)
LINES = attribution.fill_lines(SPEC, ORDERS, MARKS)


def test_every_order_has_its_lines() -> None:
    # sell, b = -1:   gross -(101 - 102 × 0.99) = -0.02; slippage (101.5 - 102) × 0.95 = -0.475
    # buy, b = 0.4:   gross 0.4 × (101 - 100) = 0.4; slippage -0.4 × (100.5 - 100) = -0.2
    # the worse leg filled 0.4: the sell keeps 0.4 of its lines, and 0.6 × -0.495 = -0.297 is leg misses
    assert LINES.gross.tolist() == pytest.approx([-0.008, 0.4, 0, 0], abs=1e-12)
    assert LINES.slippage.tolist() == pytest.approx([-0.19, -0.2, 0, 0], abs=1e-12)
    assert LINES.leg_misses.tolist() == pytest.approx([-0.297, 0, 0, 0], abs=1e-12)
    assert LINES.fees.tolist() == pytest.approx([-0.1015 * 0.95, -0.0402, 0, 0], abs=1e-12)
    # drift: base -1 × (100 - 101) and 0.4 × (100 - 101); quote 102 × (0.95 - 0.99) for the sell
    assert LINES.drift_base.tolist() == pytest.approx([1, -0.4, 0, 0], abs=1e-12)
    assert LINES.drift_quote.tolist() == pytest.approx([-4.08, 0, 0, 0], abs=1e-12)
    assert LINES.turnover.tolist() == pytest.approx([101.5 * 0.95, 40.2, 0, 0], abs=1e-12)
    assert LINES.kept.tolist() == pytest.approx([0.4, 0.4, 0, 0], abs=1e-12)


def test_the_lines_of_a_run_are_their_sums_and_revaluation_goes_to_peg_inventory_and_hold() -> None:
    found = attribution.attribute(SPEC, ORDERS, LINES, HELD, MARKS)
    expected = {
        "gross": 0.392,
        "slippage": -0.39,
        "leg_misses": -0.297,
        "fees": -0.0402 - 0.096425,
        # 101.3985 USDC more from minute 3, which then fall by 0.05; drift -4.08
        "peg": -101.3985 * 0.05 - 4.08,
        # 0.6 BTC less from minute 3, which then rise by 10; drift 1 - 0.4
        "inventory": -6 + 0.6,
        # 5 BTC rise by 9, 200 USDC fall by 0.1
        "hold": 45 - 20,
    }
    assert list(found) == list(attribution.LINES)
    assert found == pytest.approx(expected, abs=1e-9)
    # equity: 505 + 1000 + 200 at the start, 484 + 959.7598 + 301.3985 × 0.9 at the end
    assert sum(found.values()) == pytest.approx(1715.01845 - 1705, abs=1e-9)


def test_revaluation_counts_what_was_held_before_each_row() -> None:
    btc = next(holding for holding in HELD if holding.currency == "BTC")
    assert attribution.revaluation(btc, MARKS) == pytest.approx((-6.0, 45.0), abs=1e-9)


def test_equal_legs_miss_nothing_and_a_leg_that_filled_nothing_makes_the_other_a_miss() -> None:
    whole = attribution.fill_lines(SPEC, ORDERS._replace(filled=atoms(0.4, 0.4, 0, 0), flow=atoms(40.6, 40.2, 0, 0)), MARKS)
    assert whole.leg_misses.tolist() == pytest.approx([0, 0, 0, 0], abs=1e-12)
    alone = attribution.fill_lines(SPEC, ORDERS._replace(filled=atoms(0, 0.4, 0, 0), flow=atoms(0, 40.2, 0, 0)), MARKS)
    # all of the buy: 0.4 - 0.2
    assert alone.leg_misses.tolist() == pytest.approx([0, 0.2, 0, 0], abs=1e-12)
    assert alone.gross.tolist() == alone.slippage.tolist() == pytest.approx([0, 0, 0, 0], abs=1e-12)


def test_a_package_has_one_row_with_its_own_lines() -> None:
    table = attribution.packages_table(SPEC, ORDERS, LINES)
    names = ("package", "sell_venue", "sell_instrument", "buy_venue", "buy_instrument", "edge_bps", "planned", "sold", "bought")
    assert table.select(names).rows() == [
        (0, "bravo", "BTC/USDC", "alfa", "BTC/USD", 80.0, 1.0, 1.0, 0.4),
        (1, "alfa", "BTC/USD", "bravo", "BTC/USDC", -5.0, 2.0, 0.0, 0.0),
    ]
    first = table.select("gross", "slippage", "leg_misses", "fees", "pnl").row(0)
    assert first == pytest.approx((0.392, -0.39, -0.297, -0.136625, -0.431625), abs=1e-12)
    assert table.select("gross", "slippage", "leg_misses", "fees", "pnl").row(1) == (0, 0, 0, 0, 0)
    assert attribution.packages_table(SPEC, new_orders(0), attribution.fill_lines(SPEC, new_orders(0), MARKS)).schema == table.schema


@settings(max_examples=100)
@given(worlds())
def test_the_lines_add_up_to_the_change_of_equity(world: World) -> None:
    found = run(world.spec, world.bars)
    equity = found.equity["equity"]
    amounts = [row["amount"] for row in found.summary["attribution"]]  # type: ignore[attr-defined]
    turnover = found.summary["metrics"]["turnover"]  # type: ignore[index]
    assert abs(sum(amounts) - (equity[-1] - equity[0])) <= 1e-9 * turnover + 1e-9 * equity[0]


@settings(max_examples=60)
@given(worlds())
def test_packages_have_the_trade_lines_of_the_run(world: World) -> None:
    orders = walked(world).orders
    marked = marks.build(world.spec, panel.build(world.spec, world.bars))
    lines = attribution.fill_lines(world.spec, orders, marked)
    table = attribution.packages_table(world.spec, orders, lines)
    found = attribution.attribute(world.spec, orders, lines, ledger.holdings(world.spec, orders), marked)
    scale = 1e-12 * (1 + float(np.sum(lines.turnover)))
    for name in attribution.TRADE_LINES:
        assert float(table[name].sum()) == pytest.approx(found[name], rel=1e-9, abs=scale)
