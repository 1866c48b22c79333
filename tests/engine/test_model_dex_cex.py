"""Rules of docs/model.md, "Strategy dex_cex", by worlds worked out by hand, on both engines.

Where nothing else is said the pool has a liquidity of 1,000 and a price of 100: 100 BTC and 10,000 USD, a constant product. Buying q of
it costs 100 q / (1 - q / 100), and moves the price to P' after 1000 (1/10 - 1/√P') BTC; the book at alfa has a bid of 102.
"""

from collections.abc import Mapping
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from math import inf, sqrt
from typing import Any

import pytest

from tests.engine.engines import ENGINES, Engine, Outcome, Row
from tests.engine.small import Book, Table, after, books, coins, small
from tests.strategies import World
from tests.strategies.pools import pool_frame

both = pytest.mark.parametrize("engine", ENGINES)
POND = "pond BTC/USD"
CROSSED = {5: Book(102.0, 102.0, 1000.0, 1000.0)}
EVEN = Book(100.0, 100.0, 1000.0, 1000.0)
State = tuple[float, ...]


def pond(
    states: Mapping[float, State] | None = None,
    book: Mapping[float, Book] | None = None,
    *,
    pool: Table = {},  # noqa: B006
    **changes: Any,
) -> World:
    """Return a world of a pool at pond and a book at alfa, at 100 until a bid of 102 at 5 s; no fee, a gas of 0.5 USD, blocks of 12 s."""
    found = {-10.0: (100.0, 1000.0, 0.0, inf)} | dict(states or {})
    rows = [(after(at), None, None, *state) for at, state in found.items()]
    series = {"alfa BTC/USD": books(CROSSED if book is None else book, first=EVEN), POND: pool_frame(rows)}  # type: ignore[arg-type]
    terms = {"data": "pool", "max_age": "1h", "block_time": "12s", "gas": "0.5", "gas_currency": "USD", **pool}
    strategy = {"kind": "dex_cex", "pools": [POND], "threshold_bps": 0.0, **changes.pop("strategy", {})}
    return small(series, strategy=strategy, instruments={POND: terms}, **{"minutes": 1, **changes})


def cost(q: float, price: float = 100.0) -> int:
    """Return what q of the pool costs, its fee apart [atoms], rounded up."""
    exact = Decimal(str(q)) * Decimal(str(price)) / (1 - Decimal(str(q)) * Decimal(str(price)).sqrt() / 1000)
    return int((exact * 10**8).to_integral_value(ROUND_CEILING))


def proceeds(q: float, price: float = 100.0) -> int:
    """Return what q brings [atoms], rounded down."""
    exact = Decimal(str(q)) * Decimal(str(price)) / (1 + Decimal(str(q)) * Decimal(str(price)).sqrt() / 1000)
    return int((exact * 10**8).to_integral_value(ROUND_FLOOR))


def swaps(found: Outcome) -> list[Row]:
    """Return the orders on the pool."""
    return [order for order in found.orders if order.venue == "pond"]


def outcomes(found: Outcome) -> list[str]:
    """Return what became of each opportunity."""
    return [o.outcome for o in found.opportunities]


def lots(quantity: float) -> int:
    """Return a quantity in whole lots of 0.01 [atoms]."""
    return coins(int(quantity * 100) / 100)


@both
def test_a_pool_is_bought_until_its_price_is_the_books_bid(engine: Engine) -> None:
    found = engine(pond())
    (swap,) = swaps(found)
    # 1000 (1/10 - 1/√102) = 0.9852
    assert (swap.side, swap.planned, swap.filled, swap.outcome) == ("buy", coins(0.98), coins(0.98), "filled")
    assert swap.flow == cost(0.98) == 9_896_990_507
    assert (swap.price, swap.fee, swap.fee_currency) == (swap.flow / swap.filled, 0, "USD")
    assert swap.decision_price == swap.limit_price == swap.price
    sold = next(order for order in found.orders if order.venue == "alfa")
    assert (sold.side, sold.planned, sold.flow) == ("sell", coins(0.98), coins(99.96))
    assert found.opportunities[0].edge_bps == 1e4 * (102.0 * (1 / 100.0) - 1)


