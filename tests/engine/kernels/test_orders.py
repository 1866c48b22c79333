"""From sending an order to its notice: what it meets, what it is charged, and where the money is."""

from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import (
    ALFA_BTC,
    ALFA_USD,
    BRAVO_BTC,
    BRAVO_USD,
    BTC,
    USD,
    Quote,
    coins,
    fresh,
    ints,
    legs,
    log,
    observations,
    records,
    rules,
    tiers,
    world,
)
from tests.engine.kernels.plain import market, orders, state

SELL, BUY = market.SELL, market.BUY
DAY = 86_400_000_000
BOOK = Quote(0, [(101.0, 2.0), (100.5, 3.0)], [(102.0, 1.0), (102.5, 8.0)])
QUOTES = observations([BOOK], [BOOK])

BARS = observations(
    [],
    [],
    open_us=ints(0, 60, 180, 60, 120),
    volume_cap=ints(*[coins(1.55)] * 5),
    blocked=np.array([False, False, True, False, False]),
    fill_price=np.array([[101.0] * 5, [103.0] * 5]),
)
BAR_LEGS = legs({}, {"first_bar": 3}, {"first_bar": 5})


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
    assert orders.find_bar(world(BARS, legs=BAR_LEGS, rules=rules(max_wait_us=wait)), leg, arrival) == row


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
    assert orders.resolution_us(world(BARS, rules=rules(max_wait_us=wait)), bar, arrival) == known


def plan(side: int = SELL, leg: int = 0, *, quantity: float = 2.0, limit: float = 101.0, rate: float = 0.0, role: int = state.LEG_ORDER) -> Any:
    """Return an order of package 7, decided at 101.5 on average where the best is 102."""
    return orders.Plan(leg, side, role, 7, 0, coins(quantity), 101.5, 102.0, limit, rate, 12.0)


def test_a_sell_reserves_its_coins_and_counts_as_open_and_expected_at_the_best_price_in_view() -> None:
    one = world(QUOTES, legs=legs({"order_latency_us": 5, "notice_latency_us": 7}), mark=np.tile([100.0, 0.5, 10.0], (10, 1)))
    now, done = fresh(QUOTES), log()
    orders.send(one, now, done, plan(limit=100.5), 70)
    order = done.orders[0]
    assert (order.package, order.leg, order.side, order.role, order.outcome) == (7, 0, SELL, state.LEG_ORDER, state.OPEN)
    assert (order.decided_us, order.arrival_us, order.recorded_us, order.notice_us) == (70, 75, 75, 82)
    assert (order.planned, order.reserve, order.filled, order.fee_wallet) == (coins(2), coins(2), 0, -1)
    assert (order.decision_price, order.limit_price, order.edge_bps) == (101.5, 100.5, 12.0)
    assert np.isnan(order.price)
    # 2 at 102 are 204; at a mark of 0.5, 102
    assert (order.open_value, order.expected) == (coins(102), coins(204))
    assert (now.wallets[ALFA_BTC].free, now.wallets[ALFA_BTC].reserved) == (coins(98), coins(2))
    assert (now.sides.under_way.tolist(), now.open_value.tolist()) == ([coins(2), 0, 0, 0], [coins(102), 0])
    assert now.currencies.expected.tolist() == [0, coins(204), 0]
    assert (done.queue[0].tolist(), now.counts[0].queue, now.counts[0].orders) == ([75, state.RESOLVE, 0], 1, 1)


def test_a_buy_reserves_what_its_limit_costs_with_its_fee_and_expects_its_coins() -> None:
    now, done = fresh(QUOTES), log()
    orders.send(world(QUOTES), now, done, plan(BUY, 1, limit=103.0, rate=0.001), 0)
    # 2 × 103 and a thousandth of it
    assert done.orders[0].reserve == coins(206.206)
    assert (now.wallets[BRAVO_USD].free, now.wallets[BRAVO_USD].reserved) == (coins(100_000 - 206.206), coins(206.206))
    assert now.sides.under_way.tolist() == [0, 0, 0, coins(2)]
    assert (now.open_value.tolist(), now.currencies.expected.tolist()) == ([0, coins(204)], [coins(2), 0, 0])


