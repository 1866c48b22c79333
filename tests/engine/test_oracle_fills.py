"""The oracle fills an order on what is in force at the venue when it arrives, and tells of it later."""

import pytest

from engine.oracle import OracleOrder, OracleResult, replay
from tests.engine.small import FLAT, Bar, Book, Table, after, bars, books, coins, small
from tests.strategies import quote_frame

DEAR = Book(101.0, 103.0)
WIDE = Book(99.0, 100.0, 10.0, 1000.0)
BROKEN = Book(float("nan"), 103.0)


def met(*, alfa: dict[float, Book], order_latency: str = "1s", feed_latency: str = "0s", **changes: object) -> OracleResult:
    """Return the run in which alfa bids 10 at 101 at 5 s, which is sold there, bought at bravo, and then met by what alfa says next."""
    world = small(
        {"alfa BTC/USD": books({5: DEAR} | alfa), "bravo BTC/USD": books(first=WIDE)},
        strategy={"threshold_bps": 50.0, "cool_down": "1h"},
        venues={"alfa": {"order_latency": order_latency, "feed_latency": feed_latency}},
        **changes,  # type: ignore[arg-type]
    )
    return replay(world.spec, world.data)


def sell(result: OracleResult) -> OracleOrder:
    return result.orders[0]


@pytest.mark.parametrize(
    ("alfa", "outcome", "filled"),
    [
        ({}, "filled", 10.0),
        ({6: Book(101.0, 103.0, 7.019)}, "partial", 7.01),
        ({6: Book(101.5, 103.0, 20.0)}, "filled", 10.0),
        ({6: Book(100.99, 103.0)}, "limit", 0.0),
        ({6: Book(101.0, 103.0, 0.009)}, "volume", 0.0),
        ({6: BROKEN}, "absent", 0.0),
        ({6.000001: Book(90.0, 103.0)}, "filled", 10.0),
    ],
)
def test_an_order_meets_the_quote_in_force_at_its_arrival(alfa: dict[float, Book], outcome: str, filled: float) -> None:
    order = sell(met(alfa=alfa))
    assert (order.outcome, order.filled) == (outcome, coins(filled))
    assert (order.arrival_us, order.recorded_us) == (after(6), after(6))


def test_an_order_meets_what_has_happened_and_not_what_we_have_seen() -> None:
    # alfa tells us of 5 s at 7 s; the order is there at 7 s, when 101 is gone since 6.5 s
    order = sell(met(alfa={6.5: FLAT}, order_latency="0s", feed_latency="2s"))
    assert (order.decided_us, order.outcome) == (after(7), "limit")


@pytest.mark.parametrize(("age", "outcome"), [("2s", "filled"), ("1999999us", "absent")])
def test_a_quote_that_is_too_old_at_the_arrival_fills_nothing(age: str, outcome: str) -> None:
    assert sell(met(alfa={}, order_latency="2s", instruments={"alfa BTC/USD": {"max_age": age}})).outcome == outcome


def test_an_order_walks_the_levels_within_its_limit() -> None:
    # planned 10 at 101; there are 4 at 101.5, 3 at 101 and 9 at 100.5: the last are beyond the limit
    deep = Book(101.5, 103.0, 4.0, more=((101.0, 3.0, None, None), (100.5, 9.0, None, None)))
    order = sell(met(alfa={6: deep}))
    assert (order.outcome, order.filled, order.flow) == ("partial", coins(7), coins(4 * 101.5 + 3 * 101))
    assert order.price == 101.5 + (101.0 - 101.5) * coins(3) / coins(7)


def test_what_we_took_is_gone_until_the_best_price_changes_whoever_took_it() -> None:
    # alfa's 101 stands from 5 to 8 s; bravo takes part at 5, charlie at 5.5 s, each for 6 of what is then displayed
    world = small(
        {
            "alfa BTC/USD": books({5: Book(101.0, 103.0, 8.0), 8: FLAT}),
            "bravo BTC/USD": books({6: WIDE}, first=Book(99.0, 100.0, 10.0, 6.0)),
            "charlie BTC/USD": books({5.5: Book(99.0, 100.0, 10.0, 6.0)}, first=Book(99.0, 102.0)),
        },
        strategy={"threshold_bps": 50.0},
        venues={"alfa": {"order_latency": "1s"}, "bravo": {"order_latency": "1s"}, "charlie": {"order_latency": "1s"}},
    )
    found = replay(world.spec, world.data)
    assert [(o.planned, o.filled) for o in found.orders if o.venue == "alfa"] == [(coins(6), coins(6)), (coins(2), coins(2))]


