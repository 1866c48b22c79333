"""Each line of the change of equity by hand, all of them together, and whose they are."""

from dataclasses import fields, replace

import numpy as np
import pytest
from hypothesis import given, settings

from engine import attribution, ledger
from engine.attribution import FillLines
from engine.backtest import run
from engine.schema import micros
from tests.engine.paper import DEAR, IDLE, MARKS, OPPORTUNITIES, ORDERS, PATH, SPEC, atoms, minutes
from tests.strategies import World, worlds

HELD = ledger.holdings(SPEC, PATH)
LINES = attribution.fill_lines(SPEC, PATH, MARKS)
BY_HAND = {
    "gross": 0.392,
    "slippage": -0.39,
    # the unequal part of the sell, and the residual order whole
    "leg_misses": -0.297 + 0.031,
    "fees": -0.1015 * 0.95 - 0.0004 * 100 - 0.002 * 310,
    "gas": 0.0,
    "transfers": -0.99 - 0.94,
    # 1 USDC less from minute 2, 101.3985 more from minute 3, 53.6 less from minute 4, at 0.9 in the end; drift
    "peg": 1 * 0.09 - 101.3985 * 0.05 + 53.6 * 0.04 - 4.08 + 0.525,
    # 0.6004 BTC less from minute 3, which then rise by 10, 0.5 more from minute 4; drift 1 - 0.4; 0.002 BNB less, which rise by 10
    "inventory": -6.004 + 5 + 0.6 - 0.02,
    # 5 BTC rise by 9, 200 USDC fall by 0.1, 1 BNB rises by 20
    "hold": 45 - 20 + 20,
}


def test_every_order_has_its_lines() -> None:
    # sell, b = -1:       gross -(101 - 102 × 0.99) = -0.02; slippage (101.5 - 102) × 0.95 = -0.475
    # buy, b = 0.4:       gross 0.4 × (101 - 100) = 0.4; slippage -0.4 × (100.5 - 100) = -0.2
    # the worse leg filled 0.4: the sell keeps 0.4 of its lines, and 0.6 × -0.495 = -0.297 is leg misses
    # residual, b = 0.5:  0.5 × (100 - 105 × 0.95) = 0.125, -0.5 × (105.2 - 105) × 0.94 = -0.094, all of it leg misses
    assert LINES.gross.tolist() == pytest.approx([-0.008, 0.4, 0, 0, 0], abs=1e-12)
    assert LINES.slippage.tolist() == pytest.approx([-0.19, -0.2, 0, 0, 0], abs=1e-12)
    assert LINES.leg_misses.tolist() == pytest.approx([-0.297, 0, 0, 0, 0.031], abs=1e-12)
    # each at the mark of what was charged: USDC, BTC, BNB
    assert LINES.fees.tolist() == pytest.approx([-0.1015 * 0.95, -0.04, 0, 0, -0.62], abs=1e-12)
    # drift: base -1 × (100 - 101) and 0.4 × (100 - 101); quote 102 × (0.95 - 0.99) for the sell, -52.5 × (0.94 - 0.95) for the residual
    assert LINES.drift_base.tolist() == pytest.approx([1, -0.4, 0, 0, 0], abs=1e-12)
    assert LINES.drift_quote.tolist() == pytest.approx([-4.08, 0, 0, 0, 0.525], abs=1e-12)
    assert LINES.turnover.tolist() == pytest.approx([101.5 * 0.95, 40.2, 0, 0, 52.6 * 0.94], abs=1e-12)
    assert LINES.kept.tolist() == pytest.approx([0.4, 0.4, 0, 0, 0.4], abs=1e-12)


def test_a_transfer_costs_its_fee_at_the_mark_of_its_request() -> None:
    assert attribution.transfer_costs(SPEC, PATH, MARKS).tolist() == pytest.approx([-0.99, -0.94], abs=1e-12)