@both
def test_a_pool_is_sold_to_until_its_price_is_the_books_ask(engine: Engine) -> None:
    (swap,) = swaps(engine(pond(book={5: Book(98.0, 98.0, 1000.0, 1000.0)})))
    # 1000 (1/√98 - 1/10) = 1.0152
    assert (swap.side, swap.planned) == ("sell", lots(1000 * (1 / sqrt(98) - 0.1)))
    assert swap.flow == proceeds(1.01)


@both
def test_levels_of_the_book_are_walked_and_the_pool_is_told_in_closed_form_within_each(engine: Engine) -> None:
    def sent(*more: tuple[float, float]) -> list[int]:
        best = Book(102.0, 102.5, 0.5, 1000.0, tuple((price, size, None, None) for price, size in more))
        return [swap.planned for swap in swaps(engine(pond(book={5: best})))]

    # all of the best level; at 101.5 as far as 1000 (1/10 - 1/√101.5) = 0.7417; at 101 only 0.4963 would be worth it: none beyond the first
    assert sent() == [coins(0.5)]
    assert sent((101.5, 1000.0)) == [coins(0.74)]
    assert sent((101.0, 1000.0)) == [coins(0.5)]
    assert sent((101.5, 0.1), (101.4, 1000.0)) == [coins(0.69)]  # 1000 (1/10 - 1/√101.4) = 0.6932


@both
def test_a_swap_ends_where_the_active_range_does(engine: Engine) -> None:
    narrow = {0: (100.0, 1000.0, 99.0, 100.4)}
    free: Table = {"gas": "0"}
    (swap,) = swaps(engine(pond(narrow, pool=free)))
    assert swap.planned == lots(1000 * (0.1 - 1 / sqrt(100.4))) == coins(0.19)
    (swap,) = swaps(engine(pond(narrow, {5: Book(98.0, 98.0, 1000.0, 1000.0)}, pool=free)))
    assert swap.planned == lots(1000 * (1 / sqrt(99) - 0.1)) == coins(0.50)
    assert set(outcomes(engine(pond({0: (100.0, 1000.0, 99.0, 100.0)}, pool=free)))) == {"no_volume"}  # it stands at its end


@both
def test_the_fee_of_a_pool_is_taken_of_what_goes_in(engine: Engine) -> None:
    venues = {"pond": {"fee_bps": 30.0}}
    found = engine(pond(venues=venues))
    (swap,) = swaps(found)
    assert found.opportunities[0].edge_bps == 1e4 * (102.0 * (1 / (100.0 / (1 - 0.003))) - 1)
    # until P' / (1 - f) is 102: 1000 (1/10 - 1/√101.694) = 0.8364
    assert (swap.planned, swap.flow) == (coins(0.83), cost(0.83))
    assert swap.fee == pytest.approx(swap.flow * 0.003 / 0.997, abs=1)
    (swap,) = swaps(engine(pond(book={5: Book(98.0, 98.0, 1000.0, 1000.0)}, venues=venues)))
    # until P' (1 - f) is 98, and f more goes in than stays: 1000 (1/√(98/0.997) - 1/10) / 0.997
    assert swap.planned == lots(1000 * (1 / sqrt(98 / 0.997) - 0.1) / 0.997)
    assert swap.flow == proceeds(swap.planned / 1e8)
    assert swap.flow - swap.fee == pytest.approx(proceeds(swap.planned / 1e8 * 0.997), abs=1)


@both
def test_a_threshold_is_reached_by_the_last_unit(engine: Engine) -> None:
    (swap,) = swaps(engine(pond(strategy={"threshold_bps": 100.0})))
    assert swap.planned == lots(1000 * (0.1 - 1 / sqrt(102 / 1.01)))


@both
@pytest.mark.parametrize(
    ("order_latency", "block_time", "recorded", "price"),
    [
        ("2s", "12s", 10, 100.0),  # the first block at or after 7 s is recorded at 10 s, and the swap comes before what that did
        ("5s", "12s", 10, 100.0),
        ("2s", "2s", 9, 100.0),  # a block comes every 2 s, though nothing is recorded
        ("6s", "12s", 23, 105.0),  # nothing is recorded at or after 11 s
    ],
)
def test_a_swap_is_in_the_first_block_at_or_after_its_arrival_on_the_state_before_it(
    engine: Engine, order_latency: str, block_time: str, recorded: float, price: float
) -> None:
    latency = {"pond": {"order_latency": order_latency}}
    wide = {"tolerance_bps": 900.0}
    world = pond({10: (105.0, 1000.0, 0.0, inf)}, venues=latency, pool={"block_time": block_time}, execution=wide)
    swap = swaps(engine(world))[0]
    assert (swap.recorded, swap.flow) == (after(recorded), cost(0.98, price))