def test_an_order_on_bars_resolves_with_its_bar_and_is_noticed_after_that() -> None:
    both = legs({"order_latency_us": 5, "notice_latency_us": 7}, {"first_bar": 3}, {"first_bar": 5})
    now, done = fresh(BARS), log()
    orders.send(world(BARS, legs=both), now, done, plan(), 10)
    assert (done.orders[0].row, done.orders[0].arrival_us, done.orders[0].recorded_us, done.orders[0].notice_us) == (1, 15, 120, 127)


def on_bar(side: int, *, row: int = 0, quantity: float = 2.0, limit: float | None = None, taken: float = 0.0) -> tuple[int, float, float, float]:
    """Return outcome, quantity, price and flow of an order in a bar of bids at 101, asks at 103 and a volume of 1.55; lots of 0.1."""
    now, done = fresh(BARS), log()
    now.bar_taken[max(row, 0)] = coins(taken)
    order = done.orders[0]
    order.side, order.row, order.planned, order.price = side, row, coins(quantity), np.nan
    order.limit_price = (101.0 if side == SELL else 103.0) if limit is None else limit
    outcome = orders.fill_on_bar(world(BARS, legs=BAR_LEGS), now, order)
    assert now.bar_taken[max(row, 0)] == coins(taken) + order.filled
    return outcome, order.filled / 1e8, float(order.price), order.flow / 1e8


@pytest.mark.parametrize(
    ("case", "outcome", "filled"),
    [
        ({"side": SELL, "row": -1}, state.MISSED_NO_TRADE, 0),
        ({"side": SELL, "row": 2}, state.MISSED_ABSENT, 0),
        ({"side": SELL, "row": 2, "limit": 999.0}, state.MISSED_ABSENT, 0),  # blocked goes before beyond the limit
        ({"side": SELL, "limit": 101.01}, state.MISSED_LIMIT, 0),
        ({"side": BUY, "limit": 102.99}, state.MISSED_LIMIT, 0),
        ({"side": SELL, "limit": 101.01, "taken": 1.55}, state.MISSED_LIMIT, 0),  # beyond the limit goes before no volume
        ({"side": SELL, "taken": 1.5}, state.MISSED_VOLUME, 0),
        ({"side": SELL}, state.PARTIAL, 1.5),
        ({"side": BUY}, state.PARTIAL, 1.5),
        ({"side": SELL, "quantity": 1.5}, state.FILLED, 1.5),
        ({"side": SELL, "taken": 0.4}, state.PARTIAL, 1.1),
        ({"side": SELL, "quantity": 0.2, "limit": 90.0}, state.FILLED, 0.2),
        ({"side": BUY, "quantity": 0.2, "limit": 110.0}, state.FILLED, 0.2),
    ],
)
def test_an_order_in_a_bar_gets_whole_lots_of_what_is_left_within_its_limit(case: dict[str, Any], outcome: int, filled: float) -> None:
    price = (101.0 if case["side"] == SELL else 103.0) if filled else np.nan
    assert on_bar(**case) == (outcome, pytest.approx(filled), pytest.approx(price, nan_ok=True), pytest.approx(filled * price if filled else 0))


@pytest.mark.parametrize(
    ("side", "limit", "skip", "left"),
    [
        (SELL, 100.5, 0, 5),
        (SELL, 100.51, 0, 2),
        (SELL, 101.0, 0, 2),
        (SELL, 101.01, 0, None),
        (SELL, 100.5, 3, 2),
        (SELL, 100.5, 9, 0),
        (SELL, 101.0, 9, 0),
        (BUY, 102.5, 0, 9),
        (BUY, 102.49, 0, 1),
        (BUY, 101.99, 0, None),
        (BUY, 102.5, 1, 8),
    ],
)
def test_what_is_left_is_that_of_the_levels_within_the_limit(side: int, limit: float, skip: float, left: float | None) -> None:
    assert orders.left_within(QUOTES, side, 0, coins(skip), limit) == (-1 if left is None else coins(left))


