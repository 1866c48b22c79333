"""Residuals of docs/model.md, worked out by hand, on both engines: what becomes of what unequal legs leave."""

import polars as pl
import pytest

from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine, Row
from tests.engine.small import FLAT, Bar, Book, after, bars, books, coins, small
from tests.strategies import World

pytestmark = pytest.mark.parametrize("engine", ENGINES)

ALFA, BRAVO, CHARLIE = (SeriesKey(venue, "BTC/USD") for venue in ("alfa", "bravo", "charlie"))
DEAR = Book(101.0, 101.5)


# At 5 s alfa bids 101 for 10, sold from there 8 (8 BTC are held), bought at bravo at 100. The sell arrives at 6 s, the buy at 7 s.
def unequal(*, sold: float = 8.0, bought: float = 8.0, residual: str = "unwind", alfa: dict[float, Book] | None = None, **changes: object) -> World:
    """Return the world whose legs meet so much; bravo's book is then 99.9 to 100.1, alfa's as said or as it was."""
    meets_sell, meets_buy = Book(101.0, 101.5, sold), Book(99.9, 100.0, 10.0, bought)
    series = {"alfa BTC/USD": books({5: DEAR, 6: meets_sell, **(alfa or {})}), "bravo BTC/USD": books({7: meets_buy, 7.5: Book(99.9, 100.1)})}
    more = changes.pop("series", {})
    form = {
        "minutes": 1,
        "strategy": {"cool_down": "1h"},
        "execution": {"residual": residual},
        "venues": {"alfa": {"order_latency": "1s", "balances": {"BTC": "8", "USD": "10000"}}, "bravo": {"order_latency": "2s"}},
    }
    return small({**series, **more}, **{**form, **changes})  # type: ignore[arg-type,dict-item]


def told(orders: list[Row]) -> list[tuple[str, str, float, str, float]]:
    """Return role, side, planned, outcome and filled of each order."""
    return [(o.role, o.side, o.planned / 1e8, o.outcome, o.filled / 1e8) for o in orders]


def test_what_was_bought_too_much_is_sold_where_it_was_bought(engine: Engine) -> None:
    # 3 sold, 8 bought: 5 go back at 7 s (no feed latency) at bravo's bid of 99.9, arriving at 9 s; limit 99.9 × 0.995 = 99.4005, up to 99.41
    *_, residual = engine(unequal(sold=3.0)).orders
    assert (residual.key, residual.role, residual.side, residual.package) == (BRAVO, "residual", "sell", 0)
    assert (residual.decided, residual.arrival, residual.recorded, residual.notice) == (after(7), after(9), after(9), after(9))
    assert (residual.planned, residual.filled, residual.outcome) == (coins(5), coins(5), "filled")
    assert (residual.decision_price, residual.price) == (99.9, 99.9)
    assert residual.limit_price == pytest.approx(99.41, abs=1e-9)
    assert residual.reserve == coins(5)


def test_what_was_sold_too_much_is_bought_where_it_was_sold(engine: Engine) -> None:
    # 8 sold, 2 bought: 6 are bought at alfa's ask of 101.5 at 7 s, arriving at 8 s; limit 101.5 × 1.005 = 102.0075, down to 102.00
    *_, residual = engine(unequal(bought=2.0)).orders
    assert (residual.key, residual.side, residual.decided, residual.arrival) == (ALFA, "buy", after(7), after(8))
    assert (residual.planned, residual.filled, residual.flow) == (coins(6), coins(6), coins(609))
    assert residual.limit_price == pytest.approx(102.0, abs=1e-9)
    assert residual.reserve == coins(612)


def test_a_residual_is_sent_at_the_later_notice(engine: Engine) -> None:
    # bravo tells of its fill of 7 s at 10 s, alfa of its own of 6 s at 11 s
    slow = {"alfa": {"order_latency": "1s", "feed_latency": "5s", "balances": {"BTC": "8"}}, "bravo": {"order_latency": "2s", "feed_latency": "3s"}}
    books_before = {1: DEAR, 6.5: Book(101.0, 101.5, 3.0)}
    world = small(
        {"alfa BTC/USD": books(books_before), "bravo BTC/USD": books()},
        minutes=1,
        strategy={"cool_down": "1h"},
        execution={"residual": "unwind"},
        venues=slow,
    )
    sell, buy, residual = engine(world).orders
    assert (sell.decided, sell.recorded, sell.notice) == (after(6), after(7), after(12))
    assert (buy.recorded, buy.notice) == (after(8), after(11))
    assert (residual.decided, residual.planned) == (after(12), coins(5))


