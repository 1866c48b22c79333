"""Bets on a peg, worked out by hand: what is bought, and what becomes of it (docs/model.md, "Strategy peg")."""

from collections.abc import Mapping
from typing import Any

import polars as pl
import pytest

from tests.engine.engines import ENGINES, Engine
from tests.engine.small import Book, after, books, coins, small
from tests.strategies import World

both_engines = pytest.mark.parametrize("engine", ENGINES)

PAR = Book(0.9999, 1.0001, 5_000.0, 5_000.0)


def coin(changes: Mapping[float, Book], *, first: Book = PAR) -> pl.DataFrame:
    """Return quotes of a coin at par, but from so many seconds after the start on."""
    return books(changes, first=first)


def at(bid: float, ask: float, size: float = 1_000.0) -> Book:
    """Return a book of one size on either side."""
    return Book(bid, ask, size, size)


def pegged(changes: Mapping[float, Book], *, more: Mapping[str, pl.DataFrame] | None = None, **parts: Any) -> World:
    """Return a world that buys USDC at alfa 50 bps below par and sells it 10 bps below: 10,000 USD, no coins, lots of 1, tick 0.0001."""
    series = {"alfa USDC/USD": coin(changes), **(more or {})}
    terms = {"use": "trade", "tick": "0.0001", "lot": "1"}
    venues = {"alfa": {"balances": {"USD": "10000"}, **parts.pop("alfa", {})}, **parts.pop("venues", {})}
    strategy = {"kind": "peg", "threshold_bps": 50.0, "exit_bps": 10.0, **parts.pop("strategy", {})}
    strategy = {key: value for key, value in strategy.items() if value is not None}
    return small(series, strategy=strategy, instruments={"alfa USDC/USD": terms, **parts.pop("instruments", {})}, venues=venues, **parts)


@both_engines
def test_a_coin_is_bought_as_far_as_the_price_of_each_level_is_below_the_band(engine: Engine) -> None:
    # 0.9950 is 50.25 bps below par, 0.9960 only 40.16
    levels = ((0.9890, 1_000.0, 0.9950, 2_000.0), (0.9880, 1_000.0, 0.9960, 4_000.0))
    found = engine(pegged({10: Book(0.9900, 0.9910, 1_000.0, 1_000.0, more=levels)}))
    (buy,) = found.orders
    assert (buy.role, buy.side, buy.decided, buy.planned, buy.filled, buy.limit_price) == (
        "leg",
        "buy",
        after(10),
        coins(3_000),
        coins(3_000),
        0.9950,
    )
    assert buy.decision_price == pytest.approx(0.9910 + 0.0040 * 2 / 3, rel=1e-15)
    assert buy.flow == coins(991 + 1_990)
    assert buy.edge_bps == pytest.approx(1e4 * (1 / 0.9910 - 1), rel=1e-12)


@both_engines
def test_the_fee_counts_in_what_a_coin_costs(engine: Engine) -> None:
    levels = ((0.9890, 1_000.0, 0.9950, 2_000.0),)
    found = engine(pegged({10: Book(0.9900, 0.9910, 1_000.0, 1_000.0, more=levels)}, alfa={"fee_bps": 10.0}))
    (buy,) = found.orders  # 0.9950 with its fee is 40.2 bps below
    assert (buy.planned, buy.fee) == (coins(1_000), coins(0.991))
    assert buy.edge_bps == pytest.approx(1e4 * (1 / (0.9910 * 1.001) - 1), rel=1e-12)


@both_engines
def test_what_was_bought_is_sold_once_it_brings_enough_and_the_starting_balance_is_not(engine: Engine) -> None:
    changes = {10: at(0.9900, 0.9910), 20: at(0.9989, 0.9999), 30: Book(0.9991, 0.9999, 400.0, 400.0), 40: at(0.9992, 0.9999)}
    found = engine(pegged(changes, alfa={"balances": {"USD": "10000", "USDC": "500"}}))
    buy, first, second = found.orders
    assert (buy.filled, buy.flow) == (coins(1_000), coins(991))
    # 0.9989 is 11 bps below par; of 0.9991 there are 400, and the rest goes at 0.9992
    assert [(o.side, o.decided, o.planned, o.limit_price) for o in (first, second)] == [
        ("sell", after(30), coins(400), 0.9991),
        ("sell", after(40), coins(600), 0.9992),
    ]
    assert [o.edge_bps for o in (first, second)] == pytest.approx([1e4 * (price / 0.9910 - 1) for price in (0.9991, 0.9992)], rel=1e-12)
    assert found.balances["alfa", "USDC"] == (coins(500), 0, 0)
    assert [(o.t, o.steps[0][1], o.outcome) for o in found.opportunities] == [
        (after(10), "buy", "sent"),
        (after(30), "sell", "sent"),
        (after(40), "sell", "sent"),
    ]