def test_an_order_finds_less_where_an_earlier_one_took_and_we_do_not_know_yet() -> None:
    # notices take 2 s; a package sent when alfa shows 12 is under way; at 6.5 s alfa shows 12 again, of which 10 are taken
    alfa = books({5: Book(101.0, 103.0, 10.0), 6.5: Book(101.0, 103.0, 4.0)})
    world = small(
        {"alfa BTC/USD": alfa, "bravo BTC/USD": books({5.5: WIDE, 6: WIDE}, first=WIDE)},
        strategy={"threshold_bps": 50.0, "cool_down": "1h"},
        venues={"alfa": {"order_latency": "2s", "balances": {"BTC": "100"}}},
    )
    order = replay(world.spec, world.data).orders[0]
    assert (order.planned, order.filled, order.outcome) == (coins(10), coins(4), "partial")


def test_a_row_that_is_not_good_ends_the_epoch() -> None:
    alfa: dict[float, Book] = {5: Book(101.0, 103.0, 3.0), 6: Book(101.0, 103.0, 3.0), 7: BROKEN, 8: Book(101.0, 103.0, 3.0)}
    world = small({"alfa BTC/USD": books(alfa), "bravo BTC/USD": books(first=WIDE)}, strategy={"threshold_bps": 50.0})
    found = replay(world.spec, world.data)
    assert [(o.at_us, o.outcome) for o in found.opportunities] == [(after(5), "sent"), (after(6), "no_volume"), (after(8), "sent")]
    assert [o.filled for o in found.orders] == [coins(3)] * 4
    assert [o.episode for o in found.opportunities] == [0, 0, 1]


def test_what_comes_in_is_pending_until_the_notice() -> None:
    # decided at 7 s (5 s + 2 s), arrived at 8 s, told at 10 s
    found = met(alfa={}, feed_latency="2s")
    order = sell(found)
    assert (order.decided_us, order.recorded_us, order.notice_us) == (after(7), after(8), after(10))
    entries = [(e.at, e.event, e.balances["alfa", "BTC"], e.balances["alfa", "USD"]) for e in found.journal if (e.event, e.number) in STEPS]
    ten, money, brought = coins(10), coins(10_000), coins(1_010)
    assert entries == [
        (after(0), "start", (ten, 0, 0), (money, 0, 0)),
        (after(7), "sent", (0, ten, 0), (money, 0, 0)),
        (after(8), "resolved", (0, 0, 0), (money, 0, brought)),
        (after(10), "noticed", (0, 0, 0), (money + brought, 0, 0)),
    ]


STEPS = {("start", 0), ("sent", 0), ("resolved", 0), ("noticed", 0)}


def test_what_would_happen_after_the_end_does_not() -> None:
    found = met(alfa={}, minutes=1, order_latency="56s")
    order = sell(found)
    assert (order.outcome, order.recorded_us, order.notice_us, order.price) == ("open", None, None, None)
    assert found.balances["alfa", "BTC"] == (0, coins(10), 0)


BAR_CASES: list[tuple[Table, Bar | None, str, float]] = [
    ({}, Bar(101.0, open=101.0, volume=4.004), "partial", 4.0),
    ({}, Bar(101.0, open=100.99), "limit", 0.0),
    ({}, Bar(101.0, open=101.0, volume=0.009), "volume", 0.0),
    ({}, None, "no_trade", 0.0),
    ({"fill_price": "worst"}, Bar(101.0, open=102.0, low=101.0), "filled", 10.0),
    ({"fill_price": "worst"}, Bar(101.0, open=102.0, low=100.9), "limit", 0.0),
]


@pytest.mark.parametrize(("execution", "bar", "outcome", "filled"), BAR_CASES)
def test_on_bars_an_order_fills_at_the_first_open_after_its_arrival(execution: Table, bar: Bar | None, outcome: str, filled: float) -> None:
    # bar 0 closes at 101 at minute 1; the order arrives 1 s later and meets bar 2, which opens at minute 2 and ends at minute 3
    alfa = bars({0: Bar(101.0, open=100.0), 2: bar})
    world = small({"alfa BTC/USD": alfa, "bravo BTC/USD": bars()}, execution=execution, venues={"alfa": {"order_latency": "1s"}})
    order = replay(world.spec, world.data).orders[0]
    assert (order.outcome, order.filled, order.recorded_us) == (outcome, coins(filled), after(180))


