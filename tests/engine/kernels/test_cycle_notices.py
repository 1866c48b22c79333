"""What follows at the notices of a package of a cycle: shares and residual orders, the next step, what is left, what was missed."""

from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import BTC, Quote, coins, log, observations, scratch
from tests.engine.kernels.hand_cycles import BACK, BOOKS, BUY, FORTH, SELL, begun, cyclic, legs, seen
from tests.engine.kernels.plain import cycles, market, state

PRICES = {(0, BUY): 100.0, (1, BUY): 0.05, (2, SELL): 5.1, (2, BUY): 5.2, (1, SELL): 0.049, (0, SELL): 99.0}


def fill(order: Any, filled: float) -> None:
    """Let an order have filled so much, at the best price."""
    order.filled = coins(filled)
    order.flow = coins(filled * PRICES[int(order.leg), int(order.side)])
    order.outcome = state.FILLED if order.filled == order.planned else state.PARTIAL if filled else state.MISSED_LIMIT


def package(*filled: float, planned: tuple[float, ...] = (1, 20, 20), way: Any = FORTH, quotes: Any = None, free: Any = None, **changes: Any) -> Any:
    """Return world, state and log of package 3, whose orders, from 2 on, filled so much and have not been noticed."""
    quotes = seen() if quotes is None else quotes
    one = cyclic(quotes, way, **{"residual_tolerance": 0.005, "residual": market.UNWIND, **changes})
    now, done = begun(quotes, **(free or {})), log()
    for k, amount in enumerate(filled):
        order = done.orders[2 + k]
        order.package, order.first, order.before, order.role, order.edge_bps = 3, 2, 1 + k if k else -1, state.LEG_ORDER, 7.0
        (order.leg, order.side), order.planned = way[k], coins(planned[k])
        fill(order, amount)
    last = 1 + len(filled)
    done.packages[3].first, done.packages[3].last, done.packages[3].is_whole, done.packages[3].edge_bps = 2, last, True, 7.0
    now.counts[0].orders, now.counts[0].packages, now.counts[0].open_packages = last + 1, 4, 1
    return one, now, done


def noticed(one: Any, now: Any, done: Any, *numbers: int, at: int = 30) -> Any:
    """Return the state after notices; what was sent is in the log."""
    for o in numbers:
        cycles.take_notice_of_cycle(one, now, done, scratch(legs=3), o, at)
    return now


def sent(now: Any, done: Any, since: int = 5) -> list[tuple[int, int, float]]:
    """Return leg, side and quantity of the orders from a row on."""
    return [(int(o.leg), int(o.side), round(float(o.planned) / 1e8, 8)) for o in done.orders[since : now.counts[0].orders]]


# ---- together ----


def settled(*filled: float, **changes: Any) -> list[tuple[int, int, float]]:
    """Return the residual orders of a package whose steps were sent together."""
    one, now, done = package(*filled, **changes)
    return sent(noticed(one, now, done, 2, 3, 4), done)


def test_nothing_follows_before_the_last_notice() -> None:
    one, now, done = package(1, 10, 10, max_misses=1)
    noticed(one, now, done, 4, 2)
    assert (now.counts[0].orders, now.counts[0].open_packages, now.counts[0].misses, done.packages[3].noticed) == (5, 1, 0, 2)
    noticed(one, now, done, 3)
    assert (now.counts[0].orders, now.counts[0].open_packages, now.counts[0].misses, now.counts[0].stopped_us) == (6, 0, 1, 30)


@pytest.mark.parametrize(("filled", "missed"), [((1, 20, 20), 0), ((0.99, 20, 20), 1), ((1, 19.9, 20), 1), ((1, 20, 0), 1)])
def test_a_package_missed_where_a_step_did_not_fill_whole(filled: tuple[float, ...], missed: int) -> None:
    one, now, done = package(*filled, residual=market.CARRY)
    now.counts[0].misses = 4
    assert noticed(one, now, done, 2, 3, 4).counts[0].misses == (5 if missed else 0)


