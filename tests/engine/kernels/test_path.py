"""The rules of the path one by one, against Python's own arithmetic or worked out by hand."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from engine.kernels import path as kernel

ATOM = 100_000_000
prices = st.floats(1e-6, 1e5)
fees = st.sampled_from((0.0, 1e-4, 0.0026, 0.1, 0.5)) | st.floats(0, 0.9)


def ints(*values: int) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def floats(*values: float) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    return np.array(values, dtype=np.float64)


@pytest.mark.parametrize(
    ("price", "quantity", "flow"), [(0.5, 1, 0), (0.5, 3, 2), (0.5, 5, 2), (2.5, 3, 8), (100.01, 10**8, 10_001_000_000), (7.0, 0, 0)]
)
def test_a_flow_is_rounded_to_the_nearest_atom_and_ties_to_even(price: float, quantity: int, flow: int) -> None:
    assert kernel.flow_of(price, quantity) == flow


@pytest.mark.parametrize(("flow", "fee", "cost"), [(1_000, 0.001, 1), (1_001, 0.001, 2), (1, 1e-9, 1), (0, 0.5, 0), (12_345, 0.0, 0)])
def test_a_fee_is_rounded_up(flow: int, fee: float, cost: int) -> None:
    assert kernel.fee_of(flow, fee) == cost


@given(st.integers(1, 10**9), st.integers(1, 10**9))
def test_packages_step_by_the_least_common_multiple_of_two_lots(a: int, b: int) -> None:
    assert kernel.least_common_multiple(a, b) == math.lcm(a, b)


def cost(limit: float, quantity: int, fee: float) -> int:
    """Return a reserve by Python's own rounding."""
    flow = round(limit * quantity)
    return flow + math.ceil(flow * fee)


@given(st.integers(0, 400), prices, fees, st.integers(0, 10**6), st.integers(1, 7))
@example(most=10, limit=2.0, fee=0.0, free=20, step=1)  # the last atom
@example(most=10, limit=11.6, fee=0.1, free=13, step=1)  # 12.76 by the formula; 12 and 2 by rounding
def test_what_is_affordable_is_the_most_that_any_quantity_can_be(most: int, limit: float, fee: float, free: int, step: int) -> None:
    possible = [q for q in range(0, most + 1, step) if cost(limit, q, fee) <= free]
    assert kernel.affordable(most, limit, fee, free, step) == max(possible)


@given(st.integers(0, 10**16), prices, fees, st.integers(0, 10**18), st.integers(1, 10**10))
def test_no_larger_quantity_is_affordable_however_large_they_are(most: int, limit: float, fee: float, free: int, step: int) -> None:
    assume(limit * most < 2**61)
    found = kernel.affordable(most, limit, fee, free, step)
    assert found % step == 0
    assert found <= most
    assert cost(limit, found, fee) <= free
    assert found + step > most or cost(limit, found + step, fee) > free


@pytest.mark.parametrize(
    ("bid", "tolerance", "tick", "limit"),
    [
        (100.0, 0.0, 0.01, 100.0),
        (102.0, 0.01, 0.01, 100.98),
        (100.01, 0.001, 0.01, 99.91),
        (100.0, 0.00033, 0.05, 100.0),
        (0.0003, 0.0, 0.0001, 0.0003),
    ],
)
def test_a_sells_limit_is_rounded_up_to_the_tick(bid: float, tolerance: float, tick: float, limit: float) -> None:
    # 100.01 × 0.999 = 99.90999; 100 × 0.99967 = 99.967
    assert kernel.sell_limit(bid, tolerance, tick) == pytest.approx(limit, rel=1e-12)


@pytest.mark.parametrize(
    ("ask", "tolerance", "tick", "limit"),
    [
        (100.0, 0.0, 0.01, 100.0),
        (102.0, 0.01, 0.01, 103.02),
        (100.01, 0.001, 0.01, 100.11),
        (100.0, 0.00033, 0.05, 100.0),
        (0.0003, 0.0, 0.0001, 0.0003),
    ],
)
def test_a_buys_limit_is_rounded_down_to_the_tick(ask: float, tolerance: float, tick: float, limit: float) -> None:
    # 100.01 × 1.001 = 100.11001; 100 × 1.00033 = 100.033
    assert kernel.buy_limit(ask, tolerance, tick) == pytest.approx(limit, rel=1e-12)


@given(st.integers(1, 10**7), st.sampled_from(("0.01", "0.05", "0.1", "0.00001", "5")))
def test_a_limit_without_tolerance_is_the_price_itself(ticks: int, tick: str) -> None:
    price = ticks * float(tick)
    assert round(Fraction(kernel.sell_limit(price, 0.0, float(tick))) / Fraction(tick)) == ticks
    assert kernel.sell_limit(price, 0.0, float(tick)) == kernel.buy_limit(price, 0.0, float(tick))


