"""Quotes of docs/model.md, worked out by hand, on both engines: when they are seen, how deep they are, and what an order meets."""

import polars as pl
import pytest

from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine, Outcome
from tests.engine.small import FLAT, Book, after, books, coins, small
from tests.strategies import World, quote_frame

pytestmark = pytest.mark.parametrize("engine", ENGINES)

ALFA, BRAVO = (SeriesKey(venue, "BTC/USD") for venue in ("alfa", "bravo"))
DEAR, WIDE = Book(101.0, 101.5), Book(99.0, 103.0)
ONE = Book(1.0, 1.0)
CROSSED, LOCKED = Book(102.0, 101.0), Book(101.0, 101.0)


def pair(alfa: pl.DataFrame, bravo: pl.DataFrame | None = None, **changes: object) -> World:
    """Return the world of two books, of which bravo's stays at 100; a minute long unless told otherwise."""
    return small({"alfa BTC/USD": alfa, "bravo BTC/USD": books() if bravo is None else bravo}, **{"minutes": 1, **changes})  # type: ignore[arg-type]


def times(found: Outcome) -> list[float]:
    """Return when opportunities were [s after the start]."""
    return [(o.t - after(0)) / 1e6 for o in found.opportunities]


# ---- when a quote is seen ----


def test_a_quote_with_an_event_time_is_seen_a_feed_latency_later(engine: Engine) -> None:
    assert times(engine(pair(books({5: DEAR}), venues={"alfa": {"feed_latency": "2s"}}))) == [7]


def test_a_quote_with_a_receive_time_is_seen_then_by_a_clock_put_right(engine: Engine) -> None:
    # stamped 5 s by a clock that is 1.27 s behind; it happened 2 s before
    received = quote_frame([(None, after(-12), 100.0, 10.0, 100.0, 10.0), (None, after(5), 101.0, 10.0, 101.5, 10.0)])
    found = engine(pair(received, venues={"alfa": {"feed_latency": "2s", "clock_offset": "1270ms"}}))
    assert times(found) == [6.27]


def test_a_quote_with_both_times_is_seen_when_it_was_received_whatever_the_feed_latency(engine: Engine) -> None:
    both = quote_frame([(after(-12), after(-10), 100.0, 10.0, 100.0, 10.0), (after(5), after(9), 101.0, 10.0, 101.5, 10.0)])
    assert times(engine(pair(both, venues={"alfa": {"feed_latency": "2s"}}))) == [9]
    assert times(engine(pair(both, venues={"alfa": {"feed_latency": "2s", "clock_offset": "-1500ms"}}))) == [7.5]


def test_a_quote_received_before_its_event_is_seen_at_its_event(engine: Engine) -> None:
    # one row of 200; more than one in a hundred would be refused
    rows = [(after(-10 + n / 100), after(-10 + n / 100), 100.0, 10.0, 100.0, 10.0) for n in range(199)]
    early = quote_frame([*rows, (after(5), after(4), 101.0, 10.0, 101.5, 10.0)])
    assert times(engine(pair(early))) == [5]


def test_of_rows_out_of_order_the_later_row_counts_at_the_later_time(engine: Engine) -> None:
    # 101 of 5 s, then 102 of 4 s: at 5 s the book is the second
    found = engine(pair(books({5: DEAR, 4: Book(102.0, 103.0)}), strategy={"max_notional": "100"}))
    assert [(o.t, o.edge_bps) for o in found.opportunities] == [(after(5), pytest.approx(200.0))]
    assert [o.price for o in found.orders] == [102.0, 100.0]


def test_of_rows_of_one_time_only_the_last_is_decided_on(engine: Engine) -> None:
    found = engine(pair(books({5: DEAR, 5.0000001: Book(103.0, 103.0)})))
    assert [o.edge_bps for o in found.opportunities] == [pytest.approx(300.0)]