@both
def test_what_is_beyond_its_limit_reverts_and_burns_gas(engine: Engine) -> None:
    moved = {6: (101.0, 1000.0, 0.0, inf)}
    late = {"venues": {"pond": {"order_latency": "2s"}}}
    found = engine(pond(moved, **late))
    swap = swaps(found)[0]
    assert (swap.outcome, swap.filled, swap.recorded) == ("limit", 0, after(19))
    assert found.balances["pond", "USD"] == (coins(9999.5), 0, 0)
    assert found.attribution["gas"] == -0.5
    # a limit that lies 2 % away is met
    swap = swaps(engine(pond(moved, execution={"tolerance_bps": 200.0}, **late)))[0]
    assert (swap.outcome, swap.flow) == ("filled", cost(0.98, 101.0))
    assert swap.limit_price == cost(0.98) * (1 + 200 * 1e-4) / coins(0.98)
    # less liquidity, or a range that ends sooner, is beyond it as well
    assert swaps(engine(pond({6: (100.0, 900.0, 0.0, inf)}, **late)))[0].outcome == "limit"
    assert swaps(engine(pond({6: (99.0, 1000.0, 98.0, 99.1)}, **late)))[0].outcome == "limit"


@both
def test_a_swap_whose_state_is_not_known_is_in_no_block_and_burns_nothing(engine: Engine) -> None:
    late = {"pond": {"order_latency": "2s"}}
    old = engine(pond({0: (100.0, 1000.0, 0.0, inf)}, venues=late, pool={"max_age": "8s"}))
    assert (swaps(old)[0].outcome, old.balances["pond", "USD"]) == ("absent", (coins(10_000), 0, 0))
    bad = engine(pond({6: (100.0, 0.0, 0.0, inf)}, venues=late))
    assert (swaps(bad)[0].outcome, bad.attribution["gas"]) == ("absent", 0.0)
    with_it = engine(pond({8: (100.0, 0.0, 0.0, inf)}, venues=late))  # what its block brings is not known
    assert swaps(with_it)[0].outcome == "absent"


@both
def test_our_swap_stays_on_a_pool_until_its_next_recorded_state(engine: Engine) -> None:
    again = {5: CROSSED[5], 20: Book(102.0, 102.5, 1000.0, 1000.0), 30: Book(104.0, 104.0, 1000.0, 1000.0)}
    found = engine(pond(book=again))
    # at 20 s 0.0052 more would be worth it: no lot; at 30 s, 1000 (1/10 - 1/√104) = 1.9419 in all
    assert outcomes(found) == ["sent", "no_volume", "sent"]
    first, second = swaps(found)
    assert (first.planned, second.planned) == (coins(0.98), coins(0.96))
    assert first.flow + second.flow == pytest.approx(cost(1.94), abs=2)
    fresh = engine(pond({25: (100.0, 1000.0, 0.0, inf)}, again))
    assert (swaps(fresh)[-1].planned, swaps(fresh)[-1].filled) == (coins(1.94), coins(1.94))


@both
def test_what_is_under_way_is_taken_for_filled(engine: Engine) -> None:
    again = {5: CROSSED[5], 8: Book(104.0, 104.0, 1000.0, 1000.0)}
    found = engine(pond(book=again, venues={"pond": {"order_latency": "10s"}}))
    assert [swap.planned for swap in swaps(found)] == [coins(0.98), coins(0.96)]
    assert [swap.outcome for swap in swaps(found)] == ["filled", "filled"]