def test_the_lines_of_a_run_are_their_sums_and_revaluation_goes_to_peg_inventory_and_hold() -> None:
    found = attribution.attribute(SPEC, PATH, LINES, held=HELD, marks=MARKS)
    assert list(found) == list(attribution.LINES)
    assert found == pytest.approx(BY_HAND, abs=1e-9)
    assert sum(found.values()) == pytest.approx(change_of_equity(), abs=1e-9)


def change_of_equity() -> float:
    # 2005 at the start; 4.8996 BTC, 959.8 USD, 246.7985 USDC and 0.998 BNB at the end
    return 4.8996 * 110 + 959.8 + 246.7985 * 0.9 + 0.998 * 320 - 2005


@pytest.mark.parametrize("line", [field.name for field in fields(FillLines) if field.name not in {"turnover", "kept", "gas"}])
def test_a_flipped_sign_in_any_line_is_caught(line: str) -> None:
    wrong = replace(LINES, **{line: -getattr(LINES, line)})
    found = attribution.attribute(SPEC, PATH, wrong, held=HELD, marks=MARKS)
    assert abs(sum(found.values()) - change_of_equity()) > 0.01


def test_revaluation_counts_each_change_from_when_it_came() -> None:
    # BNB: -0.002 × (320 - 310); BTC: -0.6004 × (110 - 100), + 0.5 × 10; USD: its mark is 1; USDC: as above
    end = MARKS.at(minutes(5))
    assert attribution.revaluations(HELD, MARKS, end=end) == pytest.approx([-0.02, -1.004, 0, 0.09 - 5.069925 + 2.144], abs=1e-9)


def filled(*amounts: float, flows: tuple[float, ...]) -> FillLines:
    """Return the lines where the legs of package 0 filled other amounts."""
    orders = replace(ORDERS, filled=atoms(*amounts, 0, 0, 0), flow=atoms(*flows, 0, 0, 0))
    return attribution.fill_lines(SPEC, replace(PATH, orders=orders), MARKS)


def test_equal_legs_miss_nothing_and_a_leg_that_filled_nothing_makes_the_other_a_miss() -> None:
    whole = filled(0.4, 0.4, flows=(40.6, 40.2))
    assert whole.leg_misses.tolist() == pytest.approx([0, 0, 0, 0, 0], abs=1e-12)
    alone = filled(0, 0.4, flows=(0, 40.2))
    # all of the buy: 0.4 - 0.2
    assert alone.leg_misses.tolist() == pytest.approx([0, 0.2, 0, 0, 0], abs=1e-12)
    assert alone.gross.tolist() == alone.slippage.tolist() == pytest.approx([0, 0, 0, 0, 0], abs=1e-12)


def test_a_package_has_one_row_with_its_own_lines() -> None:
    table = attribution.packages_table(SPEC, PATH, LINES)
    assert table.select("package", "legs", "edge_bps", "kept").rows() == [
        (0, "sell bravo BTC/USDC, buy alfa BTC/USD", 80.0, 0.4),
        (1, "sell alfa BTC/USD, buy bravo BTC/USDC", 15.0, 0.0),
    ]
    # 101.5 and 52.6 USDC at 0.95 and 0.94, and 40.2 USD
    assert table["turnover"].to_list() == pytest.approx([101.5 * 0.95 + 40.2 + 52.6 * 0.94, 0], abs=1e-12)
    first = table.select("gross", "slippage", "leg_misses", "fees", "pnl").row(0)
    assert first == pytest.approx((0.392, -0.39, -0.266, -0.756425, -1.020425), abs=1e-12)
    assert table.select("gross", "slippage", "leg_misses", "fees", "pnl").row(1) == (0, 0, 0, 0, 0)
    idle = attribution.packages_table(SPEC, IDLE, attribution.fill_lines(SPEC, IDLE, MARKS))
    assert idle.schema == table.schema
    assert idle.is_empty()


def test_a_step_that_was_never_sent_filled_nothing_of_its_package() -> None:
    # package 0 with its sell alone: what that did is a miss, whole
    alone = {field.name: getattr(ORDERS, field.name)[[0, 2, 3, 4]] for field in fields(ORDERS)}
    lines = attribution.fill_lines(SPEC, replace(PATH, orders=replace(ORDERS, **alone)), MARKS)
    assert (lines.kept[0], lines.gross[0], lines.slippage[0]) == (0, 0, 0)
    assert lines.leg_misses[0] != 0