def test_unwinding_trades_back_what_goes_beyond_the_least_share() -> None:
    assert settled(1, 20, 20) == []
    assert settled(1, 10, 10) == [(0, SELL, 0.5)]
    assert settled(1, 20, 10) == [(0, SELL, 0.5), (1, SELL, 10)]
    assert settled(0.5, 20, 20) == [(1, SELL, 10), (2, BUY, 10)]
    assert settled(1, 20, 0) == [(0, SELL, 1), (1, SELL, 20)]
    assert settled(1, 6.7, 6.7) == [(0, SELL, 0.67)]  # 0.335 is 0.33 in lots


def test_hedging_sends_again_what_lacks_to_the_most_share() -> None:
    hedge = {"residual": market.HEDGE}
    assert settled(1, 20, 20, **hedge) == []
    assert settled(1, 10, 10, **hedge) == [(1, BUY, 10), (2, SELL, 10)]
    assert settled(0.5, 20, 10, **hedge) == [(0, BUY, 0.5), (2, SELL, 10)]
    assert settled(0, 0, 5, **hedge) == [(0, BUY, 0.25), (1, BUY, 5)]
    assert settled(0, 6.7, 6.7, **hedge) == [(0, BUY, 0.33)]


def test_carried_steps_send_nothing() -> None:
    assert settled(1, 10, 0, residual=market.CARRY) == []


def test_a_share_is_of_what_its_own_step_planned() -> None:
    # half of 1, a quarter of 40 and all of 5
    planned, filled = (1, 40, 5), (0.5, 10, 5)
    assert settled(*filled, planned=planned) == [(0, SELL, 0.25), (2, BUY, 3.8)]  # 1.25 is 1.2 in lots
    assert settled(*filled, planned=planned, residual=market.HEDGE) == [(0, BUY, 0.5), (1, BUY, 30)]


def test_the_share_that_others_are_cut_to_cuts_nothing_of_its_own_step() -> None:
    # 49 × (1 / 49) falls short of 1
    assert settled(0.01, 0.2, 0.2, planned=(0.49, 9.8, 9.8)) == []


def test_a_residual_order_goes_at_what_is_in_view_and_belongs_to_the_package() -> None:
    rows = [[Quote(0, *book)] for book in BOOKS.values()]
    rows[0].append(Quote(25, [(97.0, 9.0)], [(97.5, 9.0)]))
    one, now, done = package(1, 10, 10, quotes=observations(*rows))
    noticed(one, now, done, 2, 3, 4)
    order = done.orders[5]
    assert (order.package, order.first, order.role, order.edge_bps, order.decided_us) == (3, 2, state.RESIDUAL_ORDER, 7.0, 30)
    # 97 less 50 bps is 96.515, up
    assert (order.decision_price, order.limit_price) == (97.0, 96.52)


def test_what_cannot_be_sent_leaves_the_other_residual_orders() -> None:
    assert settled(1, 20, 0, free={"btc": 0.0}) == [(1, SELL, 20)]


# ---- what is left ----


@pytest.mark.parametrize(
    ("leg", "side", "charged", "left"),
    [
        (0, BUY, market.CHARGED_QUOTE, (10.0, 0.0, 0.0)),
        (0, BUY, market.CHARGED_RECEIVED, (9.99, 0.0, 0.0)),
        (1, BUY, market.CHARGED_QUOTE, (-0.51, 0.0, 10.0)),
        (1, BUY, market.CHARGED_ASSET, (-0.5, 0.0, 10.0)),
        (1, SELL, market.CHARGED_RECEIVED, (0.49, 0.0, -10.0)),
        (1, SELL, market.CHARGED_QUOTE, (0.48, 0.0, -10.0)),
        (2, SELL, market.CHARGED_QUOTE, (0.0, 0.0, -10.0)),
    ],
)
def test_an_order_leaves_what_it_moved_of_every_currency_but_the_start(leg: int, side: int, charged: int, left: tuple[float, ...]) -> None:
    one, now, done = package()
    order = done.orders[0]
    order.leg, order.side, order.charged, order.fee, order.planned = leg, side, charged, coins(0.01), coins(10)
    fill(order, 10)
    cycles.count_residual(one, now, order)
    assert now.currencies.residual.tolist() == [coins(amount) for amount in left]


