"""Fees of docs/model.md, worked out by hand, on both engines: how much, of what, from when, at which tier."""

import pytest

from tests.engine.engines import ENGINES, Engine
from tests.engine.small import START, Bar, Book, after, bars, books, coins, level, small
from tests.strategies import DAY, MINUTE, World, iso

pytestmark = pytest.mark.parametrize("engine", ENGINES)

DEAR = Book(101.0, 101.5)
TEN = {"fee_bps": 10.0}
RECEIVED = {"fee_bps": 10.0, "fee_currency": "received"}
IN_BNB = {"fee_bps": 10.0, "fee_currency": "BNB"}


def pair(**changes: object) -> World:
    """Return the world in which alfa bids 101 for 10 from 5 s on and bravo asks 100; one package of 8."""
    form = {"minutes": 1, "strategy": {"cool_down": "1h", "max_notional": "800"}}
    return small({"alfa BTC/USD": books({5: DEAR}), "bravo BTC/USD": books()}, **{**form, **changes})  # type: ignore[arg-type]


def with_bnb(bnb: str, *, price: float = 250.0, **changes: object) -> World:
    """Return the same world with BNB at alfa and bravo, marked at a price."""
    money = {"balances": {"BTC": "10", "USD": "10000", "BNB": bnb}}
    venues = {"alfa": {**money, **IN_BNB}, "bravo": {**money, **IN_BNB}}
    series = {"alfa BTC/USD": books({5: DEAR}), "bravo BTC/USD": books(), "bravo BNB/USD": level(price)}
    form = {"minutes": 1, "strategy": {"cool_down": "1h", "max_notional": "800"}, "instruments": {"bravo BNB/USD": {"use": "mark"}}}
    return small(series, venues=venues, **{**form, **changes})  # type: ignore[arg-type]


# ---- what is charged ----


def test_a_fee_in_quote_is_of_the_flow_on_both_sides(engine: Engine) -> None:
    found = engine(pair(venues={"alfa": TEN, "bravo": TEN}))
    assert [(o.flow, o.fee, o.fee_currency) for o in found.orders] == [(coins(808), coins(0.808), "USD"), (coins(800), coins(0.8), "USD")]
    assert (found.balances["alfa", "USD"], found.balances["bravo", "USD"]) == ((coins(10_807.192), 0, 0), (coins(9_199.2), 0, 0))


def test_a_fee_of_what_is_received_is_money_of_a_sell_and_coins_of_a_buy(engine: Engine) -> None:
    found = engine(pair(venues={"alfa": RECEIVED, "bravo": RECEIVED}))
    assert [(o.filled, o.fee, o.fee_currency) for o in found.orders] == [(coins(8), coins(0.808), "USD"), (coins(8), coins(0.008), "BTC")]
    assert (found.balances["bravo", "USD"], found.balances["bravo", "BTC"]) == ((coins(9_200), 0, 0), (coins(17.992), 0, 0))


def test_a_buy_that_pays_in_coins_spends_more_for_each_it_keeps(engine: Engine) -> None:
    # 101 × (1 - 0.001) over 100 / (1 - 0.001)
    found = engine(pair(venues={"alfa": RECEIVED, "bravo": RECEIVED}))
    assert found.opportunities[0].edge_bps == pytest.approx(1e4 * (101 * 0.999 / (100 / 0.999) - 1))
    in_quote = engine(pair(venues={"alfa": RECEIVED, "bravo": TEN}))
    assert in_quote.opportunities[0].edge_bps == pytest.approx(1e4 * (101 * 0.999 / (100 * 1.001) - 1))


def test_a_fee_in_an_asset_is_worth_as_much_and_leaves_free_when_the_order_resolves(engine: Engine) -> None:
    # 0.808 USD and 0.8 USD at 250 USD a BNB
    found = engine(with_bnb("1"))
    assert [(o.flow, o.fee, o.fee_currency) for o in found.orders] == [(coins(808), coins(0.003232), "BNB"), (coins(800), coins(0.0032), "BNB")]
    assert found.balances["alfa", "BNB"] == (coins(0.996768), 0, 0)
    assert found.balances["alfa", "USD"] == (coins(10_808), 0, 0)