values = st.sampled_from((float("nan"), 99.0, 99.5, 100.0, 100.0, 100.1, 101.0))


@given(st.lists(st.tuples(values, values), min_size=2, max_size=5), st.sampled_from((-100.0, 0.0, 10.0, 50.0)))
def test_pairs_are_ranked_by_edge_then_by_sell_leg_then_by_buy_leg(legs: list[tuple[float, float]], threshold: float) -> None:
    count = len(legs)
    edges = {(s, b): 1e4 * (legs[s][0] / legs[b][1] - 1) for s in range(count) for b in range(count) if s != b}
    expected = sorted((pair for pair, edge in edges.items() if edge >= threshold), key=lambda pair: (-edges[pair], pair))
    pairs, found = np.zeros(count * count, np.int64), np.zeros(count * count)
    number = kernel.rank_pairs(floats(*(r for r, _ in legs)), floats(*(s for _, s in legs)), threshold, pairs, found)
    assert [divmod(int(pair), count) for pair in pairs[:number]] == expected
    assert found[:number].tolist() == [edges[pair] for pair in expected]


BARS = kernel.Bars(offset=ints(0, 3, 5), open_us=ints(0, 60, 180, 60, 120), bid=np.ones(5), ask=np.ones(5), volume_cap=np.ones(5, np.int64))


@pytest.mark.parametrize(
    ("leg", "arrival", "wait", "row"),
    [
        (0, 0, 60, 0),  # at its open
        (0, 1, 60, 1),
        (0, 61, 60, -1),  # the bar at 120 is missing, that at 180 too late
        (0, 120, 60, -1),  # at 180, and not before
        (0, 120, 61, 2),
        (0, 61, 120, 2),
        (0, 181, 600, -1),  # after the last
        (1, 0, 60, -1),  # the other leg's bar at 0 is not its own
        (1, 0, 61, 3),
        (1, 121, 600, -1),
    ],
)
def test_an_order_meets_its_legs_first_bar_from_arrival_to_before_the_end_of_its_wait(leg: int, arrival: int, wait: int, row: int) -> None:
    assert kernel.find_bar(BARS, leg, arrival, wait) == row