def test_the_start_of_a_cycle_may_be_a_base() -> None:
    one, now, done = package(start_currency=BTC)
    done.orders[0].leg, done.orders[0].side, done.orders[0].planned = 0, SELL, coins(1)
    fill(done.orders[0], 1)
    cycles.count_residual(one, now, done.orders[0])
    assert now.currencies.residual.tolist() == [0, coins(99), 0]


def test_a_complete_package_leaves_what_all_its_orders_changed_and_its_residual_orders_count_when_they_are_noticed() -> None:
    one, now, done = package(1, 20, 15, residual=market.CARRY)
    noticed(one, now, done, 2, 3)
    assert now.currencies.residual.tolist() == [0, 0, 0]
    noticed(one, now, done, 4)
    assert now.currencies.residual.tolist() == [0, 0, coins(5)]
    order = done.orders[5]
    order.package, order.leg, order.side, order.role, order.planned = 3, 2, SELL, state.RESIDUAL_ORDER, coins(5)
    fill(order, 4)
    noticed(one, now, done, 5)
    assert now.currencies.residual.tolist() == [0, 0, coins(1)]
    assert (now.counts[0].open_packages, now.counts[0].misses, done.packages[3].noticed) == (0, 1, 3)


# ---- in sequence ----


def chained(*filled: float, step: int = 0, **changes: Any) -> Any:
    """Return world, state and log of a package under way step by step, before the notice of its last order."""
    one, now, done = package(*filled, **{"sends": market.SEQUENCE, "residual": market.CARRY, **changes})
    done.packages[3].step = step
    return one, now, done


def after(*filled: float, step: int = 0, at: int = 30, **changes: Any) -> tuple[Any, Any]:
    """Return state and log after that notice."""
    one, now, done = chained(*filled, step=step, **changes)
    noticed(one, now, done, 1 + len(filled), at=at)
    return now, done


def test_the_next_step_spends_what_the_one_before_brought() -> None:
    now, done = after(1.0, tolerance=0.01)
    order, package_ = done.orders[3], done.packages[3]
    assert sent(now, done, 3) == [(1, BUY, 20)]
    assert (order.package, order.first, order.before, order.role, order.edge_bps) == (3, 2, 2, state.LEG_ORDER, 7.0)
    assert (order.decided_us, order.decision_price, order.limit_price) == (30, 0.05, 0.0505)
    assert (package_.first, package_.last, package_.step, package_.brought) == (2, 3, 1, 0)
    assert (now.counts[0].open_packages, now.counts[0].misses) == (1, 0)
    # what filled in part goes on, less
    assert sent(*after(0.41), 3) == [(1, BUY, 8.2)]
    # a sell brings its quote: 10 at 0.049
    assert sent(*after(10, 10, step=1, way=BACK, planned=(10, 10)), 4) == [(0, SELL, 0.49)]
    # the last step sells all of 20
    assert sent(*after(1, 20, step=1), 4) == [(2, SELL, 20)]


def test_what_a_step_brought_is_less_the_fee_that_was_taken_from_it() -> None:
    one, now, done = chained(1.0)
    done.orders[2].charged, done.orders[2].fee = market.CHARGED_RECEIVED, coins(0.01)
    assert sent(noticed(one, now, done, 2), done, 3) == [(1, BUY, 19.8)]
    one, now, done = chained(1.0)
    done.orders[2].charged, done.orders[2].fee = market.CHARGED_ASSET, coins(0.01)
    assert sent(noticed(one, now, done, 2), done, 3) == [(1, BUY, 20)]


LEVELS = {"cross": ([(0.049, 100.0)], [(0.05, 8.0), (0.0502, 10.0), (0.051, 100.0)])}


