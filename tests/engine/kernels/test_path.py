"""The order in which things are decided, and in which they happen."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.kernels.hand import (
    ALFA_BTC,
    BRAVO_BTC,
    Quote,
    coins,
    fresh,
    funding,
    ints,
    legs,
    log,
    observations,
    pair,
    records,
    rules,
    scratch,
    tiers,
    world,
)
from tests.engine.kernels.plain import market, path, state

SELL, BUY = market.SELL, market.BUY
QUOTES = observations([Quote(0, [(101.0, 9.0)], [(102.0, 9.0)])], [Quote(0, [(99.0, 9.0)], [(100.0, 4.0)])])


def candidates(at: list[int], rows: list[tuple[int, int]], *, news: list[tuple[bool, bool]] | None = None, ordinals: list[int] | None = None) -> Any:
    """Return instants at which decisions are made, without conversions."""
    return market.Candidates(
        at_us=ints(*at),
        ordinal=ints(*(range(len(at)) if ordinals is None else ordinals)),
        row=np.array(rows, dtype=np.int32).reshape(-1, 2),
        news=np.array([(True, True)] * len(at) if news is None else news, dtype=np.bool_).reshape(-1, 2),
        received_at=np.ones((len(at), 2)),
        spent_at=np.ones((len(at), 2)),
    )


def test_legs_count_at_their_best_prices_and_the_fees_of_the_time() -> None:
    one, room = world(QUOTES, **tiers(0.01, 0.02)), scratch()
    path.value_legs(one, candidates([5], [(0, 1)]), fresh(QUOTES), 0, room)
    assert room.received.tolist() == [101.0 * 0.99, 99.0 * 0.98]
    assert room.spent.tolist() == [102.0 * 1.01, 100.0 * 1.02]
    one.spans[1].charged = market.CHARGED_RECEIVED
    path.value_legs(one, candidates([5], [(market.ABSENT, 1)]), fresh(QUOTES), 0, room)
    np.testing.assert_array_equal(room.received, [np.nan, 99.0 * 0.98])
    np.testing.assert_array_equal(room.spent, [np.nan, 100.0 / 0.98])


def test_legs_count_at_the_rate_of_the_row_in_force() -> None:
    rows = [{"start_us": 0, "first_tier": 0}, {"start_us": 5, "first_tier": 1}, {"start_us": 0, "first_tier": 2}, {"first_tier": 3}]
    rates = records(market.TIER, [{"rate": rate} for rate in (0.01, 0.02, 0.03)])
    one = world(QUOTES, legs=legs({}, {"first_span": 2}, {"first_span": 3}), spans=records(market.SPAN, rows), tiers=rates)
    for at, rate in ((4, 0.01), (5, 0.02)):
        room = scratch()
        path.value_legs(one, candidates([at], [(0, 1)]), fresh(QUOTES), 0, room)
        assert room.received.tolist() == [101.0 * (1 - rate), 99.0 * 0.97]


values = st.sampled_from((float("nan"), 99.0, 99.5, 100.0, 100.0, 100.1, 101.0))


@given(st.lists(st.tuples(values, values, st.booleans()), min_size=2, max_size=5), st.sampled_from((-100.0, 0.0, 10.0, 50.0)))
def test_pairs_with_news_are_ranked_by_edge_then_by_sell_leg_then_by_buy_leg(legs_: list[tuple[float, float, bool]], threshold: float) -> None:
    count = len(legs_)
    edges = {(s, b): 1e4 * (legs_[s][0] / legs_[b][1] - 1) for s in range(count) for b in range(count) if s != b}
    standing = [key for key, edge in edges.items() if edge >= threshold]
    expected = sorted((key for key in standing if legs_[key[0]][2] or legs_[key[1]][2]), key=lambda key: (-edges[key], key))
    now = fresh(QUOTES)._replace(combinations=records(state.STANDING, [{"stood": 2, "episode": 7}] * count**2))
    room = state.Scratch(
        received=np.array([r for r, _, _ in legs_]), spent=np.array([s for _, s, _ in legs_]), ranked=np.zeros(count**2, np.int64),
        edges=np.zeros(count**2), reach=ints(), level=ints(), plan=records(state.PLANNED, []),
    )  # fmt: skip
    rows = candidates([0], [(0, 0)], ordinals=[3])._replace(news=np.array([[news for _, _, news in legs_]]))
    number = path.rank_pairs(rows, now, 0, threshold, room)
    assert [divmod(int(ranked), count) for ranked in room.ranked[:number]] == expected
    assert room.edges[:number].tolist() == [edges[key] for key in expected]
    assert [divmod(k, count) for k in np.flatnonzero(now.combinations.stood == 3)] == standing


@pytest.mark.parametrize(("stood", "episode"), [(4, 7), (3, -1), (-2, -1)])
def test_an_episode_goes_on_where_the_pair_stood_at_the_instant_before(stood: int, episode: int) -> None:
    now, room = fresh(QUOTES), scratch()
    now.combinations[1].stood, now.combinations[1].episode = stood, 7
    room.received[:], room.spent[:] = [101.0, 99.0], [102.0, 100.0]
    rows = candidates([0], [(0, 1)], ordinals=[5], news=[(False, False)])
    assert path.rank_pairs(rows, now, 0, 1.0, room) == 0
    assert (now.combinations[1].episode, now.combinations[1].stood) == (episode, 5)


def test_an_opportunity_has_the_fees_of_its_own_legs() -> None:
    one = world(QUOTES, **tiers(0.01, 0.02))
    one.spans[0].charged = market.CHARGED_RECEIVED
    rows = candidates([5], [(0, 1)])._replace(received_at=np.array([[0.5, 0.25]]), spent_at=np.array([[2.0, 4.0]]))
    found = path.pair_of(one, rows, fresh(QUOTES), 0, 1, 0)
    assert (found.sell, found.buy, found.sell_row, found.buy_row) == (1, 0, 1, 0)
    assert (found.sell_rate, found.buy_rate, found.buy_charged, found.reserve_rate) == (0.02, 0.01, market.CHARGED_RECEIVED, 0.0)
    assert (found.received_at, found.spent_at) == (0.25, 2.0)
    assert path.pair_of(one, rows, fresh(QUOTES), 0, 0, 1).reserve_rate == 0.02


def test_a_gross_edge_counts_conversions_and_no_fees() -> None:
    one = world(QUOTES)
    assert path.gross_of(one, pair(sell_rate=0.9, buy_rate=0.9)) == 1e4 * (101.0 / 100.0 - 1)
    assert path.gross_of(one, pair(received_at=1.01)) == pytest.approx(1e4 * (1.0201 - 1))
    assert path.gross_of(one, pair(spent_at=0.5)) == pytest.approx(1e4 * (2.02 - 1))


def test_an_alarm_goes_by_the_gross_edge_of_its_own_pair_and_its_rest_by_its_own_last_package() -> None:
    # 101 for 100 is 100 bps, 90 after the fee; 99 for 102 is a loss
    for limits, outcome in (({"max_gross_edge_bps": 99.9}, state.ALARM), ({"cool_down_us": 10}, state.COOL_DOWN)):
        one, now, done = world(QUOTES, rules=rules(threshold_bps=-1000.0, **limits), **tiers(0.001, 0.0)), fresh(QUOTES), log()
        now.combinations[1].last_decision_us = 55
        path.decide_pairs(one, candidates([60], [(0, 1)]), now, done, scratch(), 0)
        found = done.opportunities[: now.counts[0].opportunities]
        assert [(int(row.combination), int(row.outcome)) for row in found] == [(1, outcome), (2, state.SENT)]


DEEP = observations([Quote(0, [(101.0, 1.0), (100.5, 9.0)], [(102.0, 9.0)])], [Quote(0, [(99.0, 9.0)], [(100.0, 1.5), (100.2, 9.0)])])


def test_a_package_sends_its_sell_first_with_limits_of_its_last_levels() -> None:
    one, now, done, room = world(DEEP, rules=rules(tolerance=0.001)), fresh(DEEP), log(), scratch()
    room.reach[:3], room.level[:, :3] = [coins(1), coins(1.5), coins(9)], [[0, 1, 1], [0, 0, 1]]
    now.counts[0].packages = 5
    path.send_package(one, now, done, pair(reserve_rate=0.01), room, coins(2), 33.0, 60)
    sell, buy = done.orders[:2]
    assert ((sell.leg, sell.side), (buy.leg, buy.side)) == ((0, SELL), (1, BUY))
    assert (sell.package, buy.package, sell.first, buy.first, sell.role, buy.role) == (5, 5, 0, 0, state.LEG_ORDER, state.LEG_ORDER)
    # 100.5 × 0.999 = 100.3995, up; 100.2 × 1.001 = 100.3002, down
    assert (sell.limit_price, buy.limit_price) == (100.4, 100.3)
    # 1 at 101 and 1 at 100.5; 1.5 at 100 and 0.5 at 100.2
    assert (sell.decision_price, buy.decision_price) == (100.75, pytest.approx(100.05, abs=1e-12))
    assert (sell.reserve, buy.reserve) == (coins(2), coins(200.6 + 2.006))
    # the best prices in view count for what is open and expected: 2 × 101, 2 × 100
    assert (sell.open_value, buy.open_value, sell.expected) == (coins(202), coins(200), coins(202))
    assert (sell.edge_bps, buy.edge_bps) == (33.0, 33.0)
    assert (now.counts[0].packages, now.counts[0].open_packages, now.counts[0].orders) == (6, 1, 2)


def test_a_limit_of_the_first_level_stays_there_where_the_quantity_ends_with_it() -> None:
    one, now, done, room = world(DEEP), fresh(DEEP), log(), scratch()
    room.reach[:3], room.level[:, :3] = [coins(1), coins(1.5), coins(9)], [[0, 1, 1], [0, 0, 1]]
    path.send_package(one, now, done, pair(), room, coins(1), 33.0, 60)
    assert done.orders.limit_price[:2].tolist() == [101.0, 100.0]


def test_a_package_is_priced_after_what_is_taken_and_limited_on_the_ticks_of_its_own_legs() -> None:
    one, now, done, room = world(DEEP, legs=legs({"tick": coins(0.4)}), rules=rules(tolerance=0.001)), fresh(DEEP), log(), scratch()
    room.reach[:3], room.level[:, :3] = [coins(1), coins(1.5), coins(9)], [[0, 1, 1], [0, 0, 1]]
    now.sides[0].under_way, now.sides[3].under_way = coins(0.5), coins(1)
    path.send_package(one, now, done, pair(), room, coins(2), 33.0, 60)
    # 0.5 at 101 and 1.5 at 100.5; 0.5 at 100 and 1.5 at 100.2
    assert done.orders.decision_price[:2].tolist() == [100.625, pytest.approx(100.15, abs=1e-12)]
    # 100.3995, up to 100.4; 100.3002, down to 100.30
    assert done.orders.limit_price[:2].tolist() == [100.4, 100.3]
    one.legs[0].tick, one.legs[1].tick = coins(0.01), coins(0.4)
    path.send_package(one, now, done, pair(), room, coins(2), 33.0, 60)
    assert done.orders.limit_price[2:4].tolist() == [100.4, 100.0]
    one.legs[0].tick = coins(0.25)
    path.send_package(one, now, done, pair(), room, coins(2), 33.0, 60)
    assert done.orders.limit_price[4:6].tolist() == [100.5, 100.0]


def test_later_opportunities_of_an_instant_get_what_earlier_ones_left() -> None:
    # both directions pay: alfa's 103 and bravo's 102 against 100 and 101; bravo has coins for none of it after the first
    books = observations([Quote(0, [(103.0, 9.0)], [(101.0, 9.0)])], [Quote(0, [(102.0, 9.0)], [(100.0, 9.0)])])
    one, now, done = world(books, rules=rules(threshold_bps=1.0)), fresh(books, free=(4, 0, 0, 1e6, 0)), log()
    path.decide_pairs(one, candidates([60], [(0, 1)]), now, done, scratch(), 0)
    found = done.opportunities[: now.counts[0].opportunities]
    assert [(int(row.combination), int(row.outcome)) for row in found] == [(1, state.SENT), (2, state.NO_FUNDS)]
    assert [o.planned for o in done.orders[: now.counts[0].orders]] == [coins(4), coins(4)]


@pytest.mark.parametrize(("side", "residual"), [(BUY, coins(12)), (SELL, coins(8))])
def test_a_noticed_residual_order_changes_the_net_residual_and_completes_nothing(side: int, residual: int) -> None:
    now, done = fresh(QUOTES), log()
    order = done.orders[0]
    order.role, order.side, order.filled, order.planned = state.RESIDUAL_ORDER, side, coins(2), coins(5)
    now.counts[0].net_residual, now.counts[0].open_packages = coins(10), 1
    path.follow_pair(world(QUOTES), now, done, 0, 60)
    assert (now.counts[0].net_residual, now.counts[0].open_packages) == (residual, 1)


def test_what_waits_happens_up_to_and_at_a_time_in_its_order() -> None:
    one, now, done = world(QUOTES, legs=legs({"notice_latency_us": 5})), fresh(QUOTES, free=(9, 0, 9, 0, 0)), log()
    ways = funding([{"source": ALFA_BTC, "destination": BRAVO_BTC}], {})
    plan = path.Plan(0, SELL, state.LEG_ORDER, 0, 0, coins(2), 101.0, 101.0, 101.0, 0.0, 0.0)
    path.send(one, now, done, plan, 60)
    state.push(done.queue, now.counts, (60, state.CREDIT, 3))
    done.transfers[3].amount = coins(1)
    path.settle_until(one, ways, now, done, 59)
    assert (done.orders[0].outcome, now.counts[0].queue) == (state.OPEN, 2)
    path.settle_until(one, ways, now, done, 64)
    assert (done.orders[0].outcome, done.orders[0].noticed, done.transfers[3].credited) == (state.FILLED, 0, 1)
    path.settle_until(one, ways, now, done, 65)
    assert (done.orders[0].noticed, now.counts[0].queue) == (1, 0)


def walked(rows: Any, *, free: tuple[float, ...] = (9, 1000, 9, 1000, 0), aims: Any = None, seen: Any = QUOTES, **limits: Any) -> tuple[Any, Any]:
    """Return state and log of a walk in which bravo's coins come from alfa, 30 µs after a request."""
    one = world(seen, rules=rules(threshold_bps=1.0, works_at_ticks=True, rebalance_every_us=60, end_us=540, **limits))
    now, done = fresh(seen, free=free, routes=1), log(64)
    ways = funding([{"source": ALFA_BTC, "destination": BRAVO_BTC, "delay_us": 60}], {} if aims is None else aims)
    assert path.walk(one, ways, rows, now, done, scratch())
    return now, done