def test_carrying_sends_nothing(engine: Engine) -> None:
    found = engine(unequal(sold=3.0, residual="carry"))
    assert found.residuals == []
    assert found.balances["bravo", "BTC"] == (coins(18), 0, 0)


def test_legs_that_filled_alike_leave_nothing(engine: Engine) -> None:
    assert engine(unequal()).residuals == []
    assert engine(unequal(sold=3.0, bought=3.0)).residuals == []


def test_a_leg_that_missed_leaves_all_of_the_other(engine: Engine) -> None:
    away = unequal(alfa={5.5: Book(100.5, 101.5), 6: Book(100.5, 101.5)})
    assert told(engine(away).orders) == [
        ("leg", "sell", 8, "limit", 0),
        ("leg", "buy", 8, "filled", 8),
        ("residual", "sell", 8, "filled", 8),
    ]


def test_a_residual_order_is_not_followed_by_another(engine: Engine) -> None:
    # 8 sold, 2 bought; at 8 s alfa asks 102.01, beyond the limit of 102.00: the residual misses, and stays
    found = engine(unequal(bought=2.0, alfa={7.9: Book(101.0, 102.01)}))
    assert told(found.residuals) == [("residual", "buy", 6, "limit", 0)]
    assert found.balances["alfa", "BTC"] == (0, 0, 0)


def test_a_residual_order_takes_all_levels_within_its_limit(engine: Engine) -> None:
    # 5 to sell from 99.9: 1 at 99.9, 2 at 99.5; 99.4 is below 99.41
    deep = Book(99.9, 100.1, 1.0, 1.0, ((99.5, 2.0, 100.2, 1.0), (99.4, 9.0, 100.3, 1.0)))
    world = unequal(sold=3.0)
    found = engine(world.on({**world.data, BRAVO: books({7: Book(99.9, 100.0, 10.0, 8.0), 8: deep})}))
    assert told(found.residuals) == [("residual", "sell", 5, "partial", 3)]
    assert found.residuals[0].flow == coins(99.9 + 199)


def test_the_distance_of_its_limit_can_be_set(engine: Engine) -> None:
    limits = {bps: engine(unequal(sold=3.0, execution={"residual": "unwind", "residual_bps": bps})).residuals[0].limit_price for bps in (0.0, 10.0)}
    assert limits == {0.0: pytest.approx(99.9, abs=1e-9), 10.0: pytest.approx(99.81, abs=1e-9)}


def test_a_residual_order_sells_what_is_free(engine: Engine) -> None:
    # the buy is noticed at 7 s, the sell at 9 s: 5 too many. By then 6 of bravo's 2 + 8 coins are on their way to who paid 103 at 7.2 s
    venues = {
        "alfa": {"order_latency": "4s", "balances": {"BTC": "8"}},
        "bravo": {"order_latency": "2s", "balances": {"USD": "10000", "BTC": "2"}},
        "charlie": {"balances": {"USD": "10000"}},
    }
    series = {"charlie BTC/USD": books({7.2: Book(99.0, 102.0, 1.0, 6.0)}, first=Book(99.0, 110.0))}
    world = unequal(sold=3.0, venues=venues, series=series)
    found = engine(world.on({**world.data, BRAVO: books({7.1: Book(103.0, 104.0)})}))
    assert told(found.orders[2:]) == [
        ("leg", "sell", 6, "filled", 6),
        ("leg", "buy", 6, "filled", 6),
        ("residual", "sell", 4, "filled", 4),
    ]


def test_a_residual_order_buys_what_free_money_covers_at_its_limit(engine: Engine) -> None:
    # bravo is dear when the buy arrives. 8 × 101 less 1 % came in at alfa: 799.92, where a coin reserves 102 and a fee of 1.02: 7.7647
    broke = {"alfa": {"order_latency": "1s", "balances": {"BTC": "8"}, "fee_bps": 100.0}, "bravo": {"order_latency": "2s"}}
    away = books({5: FLAT, 6.5: Book(101.0, 102.0), 8: Book(101.0, 102.0)})
    world = unequal(venues=broke, strategy={"cool_down": "1h", "threshold_bps": -9.0})
    found = engine(world.on({**world.data, BRAVO: away}))
    sell, _, residual = found.orders
    assert (sell.flow, sell.fee) == (coins(808), coins(8.08))
    assert (residual.side, residual.planned) == ("buy", coins(7.76))


