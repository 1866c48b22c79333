"""How much of two books a package takes, and what cuts it."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import ALFA_BTC, BRAVO_USD, Quote, coins, fresh, ints, legs, observations, pair, rules, scratch, world
from tests.engine.kernels.plain import market, sizing, state

BOOKS = observations(
    [Quote(0, [(101.0, 2.0), (100.5, 3.0)], [(105.0, 1.0)])],
    [Quote(0, [(99.0, 1.0)], [(100.0, 1.0), (100.2, 8.0)])],
)
LOTS = ({"lot": coins(0.2)}, {"lot": coins(0.3)})
BARS: dict[str, Any] = {"open_us": ints(0, 60, 0, 60), "volume_cap": ints(*[0] * 4), "blocked": np.zeros(4, np.bool_), "fill_price": np.ones((2, 4))}


def test_bars_are_what_has_rows_of_bars() -> None:
    both = legs({}, {"first_bar": 3}, {"first_bar": 3})
    assert [sizing.is_bar(both, leg) for leg in (0, 1)] == [True, False]


def test_what_comes_off_quotes_is_what_is_known_of_the_epoch_in_view_and_what_is_under_way_on_the_side() -> None:
    one, now = world(BOOKS), fresh(BOOKS)
    now.sides.under_way = [1, 2, 4, 8]  # bids of alfa and bravo, asks of alfa and bravo
    now.sides.known_taken = [16, 32, 64, 128]
    now.sides.known_epoch = [0, 0, 0, 1]
    taken = {(side, leg): sizing.skip_of(one, now, side, leg, leg) for side in (market.SELL, market.BUY) for leg in (0, 1)}
    # bravo's row is 1: its bids were last taken in another epoch
    assert taken == {(0, 0): 17, (0, 1): 2, (1, 0): 68, (1, 1): 136}


def test_what_comes_off_a_bar_is_under_way_on_both_sides() -> None:
    one = world(observations([Quote(0, [(1.0, 1.0)], [(1.0, 1.0)])], [], **BARS), legs=legs({}, {"first_bar": 2}, {"first_bar": 4}))
    now = fresh(one.market)
    now.sides.under_way, now.sides.known_taken = [1, 2, 4, 8], [99, 99, 99, 99]
    now.sides.known_epoch = 0
    assert [sizing.skip_of(one, now, side, 0, 0) for side in (market.SELL, market.BUY)] == [5, 5]


def test_levels_end_where_no_price_is() -> None:
    assert [sizing.levels_of(BOOKS, side, row) for side in (market.SELL, market.BUY) for row in (0, 1)] == [2, 1, 1, 2]


@pytest.mark.parametrize(
    ("place", "found"),
    [
        ((0, 0, 0.0), (1, 2.0, 0.0)),
        ((1, 0.5, 0.0), (1, 0.5, 0.0)),  # something is left where we are
        ((0, 0, 0.5), (1, 1.5, 0.0)),
        ((0, 0, 2.0), (2, 3.0, 0.0)),  # the first level is gone
        ((0, 0, 4.0), (2, 1.0, 0.0)),
        ((0, 0, 9.0), (2, 0.0, 4.0)),  # all of it is
        ((2, 0, 0.0), (2, 0.0, 0.0)),
    ],
)
def test_the_next_level_is_the_first_that_something_is_left_of(place: tuple[int, float, float], found: tuple[int, float, float]) -> None:
    level, left, skip = place
    assert sizing.next_level(BOOKS, market.SELL, 0, (level, coins(left), coins(skip))) == (found[0], coins(found[1]), coins(found[2]))


def walked(threshold: float, *, taken: tuple[float, float] = (0, 0), **of_pair: object) -> list[tuple[int, int, int]]:
    one, now, room = world(BOOKS, rules=rules(threshold_bps=threshold)), fresh(BOOKS), scratch()
    now.sides.under_way[0], now.sides.under_way[3] = coins(taken[0]), coins(taken[1])
    found = sizing.walk_down(one, now, pair(**of_pair), room)
    return [(int(room.reach[k]), *map(int, room.level[:, k])) for k in range(found)]


def test_units_of_two_books_meet_while_their_own_edge_reaches_the_threshold() -> None:
    # 101 / 100: 100 bps; 101 / 100.2: 79.8; 100.5 / 100.2: 29.9
    assert walked(29.0) == [(coins(1), 0, 0), (coins(2), 0, 1), (coins(5), 1, 1)]
    assert walked(30.0) == [(coins(1), 0, 0), (coins(2), 0, 1)]
    assert walked(1e4 * (101.0 / 100.0 - 1)) == [(coins(1), 0, 0)]
    assert walked(101.0) == []


def test_a_walk_begins_after_what_is_taken_and_ends_with_the_shorter_book() -> None:
    assert walked(0.0, taken=(1.5, 0.25)) == [(coins(0.5), 0, 0), (coins(0.75), 1, 0), (coins(3.5), 1, 1)]
    assert walked(0.0, taken=(5, 0)) == []
    assert walked(0.0, taken=(0, 9)) == []


def test_a_walk_counts_fees_and_conversions() -> None:
    # 101 × 0.995 = 100.495; 100.2 and 100.5 less half a percent are beyond 100
    assert walked(0.0, sell_rate=0.005) == [(coins(1), 0, 0), (coins(2), 0, 1)]
    assert walked(0.0, buy_rate=0.0099) == [(coins(1), 0, 0)]
    # 100 / 0.99005 is 101.005
    assert walked(0.0, buy_rate=0.00995) == [(coins(1), 0, 0)]
    assert walked(0.0, buy_rate=0.00995, buy_charged=market.CHARGED_RECEIVED) == []
    assert walked(0.0, received_at=0.995) == [(coins(1), 0, 0), (coins(2), 0, 1)]
    assert walked(0.0, spent_at=1.0099) == [(coins(1), 0, 0)]


@pytest.mark.parametrize(("quantity", "segment"), [(0, 0), (1, 0), (10, 0), (11, 1), (20, 1), (21, 2)])
def test_a_segment_ends_with_the_unit_that_it_reaches_to(quantity: int, segment: int) -> None:
    room = scratch()
    room.reach[:3] = [10, 20, 30]
    assert sizing.segment_of(room, quantity) == segment


NO_VOLUME, NO_FUNDS, BELOW_MINIMUM, VENUE_LIMIT, ASSET_LIMIT = (
    getattr(state, name) for name in ("NO_VOLUME", "NO_FUNDS", "BELOW_MINIMUM", "VENUE_LIMIT", "ASSET_LIMIT")
)


def sized(
    limits: dict[str, float] | None = None,
    *,
    minimum: tuple[float, float] = (0, 0),
    btc: float = 100,
    usd: float = 1e6,
    open_value: tuple[float, float] = (0, 0),
    **of_pair: object,
) -> tuple[float, int]:
    """Return what a package of step 0.6 at a threshold of nothing would be of, and why it is none."""
    two = legs(*({**lot, "min_notional": coins(least)} for lot, least in zip(LOTS, minimum, strict=True)))
    atoms = {name: value if name == "tolerance" else value * 1e8 for name, value in (limits or {}).items()}
    one, now = world(BOOKS, legs=two, rules=rules(**atoms)), fresh(BOOKS, free=(btc, 0, 0, usd, 0))
    now.open_value[:] = [coins(value) for value in open_value]
    quantity, outcome = sizing.size_package(one, now, pair(**of_pair), scratch(), 3)
    return float(quantity / 1e8), int(outcome)


@pytest.mark.parametrize(
    ("found", "quantity", "outcome"),
    [
        # 5 can be had, 4.8 in steps of 0.6
        (partial(sized), 4.8, state.SENT),
        (partial(sized, btc=3.59), 3.0, state.SENT),
        (partial(sized, btc=0.59), 0, NO_FUNDS),
        # up to 1 costs 100, beyond 100.2: 1.2 reserve 120.24, 0.6 reserve 60
        (partial(sized, usd=120.24), 1.2, state.SENT),
        (partial(sized, usd=120.23999999), 0.6, state.SENT),
        (partial(sized, usd=60), 0.6, state.SENT),
        (partial(sized, usd=59.99999999), 0, NO_FUNDS),
        # with a fee of 1 %: 121.4424
        (partial(sized, usd=121.4424, reserve_rate=0.01), 1.2, state.SENT),
        (partial(sized, usd=121.44239999, reserve_rate=0.01), 0.6, state.SENT),
        # the limit is 100.2 × 1.01 = 101.20 on the tick: 121.44
        (partial(sized, {"tolerance": 0.01}, usd=121.44), 1.2, state.SENT),
        (partial(sized, {"tolerance": 0.01}, usd=121.43), 0.6, state.SENT),
        (partial(sized, {"max_notional": 120.25}), 1.2, state.SENT),
        (partial(sized, {"max_notional": 120.23}), 0.6, state.SENT),
        (partial(sized, {"max_notional": 59.99}), 0, BELOW_MINIMUM),
        # 60.05 are 0.599 at 100.2, and 0.6005 at 100
        (partial(sized, {"max_notional": 60.05}), 0.6, state.SENT),
        (partial(sized, {"max_notional": 120.25}, spent_at=1.001), 0.6, state.SENT),
        (partial(sized, {"fixed_notional": 120}), 1.2, state.SENT),
        (partial(sized, {"fixed_notional": 119.99}), 0.6, state.SENT),
        # 120.25 are 1.19 at 100 × 1.01
        (partial(sized, {"fixed_notional": 120.25}, received_at=1.01, spent_at=1.01), 0.6, state.SENT),
        (partial(sized, {"fixed_notional": 59.99}), 0, BELOW_MINIMUM),
        (partial(sized, {"fixed_notional": 480}), 4.8, state.SENT),
        (partial(sized, {"fixed_notional": 540}), 0, NO_VOLUME),
        (partial(sized, {"fixed_notional": 480}, btc=4.7), 0, NO_FUNDS),
        (partial(sized, {"fixed_notional": 480}, usd=480.9), 0, NO_FUNDS),
        (partial(sized, {"fixed_notional": 240, "max_notional": 240}), 0, BELOW_MINIMUM),
        # 4.8 sell for 2 × 101 + 2.8 × 100.5 = 483.4 and cost 100 + 3.8 × 100.2 = 480.76
        (partial(sized, minimum=(483.4, 480.76)), 4.8, state.SENT),
        (partial(sized, minimum=(483.40000001, 0)), 0, BELOW_MINIMUM),
        (partial(sized, minimum=(0, 480.76000001)), 0, BELOW_MINIMUM),
        # an open value of 303 leaves 3 of alfa's 101
        (partial(sized, {"max_venue_open": 303}), 3.0, state.SENT),
        (partial(sized, {"max_venue_open": 302.99}), 2.4, state.SENT),
        (partial(sized, {"max_venue_open": 299.99}), 2.4, state.SENT),
        (partial(sized, {"max_venue_open": 403}, open_value=(100.1, 0)), 2.4, state.SENT),
        (partial(sized, {"max_venue_open": 403}, open_value=(0, 103.1)), 2.4, state.SENT),
        (partial(sized, {"max_venue_open": 60.5}), 0, VENUE_LIMIT),
        (partial(sized, {"max_venue_open": 60.5}, open_value=(99, 99)), 0, VENUE_LIMIT),
        (partial(sized, {"fixed_notional": 480, "max_venue_open": 480}), 0, VENUE_LIMIT),
    ],
)  # fmt: skip
def test_the_first_line_that_leaves_nothing_or_not_all_gives_the_outcome(found: Callable[[], object], quantity: float, outcome: int) -> None:
    assert found() == (quantity, outcome)


def test_a_venue_counts_its_open_value_in_the_numeraire() -> None:
    one = world(BOOKS, rules=rules(max_venue_open=300e8), legs=legs({"quote_currency": 2}))
    one.mark[3, 2] = 0.5
    # 300 at a mark of 0.5 are 600 of the quote
    assert sizing.venue_cap(one, fresh(BOOKS), 0, 100.0, 3) == coins(6)
    assert sizing.venue_cap(one, fresh(BOOKS), 1, 100.0, 3) == coins(3)


def capped(*, held: float = 0, expected: float = 0, quote: int = 2, largest: float = 50) -> float:
    """Return how much may be sold at 100 for currency 2, worth 10, at the third tick."""
    one = world(BOOKS, legs=legs({"quote_currency": quote}), max_asset=np.array([np.inf, 1e8 if quote == 1 else np.inf, largest * 1e8]))
    one.mark[3, 2] = 0.25
    now = fresh(BOOKS)
    now.currencies[2].held, now.currencies[2].expected = coins(held), coins(expected)
    return float(sizing.asset_cap(one, now, pair(), 100.0, 3)) / 1e8


def test_what_a_sell_brings_may_be_held_up_to_its_limit_at_its_mark() -> None:
    # 50 at 0.25 are 200, of which a coin brings 100
    assert capped() == 2.0
    assert capped(held=30, expected=70) == 1.0
    assert capped(held=300) == -1.0


def test_what_the_buy_pays_with_as_well_or_what_has_no_limit_is_not_limited() -> None:
    assert capped(quote=1) == 2**62 / 1e8
    assert capped(largest=math.inf) == 2**62 / 1e8


@pytest.mark.parametrize(("held", "found"), [(0, (3.0, state.SENT)), (0.1, (2.4, state.SENT)), (250, (0, ASSET_LIMIT))])
def test_a_limit_on_a_currency_cuts_the_size_in_steps(held: float, found: tuple[float, int]) -> None:
    # 303 of it are 3 coins at 101
    two = legs({"lot": coins(0.2), "quote_currency": 2}, {"lot": coins(0.3)})
    one = world(BOOKS, legs=two, max_asset=np.array([np.inf, np.inf, 303e8]), mark=np.ones((10, 3)))
    now = fresh(BOOKS)
    now.currencies[2].held = coins(held)
    quantity, outcome = sizing.size_package(one, now, pair(), scratch(), 3)
    assert (quantity / 1e8, outcome) == found


def test_a_notional_far_above_the_price_is_no_limit() -> None:
    # 1e10 at 1e-9 a unit is 1e27 atoms
    one = world(BOOKS, legs=legs(*LOTS), rules=rules(max_notional=1e18))
    assert sizing.size_package(one, fresh(BOOKS), pair(spent_at=1e-11, received_at=1e-11), scratch(), 0) == (coins(4.8), state.SENT)


def test_what_is_taken_goes_from_the_best_level_on_after_what_is_skipped() -> None:
    assert sizing.take(BOOKS, market.SELL, 0, 0, coins(2)) == (coins(202), 101.0)
    # 2 at 101 and 3 at 100.5 are 503.5, on average 101 - 0.5 × 3 / 5
    assert sizing.take(BOOKS, market.SELL, 0, 0, coins(5)) == (coins(503.5), pytest.approx(100.7, abs=1e-12))
    assert sizing.take(BOOKS, market.SELL, 0, coins(1), coins(2)) == (coins(201.5), 100.75)
    assert sizing.take(BOOKS, market.SELL, 0, coins(2.5), coins(2)) == (coins(201), 100.5)
    assert sizing.take(BOOKS, market.BUY, 1, 0, coins(1)) == (coins(100), 100.0)


def test_flows_are_rounded_level_by_level() -> None:
    # 1 and 3 atoms at 0.5: 0 and 2, where 4 at once are 2; at 1.5: 2 and 4, where 4 at once are 6
    books = observations([Quote(0, [(2.5, 1e-8), (1.5, 3e-8)], [(3.0, 1.0)])], [])
    assert sizing.take(books, market.SELL, 0, 0, 4)[0] == 2 + 4
    assert sizing.take(books, market.SELL, 0, 0, 2)[0] == 2 + 2


def test_reserves_come_out_of_what_is_free_alone() -> None:
    one, now = world(BOOKS, legs=legs(*LOTS)), fresh(BOOKS, free=(0.5, 0, 0, 1e6, 0))
    for wallet in (ALFA_BTC, BRAVO_USD):
        now.wallets[wallet].reserved = now.wallets[wallet].pending = now.wallets[wallet].coming = coins(1e6)
    assert sizing.size_package(one, now, pair(), scratch(), 0) == (0, NO_FUNDS)