def test_a_later_step_takes_the_levels_within_the_residual_distance_and_is_limited_from_the_last() -> None:
    # 50 bps of 0.05 reach to 0.0502 on the tick: 8 for 0.4, and 11.9 more would cost 0.59738
    now, done = after(1.0, quotes=seen(**LEVELS), tolerance=0.01)
    assert sent(now, done, 3) == [(1, BUY, 18)]
    order = done.orders[3]
    assert order.decision_price == pytest.approx((8 * 0.05 + 10 * 0.0502) / 18, abs=1e-15)
    assert order.limit_price == 0.0507  # 0.050702, down
    # what costs less than it has goes, too
    assert order.reserve == round(18 * 0.0507 * 1e8)
    now, done = after(0.5, quotes=seen(**LEVELS))
    assert sent(now, done, 3) == [(1, BUY, 9.9)]  # 1.9 of the second for 0.09538
    assert done.orders[3].limit_price == 0.0502


def test_a_later_step_skips_what_is_under_way_and_pays_with_what_is_free() -> None:
    one, now, done = chained(1.0)
    now.sides[4].under_way = coins(95.05)
    assert sent(noticed(one, now, done, 2), done, 3) == [(1, BUY, 4.9)]
    assert sent(*after(1.0, free={"btc": 0.4}), 3) == [(1, BUY, 8)]
    # 0.0505 each at its limit
    assert sent(*after(1.0, free={"btc": 0.4}, tolerance=0.01), 3) == [(1, BUY, 7.9)]


def test_a_later_step_goes_at_what_is_in_view_and_charged_then() -> None:
    rows = [[Quote(0, *book)] for book in BOOKS.values()]
    rows[1].append(Quote(20, [(0.049, 9.0)], [(0.04, 100.0)], known=30))
    assert sent(*after(1.0, quotes=observations(*rows)), 3) == [(1, BUY, 25)]
    assert sent(*after(1.0, quotes=observations(*rows), at=29), 3) == [(1, BUY, 20)]
    rates = cyclic(seen()).tiers
    rates.rate = [0.0, 0.01, 0.0]
    now, done = after(1.0, tiers=rates)
    # 19.8 for 0.99 and 0.0099
    assert sent(now, done, 3) == [(1, BUY, 19.8)]
    assert done.orders[3].reserve == coins(0.9999)


@pytest.mark.parametrize(
    ("filled", "changes"),
    [
        (0.0, {}),
        (1.0, {"quotes": seen(cross=([], []))}),
        (1.0, {"quotes": seen()._replace(good=np.array([True, False, True]))}),
        (1.0, {"quotes": seen(cross=([(0.049, 1.0)], [(0.05, 0.09)]))}),
        (1.0, {"legs": legs({}, {"min_notional": coins(1.01)})}),
        (0.01, {"quotes": seen(cross=([(0.049, 1.0)], [(0.2, 100.0)]))}),  # less than a lot
        (1.0, {"free": {"btc": 0.0049}}),
    ],
)
def test_a_sequence_ends_where_the_next_step_cannot_be_sent_and_has_missed(filled: float, changes: dict[str, Any]) -> None:
    now, done = after(filled, **changes)
    assert (sent(now, done, 3), now.counts[0].open_packages, now.counts[0].misses) == ([], 0, 1)
    assert now.currencies.residual.tolist() == [coins(filled), 0, 0]


def test_a_minimum_that_is_reached_is_enough() -> None:
    assert sent(*after(1.0, legs=legs({}, {"min_notional": coins(1)})), 3) == [(1, BUY, 20)]


@pytest.mark.parametrize(
    ("filled", "whole", "left", "misses"),
    [
        ((1, 20, 20), True, (0, 0, 0), 0),
        ((1, 20, 20), False, (0, 0, 0), 5),  # one before it did not
        ((1, 20, 15), True, (0, 0, 5), 5),
        ((1, 20, 0), True, (0, 0, 20), 5),
        ((1, 10, 10), True, (0.5, 0, 0), 0),
    ],
)
def test_a_sequence_is_complete_at_the_notice_of_its_last_step(filled: tuple[float, ...], whole: bool, left: tuple[float, ...], misses: int) -> None:
    one, now, done = chained(*filled, step=2, planned=(1, 20, 10 if filled[2] == 10 else 20))
    done.packages[3].is_whole, now.counts[0].misses = whole, 4
    noticed(one, now, done, 4)
    assert (sent(now, done), now.counts[0].open_packages, now.counts[0].misses) == ([], 0, misses)
    assert now.currencies.residual.tolist() == [coins(amount) for amount in left]