@pytest.mark.parametrize(("later", "seen"), [(5, [5]), (5.000001, [])])
def test_a_quote_counts_for_five_seconds_after_its_event(engine: Engine, later: float, seen: list[float]) -> None:
    five = {f"{venue} BTC/USD": {"max_age": None} for venue in ("alfa", "bravo")}
    late = {"alfa": {"feed_latency": "2s"}}
    assert times(engine(pair(books({0: DEAR}), books({later: FLAT}), instruments=five))) == seen
    # its event, not when it was seen
    assert times(engine(pair(books({0: DEAR}), books({later: FLAT}), instruments=five, venues=late))) == seen


def test_a_quote_at_the_start_and_one_at_the_end_are_decided_on(engine: Engine) -> None:
    assert times(engine(pair(books({0: DEAR, 60: DEAR, 60.5: DEAR}), strategy={"max_notional": "100"}))) == [0, 60]


def test_a_pair_waits_for_news_of_its_own(engine: Engine) -> None:
    # the edge stands from 5 s on; charlie's quotes tell nothing about it, bravo's does, and so does what converts
    series = {"alfa BTC/USD": books({5: DEAR}), "bravo BTC/USD": books({9: FLAT}), "charlie BTC/USD": books({6: WIDE, 7: WIDE}, first=WIDE)}
    world = small(series, minutes=1, strategy={"max_notional": "100"})
    assert times(engine(world)) == [5, 9]
    converted = {"alfa BTC/USD": books({5: DEAR}), "bravo BTC/USDC": books(), "bravo USDC/USD": books({8: ONE}, first=ONE)}
    assert times(engine(small(converted, minutes=1, strategy={"max_notional": "100"}))) == [5, 8]


def test_an_episode_goes_on_through_instants_that_tell_a_pair_nothing(engine: Engine) -> None:
    # (alfa, bravo) is an opportunity at 5 s and 9 s, and stands at 6 s and 7 s; at 11 s it does not
    series = {
        "alfa BTC/USD": books({5: DEAR, 11: FLAT, 13: DEAR}),
        "bravo BTC/USD": books({9: FLAT}),
        "charlie BTC/USD": books({6: WIDE, 7: WIDE}, first=WIDE),
    }
    found = engine(small(series, minutes=1, strategy={"max_notional": "100"}))
    assert [(o.t, o.episode) for o in found.opportunities] == [(after(5), 0), (after(9), 0), (after(13), 1)]


def test_episodes_are_numbered_as_their_first_opportunity_is_listed(engine: Engine) -> None:
    # at 5 s delta sells to charlie at 300 bps, then to bravo at 200, and alfa to charlie at 100; alfa to bravo only from 6 s on
    series = {
        "alfa BTC/USD": books({5: Book(101.0, 110.0), 6: Book(102.5, 110.0)}),
        "bravo BTC/USD": books({5: Book(90.0, 101.0)}, first=Book(90.0, 110.0)),
        "charlie BTC/USD": books({5: Book(90.0, 100.0)}, first=Book(90.0, 110.0)),
        "delta BTC/USD": books({5: Book(103.0, 110.0)}, first=Book(90.0, 110.0)),
    }
    found = engine(small(series, minutes=1, strategy={"max_notional": "100"}))
    named = [(o.t - after(0), o.sell.venue[0] + o.buy.venue[0], o.episode) for o in found.opportunities]
    assert named == [(5_000_000, "dc", 0), (5_000_000, "db", 1), (5_000_000, "ac", 2), (6_000_000, "ac", 2), (6_000_000, "ab", 3)]


# ---- what takes a quote away ----


@pytest.mark.parametrize(
    "bad",
    [
        CROSSED,
        Book(float("nan"), 101.0),
        Book(101.0, float("nan")),
        Book(101.0, 102.0, bid_size=float("nan")),
        Book(101.0, 102.0, ask_size=-1.0),
        Book(0.0, 101.0),
        Book(-1.0, 101.0),
        Book(101.0, 102.0, more=((100.0, -1.0, 103.0, 1.0),)),
        Book(101.0, 102.0, more=((0.0, 1.0, 103.0, 1.0),)),
        Book(101.0, 102.0, more=((100.0, float("nan"), 103.0, 1.0),)),
    ],
)
def test_a_bad_quote_takes_its_instrument_away_until_the_next_good_one(engine: Engine, bad: Book) -> None:
    found = engine(pair(books({5: bad, 8: DEAR}), books({6: FLAT})))
    assert times(found) == [8]


