"""What becomes of unequal legs."""

from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import ALFA_BTC, BRAVO_BTC, BRAVO_USD, Quote, coins, fresh, legs, log, observations, rules, tiers, world
from tests.engine.kernels.plain import market, residuals, state

SELL, BUY = market.SELL, market.BUY
QUOTES = observations([Quote(0, [(101.0, 9.0)], [(102.0, 9.0)])], [Quote(0, [(99.0, 9.0)], [(100.0, 9.0)])])


def package(
    sold: float, bought: float, *, policy: int = market.UNWIND, seen: Any = QUOTES, free: tuple[float, ...] = (100, 1e5, 100, 1e5, 0), **changes: Any
) -> tuple[Any, Any, Any]:
    """Return world, state and log of a package that sold at alfa and bought at bravo, both noticed; it is number 3, its first order 2."""
    two = changes.pop("legs", legs())
    limits = rules(residual=policy, residual_tolerance=0.005, **changes.pop("rules", {}))
    one, now, done = world(seen, legs=two, rules=limits, **changes), fresh(seen, free=free), log()
    for o, leg, side, amount in ((2, 0, SELL, sold), (3, 1, BUY, bought)):
        order = done.orders[o]
        order.package, order.first, order.leg, order.side, order.filled, order.planned, order.edge_bps = 3, 2, leg, side, coins(amount), coins(5), 7.0
        order.outcome = state.FILLED if amount == 5 else state.PARTIAL
    now.counts[0].orders, now.counts[0].open_packages, now.counts[0].packages = 4, 1, 4
    return one, now, done


def settled(sold: float, bought: float, **changes: Any) -> Any:
    """Return the residual order of such a package at 30, None where there is none."""
    one, now, done = package(sold, bought, **changes)
    residuals.settle_residual(one, now, done, 2, 30)
    return done.orders[4] if now.counts[0].orders == 5 else None


def test_what_was_bought_too_much_is_sold_on_the_buys_leg_and_what_was_sold_too_much_is_bought_on_the_sells() -> None:
    order = settled(3, 5)
    assert (order.leg, order.side, order.planned, order.decided_us) == (1, SELL, coins(2), 30)
    assert (order.package, order.first, order.role, order.edge_bps) == (3, 2, state.RESIDUAL_ORDER, 7.0)
    # 99 less 50 bps is 98.505, up to the tick
    assert (order.decision_price, order.limit_price, order.reserve) == (99.0, 98.51, coins(2))
    order = settled(5, 3)
    assert (order.leg, order.side, order.planned, order.decision_price) == (0, BUY, coins(2), 102.0)
    # 102 and 50 bps: 102.51
    assert (order.limit_price, order.reserve) == (102.51, coins(205.02))


def test_a_residual_that_buys_reserves_its_fee() -> None:
    # 2 at 102.51 and a hundredth of it
    assert settled(5, 3, **tiers(0.01, 0.0)).reserve == coins(205.02 + 2.0502)


def test_equal_legs_and_what_is_carried_send_nothing() -> None:
    assert settled(4, 4) is None
    assert settled(5, 3, policy=market.CARRY) is None


def test_a_residual_goes_at_what_is_in_view_then() -> None:
    first = Quote(0, [(101.0, 9.0)], [(102.0, 9.0)])
    later = observations([first], [first, Quote(5, [(90.0, 9.0)], [(95.0, 9.0)], known=30)])
    assert settled(3, 5, seen=later).decision_price == 90.0
    later.available_us[2] = 31
    assert settled(3, 5, seen=later).decision_price == 101.0


@pytest.mark.parametrize(
    ("changes", "planned"),
    [
        ({"free": (0, 0, 1.97, 0, 0)}, 1.9),  # what is free, in lots
        ({"free": (0, 0, 0.09, 0, 0)}, None),
        ({"legs": legs({}, {"lot": coins(3)})}, None),  # less than a lot
        ({"legs": legs({}, {"min_notional": coins(198)})}, 2.0),  # 2 × 99
        ({"legs": legs({}, {"min_notional": coins(198.01)})}, None),
        ({"seen": QUOTES._replace(good=np.array([True, False]))}, None),
    ],
)
def test_a_sell_is_of_whole_lots_of_what_is_free_and_not_below_the_minimum(changes: dict[str, Any], planned: float | None) -> None:
    order = settled(3, 5, **changes)
    assert (None if order is None else order.planned) == (None if planned is None else coins(planned))


@pytest.mark.parametrize(
    ("usd", "rate", "planned"), [(205.02, 0.0, 2.0), (205.01, 0.0, 1.9), (207.0702, 0.01, 2.0), (207.07, 0.01, 1.9), (10.2, 0.0, None)]
)
def test_a_buy_is_what_free_money_covers_at_the_limit_with_its_fee(usd: float, rate: float, planned: float | None) -> None:
    order = settled(5, 3, free=(0, usd, 0, 0, 0), **tiers(rate, 0.0))
    assert (None if order is None else order.planned) == (None if planned is None else coins(planned))


HEDGE = {"policy": market.HEDGE}