@both_engines
def test_what_is_being_sold_is_no_position(engine: Engine) -> None:
    changes = {10: at(0.9900, 0.9910), 20: at(0.9995, 0.9999), 20.5: at(0.9996, 0.9999)}
    found = engine(pegged(changes, alfa={"order_latency": "1s"}))
    assert [(o.t, o.outcome) for o in found.opportunities] == [(after(10), "sent"), (after(20), "sent")]


@both_engines
def test_a_level_that_brings_too_little_is_not_sold_to(engine: Engine) -> None:
    deep = Book(0.9995, 0.9999, 300.0, 300.0, more=((0.9980, 2_000.0, 1.0, 1.0),))
    found = engine(pegged({10: at(0.9900, 0.9910), 20: deep}, alfa={"fee_bps": 2.0}))
    _, sell = found.orders
    assert sell.planned == coins(300)
    assert sell.edge_bps == pytest.approx(1e4 * (0.9995 * 0.9998 / (0.9910 * 1.0002) - 1), rel=1e-12)


@both_engines
def test_a_position_that_falls_below_its_average_cost_is_sold_at_the_next_tick(engine: Engine) -> None:
    # 1,000 at 0.9910 and 1,000 at 0.9890 cost 0.99; 1 % below that is 0.9801
    changes = {10: at(0.9900, 0.9910), 20: at(0.9880, 0.9890), 30: at(0.9802, 0.9990, 5_000.0), 70: at(0.9801, 0.9990, 5_000.0)}
    found = engine(pegged(changes, strategy={"stop_bps": 100.0}))
    stop = found.orders[-1]
    assert [o.side for o in found.orders] == ["buy", "buy", "sell"]
    assert (stop.role, stop.decided, stop.planned, stop.filled) == ("stop", after(120), coins(2_000), coins(2_000))
    assert (stop.decision_price, stop.limit_price) == (0.9801, 0.9752)  # 50 bps below is 0.9751995, rounded up to the tick
    assert stop.edge_bps == pytest.approx(1e4 * (0.9801 / 0.99 - 1), rel=1e-9)
    assert [(o.outcome, o.episode) for o in found.opportunities] == [("sent", 0), ("sent", 0), ("sent", 1)]


@both_engines
def test_after_a_stop_nothing_is_bought_until_the_pause_is_over(engine: Engine) -> None:
    low = {10: at(0.9900, 0.9910), 20: at(0.9700, 0.9710), 130: at(0.9690, 0.9700), 180: at(0.9680, 0.9690), 200: at(0.9670, 0.9680)}
    found = engine(pegged(low, strategy={"stop_bps": 100.0, "pause": "2m", "cool_down": "15s"}))
    # stopped at 60 s: bought again from 180 s on
    assert [(o.t, o.outcome) for o in found.opportunities if o.t >= after(60) and o.steps[0][1] == "buy"] == [
        (after(130), "cool_down"),
        (after(180), "sent"),
        (after(200), "sent"),
    ]
    assert [(o.role, o.decided) for o in found.orders] == [
        ("leg", after(10)),
        ("stop", after(60)),
        ("leg", after(180)),
        ("leg", after(200)),
    ]


@both_engines
def test_a_position_is_sold_at_the_first_tick_at_which_it_was_open_for_too_long(engine: Engine) -> None:
    changes = {10: at(0.9900, 0.9910), 50: at(0.9900, 0.9905), 100: at(0.9890, 0.9999, 2_000.0)}
    found = engine(pegged(changes, strategy={"hold_at_most": "110s"}))
    *_, late = found.orders  # open since 10 s
    assert (late.role, late.decided, late.planned, late.price) == ("time", after(120), coins(2_000), 0.9890)


