"""Fills of docs/model.md, worked out by hand, on both engines: which bar an order meets, at what price, and how much of it."""

import pytest

from engine.oracle import replay
from tests.engine.engines import ENGINES, Engine, Row
from tests.engine.small import Bar, after, bars, dear_alfa, small
from tests.strategies import World

both_engines = pytest.mark.parametrize("engine", ENGINES)
ONE_BTC = {"max_notional": "100"}


def one_package(sold: Bar | None, bought: Bar | None, **changes: object) -> World:
    """Return the world that sends one BTC at 60 s, and whose next bars, which open there, are these."""
    series = {"alfa BTC/USD": bars({0: Bar(101.0), 1: sold}), "bravo BTC/USD": bars({1: bought})}
    once = {"cool_down": "1h", **ONE_BTC, "threshold_bps": 90.0}
    return small(series, **{"strategy": once, **changes})  # type: ignore[arg-type]


def outcomes(orders: list[Row]) -> list[tuple[str, float | None]]:
    """Return what became of each order, and at what price."""
    return [(o.outcome, o.price) for o in orders]


@both_engines
@pytest.mark.parametrize(
    ("order_latency", "feed_latency", "decided", "arrival", "recorded"),
    [
        ("0s", "0s", 60, 60, 120),  # the bar of 60 s is in time
        ("1us", "0s", 60, 60.000001, 180),  # it has opened: the bar of 120 s is next
        ("60s", "0s", 60, 120, 180),
        ("61s", "0s", 60, 121, 240),
        ("0s", "1us", 60.000001, 60.000001, 180),  # what we learn late we cannot answer in time
        ("0s", "59s", 119, 119, 180),
        ("1s", "59s", 119, 120, 180),
        ("2s", "59s", 119, 121, 240),
    ],
)
def test_a_fill_meets_the_first_bar_that_opens_at_or_after_arrival(
    engine: Engine, order_latency: str, feed_latency: str, decided: float, arrival: float, recorded: float
) -> None:
    slow = {"order_latency": order_latency, "feed_latency": feed_latency}
    world = one_package(
        Bar(100.0, open=101.0), Bar(100.0), venues={"alfa": slow, "bravo": {"order_latency": order_latency}}, execution={"tolerance_bps": 500.0}
    )
    for order in engine(world).orders:
        assert (order.decided, order.arrival, order.recorded) == (after(decided), after(arrival), after(recorded))


@both_engines
def test_every_bar_waits_for_the_slowest_feed_and_each_order_for_its_own_venue(engine: Engine) -> None:
    world = one_package(Bar(100.0), Bar(100.0), venues={"alfa": {"feed_latency": "5s"}, "bravo": {"order_latency": "60s"}})
    sell, buy = engine(world).orders
    assert (sell.decided, sell.arrival, buy.arrival) == (after(65), after(65), after(125))
    assert (sell.recorded, buy.recorded) == (after(180), after(240))


@both_engines
def test_the_price_is_the_open_with_half_a_spread_against_us(engine: Engine) -> None:
    # decided at 101 × 0.9999 = 100.9899 -> 100.98 and 100 × 1.0001 -> 100.01; filled at 100.9 × 0.9999 = 100.88991, 100.2 × 1.0001 = 100.21002;
    # 100 USD at an ask of 100.01 are 0.99 BTC in lots
    spread = {"half_spread_bps": 1.0}
    world = one_package(
        Bar(100.0, open=100.9),
        Bar(100.0, open=100.2),
        instruments={"alfa BTC/USD": spread, "bravo BTC/USD": spread},
        execution={"tolerance_bps": 100.0},
    )
    sell, buy = engine(world).orders
    assert (sell.price, buy.price) == pytest.approx((100.88, 100.22), abs=1e-9)
    assert (sell.flow, buy.flow) == (9_987_120_000, 9_921_780_000)


