"""What an amount becomes on its way through a cycle, rule by rule; cycles of a venue are in `hand_cycles`."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.engine.kernels.hand import BTC, coins, observations, records
from tests.engine.kernels.hand_cycles import BACK, BUY, SELL, begun, cyclic, fees, legs, planned, seen, step
from tests.engine.kernels.plain import chain, market, state

DEEP = seen(btc=([(99.0, 2.0), (98.0, 3.0)], [(100.0, 2.0), (101.0, 3.0), (102.0, 4.0)]))
IN_BASE = market.CHARGED_RECEIVED


# ---- levels ----


@pytest.mark.parametrize(
    ("side", "skip", "limit", "left"),
    [
        (BUY, 0.0, np.inf, 9.0),
        (BUY, 2.5, np.inf, 6.5),
        (BUY, 0.0, 101.0, 5.0),
        (BUY, 4.0, 101.0, 1.0),
        (BUY, 6.0, 101.0, 0.0),
        (BUY, 0.0, 99.99, 0.0),
        (BUY, 20.0, np.inf, 0.0),
        (SELL, 0.0, -np.inf, 5.0),
        (SELL, 0.0, 98.5, 2.0),
        (SELL, 1.0, 98.0, 4.0),
    ],
)
def test_what_is_left_is_that_of_levels_within_the_limit_after_what_is_skipped(side: int, skip: float, limit: float, left: float) -> None:
    assert chain.left_of(DEEP, side, 0, coins(skip), limit) == coins(left)


@pytest.mark.parametrize(
    ("side", "skip", "quantity", "price"),
    [
        (BUY, 0.0, 0.0, 100.0),
        (BUY, 0.0, 2.0, 100.0),
        (BUY, 0.0, 2.00000001, 101.0),
        (BUY, 1.0, 4.0, 101.0),
        (BUY, 1.0, 4.1, 102.0),
        (BUY, 2.0, 0.0, 101.0),  # nothing is left of the first
        (BUY, 9.0, 0.0, np.nan),
        (BUY, 0.0, 9.1, np.nan),
        (SELL, 0.0, 2.0, 99.0),
        (SELL, 0.5, 2.0, 98.0),
    ],
)
def test_the_last_unit_comes_from_the_level_that_it_reaches(side: int, skip: float, quantity: float, price: float) -> None:
    found = chain.deepest_price(DEEP, step(0, side, skip=coins(skip)), coins(quantity))
    np.testing.assert_equal(found, price)


def test_a_level_of_nothing_is_passed_over() -> None:
    quotes = seen(btc=([(99.0, 1.0)], [(100.0, 0.0), (101.0, 3.0)]))
    assert [chain.deepest_price(quotes, step(0, BUY), coins(q)) for q in (0, 1)] == [101.0, 101.0]


def test_a_buy_costs_its_flow_and_its_fee_where_that_is_not_taken_in_base() -> None:
    # 2 at 100 and 1 at 101; after 1 that is skipped 1 and 2
    bought = {skip: chain.cost_through(DEEP, step(0, BUY, skip=coins(skip), rate=0.01), coins(3)) for skip in (0, 1)}
    assert bought == {0: coins(301 * 1.01), 1: coins(302 * 1.01)}
    assert chain.cost_through(DEEP, step(0, BUY, rate=0.01, charged=IN_BASE), coins(3)) == coins(301)
    assert chain.cost_through(DEEP, step(0, BUY, rate=0.01, charged=market.CHARGED_ASSET), coins(3)) == coins(301 * 1.01)


@pytest.mark.parametrize(
    ("amount", "changes", "about"),
    [
        (150.0, {}, 1.5),
        (301.0, {}, 3.0),
        (304.01, {"rate": 0.01}, 3.0),
        (301.0, {"rate": 0.01, "charged": IN_BASE}, 3.0),
        (302.0, {"skip": coins(1)}, 3.0),
        (5000.0, {}, 9.0),
    ],
)
def test_about_what_an_amount_buys_is_a_walk_down_the_levels(amount: float, changes: dict[str, object], about: float) -> None:
    assert chain.about_buyable(DEEP, step(0, BUY, **changes), coins(amount)) == pytest.approx(about * 1e8)


@pytest.mark.parametrize(
    ("amount", "changes", "quantity"),
    [
        (301.0, {}, 3.0),
        (300.99999999, {}, 2.9),
        (304.01, {"rate": 0.01}, 3.0),
        (304.0, {"rate": 0.01}, 2.9),
        (301.0, {"rate": 0.01, "charged": IN_BASE}, 3.0),
        (301.0, {"left": coins(2)}, 2.0),  # further levels lie beyond a limit
        (302.0, {"skip": coins(1)}, 3.0),
        (5000.0, {"left": coins(9)}, 9.0),
        (9.99, {}, 0.0),
        (0.0, {}, 0.0),
    ],
)
def test_a_buy_is_of_as_many_lots_as_are_left_and_paid_for(amount: float, changes: dict[str, object], quantity: float) -> None:
    assert chain.buyable(DEEP, step(0, BUY, **{"left": coins(9), **changes}), coins(0.1), coins(amount)) == coins(quantity)


levels = st.lists(st.tuples(st.integers(1, 400), st.integers(0, 60)), min_size=1, max_size=3)


@given(levels, st.integers(0, 40), st.integers(1, 7), st.integers(0, 60_000), st.sampled_from((0.0, 0.001, 0.5)), st.sampled_from((0, 1)))
def test_no_larger_number_of_lots_is_paid_for(asks: list[tuple[int, int]], skip: int, lot: int, amount: int, rate: float, charged: int) -> None:
    # against trying all of them, in atoms
    quotes = observations([])
    asks = sorted(asks)
    quotes = quotes._replace(
        price=np.array([[[np.nan] * len(asks)], [[float(price) / 7 for price, _ in asks]]]),
        size=np.array([[[0] * len(asks)], [[size for _, size in asks]]]),
    )
    left = max(sum(size for _, size in asks) - skip, 0) // lot * lot
    one = step(0, BUY, row=0, skip=skip, left=left, rate=rate, charged=charged)
    paid = [q for q in range(0, left + 1, lot) if q == 0 or chain.cost_through(quotes, one, q) <= amount]
    assert chain.buyable(quotes, one, lot, amount) == paid[-1]


# ---- steps ----


@pytest.mark.parametrize(
    ("side", "charged", "brings"),
    [
        (SELL, market.CHARGED_QUOTE, 5005 - 6),  # a fee is rounded up
        (SELL, IN_BASE, 5005 - 6),
        (SELL, market.CHARGED_ASSET, 5005 - 6),
        (BUY, market.CHARGED_QUOTE, 1001),
        (BUY, IN_BASE, 1001 - 2),
        (BUY, market.CHARGED_ASSET, 1001),
    ],
)
def test_a_step_brings_what_it_trades_less_a_fee_that_is_taken_from_it(side: int, charged: int, brings: int) -> None:
    assert chain.brought_by(step(0, side, quantity=1001, flow=5005, rate=0.001, charged=charged)) == brings


def test_a_quantity_has_its_flow_its_prices_and_what_it_brings() -> None:
    one = step(0, BUY, skip=coins(1), quantity=coins(3))
    chain.settle_plan(DEEP, one)
    # 1 at 100 and 2 at 101
    assert (one.flow, one.price, one.deepest, one.brings) == (coins(302), 100 + 2 / 3, 101.0, coins(3))
    one.quantity = 0
    chain.settle_plan(DEEP, one)
    assert (one.flow, one.deepest, one.brings) == (0, 100.0, 0)
    assert np.isnan(one.price)
    sold = step(0, SELL, quantity=coins(3), rate=0.01)
    chain.settle_plan(DEEP, sold)
    assert (sold.flow, sold.deepest, sold.brings) == (coins(2 * 99 + 98), 98.0, coins(296 - 2.96))


@pytest.mark.parametrize(("amount", "left", "quantity", "fits"), [(1.259, 1.25, 1.25, True), (1.25, 1.24, 1.24, False), (1.259, 5.0, 1.25, True)])
def test_a_sell_is_of_the_whole_lots_of_what_it_is_given(amount: float, left: float, quantity: float, fits: bool) -> None:
    one = step(0, SELL, left=coins(left))
    chain.plan_step(cyclic(DEEP), one, coins(amount))
    assert (one.quantity, bool(one.fits), one.deepest) == (coins(quantity), fits, 99.0)


@pytest.mark.parametrize(("amount", "quantity", "fits"), [(502.0, 4.99, True), (503.0, 5.0, True), (503.00000001, 5.0, False)])
def test_a_buy_is_of_what_it_is_given_where_that_is_not_more_than_what_is_left_costs(amount: float, quantity: float, fits: bool) -> None:
    # 2 at 100 and 3 at 101 are 503
    one = step(0, BUY, left=coins(5))
    chain.plan_step(cyclic(DEEP), one, coins(amount))
    assert (one.quantity, bool(one.fits)) == (coins(quantity), fits)


def test_each_step_spends_what_the_one_before_brings() -> None:
    trades, steps = planned(100.1, **fees(0.001))
    # 1 at 100 costs 100.1; 19.9 at 0.05 cost 0.995995, 20 would 1.001; 19.9 at 5.1 are 101.49 less 0.10149
    assert trades
    assert steps.quantity.tolist() == [coins(1), coins(19.9), coins(19.9)]
    assert steps.brings.tolist() == [coins(1), coins(19.9), coins(101.38851)]
    trades, steps = planned(52, BACK)
    # 10 at 5.2; these bring 0.49; this 48.51
    assert trades
    assert steps.quantity.tolist() == [coins(10), coins(10), coins(0.49)]
    assert steps.brings.tolist() == [coins(10), coins(0.49), coins(48.51)]


def test_a_fee_in_base_is_kept_of_what_a_buy_brings() -> None:
    _, steps = planned(100, **fees(0.001, IN_BASE))
    # 1 less 0.001; 19.9 cost 0.995, and 0.0199 are kept; 19.8 of 19.8801 at 5.1, less 0.001 of 100.98
    assert steps.quantity.tolist() == [coins(1), coins(19.9), coins(19.8)]
    assert steps.brings.tolist() == [coins(0.999), coins(19.8801), coins(100.98 - 0.10098)]


def test_a_step_that_trades_nothing_leaves_those_after_it_nothing() -> None:
    trades, steps = planned(0.99)
    assert (trades, steps.quantity.tolist()) == (False, [0, 0, 0])
    trades, steps = planned(1.0, quotes=seen(cross=([(0.049, 1.0)], [(0.2, 100.0)])))
    # 0.01 BTC are no lot of 0.1 ETH at 0.2
    assert (trades, steps.quantity.tolist()) == (False, [coins(0.01), 0, 0])


@pytest.mark.parametrize("how", [market.CHARGED_QUOTE, IN_BASE])
def test_the_edge_of_a_plan_is_that_of_its_last_units(how: int) -> None:
    _, steps = planned(200, **fees(0.001, how))
    per_unit = {market.CHARGED_QUOTE: 1.001, IN_BASE: 1 / 0.999}[how]
    assert steps.deepest.tolist() == [101.0, 0.05, 5.1]
    expected = 1e4 * (5.1 * 0.999 / (101 * per_unit) / (0.05 * per_unit) - 1)
    assert chain.edge_through(steps, 3) == pytest.approx(expected, abs=1e-9)


# ---- lines ----


def test_a_limit_lies_the_tolerance_from_the_last_level_on_the_tick() -> None:
    one = cyclic(DEEP, tolerance=0.001)
    # 101.101, down; 97.902, up
    assert chain.limit_at(one, step(0, BUY, deepest=101.0)) == 101.1
    assert chain.limit_at(one, step(0, SELL, deepest=98.0)) == 97.91


@pytest.mark.parametrize(("free", "funded"), [(2.0, True), (1.99999999, False)])
def test_a_sell_is_paid_for_by_its_base(free: float, funded: bool) -> None:
    assert bool(chain.is_funded(cyclic(DEEP), begun(DEEP, btc=free, usd=0, eth=0), step(0, SELL, quantity=coins(2), deepest=98.0))) is funded


@pytest.mark.parametrize(("free", "funded"), [(204.22200000, True), (204.22199999, False)])
def test_a_buy_is_paid_for_by_its_quote_at_its_limit_with_its_fee(free: float, funded: bool) -> None:
    # 2 at 101.1 are 202.2, and a hundredth of it
    one = step(0, BUY, quantity=coins(2), deepest=101.0, reserve_rate=0.01)
    assert bool(chain.is_funded(cyclic(DEEP, tolerance=0.001), begun(DEEP, btc=0, usd=free, eth=0), one)) is funded


@pytest.mark.parametrize(
    ("usd", "quantity", "deepest"),
    [
        (1000.0, 3.0, 101.0),
        (250.0, 2.45, 101.0),  # at 101 and a hundredth: 102.01 each
        (203.0, 2.0, 100.0),  # 2.01 would be at 101 all of it
        (202.0, 2.0, 100.0),
        (201.99, 1.99, 100.0),
        (1.0, 0.0, 100.0),
    ],
)
def test_a_later_step_is_what_free_balances_cover_at_its_own_limit(usd: float, quantity: float, deepest: float) -> None:
    one = step(0, BUY, quantity=coins(3), reserve_rate=0.01)
    chain.fund(cyclic(DEEP), begun(DEEP, usd=usd), one)
    assert (one.quantity, one.deepest) == (coins(quantity), deepest)
    assert one.flow == coins(min(quantity, 2) * 100 + max(quantity - 2, 0) * 101)


def test_a_later_sell_is_what_is_free_in_whole_lots() -> None:
    one = step(0, SELL, quantity=coins(3))
    chain.fund(cyclic(DEEP), begun(DEEP, btc=2.459), one)
    assert (one.quantity, one.flow) == (coins(2.45), coins(2 * 99 + 0.45 * 98))


def test_the_value_of_steps_counts_best_prices_marks_and_one_venue() -> None:
    one = cyclic(DEEP, legs=legs({}, {}, {"venue": 1}))
    one.mark[1] = [200.0, 0.5, 5.0]
    steps = records(
        state.PLANNED, [{"leg": k, "side": side, "row": k, "quantity": coins(q)} for k, side, q in ((0, BUY, 3), (1, BUY, 20), (2, SELL, 10))]
    )
    # 3 at 100 USD; 20 at 0.05 BTC; 10 at 5.1 USD
    assert [chain.value_at_venue(one, steps, 3, venue, 0) for venue in (0, 1)] == [coins(300 + 100), coins(51)]
    assert [chain.value_at_venue(one, steps, 3, venue, 1) for venue in (0, 1)] == [coins(150 + 200), coins(25.5)]
    assert chain.value_at_venue(one, steps, 1, 0, 0) == coins(300)


@pytest.mark.parametrize(
    ("limits", "held", "expected", "within"),
    [
        ((np.inf, 0.0, np.inf), 0.0, 0.0, True),  # the last step brings USD back
        ((100.0, np.inf, np.inf), 0.0, 0.0, True),  # 1 BTC at 100
        ((99.99, np.inf, np.inf), 0.0, 0.0, False),
        ((150.0, np.inf, np.inf), 0.5, 0.0, True),
        ((150.0, np.inf, np.inf), 0.5, 0.00000001, False),
        ((np.inf, np.inf, 100.0), 0.0, 0.0, True),  # 20 ETH at 5
        ((np.inf, np.inf, 99.0), 0.0, 0.0, False),
    ],
)
def test_what_comes_on_the_way_may_be_held_up_to_its_limit(limits: tuple[float, ...], held: float, expected: float, within: bool) -> None:
    one, now = cyclic(seen(), max_asset=np.array(limits) * 1e8), begun(seen())
    now.currencies[BTC].held, now.currencies[BTC].expected = coins(held), coins(expected)
    _, steps = planned(100)
    assert chain.is_within_assets(one, now, steps, 3, 0) is within


def test_a_limit_on_what_is_held_counts_at_the_mark_of_the_tick_and_what_a_sell_brings_is_its_quote() -> None:
    one = cyclic(seen(), BACK, max_asset=np.array([50.0, np.inf, np.inf]) * 1e8)
    one.mark[1, BTC] = 102.05
    _, steps = planned(52, BACK)  # of which the second brings 0.49 BTC
    assert [chain.is_within_assets(one, begun(seen()), steps, 3, tick) for tick in (0, 1)] == [True, False]
