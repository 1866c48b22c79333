"""Moving funds between venues: when it is credited, how much goes, and from where to where."""

from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import ALFA_BTC, ALFA_USD, BRAVO_BTC, BRAVO_USD, BTC, USD, coins, fresh, funding, ints, log, observations, rules, world
from tests.engine.kernels.plain import market, state, transfers

NOTHING = observations([], [])
DAY = market.DAY_US
WAY = {"source": ALFA_BTC, "destination": BRAVO_BTC}
BACK = {"source": BRAVO_BTC, "destination": ALFA_BTC}


def windows(*rows: tuple[int, int]) -> Any:
    return np.array(rows, dtype=np.int64).reshape(-1, 2)


@pytest.mark.parametrize(("at", "end"), [(9, 9), (10, 20), (19, 20), (20, 20), (30, 50), (45, 50), (50, 50)])
def test_a_suspension_ends_with_those_that_follow_on(at: int, end: int) -> None:
    assert transfers.end_of(windows((10, 20), (30, 40), (40, 50)), 0, 3, at) == end


def test_suspensions_of_other_wallets_do_not_count() -> None:
    rows = windows((0, 10), (0, 20), (0, 30))
    assert [transfers.end_of(rows, first, first + 1, 5) for first in range(3)] == [10, 20, 30]


@pytest.mark.parametrize(("at", "start"), [(0, 10), (10, 10), (19, 19), (20, 40), (49, 49), (50, transfers._NEVER)])
def test_a_request_starts_at_the_first_opening_from_then_on(at: int, start: int) -> None:
    ways = funding([{**WAY, "first_opening": 1}, {**BACK, "first_opening": 3}], {}, openings=windows((0, 99), (10, 20), (40, 50)))
    assert transfers.start_of(ways, 0, at) == start


def test_a_route_without_hours_is_open_and_one_that_opens_no_more_never_credits() -> None:
    ways = funding([{**WAY, "delay_us": 5}, {**BACK, "delay_us": 5}], {}, openings=windows((10, 20)))
    assert (transfers.start_of(ways, 0, 7), transfers.credit_us(ways, 0, 7)) == (7, 12)
    assert (transfers.credit_us(ways, 1, 7), transfers.credit_us(ways, 1, 20)) == (15, transfers._NEVER)


def test_a_credit_waits_while_deposits_at_its_destination_are_suspended() -> None:
    places = {w: {"first_deposit": 0 if w <= BRAVO_BTC else 1} for w in range(5)}
    ways = funding([{**WAY, "delay_us": 5}, {**BACK, "delay_us": 5}], places, deposits=windows((10, 20)))
    assert [transfers.credit_us(ways, 0, at) for at in (4, 5, 14, 15)] == [9, 20, 20, 20]
    assert transfers.credit_us(ways, 1, 5) == 10


def test_a_request_debits_at_once_and_a_credit_brings_what_is_left_of_the_fee() -> None:
    ways = funding([{**WAY, "fee": coins(1), "delay_us": 5}], {})
    one, now, done = world(NOTHING), fresh(NOTHING, routes=1), log()
    now.currencies[BTC].held = coins(200)
    transfers.request(one, ways, now, done, 0, coins(10), 60)
    transfer = done.transfers[0]
    assert (transfer.requested_us, transfer.credited_us, transfer.credited) == (60, 65, 0)
    assert (transfer.amount, transfer.fee) == (coins(10), coins(1))
    assert (now.wallets[ALFA_BTC].free, now.wallets[BRAVO_BTC].free, now.wallets[BRAVO_BTC].coming) == (coins(90), coins(100), coins(9))
    assert (now.currencies[BTC].held, now.currencies[BTC].in_flight) == (coins(199), coins(9))
    assert (done.queue[0].tolist(), now.counts[0].transfers) == ([65, state.CREDIT, 0], 1)
    transfers.credit(one, ways, now, done, 0)
    assert (now.wallets[ALFA_BTC].free, now.wallets[BRAVO_BTC].free, now.wallets[BRAVO_BTC].coming) == (coins(90), coins(109), 0)
    assert (now.currencies[BTC].held, now.currencies[BTC].in_flight, done.transfers[0].credited) == (coins(199), 0, 1)


def test_what_is_requested_on_a_day_adds_up_and_the_next_day_begins_anew() -> None:
    ways, now, done = funding([WAY], {}), fresh(NOTHING, routes=1), log()
    for at, day, amount in ((DAY - 2, 0, 1), (DAY - 1, 0, 3), (DAY, 1, 1)):
        transfers.request(world(NOTHING), ways, now, done, 0, coins(amount - (day == 0 and amount == 3)), at)
        assert (now.routes[0].day, now.routes[0].amount) == (day, coins(amount))