@both_engines
def test_a_price_at_the_limit_fills_and_one_beyond_misses(engine: Engine) -> None:
    at = engine(one_package(Bar(100.0, open=101.0), Bar(100.0, open=100.0)))
    beyond = engine(one_package(Bar(100.0, open=100.99), Bar(100.0, open=100.01)))
    better = engine(one_package(Bar(100.0, open=101.5), Bar(100.0, open=99.5)))
    assert outcomes(at.orders) == [("filled", 101.0), ("filled", 100.0)]
    assert outcomes(beyond.orders) == [("limit", None), ("limit", None)]
    assert outcomes(better.orders) == [("filled", 101.5), ("filled", 99.5)]
    assert [o.recorded for o in beyond.orders] == [after(120), after(120)]


@both_engines
def test_the_tolerance_moves_limits_and_the_tick_takes_back_what_would_fill_more(engine: Engine) -> None:
    # 101 × 0.9999 = 100.9899, up to 100.99; 100 × 1.0001 = 100.01. On a tick of 0.05: 101.00 and 100.00
    fine = engine(one_package(Bar(100.0, open=100.99), Bar(100.0, open=100.01), execution={"tolerance_bps": 1.0}))
    coarse = {"alfa BTC/USD": {"tick": "0.05"}, "bravo BTC/USD": {"tick": "0.05"}}
    rough = engine(one_package(Bar(100.0, open=100.95), Bar(100.0, open=100.05), execution={"tolerance_bps": 1.0}, instruments=coarse))
    assert [o.limit_price for o in fine.orders] == pytest.approx([100.99, 100.01], abs=1e-9)
    assert [o.outcome for o in fine.orders] == ["filled", "filled"]
    assert [o.limit_price for o in rough.orders] == pytest.approx([101.0, 100.0], abs=1e-9)
    assert [o.outcome for o in rough.orders] == ["limit", "limit"]


@both_engines
def test_the_worst_price_of_a_bar_is_its_low_for_a_sell_and_its_high_for_a_buy(engine: Engine) -> None:
    # to the tick of 0.05: 100.71 down to 100.70, 100.31 up to 100.35
    coarse = {"alfa BTC/USD": {"tick": "0.05"}, "bravo BTC/USD": {"tick": "0.05"}}
    sold, bought = Bar(101.0, open=101.0, low=100.71), Bar(100.0, open=100.0, high=100.31)
    worst = {"fill_price": "worst", "tolerance_bps": 100.0}
    strict = {"fill_price": "worst", "tolerance_bps": 0.0}
    found = engine(one_package(sold, bought, execution=worst, instruments=coarse))
    assert [o.price for o in found.orders] == pytest.approx([100.70, 100.35], abs=1e-9)
    assert [o.outcome for o in engine(one_package(sold, bought, execution=strict, instruments=coarse)).orders] == ["limit", "limit"]


@both_engines
def test_a_fill_takes_whole_lots_of_our_share_of_its_bar(engine: Engine) -> None:
    # half of 1.5 is 0.75, of 0.5 is 0.25, of 0.018 is 0.009, less than a lot of 0.01
    half = {"volume_share": 0.5}
    partial = engine(one_package(Bar(100.0, open=101.0, volume=1.5), Bar(100.0, volume=0.519), execution=half))
    nothing = engine(one_package(Bar(100.0, open=101.0, volume=2.0), Bar(100.0, volume=0.018), execution=half))
    assert [(o.outcome, o.filled) for o in partial.orders] == [("partial", 75_000_000), ("partial", 25_000_000)]
    assert [(o.outcome, o.filled, o.price) for o in nothing.orders] == [("filled", 100_000_000, 101.0), ("volume", 0, None)]


@both_engines
def test_orders_share_a_bar_in_the_order_of_their_packages(engine: Engine) -> None:
    # delta's bar has 10 for the coins of three: 4, 4 and 2 are sent; its next has 7: 4, 3 and nothing
    dear = {"alfa": 103.0, "bravo": 102.0, "charlie": 101.0}
    series = {f"{venue} BTC/USD": bars({0: Bar(close)}) for venue, close in dear.items()} | {"delta BTC/USD": bars({1: Bar(100.0, volume=7.0)})}
    world = small(series, venues={venue: {"balances": {"BTC": "4"}} for venue in dear})
    at_delta = [(o.planned, o.filled, o.outcome) for o in engine(world).orders if o.venue == "delta"]
    assert at_delta == [(400_000_000, 400_000_000, "filled"), (400_000_000, 300_000_000, "partial"), (200_000_000, 0, "volume")]