def on_quote(seen: Any, *, arrival: int = 0, quantity: float = 5.0, limit: float = 100.5, taken: float = 0.0, epoch: int = 0) -> tuple[Any, Any]:
    """Return outcome and order of a sell at alfa, and its side."""
    now, done = fresh(seen), log()
    now.sides[0].taken, now.sides[0].taken_epoch = coins(taken), epoch
    order = done.orders[0]
    order.side, order.arrival_us, order.planned, order.limit_price = SELL, arrival, coins(quantity), limit
    order.outcome = orders.fill_on_quote(world(seen), now, order)
    return order, now.sides[0]


def test_an_order_takes_the_levels_within_its_limit_and_what_it_takes_is_taken() -> None:
    order, book = on_quote(QUOTES)
    assert (order.outcome, order.filled, order.flow, order.price) == (state.FILLED, coins(5), coins(503.5), pytest.approx(100.7))
    assert (order.row, book.taken, book.taken_epoch) == (0, coins(5), 0)


@pytest.mark.parametrize(
    ("case", "outcome", "filled"),
    [
        ({"quantity": 6.0}, state.PARTIAL, 5.0),
        ({"taken": 1.0}, state.PARTIAL, 4.0),
        ({"taken": 1.0, "epoch": 9}, state.FILLED, 5.0),  # of another epoch
        ({"taken": 4.95}, state.MISSED_VOLUME, 0),  # less than a lot of 0.1
        ({"taken": 4.85}, state.PARTIAL, 0.1),
        ({"limit": 101.5}, state.MISSED_LIMIT, 0),
        ({"limit": 101.5, "taken": 5.0}, state.MISSED_LIMIT, 0),
        ({"arrival": -1}, state.MISSED_ABSENT, 0),
    ],
)
def test_an_order_gets_whole_lots_of_what_is_left_in_the_epoch(case: dict[str, Any], outcome: int, filled: float) -> None:
    order, _ = on_quote(QUOTES, **case)
    assert (order.outcome, order.filled) == (outcome, coins(filled))


def test_an_order_meets_what_happened_and_not_what_is_known() -> None:
    late = observations([BOOK, Quote(10, [(103.0, 4.0)], [(104.0, 1.0)], known=99), Quote(20, [], [], known=99)], [BOOK], max_age=15)
    assert [on_quote(late, arrival=at)[0].row for at in (9, 10, 19, 20)] == [0, 1, 1, 2]
    assert [on_quote(late, arrival=at)[0].outcome for at in (10, 20)] == [state.PARTIAL, state.MISSED_ABSENT]
    old = observations([BOOK], [BOOK], max_age=15)
    assert [on_quote(old, arrival=at)[0].outcome for at in (15, 16)] == [state.FILLED, state.MISSED_ABSENT]


def charged(side: int, how: int, *, asset: float = 0.0, marks: tuple[float, float] = (1.0, 10.0)) -> tuple[int, int, float, float]:
    """Return what, from where and how much a fill of 2 for 200 is charged at 1 %, and what is left of an asset."""
    spans = records(market.SPAN, [{"charged": how, "asset_wallet": 4}, {"first_tier": 1}, {"first_tier": 2}])
    one = world(QUOTES, **{**tiers(0.01, 0.5), "spans": spans})
    one.mark[1, USD], one.mark[1, 2] = marks
    now, done = fresh(QUOTES, free=(0, 0, 0, 0, asset)), log()
    order = done.orders[0]
    order.side, order.filled, order.flow, order.recorded_us = side, coins(2), coins(200), 119
    orders.charge(one, now, order)
    return order.charged, order.fee_wallet, order.fee / 1e8, now.wallets[4].free / 1e8