def test_a_walk_decides_at_every_candidate_and_takes_every_tick_up_to_the_last() -> None:
    now, done = walked(candidates([0, 30, 540], [(0, 1)] * 3))
    assert (now.counts[0].candidate, now.counts[0].tick) == (3, 10)
    assert done.orders.decided_us[: now.counts[0].orders].tolist() == [0, 0]
    assert done.opportunities.outcome[:3].tolist() == [state.SENT, state.NO_VOLUME, state.NO_VOLUME]


def test_rebalancing_comes_before_the_decisions_of_its_microsecond() -> None:
    # alfa gives 8 of its 9 coins at the tick of 0, so that 1 is left to sell then
    aims = {ALFA_BTC: {}, BRAVO_BTC: {"floor": coins(17), "target": coins(17)}}
    now, done = walked(candidates([0], [(0, 1)]), aims=aims)
    assert (done.transfers[0].requested_us, done.transfers[0].credited_us) == (0, 60)
    assert [(int(o.decided_us), int(o.planned)) for o in done.orders[:2]] == [(0, coins(1))] * 2
    assert now.wallets[BRAVO_BTC].free == coins(18)


def test_a_credit_comes_before_the_tick_of_its_microsecond() -> None:
    # 8 coins come back at 60, when bravo has 1 to spare above its target without them
    aims = {ALFA_BTC: {}, BRAVO_BTC: {"floor": coins(17), "target": coins(17)}}
    now, done = walked(candidates([60], [(0, 1)]), aims=aims)
    assert now.counts[0].transfers == 1
    assert done.transfers[0].credited == 1