def test_a_fee_in_an_asset_counts_in_edges_as_if_it_were_in_quote(engine: Engine) -> None:
    assert engine(with_bnb("1")).opportunities[0].edge_bps == pytest.approx(1e4 * (101 * 0.999 / (100 * 1.001) - 1))


@pytest.mark.parametrize(
    ("bnb", "alfa", "bravo"), [("0.003232", "BNB", "BNB"), ("0.00323199", "USD", "BNB"), ("0.0032", "USD", "BNB"), ("0", "USD", "USD")]
)
def test_who_is_short_of_the_asset_pays_in_quote(engine: Engine, bnb: str, alfa: str, bravo: str) -> None:
    found = engine(with_bnb(bnb))
    assert [o.fee_currency for o in found.orders] == [alfa, bravo]
    assert found.orders[0].fee == (coins(0.003232) if alfa == "BNB" else coins(0.808))
    # what was charged in quote came out of what the order brought or had reserved
    expected = 10_808 if alfa == "BNB" else 10_807.192
    assert sum(found.balances["alfa", "USD"]) == coins(expected)


def test_an_asset_that_is_dear_by_the_last_tick_costs_less_of_it(engine: Engine) -> None:
    # BNB goes to 500 at 50 s, seen by the tick of 60 s: a fill at 55 s counts 250, one at 65 s 500
    series = {
        "alfa BTC/USD": books({55: DEAR, 56: Book(100.0, 100.0), 65: DEAR}),
        "bravo BTC/USD": books(first=Book(100.0, 100.0, 10.0, 30.0)),
        "bravo BNB/USD": books({50: Book(500.0, 500.0)}, first=Book(250.0, 250.0)),
    }
    venues = {"alfa": {**IN_BNB, "balances": {"BTC": "20", "USD": "0", "BNB": "1"}}}
    found = engine(small(series, minutes=2, venues=venues, instruments={"bravo BNB/USD": {"use": "mark"}}, strategy={"max_notional": "800"}))
    assert [(o.decided, o.fee) for o in found.orders[::2]] == [(after(55), coins(0.003232)), (after(65), coins(0.001616))]


def test_a_fee_in_foreign_quote_counts_its_own_mark(engine: Engine) -> None:
    # 8 BTC at 101 USDC of 0.5 USD: a fee of 0.808 USDC is 0.404 USD, at 250 USD a BNB 0.001616
    series = {
        "alfa BTC/USDC": books({5: DEAR}),
        "bravo BTC/USDC": books(),
        "alfa USDC/USD": level(0.5),
        "bravo BNB/USD": level(250.0),
    }
    venues = {"alfa": {**IN_BNB, "balances": {"BTC": "10", "BNB": "1"}}}
    marks = {"bravo BNB/USD": {"use": "mark"}, "alfa USDC/USD": {"use": "mark"}}
    found = engine(small(series, minutes=1, venues=venues, instruments=marks, strategy={"cool_down": "1h", "max_notional": "800"}))
    assert found.orders[0].fee == coins(0.001616)


def test_fees_are_rounded_up_in_every_currency(engine: Engine) -> None:
    # 3 atoms at 101 and 100: flows of 303 and 300; 10 bps are 0.303 and 0.3, of the coins 0.003, in BNB 0.001212 and 0.0012
    atom = {f"{venue} BTC/USD": {"lot": "0.00000001"} for venue in ("alfa", "bravo")}
    few = {"cool_down": "1h"}
    for alfa, bravo in ((TEN, TEN), (RECEIVED, RECEIVED)):
        world = pair(instruments=atom, strategy=few, venues={"alfa": {**alfa, "balances": {"BTC": "0.00000003"}}, "bravo": bravo})
        assert [(o.flow, o.fee) for o in engine(world).orders] == [(303, 1), (300, 1)]
    bnb = with_bnb("1", instruments={**atom, "bravo BNB/USD": {"use": "mark"}}, strategy={"cool_down": "1h", "max_notional": "0.000003"})
    assert [(o.flow, o.fee, o.fee_currency) for o in engine(bnb).orders] == [(303, 1, "BNB"), (300, 1, "BNB")]


