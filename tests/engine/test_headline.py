"""The one sentence: what became of the edge, and which cost decided it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.headline import COSTS, Edge, headline

NOTHING = dict.fromkeys(("gross", "slippage", "leg_misses", "fees", "gas", "transfers", "peg", "inventory", "hold"), 0.0)


def said(*, back: float = 0.0, indicative: bool = True, stablecoins: tuple[str, ...] = ("USDC",), **lines: float) -> str:
    """Return the headline of lines in bps of turnover."""
    return headline(Edge(lines=NOTHING | lines, turnover=10_000.0, back=back, indicative=indicative, stablecoins=stablecoins))


def test_the_cost_that_takes_the_whole_edge_is_named() -> None:
    assert said(gross=2.4, fees=-3.1, slippage=-0.5) == "No edge after costs: fees took 3.1 of 2.4 bps gross."


def test_where_no_cost_takes_it_alone_the_largest_that_do_are_named() -> None:
    assert said(gross=2.4, fees=-2.0, slippage=-0.9, transfers=-0.1) == "No edge after costs: fees took 2.0 and slippage 0.90 of 2.4 bps gross."
    lines = {"gross": 6.0, "fees": -2.5, "slippage": -2.0, "leg_misses": -1.2, "transfers": -1.1}
    assert said(**lines) == "No edge after costs: fees took 2.5, slippage 2.0, missed legs 1.2 and transfers 1.1 of 6.0 bps gross."


def test_what_was_no_edge_before_any_cost_is_told_so() -> None:
    assert said(gross=-3.04, fees=-1.0) == "No edge: what was decided on was worth -3.0 bps of turnover at marks, before any cost."


def test_a_gain_that_is_peg_revaluation_alone_is_called_a_bet() -> None:
    bet = "; the gain is the revaluation of USDC: a bet, no arbitrage."
    assert said(gross=-3.0, fees=-1.0, peg=20.0).endswith(f"before any cost{bet}")
    assert said(gross=0.5, fees=-10.8, peg=30.0) == f"No edge after costs: fees took 10.8 of 0.50 bps gross{bet}"
    assert "the revaluation of stablecoins" in said(gross=-3.0, peg=20.0, stablecoins=("USDC", "USDT"))
    assert "the revaluation of coins that were left behind" in said(gross=-3.0, peg=9.0, inventory=20.0)


def test_an_edge_after_costs_says_what_was_left_and_what_it_stands_on() -> None:
    lines = {"gross": 8.4, "fees": -5.0, "slippage": -1.3}
    assert said(**lines) == "Edge after costs, indicatively: 2.1 of 8.4 bps gross were left after slippage (1.3) and fees (5.0)."
    assert said(**lines, indicative=False).startswith("Edge after costs on recorded quotes: 2.1 of 8.4")
    assert said(gross=8.4).endswith("8.4 of 8.4 bps gross were left after no costs.")


def test_what_slippage_and_missed_legs_happen_to_bring_is_luck_and_no_edge() -> None:
    lucky = said(gross=2.0, fees=-2.5, leg_misses=3.4)
    assert lucky == "No edge after costs: fees took 2.5 of 2.0 bps gross; the gain is luck: missed legs happened to bring 3.4."
    both = said(gross=2.0, fees=-2.5, leg_misses=3.4, slippage=1.0, peg=-9.0)
    assert both == "No edge after costs: fees took 2.5 of 2.0 bps gross; slippage happened to bring 1.0 and missed legs happened to bring 3.4."
    assert said(gross=8.0, fees=-2.0, slippage=1.0).endswith("6.0 of 8.0 bps gross were left after fees (2.0); slippage happened to bring 1.0.")


def test_an_edge_that_revaluation_takes_is_lost_again() -> None:
    lost = said(gross=12.7, fees=-7.1, leg_misses=-0.24, peg=-23.7, back=-1.0)
    assert lost == (
        "An edge, lost again: 5.4 of 12.7 bps gross were left after missed legs (0.24) and fees (7.1), but the revaluation of USDC took 23.7."
    )


def test_an_edge_that_trading_back_turns_stands_at_marks_only() -> None:
    turned = "An edge at marks only: 2.0 of 5.0 bps gross were left after fees (3.0), but trading back to the starting balances takes 4.0"
    assert said(gross=5.0, fees=-3.0, back=-4.0) == f"{turned}."
    assert said(gross=5.0, fees=-3.0, back=-4.0, peg=9.0) == f"{turned}; the gain is the revaluation of USDC: a bet, no arbitrage."
    assert said(gross=5.0, fees=-3.0, back=-4.0, slippage=9.0) == f"{turned}; the gain is luck: slippage happened to bring 9.0."


def test_a_gain_that_is_bids_above_marks_says_so() -> None:
    assert said(gross=1.0, fees=-2.0, back=5.0).endswith("of 1.0 bps gross; the gain is what trading back above marks brings.")


@pytest.mark.parametrize(("gross", "words"), [(0.5, "0.50"), (0.004, "under 0.01"), (12_345.0, "12,345.0")])
def test_bps_have_as_many_digits_as_say_something(gross: float, words: str) -> None:
    assert said(gross=gross).endswith(f"{words} of {words} bps gross were left after no costs.")


AMOUNTS = st.floats(-50, 50).map(lambda value: round(value, 1))


@given(st.fixed_dictionaries(dict.fromkeys(NOTHING, AMOUNTS)), AMOUNTS, st.booleans())
def test_an_edge_is_claimed_only_where_something_was_left_and_earned(lines: dict[str, Any], back: float, indicative: bool) -> None:
    words = said(back=back, indicative=indicative, **lines)
    costs = sum(min(lines[name], 0) for name in COSTS)
    result = lines["gross"] + sum(lines[name] for name in (*COSTS, "peg", "inventory")) + back
    claimed = words.startswith("Edge after costs")
    if abs(result) > 1e-9 and abs(lines["gross"] + costs + back) > 1e-9 and abs(lines["gross"] + costs) > 1e-9:
        assert claimed == (lines["gross"] > 0 and lines["gross"] + costs > 0 and lines["gross"] + costs + back > 0 and result > 0)
        assert words.startswith("No edge") == (lines["gross"] <= 0 or lines["gross"] + costs <= 0)
    assert words.endswith(".")
    assert words.count(". ") == 0  # one sentence