def test_a_locked_quote_stands(engine: Engine) -> None:
    assert times(engine(pair(books({5: LOCKED})))) == [5]


def test_a_level_without_a_price_ends_the_book_on_its_side_only(engine: Engine) -> None:
    # three bids of 1 without a price at the second: 1 to sell; asks of 1 each at 100, 100 and 100
    alfa = Book(101.0, 105.0, 1.0, 1.0, ((None, None, 106.0, 1.0), (100.9, 1.0, 107.0, 1.0)))
    bravo = Book(99.0, 100.0, 1.0, 1.0, ((None, None, 100.1, 1.0), (None, None, 100.2, 1.0)))
    assert [o.planned for o in engine(pair(books({5: alfa}, first=alfa), books(first=bravo))).orders] == [coins(1), coins(1)]
    wide = Book(101.0, 105.0, 10.0, 1.0)
    assert [o.planned for o in engine(pair(books({5: wide}, first=wide), books(first=bravo))).orders] == [coins(3), coins(3)]


def test_an_outage_takes_every_quote_of_its_time_and_ends_with_the_next_one(engine: Engine) -> None:
    # down from 10 s to 20 s: bravo's news at 11 s finds nothing, nor does alfa's own at 19 s, nor bravo's at 21 s; alfa's at 22 s does
    down = {"alfa": {"outages": [{"start": "2024-01-01T01:00:10Z", "end": "2024-01-01T01:00:20Z"}]}}
    quotes = books({5: DEAR, 19: DEAR, 22: DEAR}), books({11: FLAT, 21: FLAT})
    found = engine(pair(*quotes, venues=down, strategy={"max_notional": "100"}))
    assert times(found) == [5, 22]
    at_its_end = engine(pair(books({5: DEAR, 10: DEAR, 20: DEAR}), venues=down, strategy={"max_notional": "100"}))
    assert times(at_its_end) == [5, 20]


def test_an_order_that_arrives_in_an_outage_is_absent(engine: Engine) -> None:
    down = {"alfa": {"order_latency": "6s", "outages": [{"start": "2024-01-01T01:00:10Z", "end": "2024-01-01T01:00:20Z"}]}}
    sell, buy = engine(pair(books({5: DEAR, 12: DEAR}), venues=down)).orders
    assert (sell.outcome, sell.recorded, sell.filled, sell.price) == ("absent", after(11), 0, None)
    assert (buy.outcome, buy.recorded) == ("filled", after(5))


# ---- how much of it ----


def test_a_package_takes_every_unit_whose_own_edge_reaches_the_threshold(engine: Engine) -> None:
    # 101 against 100: 1; 101 against 100.2 (79.8 bps): 1; 100.5 against 100.2 (29.9 bps): 3
    alfa, bravo = Book(101.0, 105.0, 2.0, 1.0, ((100.5, 3.0, 106.0, 1.0),)), Book(99.0, 100.0, 1.0, 1.0, ((98.0, 1.0, 100.2, 8.0),))
    planned = {bps: engine(pair(books({5: alfa}), books(first=bravo), strategy={"threshold_bps": bps})).orders for bps in (90.0, 79.0, 30.0, 29.0)}
    assert [(o[0].planned, o[1].planned) for o in planned.values()] == [(coins(n), coins(n)) for n in (1, 2, 2, 5)]
    sell, buy = planned[29.0]
    # sold: 2 at 101 and 3 at 100.5, on average 100.7; bought: 1 at 100 and 4 at 100.2, on average 100.16
    assert (sell.decision_price, buy.decision_price) == pytest.approx((100.7, 100.16), abs=1e-12)
    assert (sell.limit_price, buy.limit_price) == pytest.approx((100.5, 100.2), abs=1e-9)
    assert (sell.flow, buy.flow) == (coins(503.5), coins(500.8))
    assert (sell.price, buy.price) == pytest.approx((100.7, 100.16), abs=1e-12)
    assert sell.edge_bps == pytest.approx(100.0)