@both_engines
def test_buys_and_sells_share_a_bar(engine: Engine) -> None:
    # alfa 102 > bravo 101 > charlie 100; bravo sells 4 to charlie's sixth to tenth, then buys for alfa: together at most bravo's 5
    world = small(
        {"alfa BTC/USD": bars({0: Bar(102.0)}), "bravo BTC/USD": bars({0: Bar(101.0), 1: Bar(101.0, volume=5.0)}), "charlie BTC/USD": bars()},
        strategy={"max_notional": "404"},
        execution={"tolerance_bps": 300.0},
    )
    at_bravo = [(o.side, o.planned, o.filled) for o in engine(world).orders if o.venue == "bravo" and o.decided == after(60)]
    assert at_bravo == [("sell", 404_000_000, 404_000_000), ("buy", 400_000_000, 96_000_000)]


@both_engines
@pytest.mark.parametrize("silent", [None, Bar(101.0, volume=0.0)])
def test_an_order_that_meets_no_trade_misses_when_its_last_bar_would_have_ended(engine: Engine, silent: Bar | None) -> None:
    sell, buy = engine(one_package(silent, Bar(100.0))).orders
    assert (sell.outcome, sell.recorded, sell.filled, sell.price, sell.flow, sell.fee) == ("no_trade", after(120), 0, None, 0, 0)
    assert buy.outcome == "filled"


@both_engines
def test_a_longer_wait_finds_a_later_bar(engine: Engine) -> None:
    series = {"alfa BTC/USD": bars({0: Bar(101.0), 1: None, 2: None, 3: Bar(100.0, open=101.5)}), "bravo BTC/USD": bars()}
    strategy = {"cool_down": "1h", **ONE_BTC}
    found, missed = (engine(small(series, strategy=strategy, execution={"max_wait": wait})).orders[0] for wait in ("3m", "2m"))
    assert (found.outcome, found.price, found.recorded) == ("filled", 101.5, after(240))
    assert (missed.outcome, missed.recorded) == ("no_trade", after(180))


@both_engines
def test_a_wait_that_begins_between_bars_ends_with_the_last_that_opens_in_it(engine: Engine) -> None:
    # arrives at 61 s, waits until 121 s: the bar of 120 s is the only one, and would end at 180 s
    slow = {"alfa": {"order_latency": "1s"}}
    missed = engine(small({"alfa BTC/USD": bars({0: Bar(101.0), 2: None}), "bravo BTC/USD": bars()}, venues=slow, strategy=ONE_BTC)).orders[0]
    assert (missed.outcome, missed.recorded) == ("no_trade", after(180))


@both_engines
def test_what_would_resolve_after_the_end_stays_open(engine: Engine) -> None:
    slow = {"bravo": {"order_latency": "1s"}}
    sell, buy = engine(one_package(Bar(100.0, open=101.0), Bar(100.0), venues=slow, minutes=2)).orders
    assert (sell.outcome, sell.recorded) == ("filled", after(120))
    assert (buy.outcome, buy.recorded, buy.filled, buy.price, buy.flow, buy.fee) == ("open", None, 0, None, 0, 0)


@both_engines
def test_flows_round_to_the_nearest_atom_and_ties_to_even(engine: Engine) -> None:
    # 100.5 × 1 atom is a tie, and goes to 100; 101.5 × 1 to 102
    atom = {"tick": "0.5", "lot": "0.00000001"}
    world = small(
        {"alfa BTC/USD": bars({0: Bar(101.5), 1: Bar(100.0, open=101.5)}), "bravo BTC/USD": bars({0: Bar(100.5), 1: Bar(100.0, open=100.5)})},
        instruments={"alfa BTC/USD": atom, "bravo BTC/USD": atom},
        venues={"alfa": {"balances": {"BTC": "0.00000001"}}},
    )
    assert [o.flow for o in engine(world).orders] == [102, 100]