@both_engines
def test_a_bid_that_is_older_than_five_minutes_is_none_to_stop_at(engine: Engine) -> None:
    changes = {10: at(0.9900, 0.9910), 20: at(0.9700, 0.9999)}
    late, never = ({"hold_at_most": hold} for hold in ("280s", "310s"))
    ends = [engine(pegged(changes, strategy=strategy, minutes=7)).orders[1:] for strategy in (late, never)]
    assert [[o.decided for o in orders] for orders in ends] == [[after(300)], []]


STEADY = {0: at(1.0000, 1.0000), 50: at(1.0020, 1.0020), 110: at(0.9980, 0.9980)}
"""At the ticks of 0, 1 and 2 minutes: mean 1, deviation 0.002."""


@both_engines
def test_a_z_score_is_of_the_ticks_of_its_window_and_begins_when_that_is_full(engine: Engine) -> None:
    levels = {"signal": "zscore", "threshold_bps": 0.0, "exit_bps": None, "entry_z": 1.0, "exit_z": 0.0, "window": "3m"}
    changes = {**STEADY, 115: at(0.9900, 0.9900), 118: at(0.9980, 0.9980), 125: at(0.9970, 0.9981), 130: at(0.9970, 0.9979), 140: at(1.0, 1.0)}
    found = engine(pegged(changes, strategy=levels))
    buy, sell = found.orders  # nothing at 115 s; 0.9981 is above 0.998
    assert (buy.side, buy.decided, sell.side, sell.decided) == ("buy", after(130), "sell", after(140))
    assert buy.edge_bps == pytest.approx(1e4 * (1 / 0.9979 - 1), rel=1e-9)
    assert len(found.opportunities) == 2


@both_engines
def test_there_is_no_z_score_where_no_price_differs(engine: Engine) -> None:
    levels = {"signal": "zscore", "threshold_bps": -100.0, "exit_bps": None, "entry_z": 0.1, "exit_z": 0.0, "window": "2m"}
    still = pegged({0: at(1.0, 1.0), 50: at(1.0, 1.0), 65: at(0.9900, 0.9900)}, strategy=levels, minutes=2)
    assert engine(still).opportunities == []
    moved = pegged({0: at(1.0, 1.0), 50: at(1.0020, 1.0020), 65: at(0.9900, 0.9900)}, strategy=levels, minutes=2)
    assert [(o.t, o.outcome) for o in engine(moved).opportunities] == [(after(65), "sent")]


@both_engines
@pytest.mark.parametrize(
    ("parts", "outcome"),
    [
        ({"alfa": {"balances": {"USD": "0.5"}}}, "no_funds"),
        ({"strategy": {"max_notional": "0.5"}}, "below_minimum"),
        ({"strategy": {"size": "fixed", "fixed_notional": "0.5"}}, "below_minimum"),
        ({"strategy": {"size": "fixed", "fixed_notional": "2000"}}, "no_volume"),
        ({"instruments": {"alfa USDC/USD": {"use": "trade", "lot": "1", "tick": "0.0001", "min_notional": "5000"}}}, "below_minimum"),
        ({"risk": {"max_venue_open": "0.5"}}, "venue_limit"),
        ({"risk": {"max_asset": {"USDC": "0.5"}}}, "asset_limit"),
        ({"risk": {"max_gross_edge_bps": 90.0}}, "alarm"),
        ({"risk": {"depeg_guard": {"off_par_bps": 1.0, "ticks": 1}}, "first": at(0.9990, 0.9991)}, "halted"),
    ],
)
def test_what_keeps_a_coin_from_being_bought_has_a_name(engine: Engine, parts: dict[str, Any], outcome: str) -> None:
    first = parts.get("first", PAR)
    world = pegged({-5: first, 10: at(0.9900, 0.9910)}, **{key: value for key, value in parts.items() if key != "first"})
    found = engine(world)
    assert ([o.outcome for o in found.opportunities], found.orders) == ([outcome], [])


@both_engines
def test_limits_cut_a_buy_to_what_they_leave(engine: Engine) -> None:
    # 600 / 0.9910 = 605.4; 500 at the mark of the start, which is 1
    sizes = [
        engine(pegged({10: at(0.9900, 0.9910)}, **parts)).orders[0].planned
        for parts in (
            {"strategy": {"max_notional": "600"}},
            {"strategy": {"size": "fixed", "fixed_notional": "600"}},
            {"risk": {"max_venue_open": "600"}},
            {"risk": {"max_asset": {"USDC": "500"}}},
            {"alfa": {"balances": {"USD": "600", "USDC": "50"}}},
        )
    ]
    assert sizes == [coins(605), coins(605), coins(605), coins(500), coins(605)]