def test_combinations_have_the_lines_of_their_packages_the_one_that_mattered_most_first() -> None:
    first, second = attribution.by_combination(SPEC, PATH, LINES)
    assert (first["legs"], first["packages"]) == ("sell bravo BTC/USDC, buy alfa BTC/USD", 1)
    assert [first[line] for line in (*attribution.TRADE_LINES, "pnl")] == pytest.approx([0.392, -0.39, -0.266, -0.756425, 0, -1.020425], abs=1e-12)
    assert (second["legs"], second["packages"], second["pnl"]) == ("sell alfa BTC/USD, buy bravo BTC/USDC", 1, 0.0)
    assert attribution.by_combination(SPEC, IDLE, attribution.fill_lines(SPEC, IDLE, MARKS)) == []


def test_packages_of_one_combination_are_counted_together_and_gains_rank_like_losses() -> None:
    turned = replace(PATH, opportunities=replace(OPPORTUNITIES, combination=np.full(5, DEAR, np.int32)))
    (only,) = attribution.by_combination(SPEC, turned, LINES)
    assert (only["packages"], only["legs"]) == (2, "sell bravo BTC/USDC, buy alfa BTC/USD")
    gains = replace(LINES, gross=np.array([0.0, 0.0, 5.0, 0.0, 0.0]))
    assert [str(row["legs"])[5:9] for row in attribution.by_combination(SPEC, PATH, gains)] == ["alfa", "brav"]


def test_legs_have_the_lines_and_the_turnover_of_their_orders() -> None:
    alfa, bravo = attribution.by_leg(SPEC, PATH, LINES)
    assert (alfa["venue"], alfa["instrument"], alfa["orders"], alfa["fills"]) == ("alfa", "BTC/USD", 2, 1)
    assert (bravo["venue"], bravo["instrument"], bravo["orders"], bravo["fills"]) == ("bravo", "BTC/USDC", 3, 2)
    names = ("gross", "slippage", "leg_misses", "fees", "turnover")
    assert [alfa[name] for name in names] == pytest.approx([0.4, -0.2, 0, -0.04, 40.2], abs=1e-12)
    assert [bravo[name] for name in names] == pytest.approx([-0.008, -0.19, -0.266, -0.716425, 96.425 + 49.444], abs=1e-12)


@settings(max_examples=100)
@given(worlds())
def test_the_lines_add_up_to_the_change_of_equity(world: World) -> None:
    found = run(world.spec, world.data, stress=False)
    start, end = found.equity["hold"][0], found.equity["equity"][-1]
    assert (found.summary["equity_start"], found.summary["equity_end"]) == (start, end)
    amounts = [row["amount"] for row in found.summary["attribution"]]  # type: ignore[attr-defined]
    turnover = found.summary["metrics"]["turnover"]  # type: ignore[index]
    assert abs(sum(amounts) - (end - start)) <= 1e-9 * turnover + 1e-9 * start


@settings(max_examples=60)
@given(worlds())
def test_packages_pairs_and_legs_have_the_trade_lines_of_the_run(world: World) -> None:
    found = run(world.spec, world.data, stress=False)
    lines = {row["line"]: row["amount"] for row in found.summary["attribution"]}  # type: ignore[attr-defined]
    scale = 1e-12 * (1 + found.summary["metrics"]["turnover"])  # type: ignore[index]
    for name in attribution.TRADE_LINES:
        of_packages = float(found.packages[name].sum())
        of_legs = sum(row[name] for row in found.summary["legs"])  # type: ignore[attr-defined]
        assert of_packages == pytest.approx(lines[name], rel=1e-9, abs=scale)
        assert of_legs == pytest.approx(lines[name], rel=1e-9, abs=scale)
    assert micros(found.equity["ts"][-1]) == micros(world.spec.end)