def test_a_fee_is_charged_in_quote_in_what_is_received_or_in_an_asset() -> None:
    assert charged(SELL, market.CHARGED_QUOTE) == (market.CHARGED_QUOTE, ALFA_USD, 2.0, 0)
    assert charged(BUY, market.CHARGED_QUOTE) == (market.CHARGED_QUOTE, ALFA_USD, 2.0, 0)
    assert charged(SELL, market.CHARGED_RECEIVED) == (market.CHARGED_QUOTE, ALFA_USD, 2.0, 0)
    assert charged(BUY, market.CHARGED_RECEIVED) == (market.CHARGED_RECEIVED, ALFA_BTC, 0.02, 0)
    # 200 × 1 % × 1 / 10
    assert charged(SELL, market.CHARGED_ASSET, asset=0.2) == (market.CHARGED_ASSET, 4, 0.2, 0)
    assert charged(BUY, market.CHARGED_ASSET, asset=1.0) == (market.CHARGED_ASSET, 4, 0.2, 0.8)
    # quote at 0.5, asset at 4 at the tick before
    assert charged(BUY, market.CHARGED_ASSET, asset=1.0, marks=(0.5, 4.0)) == (market.CHARGED_ASSET, 4, 0.25, 0.75)


def test_who_is_short_of_the_asset_pays_in_quote() -> None:
    assert charged(SELL, market.CHARGED_ASSET, asset=0.19999999) == (market.CHARGED_QUOTE, ALFA_USD, 2.0, 0.19999999)


def test_a_fee_in_an_asset_is_rounded_up() -> None:
    # 2 × 1 / 3
    assert charged(SELL, market.CHARGED_ASSET, asset=1.0, marks=(1.0, 3.0))[2] == 0.66666667


@pytest.mark.parametrize(
    ("decided", "arrival", "recorded", "fee", "how"), [(0, 99, 200, 2, 0), (0, 100, 200, 4, 1), (0, 199, 999, 4, 1), (0, 200, 999, 6, 0)]
)
def test_a_fill_pays_the_rate_in_force_at_its_arrival(decided: int, arrival: int, recorded: int, fee: int, how: int) -> None:
    # 1 %, from 100 on 2 % of the coins, from 200 on 3 %
    rows = [(0, market.CHARGED_QUOTE), (100, market.CHARGED_RECEIVED), (200, market.CHARGED_QUOTE), (0, 0), (0, 0)]
    spans = records(market.SPAN, [{"start_us": at, "charged": charge, "first_tier": k} for k, (at, charge) in enumerate(rows)])
    rates = records(market.TIER, [{"rate": rate} for rate in (0.01, 0.02, 0.03, 0.5)])
    one, now, done = world(QUOTES, legs=legs({}, {"first_span": 3}, {"first_span": 4}), spans=spans, tiers=rates), fresh(QUOTES), log()
    order = done.orders[0]
    order.side, order.filled, order.flow = BUY, 200, 200
    order.decided_us, order.arrival_us, order.recorded_us = decided, arrival, recorded
    orders.charge(one, now, order)
    assert (order.fee, order.charged) == (fee, how)


def filled(side: int, how: int) -> Any:
    """Return an order that traded 2 for 200 with a fee of 1 out of a reserve of 3 coins or 250."""
    order = log().orders[0]
    order.side, order.filled, order.flow, order.fee, order.charged, order.fee_wallet = side, 2, 200, 1, how, 4
    order.reserve = 3 if side == SELL else 250
    return order


@pytest.mark.parametrize(
    ("side", "how", "moved", "pending"),
    [
        (SELL, market.CHARGED_QUOTE, (-2, 199), (1, 199)),
        (SELL, market.CHARGED_ASSET, (-2, 200), (1, 200)),
        (BUY, market.CHARGED_QUOTE, (2, -201), (2, 49)),
        (BUY, market.CHARGED_RECEIVED, (1, -200), (1, 50)),
        (BUY, market.CHARGED_ASSET, (2, -200), (2, 50)),
    ],
)
def test_a_fill_moves_its_flow_less_its_fee_and_gives_back_what_it_did_not_spend(
    side: int, how: int, moved: tuple[int, int], pending: tuple[int, int]
) -> None:
    assert orders.moved(filled(side, how)) == moved
    assert orders.released(filled(side, how)) == pending


