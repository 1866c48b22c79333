"""Prices, quantities and flows against Python's own arithmetic or worked out by hand."""

import math
from fractions import Fraction

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from tests.engine.kernels.hand import coins
from tests.engine.kernels.plain import amounts

prices = st.floats(1e-6, 1e5)
fees = st.sampled_from((0.0, 1e-4, 0.0026, 0.1, 0.5)) | st.floats(0, 0.9)


@pytest.mark.parametrize(
    ("price", "quantity", "flow"), [(0.5, 1, 0), (0.5, 3, 2), (0.5, 5, 2), (2.5, 3, 8), (100.01, 10**8, 10_001_000_000), (7.0, 0, 0)]
)
def test_a_flow_is_rounded_to_the_nearest_atom_and_ties_to_even(price: float, quantity: int, flow: int) -> None:
    assert amounts.flow_of(price, quantity) == flow


@pytest.mark.parametrize(("flow", "fee", "charged"), [(1_000, 0.001, 1), (1_001, 0.001, 2), (1, 1e-9, 1), (0, 0.5, 0), (12_345, 0.0, 0)])
def test_a_fee_is_rounded_up(flow: int, fee: float, charged: int) -> None:
    assert amounts.fee_of(flow, fee) == charged


def test_what_a_buy_costs_is_its_flow_and_the_fee_on_that() -> None:
    # 0.5 × 3 = 1.5, rounded to 2; a tenth of that is 0.2, rounded up to 1
    assert amounts.cost_of(0.5, 3, 0.1) == 3
    # 10.5, rounded to 10, and 1; a tenth of 10.5 would be 2
    assert amounts.cost_of(0.5, 21, 0.1) == 11


@pytest.mark.parametrize(("flow", "mark", "value"), [(3, 0.5, 2), (5, 0.5, 2), (7, 0.5, 4), (coins(2), 1.25, coins(2.5))])
def test_a_value_is_rounded_to_the_nearest_atom_and_ties_to_even(flow: int, mark: float, value: int) -> None:
    assert amounts.value_of(flow, mark) == value


@pytest.mark.parametrize(
    ("amount", "whole"), [(5.0, 5), (5.999, 5), (0.4, 0), (-0.4, -1), (1e30, 2**62), (float("inf"), 2**62), (float("-inf"), -(2**62))]
)
def test_amounts_are_cut_to_whole_atoms_and_to_what_an_integer_holds(amount: float, whole: int) -> None:
    assert amounts.whole_atoms(amount) == whole


@given(st.integers(1, 10**9), st.integers(1, 10**9))
@example(coins(0.2), coins(0.3))
def test_packages_step_by_the_least_common_multiple_of_two_lots(a: int, b: int) -> None:
    assert amounts.least_common_multiple(a, b) == math.lcm(a, b)


LIMITS = [
    # price, tolerance, tick, sell, buy: 102 × 0.99 and × 1.01; 100.01 × 0.999 = 99.90999 and × 1.001 = 100.11001; 100 × 0.99967 = 99.967
    (100.0, 0.0, 0.01, 100.0, 100.0),
    (102.0, 0.01, 0.01, 100.98, 103.02),
    (100.01, 0.001, 0.01, 99.91, 100.11),
    (100.0, 0.00033, 0.05, 100.0, 100.0),
    (100.0, 0.0007, 0.05, 99.95, 100.05),
    (0.0003, 0.0, 0.0001, 0.0003, 0.0003),
    (1.005, 0.0, 0.01, 1.01, 1.0),
]


@pytest.mark.parametrize(("price", "tolerance", "tick", "sell", "buy"), LIMITS)
def test_limits_are_rounded_against_the_tolerance_to_the_float_of_a_decimal(
    price: float, tolerance: float, tick: float, sell: float, buy: float
) -> None:
    assert amounts.sell_limit(price, tolerance, coins(tick)) == sell
    assert amounts.buy_limit(price, tolerance, coins(tick)) == buy


def test_a_price_within_a_millionth_of_a_tick_is_on_it() -> None:
    assert (amounts.sell_limit(100.000000009, 0.0, coins(0.01)), amounts.sell_limit(100.00000002, 0.0, coins(0.01))) == (100.0, 100.01)
    assert (amounts.buy_limit(99.999999991, 0.0, coins(0.01)), amounts.buy_limit(99.99999998, 0.0, coins(0.01))) == (100.0, 99.99)


@given(st.integers(1, 10**7), st.sampled_from(("0.01", "0.05", "0.1", "0.00001", "5")))
def test_a_limit_without_tolerance_is_the_price_itself(ticks: int, tick: str) -> None:
    price = float(ticks * Fraction(tick))
    atoms = int(Fraction(tick) * 10**8)
    assert amounts.sell_limit(price, 0.0, atoms) == price
    assert amounts.buy_limit(price, 0.0, atoms) == price


def cost(limit: float, quantity: int, fee: float) -> int:
    """Return a reserve by Python's own rounding."""
    flow = round(limit * quantity)
    return flow + math.ceil(flow * fee)


@given(st.integers(0, 400), prices, fees, st.integers(0, 10**6), st.integers(1, 7))
@example(most=10, limit=2.0, fee=0.0, free=20, step=1)  # the last atom
@example(most=10, limit=11.6, fee=0.1, free=13, step=1)  # 12.76 by the formula; 12 and 2 by rounding
@example(most=400, limit=1e-6, fee=0.0, free=0, step=1)  # what rounds to nothing costs nothing
def test_what_is_affordable_is_the_most_that_any_quantity_can_be(most: int, limit: float, fee: float, free: int, step: int) -> None:
    possible = [q for q in range(0, most + 1, step) if cost(limit, q, fee) <= free]
    assert amounts.affordable(most, limit, fee, free, step) == max(possible)


@given(st.integers(0, 10**16), prices, fees, st.integers(0, 10**18), st.integers(1, 10**10))
def test_no_larger_quantity_is_affordable_however_large_they_are(most: int, limit: float, fee: float, free: int, step: int) -> None:
    assume(limit * most < 2**61)
    found = amounts.affordable(most, limit, fee, free, step)
    assert found % step == 0
    assert found <= most
    assert cost(limit, found, fee) <= free
    assert found + step > most or cost(limit, found + step, fee) > free
