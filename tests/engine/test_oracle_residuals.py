"""The oracle deals with what unequal legs leave."""

from engine.oracle import OracleOrder, OracleResult, replay
from tests.engine.small import FLAT, Book, Table, after, books, coins, small
from tests.strategies import World

DEAR = Book(101.0, 103.0)
WIDE = Book(99.0, 100.0)
HIGH = Book(102.0, 105.0)


def oversold(**changes: object) -> World:
    """Return the world in which 10 are sold at alfa at 101 at 5 s; at bravo they cost 100 then and 105 when the order is there, at 6 s."""
    late: Table = {"order_latency": "1s"}
    venues: dict[str, Table] = {"alfa": late, "bravo": late, **changes.pop("venues", {})}  # type: ignore[dict-item]
    alfa, bravo = changes.pop("alfa", {5: DEAR}), changes.pop("bravo", {6: HIGH})
    return small(
        {"alfa BTC/USD": books(alfa), "bravo BTC/USD": books(bravo, first=WIDE)},  # type: ignore[arg-type]
        strategy={"threshold_bps": 50.0, "cool_down": "1h", **changes.pop("strategy", {})},  # type: ignore[dict-item]
        execution={"residual": "unwind", **changes.pop("execution", {})},  # type: ignore[dict-item]
        venues=venues,
        **changes,  # type: ignore[arg-type]
    )


def run(world: World) -> OracleResult:
    return replay(world.spec, world.data)


def residuals(world: World) -> list[OracleOrder]:
    return [o for o in run(world).orders if o.role == "residual"]


def test_what_was_sold_too_much_is_bought_back_where_it_was_sold() -> None:
    # at alfa's ask of 103, 1 s after the notice, with a limit 50 bps above: 103.515, rounded down to 103.51
    (order,) = residuals(oversold())
    assert (order.venue, order.side, order.package, order.planned, order.filled) == ("alfa", "buy", 0, coins(10), coins(10))
    assert (order.decided_us, order.arrival_us) == (after(6), after(7))
    assert (order.decision_price, order.limit_price, order.price) == (103.0, 103.51, 103.0)
    assert order.reserve == coins(1_035.1)
    assert order.edge_bps == run(oversold()).orders[0].edge_bps


def test_what_was_bought_too_much_is_sold_where_it_was_bought() -> None:
    # alfa's 101 is gone when the sell is there; bravo's bid is 99, and the limit 98.505, rounded up to 98.51
    (order,) = residuals(oversold(alfa={5: DEAR, 6: FLAT}, bravo={}))
    assert (order.venue, order.side, order.planned, order.price) == ("bravo", "sell", coins(10), 99.0)
    assert (order.limit_price, order.reserve) == (98.51, coins(10))


def test_a_residual_is_the_difference_of_what_both_legs_filled() -> None:
    # bravo has 4 of 10 left, and 3 of the rest are within what alfa's lots allow: 6 are bought back, in lots of 0.7 that is 5.6
    world = oversold(bravo={6: Book(99.0, 100.0, 10.0, 4.2)}, instruments={"alfa BTC/USD": {"lot": "0.7"}, "bravo BTC/USD": {"lot": "0.7"}})
    sold, bought, back = run(world).orders
    assert (sold.filled, bought.filled, back.planned) == (coins(9.8), coins(4.2), coins(5.6))


def test_a_residual_waits_for_the_later_notice() -> None:
    (order,) = residuals(oversold(venues={"bravo": {"order_latency": "1s", "feed_latency": "2s"}}))
    # bravo's quotes come 2 s late, too: decided at 5 s, arrived at 6 s, told at 8 s
    assert order.decided_us == after(8)


def test_carry_sends_nothing() -> None:
    assert residuals(oversold(execution={"residual": "carry"})) == []


def test_hedge_buys_where_it_costs_least_and_can_be_paid() -> None:
    # at 6 s alfa asks 103 and bravo 105; with 20 bps at alfa it would still be alfa, with 200 it is bravo
    assert [(o.venue, o.price) for o in residuals(oversold(execution={"residual": "hedge"}))] == [("alfa", 103.0)]
    dear = oversold(execution={"residual": "hedge"}, venues={"alfa": {"order_latency": "1s", "fee_bps": 200.0}}, strategy={"threshold_bps": -500.0})
    assert [(o.venue, o.side) for o in residuals(dear)][:1] == [("bravo", "buy")]
    poor = oversold(execution={"residual": "hedge"}, venues={"alfa": {"order_latency": "1s", "balances": {"BTC": "10"}}})
    # alfa has only what it got for the ten, 1,010, which is free at the notice: that pays one lot
    assert [o.venue for o in residuals(poor)] == ["alfa"]


