"""What is in view and in force, conversions, and edges."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.kernels.hand import Quote, ints, legs, observations, records
from tests.engine.kernels.plain import market, scan


@given(st.lists(st.integers(0, 9), max_size=12).map(sorted), st.integers(-1, 10), st.integers(0, 3), st.data())
def test_the_last_row_at_a_time_is_found_from_any_row_before_it(times: list[int], at: int, begin: int, data: Any) -> None:
    begin = min(begin, len(times))
    end = data.draw(st.integers(begin, len(times)))
    expected = max((k for k in range(begin, end) if times[k] <= at), default=begin - 1)
    row = data.draw(st.integers(-1, expected))
    assert market.last_at(ints(*times), at, begin, end, row) == expected


@pytest.mark.parametrize(
    ("at", "row", "present"),
    [
        (10, 0, True),
        (15, 0, True),
        (16, 0, False),  # six µs old
        (20, 1, False),  # not good
        (30, 2, False),  # a bid of nothing
        (40, 3, True),
        (10, -1, False),
    ],
)
def test_an_observation_is_present_while_it_is_good_young_enough_and_has_a_bid(at: int, row: int, present: bool) -> None:
    rows = [Quote(10, [(1.0, 1.0)], [(1.0, 1.0)]), Quote(20, [], []), Quote(30, [(0.0, 1.0)], [(1.0, 1.0)]), Quote(40, [(1.0, 1.0)], [(1.0, 1.0)])]
    assert market.is_present(observations(rows, max_age=5), 0, row, at) is present


def test_what_is_not_good_is_absent_whatever_its_price_and_age_counts_from_the_event() -> None:
    late = Quote(10, [(1.0, 1.0)], [(1.0, 1.0)], known=14)
    assert not market.is_present(observations([late], good=np.array([False])), 0, 0, 14)
    assert [market.is_present(observations([late], max_age=5), 0, 0, at) for at in (15, 16)] == [True, False]


def test_age_counts_from_the_last_message_of_a_channel_that_was_known_or_that_happened() -> None:
    # the quote of 10; messages of 10, 20 and 30, the last known at 38 only; those of another channel stand before them
    quote = observations([Quote(10, [(1.0, 1.0)], [(1.0, 1.0)])], max_age=5)
    columns = {"happened_us": ints(1, 90, 10, 20, 30), "heard_us": ints(1, 95, 10, 21, 38), "latest_us": ints(1, 90, 10, 20, 30)}
    seen = quote._replace(channels=records(market.CHANNEL, [{"first": first} for first in (0, 2, 5)]), **columns)
    seen.series.channel[0] = 1
    assert [market.known_since(seen, 0, 0, at) for at in (10, 20, 21, 37, 38, 99)] == [10, 10, 20, 20, 30, 30]
    assert [market.true_since(seen, 0, 0, at) for at in (19, 20, 29, 30, 99)] == [10, 20, 20, 30, 30]
    assert [at for at in range(10, 45) if market.is_present(seen, 0, 0, at)] == [*range(10, 16), *range(21, 26)]
    assert [at for at in range(10, 45) if market.is_in_force(seen, 0, 0, at)] == [*range(10, 16), *range(20, 26), *range(30, 36)]


def test_the_row_before_a_series_is_not_its_own() -> None:
    both = observations([Quote(0, [(1.0, 1.0)], [(1.0, 1.0)])], [Quote(9, [(1.0, 1.0)], [(1.0, 1.0)])])
    assert not market.is_present(both, 1, 0, 0)
    assert market.is_present(both, 0, 0, 0)


CONVERTING = observations(
    [Quote(0, [(1.0, 1.0)], [(1.0, 1.0)])],
    [Quote(0, [(0.98, 1.0)], [(1.01, 1.0)])],
    [Quote(0, [(0.99, 1.0)], [(1.02, 1.0)]), Quote(5, [], [])],
    [Quote(0, [(0.8, 1.0)], [(1.25, 1.0)])],
    conversions=[(1, False), (2, False), (3, True), (3, False)],
)


@pytest.mark.parametrize(
    ("first", "last", "rows", "found"),
    [
        (0, 1, (0, 1, 2, 4), (0.98, 1.01)),
        (0, 2, (0, 1, 2, 4), (0.98, 1.02)),  # the lowest bid, the highest ask
        (0, 2, (0, 1, 3, 4), (0.98, 1.01)),  # the second is not good
        (1, 2, (0, 1, 3, 4), (np.nan, np.nan)),
        (1, 2, (0, 1, 1, 4), (np.nan, np.nan)),  # the second has no row yet
        (2, 3, (0, 1, 2, 4), (0.8, 1.25)),  # 1 / 1.25 and 1 / 0.8
        (1, 3, (0, 1, 2, 4), (0.8, 1.25)),
    ],
)
def test_foreign_money_counts_at_the_lowest_bid_and_the_highest_ask_of_what_is_present(
    first: int, last: int, rows: tuple[int, ...], found: tuple[float, float]
) -> None:
    both = legs({"converts": True, "first_conversion": first}, {"first_conversion": last})
    view = records(scan.IN_VIEW, [{"row": row} for row in rows])
    np.testing.assert_allclose(market.conversion(CONVERTING, both, 0, view, 6), found, rtol=1e-15)


def test_an_inverted_conversion_sells_at_one_over_the_ask() -> None:
    both = legs({"converts": True, "first_conversion": 0}, {"first_conversion": 1})
    one = observations([Quote(0, [(1.0, 1.0)], [(1.0, 1.0)])], [Quote(0, [(2.0, 1.0)], [(4.0, 1.0)])], conversions=[(1, True)])
    assert market.conversion(one, both, 0, records(scan.IN_VIEW, [{"row": 0}, {"row": 1}]), 0) == (0.25, 0.5)


def test_money_that_needs_no_conversion_counts_one() -> None:
    both = legs({"first_conversion": 0}, {"first_conversion": 1})
    assert market.conversion(CONVERTING, both, 0, records(scan.IN_VIEW, [{}] * 4), 0) == (1.0, 1.0)


def test_a_sell_brings_less_and_a_buy_costs_more_by_the_fee() -> None:
    assert market.received(200.0, 0.25, 0.5) == 75.0
    assert market.spent(200.0, 0.25, 0.5, market.CHARGED_QUOTE) == 125.0
    assert market.spent(200.0, 0.25, 0.5, market.CHARGED_ASSET) == 125.0
    # of a coin a quarter is taken: 4 / 3 must be bought for one
    assert market.spent(150.0, 0.25, 0.5, market.CHARGED_RECEIVED) == 100.0


def test_an_edge_is_what_comes_in_over_what_goes_out() -> None:
    assert market.edge_bps(101.0, 100.0) == pytest.approx(100.0)
    assert market.edge_bps(99.0, 100.0) == pytest.approx(-100.0)
    assert np.isnan(market.edge_bps(np.nan, 100.0))


def test_an_epoch_begins_with_another_best_price_or_beside_what_is_not_good() -> None:
    prices = [(1.0, 2.0), (1.0, 2.0), (1.0, 3.0), (np.nan, np.nan), (1.0, 3.0), (1.0, 3.0), (1.0, 3.0), (2.0, 3.0), (1.0, 3.0)]
    good = np.array([True, True, True, False, True, True, True, True, True])
    found = market.epochs(np.array(prices).T[:, :, None], good, ints(0, 6, 9))
    # the second series begins at row 6, at the prices at which the first one ended
    assert found.tolist() == [[0, 0, 0, 3, 4, 4, 6, 7, 8], [0, 0, 2, 3, 4, 4, 6, 6, 6]]


def test_a_row_that_is_not_good_is_an_epoch_of_its_own_whatever_its_price() -> None:
    prices = np.ones((2, 4, 1))
    assert market.epochs(prices, np.array([True, False, True, True]), ints(0, 4)).tolist() == [[0, 1, 2, 2]] * 2
