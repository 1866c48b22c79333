"""The further cost at which nothing is left, straight and by runs."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StatisticsError
from engine.statistics.breakeven import BreakEven, breakeven_bps, breakeven_by_runs


def test_the_straight_one_is_excess_over_turnover() -> None:
    # 12.50 left of 50,000: 2.5 bps; what is lost already is below 0
    assert breakeven_bps(12.5, 50_000.0) == pytest.approx(2.5)
    assert breakeven_bps(-12.5, 50_000.0) == pytest.approx(-2.5)
    assert breakeven_bps(12.5, 0.0) is None


@given(st.floats(0.1, 99.0), st.floats(1.0, 1e7))
def test_by_runs_it_is_the_straight_one_where_trades_stay_as_they_were(cost_bps: float, turnover: float) -> None:
    excess = cost_bps * 1e-4 * turnover
    found = breakeven_by_runs(lambda bps: excess - bps * 1e-4 * turnover)
    straight = breakeven_bps(excess, turnover)
    assert found.cost_bps is not None
    assert straight is not None
    assert straight - 1e-9 <= found.cost_bps <= straight + 0.01 + 1e-9
    assert found.excess <= 1e-9 * turnover
    assert found.excess == pytest.approx(excess - found.cost_bps * 1e-4 * turnover, abs=1e-9 * turnover)


def test_where_costs_prevent_trades_it_is_the_cost_of_the_last_one() -> None:
    # three trades with edges of 4, 7 and 20 bps: each is made while it earns; nothing is left from 20 bps on
    asked: list[float] = []

    def excess_at(cost_bps: float) -> float:
        asked.append(cost_bps)
        return sum(max(edge - cost_bps, 0.0) for edge in (4.0, 7.0, 20.0))

    found = breakeven_by_runs(excess_at, highest_bps=64.0, tolerance_bps=0.25)
    assert found == BreakEven(cost_bps=20.0, excess=0.0, runs=10)  # 0, 64, and 64 / 2^8 = 0.25
    assert asked[:4] == [0.0, 64.0, 32.0, 16.0]


def test_nothing_is_left_of_what_earns_nothing() -> None:
    assert breakeven_by_runs(lambda _: -3.0) == BreakEven(cost_bps=0.0, excess=-3.0, runs=1)
    assert breakeven_by_runs(lambda _: 0.0) == BreakEven(cost_bps=0.0, excess=0.0, runs=1)


def test_what_no_cost_takes_has_none() -> None:
    assert breakeven_by_runs(lambda bps: 200.0 - bps, highest_bps=50.0) == BreakEven(cost_bps=None, excess=150.0, runs=2)


@pytest.mark.parametrize(("highest", "tolerance"), [(0.0, 0.01), (100.0, 0.0), (-1.0, 0.1)])
def test_a_search_without_room_is_refused(highest: float, tolerance: float) -> None:
    with pytest.raises(StatisticsError, match="expected a highest cost and a tolerance above 0 bps"):
        breakeven_by_runs(lambda bps: 1 - bps, highest_bps=highest, tolerance_bps=tolerance)