def test_fees_are_attributed_at_the_mark_of_what_was_charged(engine: Engine) -> None:
    assert engine(with_bnb("1")).attribution["fees"] == pytest.approx(-0.808 - 0.8)
    # a coin is marked at the mean of both mids of 5 s, 101.25 and 100
    assert engine(pair(venues={"bravo": RECEIVED})).attribution["fees"] == pytest.approx(-0.008 * 100.625)


# ---- from when ----

CHANGE = iso(START + 10_000_000)
DEARER = {"fees": [{"end": CHANGE, "taker_bps": 10.0}, {"start": CHANGE, "taker_bps": 60.0}]}


@pytest.mark.parametrize(("at", "latency", "bps"), [(8, "1s", 10), (8, "1999999us", 10), (8, "2s", 60), (10, "0s", 60)])
def test_a_fill_pays_the_rate_in_force_at_its_arrival(engine: Engine, at: int, latency: str, bps: float) -> None:
    series = {"alfa BTC/USD": books({at: DEAR}), "bravo BTC/USD": books()}
    venues = {"alfa": {**DEARER, "order_latency": latency}}
    found = engine(small(series, minutes=1, venues=venues, strategy={"cool_down": "1h", "max_notional": "800"}))
    assert found.orders[0].fee == coins(808 * bps * 1e-4)


def test_a_decision_uses_the_rate_in_force_at_its_time(engine: Engine) -> None:
    series = {"alfa BTC/USD": books({9: DEAR, 10: DEAR}), "bravo BTC/USD": books()}
    found = engine(small(series, minutes=1, venues={"alfa": DEARER}, strategy={"max_notional": "100"}))
    assert [o.edge_bps for o in found.opportunities] == [pytest.approx(1e4 * (1.01 * rate - 1)) for rate in (0.999, 0.994)]


def test_a_pair_that_a_cheaper_rate_lifts_over_the_threshold_waits_for_news(engine: Engine) -> None:
    # 39.4 bps until 10 s, 89.9 from then on; news at 12 s
    cheaper = {"fees": [{"end": CHANGE, "taker_bps": 60.0}, {"start": CHANGE, "taker_bps": 10.0}]}
    series = {"alfa BTC/USD": books({8: DEAR, 12: DEAR}), "bravo BTC/USD": books({11: Book(99.0, 110.0), 11.5: Book(99.0, 100.0)})}
    world = small(series, minutes=1, venues={"alfa": cheaper}, strategy={"threshold_bps": 50.0, "max_notional": "100"})
    assert [o.t for o in engine(world).opportunities] == [after(11.5), after(12)]


def test_a_buy_reserves_the_worse_of_the_rates_at_sending_and_at_arrival(engine: Engine) -> None:
    # bravo's 60 bps come before the buy arrives, or go
    later = {"fees": [{"end": CHANGE, "taker_bps": 60.0}, {"start": CHANGE, "taker_bps": 10.0}]}
    for schedule, at, fee in ((DEARER, 9, 4.8), (later, 9, 0.8), (DEARER, 5, 0.8)):
        series = {"alfa BTC/USD": books({at: DEAR}), "bravo BTC/USD": books()}
        venues = {"bravo": {**schedule, "order_latency": "2s"}}
        buy = engine(small(series, minutes=1, venues=venues, strategy={"cool_down": "1h", "max_notional": "800"})).orders[1]
        assert (buy.reserve, buy.fee) == (coins(804.8 if at == 9 else 800.8), coins(fee))


def test_a_fee_of_coins_reserves_no_money(engine: Engine) -> None:
    assert engine(pair(venues={"bravo": RECEIVED})).orders[1].reserve == coins(800)
    assert engine(with_bnb("1")).orders[1].reserve == coins(800.8)


def test_a_row_for_a_pair_stands_before_the_row_for_all_while_it_holds(engine: Engine) -> None:
    special = {"start": iso(START + 10_000_000), "end": iso(START + 20_000_000), "instruments": ["BTC/USD"], "taker_bps": 0.0}
    venues = {"alfa": {"fees": [{"taker_bps": 10.0}, special]}}
    series = {"alfa BTC/USD": books({9: DEAR, 19: DEAR, 20: DEAR}), "bravo BTC/USD": books()}
    found = engine(small(series, minutes=1, venues=venues, strategy={"max_notional": "100"}))
    assert [o.fee for o in found.orders[::2]] == [coins(0.101), 0, coins(0.101)]
    other = {"alfa": {"fees": [{"taker_bps": 10.0}, {**special, "instruments": ["BNB/USD"]}]}}
    marked = {**series, "alfa BNB/USD": level(250.0)}
    found = engine(small(marked, minutes=1, venues=other, instruments={"alfa BNB/USD": {"use": "mark"}}, strategy={"max_notional": "100"}))
    assert [o.fee for o in found.orders[::2]] == [coins(0.101)] * 3