def test_bars_wait_as_long_as_they_may() -> None:
    alfa = bars({0: Bar(101.0, open=100.0), 1: None, 2: None, 3: Bar(101.0)})
    world = small({"alfa BTC/USD": alfa, "bravo BTC/USD": bars()}, execution={"max_wait": "3m"})
    assert replay(world.spec, world.data).orders[0].recorded_us == after(240)
    gone = small({"alfa BTC/USD": alfa, "bravo BTC/USD": bars()}, execution={"max_wait": "2m"})
    order = replay(gone.spec, gone.data).orders[0]
    assert (order.outcome, order.recorded_us, order.notice_us) == ("no_trade", after(180), after(180))


def test_notices_of_bars_take_the_largest_feed_latency() -> None:
    alfa = bars({0: Bar(101.0, open=100.0), 1: Bar(101.0)})
    world = small({"alfa BTC/USD": alfa, "bravo BTC/USD": bars()}, venues={"bravo": {"feed_latency": "7s"}})
    order = replay(world.spec, world.data).orders[0]
    assert (order.decided_us, order.recorded_us, order.notice_us) == (after(67), after(180), after(187))


def test_orders_of_one_instant_do_not_see_each_others_fills() -> None:
    # both packages are sent at 5 s and resolve then, by number: alfa's ten go to the better pair first
    world = small(
        {"alfa BTC/USD": books({5: DEAR}), "bravo BTC/USD": books(first=WIDE), "charlie BTC/USD": books(first=Book(99.0, 100.2, 10.0, 1000.0))},
        strategy={"threshold_bps": 50.0, "max_notional": "700"},
    )
    found = replay(world.spec, world.data)
    assert [(o.venue, o.planned, o.filled) for o in found.orders] == [
        ("alfa", coins(7), coins(7)),
        ("bravo", coins(7), coins(7)),
        ("alfa", coins(3), coins(3)),
        ("charlie", coins(3), coins(3)),
    ]
    assert [(e.event, e.number) for e in found.journal[1:]] == [
        *[("sent", n) for n in range(4)],
        *[("resolved", n) for n in range(4)],
        *[("noticed", n) for n in range(4)],
    ]


def test_quote_bars_are_quotes_at_the_end_of_their_interval() -> None:
    rows = [(after(60 * n), None, 101.0 if n == 1 else 100.0, 10.0, 103.0, 10.0) for n in range(-1, 4)]
    flat = [(after(60 * n), None, 99.0, 10.0, 100.0, 10.0) for n in range(-1, 4)]
    world = small(
        {"alfa BTC/USD": quote_frame(rows), "bravo BTC/USD": quote_frame(flat)},
        instruments={name: {"data": "quote_bars", "max_age": None} for name in ("alfa BTC/USD", "bravo BTC/USD")},
        venues={"alfa": {"feed_latency": "3s", "order_latency": "1s"}},
    )
    found = replay(world.spec, world.data)
    sold, bought = found.orders
    assert (sold.decided_us, sold.arrival_us, sold.notice_us, sold.outcome) == (after(63), after(64), after(67), "filled")
    assert (bought.arrival_us, bought.notice_us, bought.outcome) == (after(63), after(63), "filled")


def test_what_one_order_took_is_not_there_for_the_next() -> None:
    # at 5 s six go to bravo's asks and four to charlie's; when both sells are there at 6 s, alfa shows eight at the same price: two are left
    world = small(
        {
            "alfa BTC/USD": books({5: DEAR, 5.5: Book(101.0, 103.0, 8.0), 7: FLAT}),
            "bravo BTC/USD": books(first=Book(99.0, 100.0, 10.0, 6.0)),
            "charlie BTC/USD": books(first=Book(99.0, 100.1, 10.0, 6.0)),
        },
        strategy={"threshold_bps": 50.0},
        venues={"alfa": {"order_latency": "1s"}},
    )
    found = replay(world.spec, world.data)
    assert [(o.planned, o.filled, o.outcome) for o in found.orders if o.venue == "alfa"] == [
        (coins(6), coins(6), "filled"),
        (coins(4), coins(2), "partial"),
    ]


def test_the_worst_price_of_a_buy_is_the_high_on_the_tick_above() -> None:
    bravo = bars({1: Bar(100.0, high=100.311)})
    world = small(
        {"alfa BTC/USD": bars({0: Bar(101.0, open=100.0)}), "bravo BTC/USD": bravo}, execution={"fill_price": "worst", "tolerance_bps": 100.0}
    )
    buy = replay(world.spec, world.data).orders[1]
    assert (buy.price, buy.filled) == (100.32, coins(10))