@both
def test_gas_is_part_of_what_a_package_must_gain(engine: Engine) -> None:
    # 0.98 at 102 is 99.96, at the pool 98.9699: 0.9901 before gas
    assert outcomes(engine(pond(pool={"gas": "0.99"}))) == ["sent"]
    assert outcomes(engine(pond(pool={"gas": "0.9902"}))) == ["below_minimum"]
    assert outcomes(engine(pond(strategy={"min_profit": "0.49"}))) == ["sent"]
    assert outcomes(engine(pond(strategy={"min_profit": "0.4902"}))) == ["below_minimum"]


@both
def test_gas_must_lie_where_the_pool_is(engine: Engine) -> None:
    in_coins = {"gas": "0.001", "gas_currency": "BTC"}
    assert outcomes(engine(pond(pool=in_coins, venues={"pond": {"balances": {"USD": "10000"}}}))) == ["no_funds"]
    found = engine(pond(pool=in_coins, venues={"pond": {"balances": {"USD": "10000", "BTC": "0.001"}}}))
    assert outcomes(found) == ["sent"]
    assert found.balances["pond", "BTC"] == (coins(0.98), 0, 0)
    assert found.attribution["gas"] == pytest.approx(-0.001 * 101)  # a coin is worth the median of 102 and 100
    # in quote it comes beside the swap's reserve: of 98.97 USD less than 0.98 can be paid for
    (swap,) = swaps(engine(pond(venues={"pond": {"balances": {"USD": "99.2"}}})))
    assert swap.planned == coins(0.97)


@both
def test_amounts_are_capped_by_notional_and_fixed_ones_are_all_or_nothing(engine: Engine) -> None:
    (swap,) = swaps(engine(pond(strategy={"max_notional": "50"})))
    assert (swap.planned, swap.flow) == (coins(0.49), cost(0.49))  # 0.5 would cost 50.25
    (swap,) = swaps(engine(pond(strategy={"size": "fixed", "fixed_notional": "50"})))
    assert swap.planned == coins(0.5)
    assert outcomes(engine(pond(strategy={"size": "fixed", "fixed_notional": "100"}))) == ["no_volume"]


@both
def test_what_the_book_did_not_take_goes_back_to_the_pool(engine: Engine) -> None:
    gone = {5: CROSSED[5], 5.5: EVEN}
    policy: dict[str, Any] = {"execution": {"residual": "unwind", "residual_bps": 500.0}, "venues": {"alfa": {"order_latency": "1s"}}}
    found = engine(pond(book=gone, **policy))
    swap, back = swaps(found)
    assert (swap.outcome, back.side, back.planned, back.outcome) == ("filled", "sell", coins(0.98), "filled")
    assert back.flow == pytest.approx(swap.flow, abs=2)  # without a fee there and back is even, but for roundings and twice the gas
    assert back.flow < swap.flow
    root = 10 / (1 - 0.98 * 10 / 1000)
    assert back.limit_price == pytest.approx(root * root * (1 - 500e-4), rel=1e-12)
    assert found.attribution["gas"] == -1.0
    # no further than 10 bps from there: 1000 (1/(r √0.999) - 1/r) = 0.0495
    near = engine(pond(book=gone, **{**policy, "execution": {"residual": "unwind", "residual_bps": 10.0}}))
    assert swaps(near)[1].planned == lots(1000 / root * (1 / sqrt(0.999) - 1)) == coins(0.04)


@both
def test_what_the_pool_did_not_fill_is_hedged_where_that_is_cheapest(engine: Engine) -> None:
    moved = {6: (101.0, 1000.0, 0.0, inf)}
    found = engine(pond(moved, execution={"residual": "hedge"}, venues={"pond": {"order_latency": "2s"}}))
    (hedge,) = found.residuals
    assert (hedge.venue, hedge.side, hedge.planned, hedge.filled) == (
        "pond",
        "buy",
        lots(1000 * (1 / sqrt(101) - 1 / sqrt(101 * 1.005))),
        hedge.planned,
    )
    assert hedge.flow == cost(hedge.planned / 1e8, 101.0)


@both
def test_two_pools_and_two_books_are_each_no_pair(engine: Engine) -> None:
    world = pond()
    assert {tuple(key.venue for key, _ in o.steps) for o in engine(world).opportunities} == {("alfa", "pond")}
    assert world.spec.combination_labels == ["sell alfa BTC/USD, buy pond BTC/USD", "sell pond BTC/USD, buy alfa BTC/USD"]