def test_what_is_less_than_a_lot_or_below_the_minimum_stays(engine: Engine) -> None:
    # 5 coins at 99.9 are 499.5
    for terms, sent in (
        ({"lot": "5", "min_notional": "499.5"}, 1),
        ({"min_notional": "499.51"}, 0),
    ):
        both = {"alfa BTC/USD": {"lot": "0.5"}, "bravo BTC/USD": {"lot": "0.5", **terms}}
        alfa = {"order_latency": "1s", "balances": {"BTC": "10", "USD": "10000"}}
        world = unequal(sold=5.0, bought=10.0, instruments=both, venues={"alfa": alfa, "bravo": {"order_latency": "2s"}})
        assert [o.planned for o in engine(world).residuals] == [coins(5)] * sent
    whole = {"alfa BTC/USD": {"lot": "1"}, "bravo BTC/USD": {"lot": "4"}}
    assert engine(unequal(sold=5.0, instruments=whole)).residuals == []
    assert [o.planned for o in engine(unequal(sold=3.0, instruments=whole)).residuals] == [coins(4)]


def test_nothing_is_sent_where_the_instrument_is_absent(engine: Engine) -> None:
    # the buy is filled at 7 s, the sell at 9 s; in between bravo's book is crossed, and is put right before 9 s or not
    venues = {"alfa": {"order_latency": "4s", "balances": {"BTC": "8"}}, "bravo": {"order_latency": "2s"}}
    world = unequal(sold=3.0, venues=venues)
    crossed = {7.5: Book(102.0, 101.0)}
    assert engine(world.on({**world.data, BRAVO: books(crossed)})).residuals == []
    assert len(engine(world.on({**world.data, BRAVO: books({**crossed, 9: FLAT})})).residuals) == 1


def test_hedging_sells_where_most_is_received(engine: Engine) -> None:
    # 5 too many. Bids at 7 s: alfa 101, bravo 99.9; charlie 101.2, less 30 bps 100.8964, or 101.6, 101.2952
    for bid, held, place, planned in (
        (101.2, "10", ALFA, 5.0),
        (101.6, "10", CHARLIE, 5.0),
        (101.6, "0.03", CHARLIE, 0.03),
        (101.6, "0.00999999", ALFA, 5.0),
    ):
        series = {"charlie BTC/USD": books({7: Book(bid, 103.0)}, first=Book(99.0, 103.0))}
        venues = {
            "alfa": {"order_latency": "1s", "balances": {"BTC": "8"}},
            "bravo": {"order_latency": "2s"},
            "charlie": {"fee_bps": 30.0, "balances": {"BTC": held}},
        }
        found = engine(unequal(sold=3.0, residual="hedge", venues=venues, series=series))
        assert [(o.key, o.side, o.planned) for o in found.residuals if o.package == 0] == [(place, "sell", coins(planned))]


def test_hedging_buys_where_least_is_spent(engine: Engine) -> None:
    # 6 too few. At 7 s bravo asks 100, and 100.1 when the order arrives, within 100.5
    (residual,) = engine(unequal(bought=2.0, residual="hedge")).residuals
    assert (residual.key, residual.side, residual.planned, residual.decision_price) == (BRAVO, "buy", coins(6), 100.0)
    assert (residual.filled, residual.price) == (coins(6), 100.1)
    # 100 and 200 bps are 102, alfa's 101.5 is less
    dear = {"alfa": {"order_latency": "1s", "balances": {"BTC": "8", "USD": "10000"}}, "bravo": {"order_latency": "2s", "fee_bps": 200.0}}
    (residual,) = engine(unequal(bought=2.0, residual="hedge", venues=dear, strategy={"cool_down": "1h", "threshold_bps": -150.0})).residuals
    assert (residual.key, residual.planned) == (ALFA, coins(6))