@pytest.mark.parametrize(
    ("route", "most", "lack", "at", "amount"),
    [
        ({}, 9, 5, 0, 5),
        ({}, 4, 5, 0, 4),
        ({"fee": 1}, 9, 5, 0, 6),  # what lacks must arrive
        ({"fee": 1}, 1, 5, 0, 0),  # nothing would
        ({"fee": 1}, 2, 5, 0, 2),
        ({"minimum": 5}, 9, 5, 0, 5),
        ({"minimum": 6}, 9, 5, 0, 0),
        ({"daily_limit": 7}, 9, 9, 0, 4),  # three went today
        ({"daily_limit": 7}, 9, 9, 1, 7),  # and none tomorrow
        ({"daily_limit": 3}, 9, 9, 0, 0),
        ({"daily_limit": 2}, 9, 9, 0, 0),
    ],
)
def test_a_route_moves_what_lacks_within_what_there_is_and_what_is_left_of_its_day(
    route: dict[str, float], most: float, lack: float, at: int, amount: float
) -> None:
    now = fresh(NOTHING, routes=1)
    now.routes[0].day, now.routes[0].amount = 0, coins(3)
    ways = funding([{**WAY, **{name: coins(value) for name, value in route.items()}}], {})
    assert transfers.amount_by(ways, now, 0, coins(most), coins(lack), at * DAY) == coins(amount)


def test_a_route_takes_no_part_while_withdrawals_at_its_source_are_suspended() -> None:
    places = {w: {"first_withdrawal": 0 if w <= ALFA_BTC else 1} for w in range(5)}
    ways, now = funding([WAY, BACK], places, withdrawals=windows((10, 20))), fresh(NOTHING, routes=2)
    assert [transfers.amount_by(ways, now, 0, 9, 5, at) for at in (9, 10, 19, 20)] == [5, 0, 0, 5]
    assert transfers.amount_by(ways, now, 1, 9, 5, 10) == 5


def test_what_may_be_in_flight_is_limited_by_the_value_of_all_of_it() -> None:
    one, now = world(NOTHING, rules=rules(max_in_flight=1000e8)), fresh(NOTHING)
    now.currencies.in_flight = [coins(2), coins(100), coins(20)]
    # 2 × 100 + 100 + 20 × 10 of 1,000 leave 500: 5 BTC, 500 USD, 50 of the third
    assert [transfers.room_in_flight(one, now, c, 3) for c in range(3)] == [coins(5), coins(500), coins(50)]
    one.mark[3, BTC] = 300.0
    # 600 + 100 + 200 leave 100, a third of a BTC rounded down
    assert transfers.room_in_flight(one, now, BTC, 3) == 33_333_333
    now.currencies[USD].in_flight = coins(2000)
    assert transfers.room_in_flight(one, now, USD, 3) < 0
    assert transfers.room_in_flight(world(NOTHING), now, USD, 3) == 2**62


def test_values_in_flight_are_rounded_currency_by_currency() -> None:
    one, now = world(NOTHING, rules=rules(max_in_flight=100.0), mark=np.full((10, 3), 0.5)), fresh(NOTHING)
    now.currencies.in_flight = [3, 3, 5]
    # 1.5, 1.5 and 2.5 to even: 2, 2 and 2; 94 are left, at 0.5
    assert transfers.room_in_flight(one, now, USD, 0) == 188


def test_a_wallet_has_what_is_free_committed_and_coming_and_not_what_nobody_knows_yet() -> None:
    now = fresh(NOTHING)
    wallet = now.wallets[1]
    wallet.free, wallet.committed, wallet.coming, wallet.reserved, wallet.pending = 1, 2, 4, 8, 16
    assert transfers.has(now, 1) == 7