def rules(**changes: float) -> kernel.Rules:
    usual = {"threshold_bps": 0.0, "cool_down_us": 0, "tolerance": 0.0, "fixed_notional": 0.0, "max_notional": 0.0}
    return kernel.Rules(**{**usual, "interval_us": 60, "max_wait_us": 60, "end_us": 10_000, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("bar", "arrival", "wait", "known"),
    [
        (1, 5, 60, 120),  # the end of its bar
        (-1, 60, 60, 120),  # waited for the bar at 60 only
        (-1, 61, 60, 180),  # for that at 120
        (-1, 61, 180, 300),  # for those at 120, 180 and 240; that at 241 opens too late
    ],
)
def test_a_miss_is_known_at_the_end_of_the_last_bar_that_was_waited_for(bar: int, arrival: int, wait: int, known: int) -> None:
    assert kernel.resolution_us(BARS, bar, arrival, rules(max_wait_us=wait)) == known


LEGS = kernel.Legs(
    fee=floats(0.0, 0.001), tick=floats(0.01, 0.01), lot=ints(2 * ATOM // 10, 3 * ATOM // 10), min_notional=ints(0, 0),
    order_latency_us=ints(0, 0), feed_latency_us=ints(0, 0), base_wallet=ints(0, 2), quote_wallet=ints(1, 3),
)  # fmt: skip
ROW = kernel.Candidates(
    at_us=ints(0), bid=floats(101, 99)[None], ask=floats(102, 100)[None], received=floats(101, 100)[None], spent=floats(101, 100)[None],
    ask_value=floats(101, 50)[None], volume_cap=ints(10 * ATOM, 5 * ATOM)[None],
)  # fmt: skip


def state(*, coins: float = 100, money: float = 1e6, under_way: tuple[float, float] = (0, 0)) -> kernel.State:
    return kernel.State(
        free=ints(int(coins * ATOM), 0, 0, int(money * ATOM)), reserved=ints(0, 0, 0, 0), pending=ints(0, 0, 0, 0),
        last_decision_us=np.zeros((2, 2), np.int64), under_way=ints(*(int(x * ATOM) for x in under_way)),
        taken=ints(0, 0, 0, 0, 0), dropped=ints(0, 0, 0, 0),
    )  # fmt: skip


settle = getattr(kernel.settle_until, "py_func", kernel.settle_until)
"""In Python, whose lists numba is about to refuse; what it calls is compiled."""

NO_VOLUME, NO_FUNDS, BELOW_MINIMUM = (1 + kernel.DROPPED.index(reason) for reason in ("no_volume", "no_funds", "below_minimum"))


@pytest.mark.parametrize(
    ("changes", "wallets", "minimum", "quantity", "refusal"),
    [
        # the step is 0.6, the smaller cap 5: 4.8
        ({}, {}, (0, 0), 4.8, 0),
        ({}, {"under_way": (0, 1)}, (0, 0), 3.6, 0),
        ({}, {"under_way": (7, 1)}, (0, 0), 3.0, 0),
        ({}, {"under_way": (0, 4.5)}, (0, 0), 0, NO_VOLUME),
        ({}, {"under_way": (11, 0)}, (0, 0), 0, NO_VOLUME),
        ({}, {"coins": 3.59}, (0, 0), 3.0, 0),
        ({}, {"coins": 0.59}, (0, 0), 0, NO_FUNDS),
        # 1.2 costs 120 and 0.12
        ({}, {"money": 120.12}, (0, 0), 1.2, 0),
        ({}, {"money": 120.11999999}, (0, 0), 0.6, 0),
        ({}, {"money": 60}, (0, 0), 0, NO_FUNDS),
        # a unit counts 50 in the comparison currency
        ({"max_notional": 119}, {}, (0, 0), 1.8, 0),
        ({"max_notional": 30}, {}, (0, 0), 0.6, 0),
        ({"max_notional": 29.99}, {}, (0, 0), 0, BELOW_MINIMUM),
        ({"fixed_notional": 119}, {}, (0, 0), 1.8, 0),
        ({"fixed_notional": 29.99}, {}, (0, 0), 0, BELOW_MINIMUM),
        ({"fixed_notional": 240}, {}, (0, 0), 4.8, 0),
        ({"fixed_notional": 270}, {}, (0, 0), 0, NO_VOLUME),
        ({"fixed_notional": 240}, {"coins": 4.7}, (0, 0), 0, NO_FUNDS),
        ({"fixed_notional": 240}, {"money": 480}, (0, 0), 0, NO_FUNDS),
        # 4.8 × 101 = 484.8 sold, 4.8 × 100 = 480 bought
        ({}, {}, (484.8, 480), 4.8, 0),
        ({}, {}, (484.80000001, 480), 0, BELOW_MINIMUM),
        ({}, {}, (484.8, 480.00000001), 0, BELOW_MINIMUM),
    ],
)
def test_the_size_of_a_package_is_what_volume_funds_and_limits_allow_and_the_first_that_allows_none_is_the_reason(
    changes: dict[str, float], wallets: dict[str, float], minimum: tuple[float, float], quantity: float, refusal: int
) -> None:
    limits = rules(**{name: value * ATOM for name, value in changes.items()})
    legs = LEGS._replace(min_notional=ints(*(round(x * ATOM) for x in minimum)))
    found = kernel.size_package(legs, limits, state(**wallets), ROW, 0, 0, 1, 100.0)  # type: ignore[arg-type]
    assert found == (round(quantity * ATOM), refusal)


@pytest.mark.parametrize(("amount", "whole"), [(5.0, 5), (5.999, 5), (0.4, 0), (1e30, kernel.LARGEST_ATOMS), (float("inf"), kernel.LARGEST_ATOMS)])
def test_amounts_are_cut_to_whole_atoms_and_to_what_an_integer_holds(amount: float, whole: int) -> None:
    assert kernel.whole_atoms(amount) == whole


def test_a_notional_far_above_the_price_is_no_limit() -> None:
    # 1e10 at 1e-9 a unit is 1e27 atoms
    cheap = ROW._replace(ask_value=floats(1, 1e-9)[None])
    assert kernel.size_package(LEGS, rules(max_notional=1e18), state(), cheap, 0, 0, 1, 100.0) == (480_000_000, 0)
    assert kernel.size_package(LEGS, rules(fixed_notional=1e18), state(), cheap, 0, 0, 1, 100.0) == (0, NO_VOLUME)


def test_the_limit_and_not_the_ask_must_be_affordable() -> None:
    assert kernel.size_package(LEGS, rules(), state(money=120.12), ROW, 0, 0, 1, 100.01) == (60_000_000, 0)


def moved(now: kernel.State) -> dict[str, list[float]]:
    """Return the wallets (leg 0 base, quote, leg 1 base, quote) and what is under way, in units."""
    return {name: (getattr(now, name) / ATOM).tolist() for name in ("free", "reserved", "pending", "under_way")}


def test_money_is_reserved_when_sent_pending_when_it_resolves_and_free_at_the_venues_notice() -> None:
    legs = LEGS._replace(fee=floats(0.002, 0.001), lot=ints(ATOM // 10, ATOM // 10), order_latency_us=ints(5, 50), feed_latency_us=ints(7, 11))
    bars = kernel.Bars(
        offset=ints(0, 2, 4), open_us=ints(0, 60, 0, 60), bid=floats(0, 101, 0, 99), ask=floats(0, 103, 0, 100),
        volume_cap=ints(0, 15 * ATOM // 10, 0, 9 * ATOM),
    )  # fmt: skip
    now, orders = state(money=1000), kernel.new_orders(2)
    # 2 at 100 are sold and bought for at most 101: 202 and the buy's fee of 0.202
    kernel.plan_package(orders, 0, 2 * ATOM, 100.0, 100.5, (100.0, 101.0), 0.001, 12.0)
    assert orders.reserve.tolist() == [2 * ATOM, 20_220_200_000]
    assert (orders.planned.tolist(), orders.decision_price.tolist(), orders.limit_price.tolist()) == ([2 * ATOM] * 2, [100.0, 100.5], [100.0, 101.0])
    queue = [(kernel.send(orders, order, order, 10, bars, legs, rules(), now), 0, order) for order in (0, 1)]
    assert (orders.arrival_us.tolist(), orders.recorded_us.tolist(), orders.bar.tolist()) == ([15, 60], [120, 120], [1, 3])
    sent = {"free": [98, 0, 0, 797.798], "reserved": [2, 0, 0, 202.202], "pending": [0, 0, 0, 0], "under_way": [2, 2]}
    assert moved(now) == sent
    settle(queue, 119, orders, bars, legs, now)
    assert moved(now) == sent
    # 1.5 sold at 101: 151.5 less 0.303; 2 bought at 100: 200 and 0.2, so 2.002 of the reserve are left
    settle(queue, 126, orders, bars, legs, now)
    resolved = {"free": [98, 0, 0, 797.798], "reserved": [0, 0, 0, 0], "pending": [0.5, 151.197, 2, 2.002], "under_way": [2, 2]}
    assert moved(now) == resolved
    assert orders.outcome.tolist() == [kernel.PARTIAL, kernel.FILLED]
    settle(queue, 130, orders, bars, legs, now)
    assert moved(now) == {"free": [98.5, 151.197, 0, 797.798], "reserved": [0, 0, 0, 0], "pending": [0, 0, 2, 2.002], "under_way": [0, 2]}
    settle(queue, 131, orders, bars, legs, now)
    assert moved(now) == {"free": [98.5, 151.197, 2, 799.8], "reserved": [0, 0, 0, 0], "pending": [0, 0, 0, 0], "under_way": [0, 0]}
    assert now.taken[[1, 3]].tolist() == [15 * ATOM // 10, 2 * ATOM]


def test_an_order_that_misses_gives_its_whole_reserve_back_at_its_notice() -> None:
    bars = BARS._replace(bid=floats(9, 9, 9, 9, 9), ask=floats(9, 9, 9, 9, 9), volume_cap=ints(0, 0, 0, 0, 0))
    now, orders = state(money=1000), kernel.new_orders(2)
    kernel.plan_package(orders, 0, 2 * ATOM, 10.0, 10.0, (10.0, 10.0), 0.001, 12.0)
    queue = [(kernel.send(orders, order, order, 0, bars, LEGS, rules(max_wait_us=120), now), 0, order) for order in (0, 1)]
    settle(queue, 10_000, orders, bars, LEGS, now)
    # the sell below its limit, the buy within it and without volume
    assert orders.outcome.tolist() == [kernel.MISSED_LIMIT, kernel.MISSED_VOLUME]
    assert moved(now) == {"free": [100, 0, 0, 1000], "reserved": [0] * 4, "pending": [0] * 4, "under_way": [0, 0]}
    assert np.isnan(orders.price).all()


def test_orders_beyond_the_first_room_keep_everything_that_was_written() -> None:
    orders = kernel.new_orders(3)
    for place, column in enumerate(orders):
        column[:] = np.arange(3) + 10 * place
    more = kernel.resized(orders, 2, 5)
    fresh = kernel.new_orders(5)
    for name, before, after, empty in zip(kernel.Orders._fields, orders, more, fresh, strict=True):
        assert after[:2].tolist() == before[:2].tolist(), name
        np.testing.assert_array_equal(after[2:], empty[2:])
        assert after.dtype == before.dtype