def test_hedge_sells_where_it_brings_most_and_there_is_a_lot() -> None:
    # 10 bought at bravo for 100, none sold at alfa, which bids 100 at 6 s against bravo's 99
    legs: Table = {"alfa": {5: DEAR, 6: FLAT}, "bravo": {}}
    assert [(o.venue, o.side, o.price) for o in residuals(oversold(execution={"residual": "hedge"}, **legs))] == [("alfa", "sell", 100.0)]
    short = {"alfa": {"order_latency": "1s", "balances": {"BTC": "10", "USD": "0"}, "fee_bps": 150.0}}
    found = residuals(oversold(execution={"residual": "hedge"}, venues=short, strategy={"threshold_bps": -500.0, "cool_down": "1h"}, **legs))
    assert [(o.venue, o.side) for o in found][:1] == [("bravo", "sell")]


def test_a_residual_is_cut_to_what_free_balances_cover_at_the_limit() -> None:
    # alfa has 1,010 from its sell and 10 from before: at 103.51 that is 9.85
    (order,) = residuals(oversold(venues={"alfa": {"order_latency": "1s", "balances": {"BTC": "10", "USD": "10"}}}))
    assert order.planned == coins(9.85)


def test_no_residual_goes_where_the_instrument_is_absent_or_the_notional_too_small() -> None:
    gone = oversold(
        alfa={5: DEAR, 5.9: DEAR, 6: Book(float("nan"), 1.0)}, venues={"alfa": {"order_latency": "500ms"}, "bravo": {"order_latency": "1s"}}
    )
    assert residuals(gone) == []
    assert residuals(oversold(instruments={"alfa BTC/USD": {"min_notional": "1010"}})) != []
    small_one = oversold(bravo={6: Book(99.0, 100.0, 10.0, 0.2)}, instruments={"alfa BTC/USD": {"min_notional": "1009.5"}})
    assert residuals(small_one) == []  # 9.8 at 103 are 1,009.4


def test_beyond_the_largest_residual_no_package_starts_until_it_is_dealt_with() -> None:
    # 10 BTC at some 102: 1,000 are exceeded until the notice of the residual order, at 7 s
    world = oversold(
        alfa={5: DEAR, 6.5: Book(106.0, 107.0), 7.5: Book(106.0, 107.0, 20.0)},
        execution={"residual_bps": 500.0},
        strategy={"cool_down": "0s"},
        risk={"max_residual": "900"},
    )
    found = run(world)
    assert [(o.at_us, o.outcome) for o in found.opportunities] == [(after(5), "sent"), (after(6.5), "residual"), (after(7.5), "sent")]
    assert [(o.role, o.filled) for o in found.orders[:3]] == [("leg", coins(10)), ("leg", 0), ("residual", coins(10))]


def test_a_residual_order_with_no_latencies_is_done_in_the_microsecond_of_the_notice() -> None:
    # alfa is sold and told at 6 s, bravo misses there: the order back resolves and is told of before the tick, if there were one
    found = run(oversold(venues={"alfa": {"order_latency": "0s"}, "bravo": {"order_latency": "1s"}}))
    steps = [(e.at, e.event, e.number) for e in found.journal[1:]]
    assert steps == [
        (after(5), "sent", 0),
        (after(5), "sent", 1),
        (after(5), "resolved", 0),
        (after(5), "noticed", 0),
        (after(6), "resolved", 1),
        (after(6), "noticed", 1),
        (after(6), "sent", 2),
        (after(6), "resolved", 2),
        (after(6), "noticed", 2),
    ]


def test_an_order_back_may_use_all_that_is_free_and_just_reach_the_minimum() -> None:
    # alfa has 1,010 and 25.1: ten at the limit of 103.51
    poor: Table = {"order_latency": "1s", "balances": {"BTC": "10", "USD": "25.1"}}
    assert [o.planned for o in residuals(oversold(venues={"alfa": poor}))] == [coins(10)]
    assert [o.planned for o in residuals(oversold(venues={"alfa": {**poor, "balances": {"BTC": "10", "USD": "25.09999999"}}}))] == [coins(9.99)]
    # 9.8 at 103
    assert residuals(oversold(bravo={6: Book(99.0, 100.0, 10.0, 0.2)}, instruments={"alfa BTC/USD": {"min_notional": "1009.4"}})) != []


def test_the_net_residual_counts_what_is_left_with_its_sign() -> None:
    # 10 sold too much are carried, and then, at 20 s, 10 bought too much: nothing is left, so the third package starts
    low = Book(98.0, 104.0)
    alfa = {5: DEAR, 6.5: low, 20: DEAR, 20.5: low, 30: DEAR}
    bravo = {5.5: HIGH, 7: WIDE, 25: Book(99.0, 100.0, 10.0, 20.0)}
    world = oversold(
        alfa=alfa, bravo=bravo, execution={"residual": "carry"}, strategy={"cool_down": "2s"}, risk={"max_residual": "1100"},
        venues={"alfa": {"order_latency": "1s", "balances": {"BTC": "100"}}},
    )  # fmt: skip
    found = run(world)
    assert [(o.at_us, o.outcome) for o in found.opportunities] == [(after(5), "sent"), (after(20), "sent"), (after(30), "sent")]
    assert [o.filled for o in found.orders[:4]] == [coins(10), 0, 0, coins(10)]
    strict = world.but(risk={"max_residual": "900"})
    assert [o.outcome for o in run(strict).opportunities] == ["sent", "residual", "residual"]