def test_a_size_is_our_share_of_what_is_displayed(engine: Engine) -> None:
    # a third of 10 is 3.33333333
    found = engine(pair(books({5: DEAR}), execution={"take_share": 1 / 3}))
    assert [o.planned for o in found.orders] == [coins(3.33), coins(3.33)]


def test_a_best_level_of_nothing_leaves_the_next_one(engine: Engine) -> None:
    # the edge stands by the best price, and its size is of the second
    alfa = Book(101.0, 105.0, 0.0, 1.0, ((100.8, 2.0, 106.0, 1.0),))
    sell, _ = engine(pair(books({5: alfa}))).orders
    assert (sell.planned, sell.decision_price, sell.edge_bps) == (coins(2), pytest.approx(100.8), pytest.approx(100.0))
    assert engine(pair(books({5: alfa}), strategy={"threshold_bps": 90.0})).decisions == {"no_volume": 1}


def test_a_largest_notional_counts_at_the_last_level_it_reaches(engine: Engine) -> None:
    # 300 / 100 = 3 fit into the first level of 1 as little as 300 / 100.2 = 2.994 units do: 2.99 in lots
    bravo = Book(99.0, 100.0, 1.0, 1.0, ((98.0, 1.0, 100.2, 8.0),))
    assert engine(pair(books({5: DEAR}), books(first=bravo), strategy={"max_notional": "300"})).orders[0].planned == coins(2.99)
    # 100 / 100 = 1 fits the first level, 100 / 100.2 does not go beyond it
    assert engine(pair(books({5: DEAR}), books(first=bravo), strategy={"max_notional": "100"})).orders[0].planned == coins(1)


def test_a_fixed_notional_counts_at_the_best_ask_and_is_taken_from_all_levels(engine: Engine) -> None:
    bravo = Book(99.0, 100.0, 1.0, 1.0, ((98.0, 1.0, 100.2, 8.0),))
    sizes = {notional: {"size": "fixed", "fixed_notional": notional} for notional in ("300", "900", "900.99", "901")}
    found = {n: engine(pair(books({5: DEAR}), books(first=bravo), strategy=size)) for n, size in sizes.items()}
    assert [o.planned for o in found["300"].orders] == [coins(3), coins(3)]
    assert [len(found[n].orders) for n in ("900", "900.99", "901")] == [2, 2, 0]
    assert found["901"].decisions == {"no_volume": 1}


def test_the_least_notional_is_of_all_levels_together(engine: Engine) -> None:
    # bought: 1 at 100 and 1 at 100.2, 200.2 in all; sold: 2 at 101, 202
    bravo = Book(99.0, 100.0, 1.0, 1.0, ((98.0, 1.0, 100.2, 1.0),))
    for place, least, sent in (("bravo", "200.2", 2), ("bravo", "200.21", 0), ("alfa", "202", 2), ("alfa", "202.01", 0)):
        found = engine(pair(books({5: DEAR}), books(first=bravo), instruments={f"{place} BTC/USD": {"min_notional": least}}))
        assert (len(found.orders), found.decisions["below_minimum"]) == (sent, 0 if sent else 1)


def test_funds_must_cover_the_limit_of_the_last_level(engine: Engine) -> None:
    # 2 units at a limit of 100.2 reserve 200.4, although they cost 200.2
    bravo = Book(99.0, 100.0, 1.0, 1.0, ((98.0, 1.0, 100.2, 1.0),))
    for usd, planned in (("200.4", 2.0), ("200.39", 1.99)):
        found = engine(pair(books({5: DEAR}), books(first=bravo), venues={"bravo": {"balances": {"USD": usd}}}))
        assert [o.planned for o in found.orders] == [coins(planned), coins(planned)]