def test_weights_aim_at_a_part_of_what_the_listed_wallets_have() -> None:
    # a third wallet of coins is not listed, one of money is
    ways = funding([], {ALFA_BTC: {"weight": 0.3}, BRAVO_BTC: {"weight": 0.7}, ALFA_USD: {"weight": 1.0}}, band=0.1)
    now = fresh(NOTHING, free=(1.00000001, 9, 2, 9, 9))
    now.wallets[ALFA_BTC].coming = coins(1)
    now.wallets.left_out = True
    transfers.aim(world(NOTHING, wallet_currency=ints(BTC, USD, BTC, BTC, USD)), ways, now, BTC)
    # of 4.00000001: 1.200000003 and 2.800000007; a tenth less: 1.08 and 2.52
    assert now.wallets.target[[ALFA_BTC, BRAVO_BTC]].tolist() == [120_000_000, 280_000_000]
    assert now.wallets.floor[[ALFA_BTC, BRAVO_BTC]].tolist() == [108_000_000, 252_000_000]
    assert not now.wallets.left_out.any()


def test_thresholds_aim_at_what_was_told() -> None:
    now = fresh(NOTHING)
    transfers.aim(world(NOTHING), funding([], {ALFA_BTC: {"floor": 3, "target": 5}}, band=0.5), now, BTC)
    assert (now.wallets[ALFA_BTC].floor, now.wallets[ALFA_BTC].target) == (3, 5)


def needy(free: tuple[float, ...], aims: dict[int, tuple[float, float]], *, left_out: int | None = None, currency: int = BTC) -> int:
    now = fresh(NOTHING, free=free)
    ways = funding([], {w: {"floor": coins(floor), "target": coins(target)} for w, (floor, target) in aims.items()})
    transfers.aim(world(NOTHING), ways, now, currency)
    if left_out is not None:
        now.wallets[left_out].left_out = True
    return int(transfers.neediest(world(NOTHING), ways, now, currency))


def test_the_wallet_that_lacks_most_of_those_below_their_floor_is_served_first() -> None:
    assert needy((4, 0, 4, 0, 0), {0: (5, 9), 2: (5, 10)}) == 2
    assert needy((4, 0, 4, 0, 0), {0: (5, 10), 2: (5, 10)}) == 0  # ties by wallet
    assert needy((5, 0, 4, 0, 0), {0: (5, 99), 2: (5, 6)}) == 2  # at its floor it lacks nothing
    assert needy((5, 0, 6, 0, 0), {0: (5, 99), 2: (5, 99)}) == -1
    assert needy((4, 0, 4, 0, 0), {0: (5, 9), 2: (5, 10)}, left_out=2) == 0
    assert needy((4, 0, 4, 0, 0), {0: (5, 9)}) == 0  # the other is not listed
    assert needy((4, 0, 4, 0, 0), {0: (5, 9), 1: (5, 99)}) == 0  # of another currency
    assert needy((4, 0, 4, 0, 0), {0: (5, 9), 1: (5, 99)}, currency=USD) == 1


def sources(free: tuple[float, ...], aims: dict[int, float], *, last: tuple[int, int] | None = None) -> tuple[float, int]:
    """Return the largest surplus of three wallets of one currency for the first, and its wallet."""
    one, now = world(NOTHING, wallet_currency=ints(BTC, BTC, BTC, BTC, USD)), fresh(NOTHING, free=free)
    ways = funding([], {w: {"target": coins(target)} for w, target in aims.items()})
    transfers.aim(one, ways, now, BTC)
    now.wallets[3].committed = coins(50)
    surplus, wallet = transfers.next_source(one, ways, now, 0, last or (transfers._NEVER, -1))
    return surplus / 1e8, wallet


def test_the_wallet_of_largest_surplus_gives_first_ties_by_wallet() -> None:
    assert sources((99, 20, 30, 0, 99), {0: 0, 1: 10, 2: 10}) == (20, 2)
    assert sources((99, 30, 30, 0, 99), {0: 0, 1: 10, 2: 10}) == (20, 1)
    assert sources((99, 20, 30, 0, 99), {0: 0, 1: 10}) == (10, 1)  # the second is not listed
    assert sources((99, 20, 30, 60, 99), {0: 0, 1: 10, 2: 10, 3: 10}) == (60, 3)  # 110 less 10, of which 60 are free
    assert sources((99, 20, 30, 60, 99), {0: 0, 1: 10, 2: 10, 3: 60}) == (50, 3)  # 110 less 60
    assert sources((99, 10, 9, 0, 99), {0: 0, 1: 10, 2: 10, 4: 0}) == (0, -1)


def test_the_next_source_has_less_or_comes_later() -> None:
    free, aims = (99.0, 30.0, 30.0, 25.0, 99.0), {0: 0.0, 1: 10.0, 2: 10.0, 3: 60.0}
    assert sources(free, aims, last=(coins(20), 1)) == (20, 2)
    assert sources(free, aims, last=(coins(20), 2)) == (15, 3)
    assert sources(free, aims, last=(coins(15), 3)) == (0, -1)