def test_a_fill_counts_in_the_volume_of_its_venue_on_the_day_it_resolves() -> None:
    one = world(QUOTES, rules=rules(start_us=DAY, clock_us=DAY))
    one.mark[:2, USD] = 0.25
    now = fresh(QUOTES, days=3)
    order = filled(BUY, market.CHARGED_ASSET)
    order.leg, order.decided_us, order.arrival_us, order.recorded_us = 1, 0, 2 * DAY - 1, 2 * DAY
    orders.count_volume(one, now, order)
    assert now.notional.tolist() == [[0, 0, 0], [0, 50, 0]]
    order = filled(SELL, market.CHARGED_QUOTE)
    order.recorded_us = 2 * DAY - 1
    orders.count_volume(one, now, order)
    assert now.notional.tolist() == [[50, 0, 0], [0, 50, 0]]


def test_a_fill_counts_in_what_is_held_with_its_fee_in_any_currency() -> None:
    now = fresh(QUOTES)
    orders.count_held(world(QUOTES), now, filled(BUY, market.CHARGED_ASSET))
    assert now.currencies.held.tolist() == [2, -200, -1]
    orders.count_held(world(QUOTES), now, filled(SELL, market.CHARGED_QUOTE))
    assert now.currencies.held.tolist() == [0, -1, -1]


def wallets(now: Any) -> dict[str, list[float]]:
    """Return free, reserved and pending of alfa's and bravo's BTC and USD."""
    return {name: [round(float(x) / 1e8, 8) for x in now.wallets[name][:4]] for name in ("free", "reserved", "pending")}


def test_money_is_reserved_when_sent_pending_when_it_resolves_and_free_at_the_notice() -> None:
    # 2 are sold from 101 on and bought for at most 102: 204 and 0.204 are reserved
    deep = observations([Quote(0, [(101.0, 1.5)], [(103.0, 1.0)])], [Quote(0, [(99.0, 1.0)], [(100.0, 9.0)])])
    both = legs({"notice_latency_us": 5}, {"notice_latency_us": 7})
    one, now, done = world(deep, legs=both, **tiers(0.002, 0.001)), fresh(deep, free=(100, 0, 0, 1000, 0)), log()
    orders.send(one, now, done, plan(SELL, 0, limit=101.0), 0)
    orders.send(one, now, done, plan(BUY, 1, limit=102.0, rate=0.001), 0)
    assert wallets(now) == {"free": [98, 0, 0, 795.796], "reserved": [2, 0, 0, 204.204], "pending": [0, 0, 0, 0]}
    orders.resolve(one, now, done, 0)
    orders.resolve(one, now, done, 1)
    assert sorted(done.queue[2:4].tolist()) == [[5, state.NOTICE, 0], [7, state.NOTICE, 1]]
    # 1.5 sold at 101: 151.5 less 0.303; 2 bought at 100: 200 and 0.2, so 4.004 of the reserve are left
    assert wallets(now) == {"free": [98, 0, 0, 795.796], "reserved": [0, 0, 0, 0], "pending": [0.5, 151.197, 2, 4.004]}
    assert done.orders.outcome[:2].tolist() == [state.PARTIAL, state.FILLED]
    assert (now.sides.under_way.tolist(), now.sides.known_taken.tolist()) == ([coins(2), 0, 0, coins(2)], [0] * 4)
    # nothing of it is known yet
    assert now.currencies.held.tolist() == [0, 0, 0]
    assert now.wallets.committed[:4].tolist() == [coins(2), 0, 0, coins(204.204)]
    orders.learn(one, now, done, 0)
    assert now.currencies.held.tolist() == [coins(-1.5), coins(151.197), 0]
    assert now.wallets.committed[:4].tolist() == [0, 0, 0, coins(204.204)]
    assert wallets(now) == {"free": [98.5, 151.197, 0, 795.796], "reserved": [0, 0, 0, 0], "pending": [0, 0, 2, 4.004]}
    assert (now.open_value.tolist(), now.currencies.expected.tolist()) == ([0, coins(204)], [coins(2), 0, 0])
    assert not orders.completes(done.orders, 0)
    orders.learn(one, now, done, 1)
    assert wallets(now) == {"free": [98.5, 151.197, 2, 799.8], "reserved": [0, 0, 0, 0], "pending": [0, 0, 0, 0]}
    assert (now.sides.under_way.tolist(), now.open_value.tolist(), now.currencies.expected.tolist()) == ([0] * 4, [0, 0], [0] * 3)
    assert (now.currencies.held.tolist(), now.wallets.committed[:4].tolist()) == ([coins(0.5), coins(-49.003), 0], [0] * 4)
    # what was taken is known, by side
    assert now.sides.known_taken.tolist() == [coins(1.5), 0, 0, coins(2)]
    assert now.sides.known_epoch.tolist() == [0, -1, -1, 1]
    assert orders.completes(done.orders, 1)
    assert not orders.is_whole(done.orders, 0)