# ---- what an order meets ----


def test_an_order_meets_the_quote_in_force_and_not_the_one_in_view(engine: Engine) -> None:
    # alfa's 101 is seen at 7 s, when 100.5 is in force; the order of 7 s meets that
    alfa = books({5: DEAR, 6: Book(100.5, 101.5), 20: DEAR})
    sell, buy = engine(pair(alfa, venues={"alfa": {"feed_latency": "2s"}}, strategy={"threshold_bps": 60.0, "cool_down": "1h"})).orders
    assert (sell.decided, sell.outcome, sell.recorded, sell.notice) == (after(7), "limit", after(7), after(9))
    assert (buy.outcome, buy.price, buy.notice) == ("filled", 100.0, after(7))


@pytest.mark.parametrize(("latency", "price"), [("1s", 101.0), ("2s", 102.0), ("2500ms", 102.0)])
def test_a_quote_of_the_microsecond_of_arrival_is_in_force(engine: Engine, latency: str, price: float) -> None:
    world = pair(books({5: DEAR, 7: Book(102.0, 103.0)}), venues={"alfa": {"order_latency": latency}}, strategy={"cool_down": "1h"})
    assert engine(world).orders[0].price == price


@pytest.mark.parametrize(("latency", "outcome"), [("5s", "filled"), ("5000001us", "absent")])
def test_a_quote_in_force_counts_for_its_age_at_arrival(engine: Engine, latency: str, outcome: str) -> None:
    world = pair(books({5: DEAR}), books({4: FLAT}), instruments={"alfa BTC/USD": {"max_age": None}}, venues={"alfa": {"order_latency": latency}})
    assert engine(world).orders[0].outcome == outcome


def test_a_bad_quote_in_force_fills_nothing(engine: Engine) -> None:
    world = pair(books({5: DEAR, 6: CROSSED}), venues={"alfa": {"order_latency": "1s"}})
    assert [(o.outcome, o.recorded) for o in engine(world).orders] == [("absent", after(6)), ("filled", after(5))]


def test_an_order_takes_the_levels_within_its_limit(engine: Engine) -> None:
    # 5 are wanted at 101 × 0.996 = 100.596 up to 100.60: 2 at 101 and 1 at 100.6 are there; 100.5 is beyond
    thin = Book(101.0, 105.0, 2.0, 1.0, ((100.6, 1.0, 106.0, 1.0), (100.5, 9.0, 107.0, 1.0)))
    world = pair(
        books({5: DEAR, 6: thin}),
        venues={"alfa": {"order_latency": "1s", "balances": {"BTC": "5"}}},
        execution={"tolerance_bps": 40.0},
        strategy={"cool_down": "1h"},
    )
    sell = engine(world).orders[0]
    assert (sell.outcome, sell.planned, sell.filled, sell.flow) == ("partial", coins(5), coins(3), coins(302.6))
    assert sell.limit_price == pytest.approx(100.6, abs=1e-9)
    # 101 + (100.6 - 101) × 1 / 3
    assert sell.price == pytest.approx(100.86666666666666, abs=1e-9)


def test_a_fill_is_rounded_down_to_the_lot_and_less_than_one_is_none(engine: Engine) -> None:
    for left, outcome, filled in ((0.579, "partial", 0.57), (0.009, "volume", 0.0), (0.0, "volume", 0.0)):
        world = pair(books({5: DEAR, 6: Book(101.0, 102.0, bid_size=left)}), venues={"alfa": {"order_latency": "1s"}}, strategy={"cool_down": "1h"})
        sell = engine(world).orders[0]
        assert (sell.outcome, sell.filled) == (outcome, coins(filled))