def test_what_is_charged_can_change_with_the_rate(engine: Engine) -> None:
    rows = [{"end": CHANGE, "taker_bps": 10.0}, {"start": CHANGE, "taker_bps": 10.0, "charged_in": "received"}]
    series = {"alfa BTC/USD": books({9: DEAR, 10: DEAR}), "bravo BTC/USD": books()}
    found = engine(small(series, minutes=1, venues={"bravo": {"fees": rows}}, strategy={"max_notional": "100"}))
    assert [o.fee_currency for o in found.orders[1::2]] == ["USD", "BTC"]


# ---- tiers ----

TIERS = [{"volume": "0", "taker_bps": 20.0}, {"volume": "1000", "taker_bps": 10.0}, {"volume": "5000", "taker_bps": 5.0}]


@pytest.mark.parametrize(("stated", "bps"), [("0", 20), ("999.99999999", 20), ("1000", 10), ("4999", 10), ("5000", 5), ("1000000", 5)])
def test_a_tier_begins_with_its_volume(engine: Engine, stated: str, bps: float) -> None:
    found = engine(pair(venues={"alfa": {"fees": [{"tiers": TIERS}], "volume_30d": stated}}))
    assert found.orders[0].fee == coins(808 * bps * 1e-4)
    assert found.opportunities[0].edge_bps == pytest.approx(1e4 * (1.01 * (1 - bps * 1e-4) - 1))


def test_a_buy_reserves_the_first_tiers_rate(engine: Engine) -> None:
    buy = engine(pair(venues={"bravo": {"fees": [{"tiers": TIERS}], "volume_30d": "5000"}})).orders[1]
    assert (buy.reserve, buy.fee) == (coins(801.6), coins(0.4))


MIDNIGHT = START + 23 * 60 * MINUTE


def late_world(alfa: dict[float, Book], *, minutes: int = 20, **changes: object) -> World:
    """Return a world of alfa's tiers whose run begins ten minutes before midnight; times are seconds from the start."""
    start = MIDNIGHT - 10 * MINUTE
    shift = (start - START) / 1e6
    series = {
        "alfa BTC/USD": books({shift - 10: Book(100.0, 100.0)} | {shift + at: book for at, book in alfa.items()}),
        "bravo BTC/USD": books({shift - 10: Book(99.0, 100.0, 100.0, 100.0)}),
    }
    form = {
        "venues": {"alfa": {"fees": [{"tiers": TIERS}], "balances": {"BTC": "100"}}, "bravo": {"balances": {"USD": "1000000"}}},
        "strategy": {"max_notional": "1000"},
        "start": iso(start),
        "end": iso(start + minutes * MINUTE),
    }
    table = {**form, **changes}
    return small(series, minutes=minutes, **table)  # type: ignore[arg-type]


def test_the_volume_of_a_day_counts_from_midnight_on(engine: Engine) -> None:
    # 9.9 coins at 101.5 are 1004.85; another at 101 on the same day still pays 20 bps, at midnight 10
    found = engine(late_world({60: Book(101.0, 102.0), 120: Book(101.5, 102.0), 599.999999: Book(101.2, 103.0), 600: Book(101.3, 103.0)}))
    sells = found.orders[::2]
    assert [o.flow for o in sells] == [coins(1010), coins(1015), coins(1012), coins(1013)]
    assert [o.fee for o in sells] == [coins(2.02), coins(2.03), coins(2.024), coins(1.013)]