@both_engines
def test_fees_round_up(engine: Engine) -> None:
    # 123 atoms at 101 and 100: flows 12423 and 12300, fees of 10 bps 12.423 and 12.3
    atom = {"lot": "0.00000001"}
    world = dear_alfa(
        instruments={"alfa BTC/USD": atom, "bravo BTC/USD": atom},
        venues={"alfa": {"fee_bps": 10.0, "balances": {"BTC": "0.00000123"}}, "bravo": {"fee_bps": 10.0}},
        execution={"tolerance_bps": 500.0},
    )
    found = engine(world.on({**world.data, world.spec.legs[0].key: bars({0: Bar(101.0), 1: Bar(101.0)})})).orders
    assert [(o.flow, o.fee) for o in found[:2]] == [(12423, 13), (12300, 13)]


def test_money_is_reserved_when_sent_pending_when_filled_and_free_at_the_notice() -> None:
    # all bars 20 s late: decided at 80 s, filled by the bars of 120 s, resolved at 180 s, noticed with those bars at 200 s.
    # Sold: half a BTC (partial) at 101, fee 0.0505. Bought: one at 99 of a limit of 101: reserved 101.101, spent 99 + 0.099.
    venues = {
        name: {"fee_bps": 10.0, "feed_latency": latency, "balances": {"BTC": "1", "USD": "200"}}
        for name, latency in (("alfa", "5s"), ("bravo", "20s"))
    }
    series = {"alfa BTC/USD": bars({0: Bar(101.0), 2: Bar(100.0, open=101.0, volume=0.5)}), "bravo BTC/USD": bars({2: Bar(100.0, open=99.0)})}
    world = small(series, venues=venues, execution={"tolerance_bps": 100.0}, strategy={"threshold_bps": 70.0, **ONE_BTC})
    moments = {entry.at: entry.balances for entry in replay(world.spec, world.data).journal if entry.event != "start"}  # the last entry of each
    units = [(t, {" ".join(key): tuple(x / 1e8 for x in w) for key, w in wallets.items()}) for t, wallets in moments.items()]
    assert units == [
        (after(80), {"alfa BTC": (0, 1, 0), "alfa USD": (200, 0, 0), "bravo BTC": (1, 0, 0), "bravo USD": (98.899, 101.101, 0)}),
        (after(180), {"alfa BTC": (0, 0, 0.5), "alfa USD": (200, 0, 50.4495), "bravo BTC": (1, 0, 1), "bravo USD": (98.899, 0, 2.002)}),
        (after(200), {"alfa BTC": (0.5, 0, 0), "alfa USD": (250.4495, 0, 0), "bravo BTC": (2, 0, 0), "bravo USD": (100.901, 0, 0)}),
    ]


@both_engines
def test_proceeds_are_free_for_decisions_of_the_microsecond_of_their_notice_and_not_before(engine: Engine) -> None:
    # All bars are 30 s late. Alfa has no USD until its sale, decided at 90 s, is noticed at 180 s + 30 s. Bravo is dear at 150 s and 210 s.
    series = {
        "alfa BTC/USD": bars({0: Bar(101.0), 2: Bar(100.0, open=101.0)}),
        "bravo BTC/USD": bars({1: Bar(102.0), 2: Bar(102.0, open=100.0)}),
    }
    world = small(series, venues={"alfa": {"feed_latency": "30s", "balances": {"BTC": "1"}}, "bravo": {"feed_latency": "10s"}}, minutes=4)
    found = engine(world)
    assert [(o.decided, o.planned) for o in found.orders if o.side == "buy"] == [(after(90), 100_000_000), (after(210), 101_000_000)]
    assert found.decisions["no_funds"] == 1