def test_what_waits_comes_before_the_decisions_of_its_microsecond() -> None:
    # the limit of a buy at twice the price reserves all of 400 for 2 coins, of which the notice of 60 gives 200 back
    late = legs({"notice_latency_us": 60}, {"notice_latency_us": 60})
    one = world(QUOTES, legs=late, rules=rules(threshold_bps=1.0, tolerance=1.0, end_us=540))
    now, done = fresh(QUOTES, free=(9, 0, 0, 400, 0)), log()
    assert path.walk(one, funding([], {}), candidates([0, 59, 60], [(0, 1)] * 3), now, done, scratch())
    assert done.opportunities.outcome[:3].tolist() == [state.SENT, state.NO_FUNDS, state.SENT]
    assert [int(o.planned) for o in done.orders[:4]] == [coins(2), coins(2), coins(1), coins(1)]


def test_what_would_happen_after_the_end_does_not() -> None:
    slow = legs({"order_latency_us": 541}, {"order_latency_us": 540})
    one = world(QUOTES, legs=slow, rules=rules(threshold_bps=1.0, end_us=540))
    now, done = fresh(QUOTES), log()
    assert path.walk(one, funding([], {}), candidates([0], [(0, 1)]), now, done, scratch())
    assert done.orders.outcome[:2].tolist() == [state.OPEN, state.FILLED]
    assert now.wallets[ALFA_BTC].reserved == coins(4)