def test_an_order_that_misses_gives_its_whole_reserve_back_and_learns_nothing() -> None:
    one, now, done = world(QUOTES), fresh(QUOTES, free=(100, 0, 0, 1000, 0)), log()
    now.sides.known_taken, now.sides.known_epoch = 5, 77
    orders.send(one, now, done, plan(SELL, 0, limit=101.01), 0)
    orders.send(one, now, done, plan(BUY, 1, limit=101.99), 0)
    for step in (orders.resolve, orders.learn):
        for o in (0, 1):
            step(one, now, done, o)
    assert done.orders.outcome[:2].tolist() == [state.MISSED_LIMIT] * 2
    assert wallets(now) == {"free": [100, 0, 0, 1000], "reserved": [0] * 4, "pending": [0] * 4}
    assert (now.sides.known_taken.tolist(), now.sides.known_epoch.tolist()) == ([5] * 4, [77] * 4)
    assert done.orders.fee_wallet[:2].tolist() == [-1, -1]


def test_notices_of_one_epoch_add_up_and_that_of_another_begins_anew() -> None:
    now, done = fresh(QUOTES), log()
    for o, row, epoch in ((0, 0, 0), (1, 0, 0), (2, 1, 1)):
        order = done.orders[o]
        order.filled, order.row = coins(o + 1), row
        orders.learn(world(QUOTES), now, done, o)
        assert now.sides[0].known_epoch == epoch
    assert now.sides[0].known_taken == coins(3)
    first = fresh(QUOTES)
    for o in (0, 1):
        orders.learn(world(QUOTES), first, done, o)
    assert first.sides[0].known_taken == coins(3)


@pytest.mark.parametrize(
    ("role", "noticed", "later"),
    [(state.LEG_ORDER, (1, 1), True), (state.LEG_ORDER, (1, 0), False), (state.LEG_ORDER, (0, 1), False), (state.RESIDUAL_ORDER, (1, 1), False)],
)
def test_a_package_is_complete_at_the_later_notice_of_its_legs(role: int, noticed: tuple[int, int], later: bool) -> None:
    done = log().orders
    done.noticed[2:4], done[3].first, done[3].role = noticed, 2, role
    assert orders.completes(done, 3) is later


@pytest.mark.parametrize(("outcomes", "whole"), [(("FILLED", "FILLED"), True), (("FILLED", "PARTIAL"), False), (("MISSED_LIMIT", "FILLED"), False)])
def test_a_package_is_whole_where_both_legs_filled_whole(outcomes: tuple[str, str], whole: bool) -> None:
    done = log().orders
    done.outcome[2:4] = [getattr(state, name) for name in outcomes]
    assert orders.is_whole(done, 2) is whole


def test_marks_are_those_of_the_last_tick_and_what_is_spent_comes_from_its_own_wallet() -> None:
    one = world(QUOTES)
    one.mark[1, BTC] = 7.0
    assert [orders.mark_at(one, at, BTC) for at in (59, 60, 119, 120)] == [100.0, 7.0, 7.0, 100.0]
    spends = [orders.spends_from(one.legs, side, leg) for side in (SELL, BUY) for leg in (0, 1)]
    assert spends == [ALFA_BTC, BRAVO_BTC, ALFA_USD, BRAVO_USD]