def test_hedging_sells_where_most_is_received_and_buys_where_least_is_spent() -> None:
    assert settled(3, 5, **HEDGE).leg == 0
    assert settled(5, 3, **HEDGE).leg == 1
    # 101 × 0.98 is below 99; 100 × 1.021 above 102
    assert settled(3, 5, **HEDGE, **tiers(0.02, 0.0)).leg == 1
    assert settled(5, 3, **HEDGE, **tiers(0.0, 0.021)).leg == 0


def test_hedging_needs_a_lot_that_is_free() -> None:
    assert settled(3, 5, **HEDGE, free=(0.09, 0, 9, 0, 0)).leg == 1
    assert settled(3, 5, **HEDGE, free=(0.1, 0, 9, 0, 0)).leg == 0
    # a lot of 0.1 at bravo's limit of 100.5
    assert settled(5, 3, **HEDGE, free=(0, 1e5, 0, 10.05, 0)).leg == 1
    assert settled(5, 3, **HEDGE, free=(0, 1e5, 0, 10.04, 0)).leg == 0
    assert settled(5, 3, **HEDGE, free=(0, 0, 0, 0, 0)) is None


def test_hedging_breaks_ties_by_leg_and_leaves_out_who_is_absent() -> None:
    same = observations([Quote(0, [(100.0, 9.0)], [(100.0, 9.0)])], [Quote(0, [(100.0, 9.0)], [(100.0, 9.0)])])
    assert (settled(3, 5, **HEDGE, seen=same).leg, settled(5, 3, **HEDGE, seen=same).leg) == (0, 0)
    gone = same._replace(good=np.array([False, True]))
    assert (settled(3, 5, **HEDGE, seen=gone).leg, settled(5, 3, **HEDGE, seen=gone).leg) == (1, 1)


def test_hedging_counts_what_converts_and_leaves_out_what_nothing_converts() -> None:
    rows = [[Quote(0, [(101.0, 9.0)], [(102.0, 9.0)])], [Quote(0, [(99.0, 9.0)], [(100.0, 9.0)])]]
    foreign = legs({"converts": True}, {"first_conversion": 1}, {"first_conversion": 1})
    low = observations(*rows, [Quote(0, [(0.9, 1.0)], [(0.97, 1.0)])], conversions=[(2, False)])
    # alfa's money sells at 0.9 and costs 0.97: 90.9 below 99, and 98.94 below 100
    assert (settled(3, 5, **HEDGE, seen=low, legs=foreign).leg, settled(5, 3, **HEDGE, seen=low, legs=foreign).leg) == (1, 0)
    none = observations(*rows, [Quote(0, [], [])], conversions=[(2, False)])
    assert settled(3, 5, **HEDGE, seen=none, legs=foreign).leg == 1


def test_a_fee_of_coins_counts_where_a_hedge_buys() -> None:
    # 100 / 0.9803 is 102.0096, 100 × 1.0197 is 101.97
    usual = tiers(0.0, 0.0197)
    assert settled(5, 3, **HEDGE, **usual).leg == 1
    usual["spans"][1].charged = market.CHARGED_RECEIVED
    assert settled(5, 3, **HEDGE, **usual).leg == 0


def completed(sold: float, bought: float, *, misses: int = 0, limit: int = 2, stopped: int | None = None) -> Any:
    """Return the counts after a package is complete at 30."""
    one, now, done = package(sold, bought, rules={"max_misses": limit})
    now.counts[0].misses, now.counts[0].net_residual = misses, coins(10)
    if stopped is not None:
        now.counts[0].stopped_us = stopped
    residuals.complete(one, now, done, 2, 30)
    return now.counts[0]


def test_a_complete_package_is_no_longer_open_and_its_residual_counts() -> None:
    assert (completed(3, 5).open_packages, completed(3, 5).net_residual) == (0, coins(12))
    assert completed(5, 3).net_residual == coins(8)
    assert (completed(3, 5).orders, completed(5, 5).orders) == (5, 4)


@pytest.mark.parametrize(
    ("sold", "misses", "limit", "after", "stopped"),
    [
        (5, 1, 2, 0, state.NEVER_US),  # whole: the row of misses ends
        (3, 0, 2, 1, state.NEVER_US),
        (3, 1, 2, 2, 30),
        (3, 5, 2, 6, 30),
        (3, 9, 0, 10, state.NEVER_US),  # no limit
    ],
)
def test_so_many_misses_in_a_row_stop_the_run(sold: float, misses: int, limit: int, after: int, stopped: int) -> None:
    counts = completed(sold, 5, misses=misses, limit=limit)
    assert (counts.misses, counts.stopped_us) == (after, stopped)
    assert counts.stopped_by == (state.STOP_MISSES if stopped == 30 else 0)


def test_a_run_that_has_stopped_does_not_stop_again() -> None:
    assert completed(3, 5, misses=5, stopped=7).stopped_us == 7


def test_reserved_coins_are_not_sold() -> None:
    one, now, done = package(3, 5, free=(0, 0, 0, 0, 0))
    now.wallets[BRAVO_BTC].reserved = now.wallets[BRAVO_BTC].pending = now.wallets[ALFA_BTC].free = now.wallets[BRAVO_USD].free = coins(9)
    residuals.settle_residual(one, now, done, 2, 30)
    assert now.counts[0].orders == 4