def test_ticks_are_left_out_where_nothing_works_at_them() -> None:
    one = world(QUOTES, rules=rules(threshold_bps=1.0, max_drawdown=-1.0, end_us=540))
    now = fresh(QUOTES)
    assert path.walk(one, funding([], {}), candidates([], []), now, log(), scratch())
    assert (now.counts[0].tick, now.counts[0].stopped_us) == (0, state.NEVER_US)


def test_a_walk_stops_before_its_logs_overflow_and_goes_on_in_larger_ones() -> None:
    one, now, done = world(QUOTES, rules=rules(threshold_bps=1.0, end_us=540)), fresh(QUOTES), log()
    rows = candidates([0], [(0, 1)])
    assert not path.walk(one, funding([], {}), rows, now, done._replace(orders=done.orders[:3].view(np.recarray)), scratch())
    assert now.counts[0].orders == 0
    assert path.walk(one, funding([], {}), rows, now, done, scratch())
    assert now.counts[0].orders == 2


@pytest.mark.parametrize(
    ("name", "used", "room"),
    [
        ("orders", 8, True),  # 4 pairs may send 8
        ("orders", 9, False),
        ("packages", 12, True),
        ("packages", 13, False),
        ("opportunities", 12, True),
        ("opportunities", 13, False),
        ("transfers", 0, True),  # a route, two for each of five wallets, two for each leg, and one
        ("transfers", 1, False),
        ("open_packages", 2, True),  # each may send both legs again, and what is left of them
        ("open_packages", 3, False),
    ],
)
def test_logs_have_room_for_all_that_can_come_before_they_are_looked_at_again(name: str, used: int, room: bool) -> None:
    now = fresh(QUOTES, routes=1)
    now.counts[0][name] = used
    assert path.has_room(now, log(16), 2) is room