def test_what_we_took_stays_taken_until_the_best_price_changes(engine: Engine) -> None:
    # 4 of 10 at 5 s; new sizes at 10 s and 15 s are no new offers: 12 - 4 for 6, then 12 - 10; the price of 20 s is one, and that of 25 s
    sizes = {5: Book(101.0, 102.0, 4.0), 10: Book(101.0, 102.0, 10.0), 15: Book(101.0, 102.0, 12.0)}
    changed = {20: Book(101.01, 102.0, 3.0), 25: Book(101.0, 102.0, 5.0)}
    world = pair(books(sizes | changed), books(first=Book(99.0, 100.0, 10.0, 100.0)), venues={"alfa": {"balances": {"BTC": "100"}}})
    assert [(o.decided, o.filled) for o in engine(world).orders[::2]] == [
        (after(t), coins(n)) for t, n in ((5, 4), (10, 6), (15, 2), (20, 3), (25, 5))
    ]


def test_a_bad_quote_ends_what_we_took(engine: Engine) -> None:
    world = pair(
        books({5: DEAR, 6: DEAR, 7: CROSSED, 8: DEAR}), books(first=Book(99.0, 100.0, 10.0, 100.0)), venues={"alfa": {"balances": {"BTC": "30"}}}
    )
    assert [(o.decided, o.filled) for o in engine(world).orders[::2]] == [(after(5), coins(10)), (after(8), coins(10))]


def test_what_we_took_comes_off_the_best_levels_first(engine: Engine) -> None:
    # at 5 s there are 2 and 4; at 6 s 2 and 4 are displayed again: all of it is ours, or, where 3 were taken, 3 of the second level are left
    deep = Book(101.0, 105.0, 2.0, 1.0, ((100.5, 4.0, 106.0, 1.0),))
    rich = engine(pair(books({5: deep, 6: deep})))
    assert [(o.planned, o.flow) for o in rich.orders[::2]] == [(coins(6), coins(604.0))]
    assert rich.decisions == {"sent": 1, "no_volume": 1}
    again = engine(pair(books({5: deep, 6: deep}), strategy={"max_notional": "300"}))
    assert [(o.planned, o.flow) for o in again.orders[::2]] == [(coins(3), coins(302.5)), (coins(3), coins(301.5))]
    assert again.orders[2].decision_price == pytest.approx(100.5)


def test_what_is_under_way_is_not_there_for_the_next_package(engine: Engine) -> None:
    # 4 of 10 arrive at 7 s and are noticed at 7 s; at 6 s another 4 are sent, at 6.5 s 2
    late = {"order_latency": "2s"}
    world = pair(books({5: DEAR, 6: DEAR, 6.5: DEAR}), venues={"alfa": late, "bravo": late}, strategy={"max_notional": "400"})
    assert [(o.decided, o.planned, o.filled) for o in engine(world).orders[::2]] == [
        (after(t), coins(n), coins(n)) for t, n in ((5, 4), (6, 4), (6.5, 2))
    ]


def test_what_was_taken_is_known_at_the_notice_only_and_is_under_way_until_then(engine: Engine) -> None:
    # alfa's quote of 2 s is seen at 5 s; the sells of 5 s and 6 s take 4 each and are noticed 3 s later: of 10, 6 are left at 6 s and 2 at 9 s
    slow = {"alfa": {"feed_latency": "3s"}}
    world = pair(books({2: DEAR}), books({6: FLAT, 9: FLAT}, first=Book(100.0, 100.0, 50.0, 50.0)), venues=slow, strategy={"max_notional": "400"})
    found = engine(world)
    assert [(o.decided, o.planned, o.notice) for o in found.orders[::2]] == [
        (after(5), coins(4), after(8)),
        (after(6), coins(4), after(9)),
        (after(9), coins(2), after(12)),
    ]


def test_an_order_gets_what_earlier_ones_left(engine: Engine) -> None:
    # for alfa's and for charlie's coins 6 and 4 are wanted of bravo's 10, of which 7 are there when both arrive; alfa's package was sent first
    series = {
        "alfa BTC/USD": books({5: Book(102.0, 103.0)}),
        "bravo BTC/USD": books({6: Book(99.0, 100.0, 10.0, 7.0)}),
        "charlie BTC/USD": books({5: DEAR}),
    }
    venues = {"bravo": {"order_latency": "1s"}, "alfa": {"balances": {"BTC": "6"}}}
    found = engine(small(series, minutes=1, venues=venues, strategy={"cool_down": "1h"}))
    at_bravo = [(o.planned, o.filled, o.outcome) for o in found.orders if o.venue == "bravo"]
    assert at_bravo == [(coins(6), coins(6), "filled"), (coins(4), coins(1), "partial")]