def test_hedging_buys_where_a_lot_can_be_paid(engine: Engine) -> None:
    # charlie asks 99 and has a cent less than a lot reserves, 99.49 × 0.01; bravo's 800 less 200 reserve 5.97 at 100.5
    for money, place, planned in (("0.9948", BRAVO, 5.97), ("0.9949", CHARLIE, 0.01)):
        series = {"charlie BTC/USD": books({7: Book(98.0, 99.0)}, first=Book(98.0, 103.0))}
        venues = {
            "alfa": {"order_latency": "1s", "balances": {"BTC": "8"}},
            "bravo": {"order_latency": "2s", "balances": {"USD": "800"}},
            "charlie": {"balances": {"USD": money}},
        }
        found = engine(unequal(bought=2.0, residual="hedge", venues=venues, series=series))
        assert [(o.key, o.planned) for o in found.residuals if o.package == 0] == [(place, coins(planned))]


def test_hedging_breaks_ties_by_leg(engine: Engine) -> None:
    same = {"series": {"charlie BTC/USD": books({7: Book(101.0, 103.0)}, first=Book(99.0, 103.0))}}
    venues = {"alfa": {"order_latency": "1s", "balances": {"BTC": "9"}}, "bravo": {"order_latency": "2s"}}
    strategy = {"cool_down": "1h", "max_notional": "800"}
    found = engine(unequal(sold=3.0, residual="hedge", venues=venues, strategy=strategy, **same))
    assert [o.key for o in found.residuals] == [ALFA]


def test_a_residual_pays_fees_and_counts_as_a_leg_miss(engine: Engine) -> None:
    # 3 sold at 101, 8 bought at 100, 5 sold at 99.9, all at 10 bps; marks are flat at the mean of both mids
    ten = {"alfa": {"order_latency": "1s", "balances": {"BTC": "8"}, "fee_bps": 10.0}, "bravo": {"order_latency": "2s", "fee_bps": 10.0}}
    found = engine(unequal(sold=3.0, venues=ten))
    assert [(o.flow, o.fee) for o in found.orders] == [(coins(303), coins(0.303)), (coins(800), coins(0.8)), (coins(499.5), coins(0.4995))]
    assert found.attribution["fees"] == pytest.approx(-1.6025)
    assert sum(found.attribution.values()) == pytest.approx(found.equity[-1][1] - found.equity[0][1], abs=1e-8)


def test_bars_leave_residuals_too(engine: Engine) -> None:
    # 10 sold and 4 bought in the bars of 60 s, noticed at 120 s: 6 are bought at alfa's ask of then, 100, in the bar of 120 s
    series: dict[str, pl.DataFrame] = {
        "alfa BTC/USD": bars({0: Bar(101.0), 1: Bar(100.0, open=101.0)}),
        "bravo BTC/USD": bars({1: Bar(100.0, volume=4.0)}),
    }
    found = engine(small(series, strategy={"cool_down": "1h", "threshold_bps": 50.0}, execution={"residual": "unwind"}))
    assert told(found.orders) == [("leg", "sell", 10, "filled", 10), ("leg", "buy", 10, "partial", 4), ("residual", "buy", 6, "filled", 6)]
    residual = found.orders[2]
    assert (residual.key, residual.decided, residual.recorded, residual.price) == (ALFA, after(120), after(180), 100.0)
    assert residual.limit_price == pytest.approx(100.5, abs=1e-9)


def test_the_net_residual_stops_packages_until_it_is_dealt_with(engine: Engine) -> None:
    # 5 coins of 100 (at the start, the last tick) too many from 7 s on; unwound at 9 s
    news = {8: Book(101.02, 101.5), 10: Book(101.04, 101.5)}
    venues = {"alfa": {"order_latency": "1s", "balances": {"BTC": "30"}}, "bravo": {"order_latency": "2s"}}
    for most, policy, outcomes in (
        ("499.99", "unwind", ["sent", "residual", "sent"]),
        ("499.99", "carry", ["sent", "residual", "residual"]),
        ("500", "carry", ["sent", "sent", "sent"]),
    ):
        strategy = {"max_notional": "800"}
        found = engine(unequal(sold=3.0, alfa=news, residual=policy, strategy=strategy, venues=venues, risk={"max_residual": most}))
        assert [o.outcome for o in found.opportunities if o.t in {after(5), after(8), after(10)}] == outcomes


def test_what_was_sold_too_much_is_a_residual_as_well(engine: Engine) -> None:
    news = {8: Book(101.02, 101.5)}
    found = engine(unequal(bought=3.0, alfa=news, residual="carry", strategy={"max_notional": "800"}, risk={"max_residual": "499"}))
    assert [o.outcome for o in found.opportunities if o.t == after(8)] == ["residual"]