def test_a_step_that_filled_in_part_makes_its_package_a_miss_later() -> None:
    assert not after(0.5)[1].packages[3].is_whole
    assert after(1.0)[1].packages[3].is_whole


HEDGE = {"residual": market.HEDGE}


def test_hedging_sends_what_a_later_step_lacks_once_more_and_waits() -> None:
    now, done = after(1, 12, step=1, **HEDGE)
    order = done.orders[4]
    assert sent(now, done, 4) == [(1, BUY, 8)]
    assert (order.role, order.package, order.first, order.before, order.edge_bps) == (state.RESIDUAL_ORDER, 3, 2, 3, 7.0)
    # 0.05 and 50 bps, on the tick
    assert (order.decision_price, order.limit_price) == (0.05, 0.0502)
    assert (done.packages[3].last, done.packages[3].step, done.packages[3].brought) == (4, 1, coins(12))
    assert (now.counts[0].open_packages, done.packages[3].is_whole) == (1, False)


@pytest.mark.parametrize(("filled", "again"), [(8, 20), (5, 17), (0, 12)])
def test_the_step_after_a_second_attempt_spends_what_both_brought(filled: float, again: float) -> None:
    one, now, done = chained(1, 12, step=1, **HEDGE)
    noticed(one, now, done, 3)
    fill(done.orders[4], filled)
    noticed(one, now, done, 4)
    assert sent(now, done, 5) == [(2, SELL, again)]
    assert done.orders[5].before == 4
    fill(done.orders[5], again)
    noticed(one, now, done, 5)
    # what was bought in all is sold; the second attempt makes no package whole
    assert (now.counts[0].open_packages, now.counts[0].misses, now.counts[0].orders) == (0, 1, 6)
    assert now.currencies.residual.tolist() == [coins(1 - (12 + filled) * 0.05), 0, 0]


def test_a_second_attempt_of_the_last_step_completes_the_package() -> None:
    one, now, done = chained(1, 20, 15, step=2, **HEDGE)
    noticed(one, now, done, 4)
    assert (sent(now, done), now.counts[0].open_packages) == ([(2, SELL, 5)], 1)
    fill(done.orders[5], 5)
    noticed(one, now, done, 5)
    assert (sent(now, done, 6), now.counts[0].open_packages, now.counts[0].misses) == ([], 0, 1)
    assert now.currencies.residual.tolist() == [0, 0, 0]


def test_no_second_attempt_is_made_for_the_first_step_for_a_whole_one_or_where_nothing_is_hedged() -> None:
    assert sent(*after(0.5, **HEDGE), 3) == [(1, BUY, 10)]
    assert sent(*after(1, 20, step=1, **HEDGE), 4) == [(2, SELL, 20)]
    assert sent(*after(1, 12, step=1), 4) == [(2, SELL, 12)]


def test_where_a_second_attempt_cannot_be_sent_the_sequence_goes_on() -> None:
    now, done = after(1, 12, step=1, quotes=seen(cross=([], [])), **HEDGE)
    assert sent(now, done, 4) == [(2, SELL, 12)]
    assert (done.orders[4].role, done.packages[3].step, done.orders[4].before) == (state.LEG_ORDER, 2, 3)


def test_a_step_of_which_nothing_came_may_come_in_its_second_attempt() -> None:
    one, now, done = chained(1, 0, step=1, **HEDGE)
    noticed(one, now, done, 3)
    assert sent(now, done, 4) == [(1, BUY, 20)]
    fill(done.orders[4], 20)
    noticed(one, now, done, 4)
    assert sent(now, done, 5) == [(2, SELL, 20)]