def rebalanced(
    routes: list[dict[str, object]], free: tuple[float, ...], aims: dict[int, tuple[float, float]], **limits: object
) -> list[tuple[int, float]]:
    """Return the route and the amount of every transfer at the third tick."""
    ways = funding(routes, {w: {"floor": coins(floor), "target": coins(target)} for w, (floor, target) in aims.items()})
    one, now, done = world(NOTHING, rules=rules(**limits)), fresh(NOTHING, free=free, routes=len(routes)), log()
    transfers.rebalance(one, ways, now, done, 3)
    count = now.counts[0].transfers
    assert done.transfers.requested_us[:count].tolist() == [180] * count
    return [(int(t.route), t.amount / 1e8) for t in done.transfers[:count]]


MONEY = {"source": ALFA_USD, "destination": BRAVO_USD}
EVEN = {ALFA_BTC: (5.0, 8.0), BRAVO_BTC: (5.0, 8.0)}


def test_a_wallet_below_its_floor_is_brought_to_its_target_with_the_fee_on_top() -> None:
    assert rebalanced([{**WAY, "fee": coins(1)}], (20, 0, 4, 0, 0), EVEN) == [(0, 5.0)]
    assert rebalanced([WAY], (20, 0, 5, 0, 0), EVEN) == []
    assert rebalanced([BACK], (20, 0, 4, 0, 0), EVEN) == []  # the wrong way
    assert rebalanced([WAY], (10, 0, 4, 0, 0), EVEN) == [(0, 2.0)]  # all that alfa has to spare, which leaves bravo above its floor


def test_the_first_route_that_takes_part_is_taken() -> None:
    first, second = {**WAY, "minimum": coins(5)}, WAY
    assert rebalanced([first, second], (20, 0, 4, 0, 0), EVEN) == [(1, 4.0)]
    assert rebalanced([first, second], (20, 0, 1, 0, 0), EVEN) == [(0, 7.0)]


def test_a_wallet_still_below_its_floor_is_served_again_by_what_is_left() -> None:
    limited = {**WAY, "daily_limit": coins(1)}
    assert rebalanced([limited, {**WAY, "daily_limit": coins(2)}, WAY], (20, 0, 1, 0, 0), EVEN) == [(0, 1.0), (1, 2.0), (2, 4.0)]
    assert rebalanced([limited], (20, 0, 1, 0, 0), EVEN) == [(0, 1.0)]


def test_currencies_go_one_after_the_other_and_share_what_may_be_in_flight() -> None:
    aims = {**EVEN, ALFA_USD: (0.0, 0.0), BRAVO_USD: (500.0, 500.0)}
    assert rebalanced([MONEY, WAY], (20, 900, 4, 0, 0), aims) == [(1, 4.0), (0, 500.0)]
    # 4 BTC are 400 of the 700
    assert rebalanced([MONEY, WAY], (20, 900, 4, 0, 0), aims, max_in_flight=700e8) == [(1, 4.0), (0, 300.0)]
    assert rebalanced([MONEY, WAY], (20, 900, 4, 0, 0), aims, max_in_flight=250e8) == [(1, 2.5)]


def test_the_next_surplus_gives_where_the_largest_has_no_route() -> None:
    one, now, done = world(NOTHING, wallet_currency=ints(BTC, BTC, BTC, USD, USD)), fresh(NOTHING, free=(1, 30, 5, 0, 0), routes=1), log()
    ways = funding([{"source": 2, "destination": 0}], {0: {"floor": coins(5), "target": coins(8)}, 1: {}, 2: {}})
    transfers.rebalance(one, ways, now, done, 3)
    assert [(t.route, t.amount) for t in done.transfers[: now.counts[0].transfers]] == [(0, coins(5))]


def test_a_wallet_that_nobody_can_serve_leaves_the_others_theirs() -> None:
    one, now, done = world(NOTHING, wallet_currency=ints(BTC, BTC, BTC, USD, USD)), fresh(NOTHING, free=(0, 1, 20, 0, 0), routes=1), log()
    aims = {0: {"floor": coins(9), "target": coins(9)}, 1: {"floor": coins(2), "target": coins(2)}, 2: {}}
    transfers.rebalance(one, funding([{"source": 2, "destination": 1}], aims), now, done, 3)
    assert [(t.route, t.amount) for t in done.transfers[: now.counts[0].transfers]] == [(0, coins(1))]