def test_sides_of_a_book_are_taken_apart(engine: Engine) -> None:
    # charlie sells 20: 15 for alfa's bid of 102 and 5 for bravo's of 101. With 7 a package bravo sells 7 of its bid and buys 6.91 of its ask
    series = {
        "alfa BTC/USD": books({5: Book(102.0, 103.0, 15.0)}),
        "bravo BTC/USD": books({5: Book(101.0, 101.2)}),
        "charlie BTC/USD": books(first=Book(99.0, 100.0, 10.0, 20.0)),
    }
    venues = {"alfa": {"balances": {"BTC": "20"}}}
    found = engine(small(series, minutes=1, venues=venues, strategy={"threshold_bps": 70.0}))
    sent = [(o.side[0], o.venue, o.filled) for o in found.orders]
    assert sent[:2] == [("s", "alfa", coins(15)), ("b", "charlie", coins(15))]
    assert sent[2:] == [("s", "bravo", coins(5)), ("b", "charlie", coins(5))]
    both = engine(small(series, minutes=1, venues=venues, strategy={"threshold_bps": 70.0, "max_notional": "700"}))
    assert [(o.side[0], o.filled) for o in both.orders if o.venue == "bravo"] == [("s", coins(7)), ("b", coins(6.91))]


def test_limits_go_to_the_tick_and_prices_stand_as_they_are_recorded(engine: Engine) -> None:
    # 101.017 on a tick of 0.05: a sell's limit goes up to 101.05, beyond the price itself; a buy's down
    coarse = {"alfa BTC/USD": {"tick": "0.05"}}
    sell = engine(pair(books({5: Book(101.017, 102.0)}), instruments=coarse)).orders[0]
    assert (sell.decision_price, sell.outcome) == (101.017, "limit")
    assert sell.limit_price == pytest.approx(101.05, abs=1e-9)
    loose = engine(pair(books({5: Book(101.017, 102.0)}), instruments=coarse, execution={"tolerance_bps": 10.0})).orders[0]
    # 101.017 × 0.999 = 100.916, up to 100.95
    assert (loose.price, loose.limit_price) == (101.017, pytest.approx(100.95, abs=1e-9))


def test_flows_are_rounded_level_by_level(engine: Engine) -> None:
    # an atom at 101.5 is 102, to even, and two at 100.5 are 201; all three at once would be 302.5, and 302
    atom = {name: {"lot": "0.00000001", "tick": "0.5"} for name in ("alfa BTC/USD", "bravo BTC/USD")}
    alfa = Book(101.5, 105.0, 1e-8, 1.0, ((100.5, 2e-8, 106.0, 1.0),))
    sell, buy = engine(pair(books({5: alfa}), instruments=atom)).orders
    assert (sell.filled, sell.flow, buy.flow) == (3, 303, 300)


# ---- quote bars ----


def test_a_quote_bar_counts_for_its_own_interval(engine: Engine) -> None:
    kind = {f"{venue} BTC/USD": {"data": "quote_bars", "max_age": None} for venue in ("alfa", "bravo")}
    flat = books({60 * n: FLAT for n in range(6)}, first=FLAT)
    world = pair(books({0: FLAT, 60: DEAR, 180: DEAR}), flat, instruments=kind, minutes=5)
    # at 120 s alfa has none: its quote of 60 s is a whole interval old
    assert times(engine(world)) == [60, 180]
    late = pair(books({0: FLAT, 60: DEAR}), flat, instruments=kind, minutes=5, venues={"bravo": {"feed_latency": "59s"}})
    assert times(engine(late)) == [119]