def test_a_fill_of_midnight_counts_for_the_new_day(engine: Engine) -> None:
    # decided a second before midnight at 20 bps, arrived at midnight: the volume of 1010 makes it 10 bps
    slow = {"alfa": {"fees": [{"tiers": TIERS}], "balances": {"BTC": "100"}, "order_latency": "1s"}, "bravo": {"balances": {"USD": "1000000"}}}
    found = engine(late_world({60: Book(101.0, 102.0), 599: Book(101.2, 103.0)}, venues=slow))
    assert [o.fee for o in found.orders[::2]] == [coins(2.02), coins(1.012)]
    assert found.opportunities[1].edge_bps == pytest.approx(1e4 * (1.012 * 0.998 - 1))


def test_a_volume_counts_in_the_numeraire_and_by_venue(engine: Engine) -> None:
    # 10 coins at 101 USDC of 0.5 USD are 505 USD, less than 1000; and bravo's tiers know nothing of alfa's fills
    start = MIDNIGHT - 10 * MINUTE
    shift = (start - START) / 1e6
    halves = {"alfa USDC/USD": books({shift - 10: Book(0.5, 0.5), shift + 200: Book(0.5, 0.5), shift + 450: Book(0.5, 0.5)}, first=Book(0.5, 0.5))}
    series = {
        "alfa BTC/USDC": books({shift - 10: Book(100.0, 100.0), shift + 60: Book(101.0, 102.0), shift + 601: Book(101.2, 103.0)}),
        "bravo BTC/USDC": books({shift - 10: Book(99.0, 100.0, 100.0, 100.0)}),
    }
    venues = {
        "alfa": {"fees": [{"tiers": TIERS}], "balances": {"BTC": "100"}},
        "bravo": {"fees": [{"tiers": TIERS}], "volume_30d": "600", "balances": {"USDC": "1000000"}},
    }
    window = {"start": iso(start), "end": iso(start + 20 * MINUTE)}
    marks = {"alfa USDC/USD": {"use": "mark"}}
    found = engine(small({**series, **halves}, venues=venues, instruments=marks, strategy={"max_notional": "1000"}, **window))
    assert [o.fee for o in found.orders] == [coins(2.02), coins(2.0), coins(2.024), coins(1.0)]


def test_a_day_leaves_the_volume_after_thirty(engine: Engine) -> None:
    # 1010 traded on day 0 count on days 1 to 30, and no more on day 31
    days = {0: Book(101.0, 102.0), 1: Book(101.1, 102.0), 30: Book(101.2, 102.0), 31: Book(101.3, 102.0)}
    start = START
    table = books({-10: Book(100.0, 100.0), **{day * DAY / 1e6 + 60: book for day, book in days.items()}})
    bravo = books({-10: Book(99.0, 100.0, 100.0, 100.0)})
    venues = {"alfa": {"fees": [{"tiers": TIERS}], "balances": {"BTC": "100"}}, "bravo": {"balances": {"USD": "1000000"}}}
    ages = {f"{venue} BTC/USD": {"max_age": "40d"} for venue in ("alfa", "bravo")}
    world = small(
        {"alfa BTC/USD": table, "bravo BTC/USD": bravo},
        venues=venues,
        instruments=ages,
        strategy={"max_notional": "1000"},
        clock="1h",
        start=iso(start),
        end=iso(start + 32 * DAY),
    )
    sells = engine(world).orders[::2]
    assert [(o.decided - START) // DAY for o in sells] == [0, 1, 30, 31]
    assert [round(o.fee / o.flow * 1e4, 6) for o in sells] == [20, 10, 10, 10]


def test_an_order_for_bars_pays_the_rate_of_its_arrival_and_not_of_its_bar(engine: Engine) -> None:
    # arrives at 60 s or at 61 s, when the rate changes, and fills in the bar of 60 s or of 120 s
    change = iso(START + 61_000_000)
    rows = [{"end": change, "taker_bps": 10.0}, {"start": change, "taker_bps": 60.0}]
    series = {"alfa BTC/USD": bars({0: Bar(101.0), 1: Bar(100.0, open=101.0), 2: Bar(100.0, open=101.0)}), "bravo BTC/USD": bars()}
    for latency, fee in (("0s", 0.101), ("1s", 0.606)):
        venues = {"alfa": {"fees": rows, "order_latency": latency}}
        found = engine(small(series, venues=venues, strategy={"max_notional": "100", "threshold_bps": 80.0, "cool_down": "1h"}))
        assert [(o.outcome, o.fee) for o in found.orders] == [("filled", coins(fee)), ("filled", 0)]