@both_engines
def test_no_stop_and_no_limit_keeps_a_position_from_being_sold(engine: Engine) -> None:
    # the second buy misses, which stops the run; the guard halts it, too
    changes = {10: at(0.9900, 0.9910), 20: at(0.9890, 0.9900), 20.5: at(0.9890, 0.9990), 70: at(0.9800, 0.9810), 90: at(0.9995, 0.9999)}
    risk = {"max_misses": 1, "max_venue_open": "995", "depeg_guard": {"off_par_bps": 10.0, "ticks": 1}}
    found = engine(pegged(changes, risk=risk, alfa={"order_latency": "1s"}))
    assert found.stops == [(after(21), "misses")]
    assert [(o.side, o.outcome) for o in found.orders] == [("buy", "filled"), ("buy", "limit"), ("sell", "filled")]
    assert [o.outcome for o in found.opportunities] == ["sent", "sent", "stopped", "sent"]


@both_engines
def test_a_fee_that_is_taken_in_coins_leaves_less_than_a_lot_which_belongs_to_no_position(engine: Engine) -> None:
    won = at(0.9995, 0.9999)
    changes = {10: at(0.9900, 0.9910), 20: won, 30: at(0.9995, 0.9999, 2_000.0), 40: at(0.9900, 0.9910), 50: won}
    found = engine(pegged(changes, alfa={"fee_bps": 5.0, "fee_currency": "received"}))
    buy, sell, _, again = found.orders
    assert (buy.filled, buy.fee, sell.planned, again.planned) == (coins(1_000), coins(0.5), coins(999), coins(999))
    assert found.balances["alfa", "USDC"] == (coins(1), 0, 0)
    assert [o.edge_bps for o in (sell, again)] == pytest.approx([1e4 * (0.9995 * 0.9995 / (991 / 999.5) - 1)] * 2, rel=1e-9)
    assert [(o.t, o.outcome) for o in found.opportunities] == [(after(second), "sent") for second in (10, 20, 40, 50)]


@both_engines
def test_legs_have_positions_of_their_own_and_sells_go_before_buys(engine: Engine) -> None:
    bravo = coin({10: at(0.9900, 0.9905), 30: at(0.9890, 0.9900)})
    terms = {"use": "trade", "tick": "0.0001", "lot": "1"}
    world = pegged(
        {10: at(0.9900, 0.9910), 30: at(0.9995, 0.9999)},
        more={"bravo USDC/USD": bravo},
        instruments={"bravo USDC/USD": terms},
        venues={"bravo": {"balances": {"USD": "10000"}}},
        strategy={"cool_down": "15s"},
    )
    found = engine(world)
    assert [(o.venue, o.side, o.decided) for o in found.orders] == [
        ("bravo", "buy", after(10)),  # the better edge
        ("alfa", "buy", after(10)),
        ("alfa", "sell", after(30)),
        ("bravo", "buy", after(30)),
    ]
    assert found.orders[2].edge_bps == pytest.approx(1e4 * (0.9995 / 0.9910 - 1), rel=1e-9)


@both_engines
def test_a_bet_that_was_won_is_revaluation_and_trading_at_marks_costs_the_spread(engine: Engine) -> None:
    found = engine(pegged({10: at(0.9900, 0.9910), 40: at(0.9991, 0.9993)}, minutes=1))
    # bought at 0.9910 with a mark of 0.9905, sold at 0.9991 with one of 0.9992
    lines = {line: amount for line, amount in found.attribution.items() if abs(amount) > 1e-9}
    assert lines == pytest.approx({"gross": -0.5 - 0.1, "peg": 1_000 * (0.9992 - 0.9905)}, abs=1e-6)


@both_engines
def test_what_a_sell_did_not_fill_is_sold_again(engine: Engine) -> None:
    # the bid is gone when the first sell arrives
    changes = {10: at(0.9900, 0.9910), 20: at(0.9995, 0.9999), 20.5: at(0.9980, 0.9999), 30: at(0.9993, 0.9999)}
    found = engine(pegged(changes, alfa={"order_latency": "1s"}))
    assert [(o.side, o.decided, o.planned, o.outcome) for o in found.orders[1:]] == [
        ("sell", after(20), coins(1_000), "limit"),
        ("sell", after(30), coins(1_000), "filled"),
    ]
