"""What follows from a spec: legs, currencies, wallets, ages, and what looks like a mistake."""

import pytest

from engine.config import parse_spec
from engine.schema import SeriesKey
from tests.engine.spec.forms import GONE, ROUTE, changed, on_quotes, rich, spec

BNB = {"venue": "alfa", "name": "BNB/USD", "use": "mark", "half_spread_bps": 1, "tick": "0.1", "lot": "0.01", "min_notional": 1}


def test_a_spec_knows_its_parts() -> None:
    found = spec()
    btc, usdc = [("alfa", "BTC/USD"), ("bravo", "BTC/USDC"), ("charlie", "BTC/USD")], "USDC/USD"
    assert [leg.key for leg in found.legs] == btc
    assert list(found.series) == [btc[0], ("alfa", usdc), btc[1], ("bravo", usdc), btc[2]]
    assert found.instruments[0].key == SeriesKey("alfa", "BTC/USD")
    assert (found.base, found.comparison_currency) == ("BTC", "USD")
    assert found.feed_latency_us == 80_000
    assert [[step.leg for step in pair] for pair in found.combinations] == [[0, 1], [0, 2], [1, 0], [1, 2], [2, 0], [2, 1]]


def test_edges_are_measured_in_the_one_quote_currency_of_the_legs_or_in_the_numeraire() -> None:
    all_usdc = [("instruments.0.name", "BTC/USDC"), ("instruments.2.name", "BTC/USDC")]
    assert spec(*all_usdc).comparison_currency == "USDC"
    assert spec(("numeraire", "USDC")).comparison_currency == "USDC"
    assert spec(("instruments.3.use", "mark"), ("assume_par", ["USDC"])).comparison_currency == "USD"


def test_currencies_are_what_is_held_traded_moved_or_charged_and_the_numeraire() -> None:
    assert (spec().traded, spec().held) == ({"BTC", "USD", "USDC"}, {"BTC", "USD", "USDC"})
    assert spec().currencies == ("BTC", "USD", "USDC")
    assert spec(("instruments.4.name", "USDT/USD"), ("venues.bravo.balances.USDT", 1)).currencies == ("BTC", "USD", "USDC", "USDT")
    assert spec(("instruments.4.name", "USDT/USD"), ("routes", [{**ROUTE, "currency": "USDT"}])).currencies == ("BTC", "USD", "USDC", "USDT")
    assert spec(("instruments.4", BNB), ("venues.charlie.fee_currency", "BNB")).currencies == ("BNB", "BTC", "USD", "USDC")
    assert spec(("instruments.4.name", "USDT/USD")).currencies == ("BTC", "USD", "USDC")  # marks alone


def test_wallets_are_all_places_where_something_can_be() -> None:
    traded = [("alfa", "BTC"), ("alfa", "USD"), ("bravo", "BTC"), ("bravo", "USDC"), ("charlie", "BTC"), ("charlie", "USD")]
    nothing = [(f"venues.{name}.balances", GONE) for name in ("alfa", "bravo", "charlie")]
    assert list(spec(*nothing).wallets) == traded
    assert list(spec(("venues.alfa.balances.USDC", 0)).wallets) == sorted([*traded, ("alfa", "USDC")])
    assert list(spec(("routes", [ROUTE])).wallets) == sorted([*traded, ("alfa", "USDC")])
    assert list(spec(("instruments.4", BNB), ("venues.charlie.fee_currency", "BNB")).wallets) == sorted([*traded, ("charlie", "BNB")])


def test_the_guard_watches_stablecoins_that_are_held_or_traded_but_for_the_numeraire() -> None:
    guard = ("risk.depeg_guard", {})
    assert spec().guarded == ()
    assert spec(guard).guarded == ("USDC",)
    assert spec(guard, ("instruments.4.name", "USDT/USD"), ("venues.bravo.balances.USDT", 1)).guarded == ("USDC", "USDT")
    assert spec(guard, ("numeraire", "USDC")).guarded == ()
    assert spec(guard, ("instruments.4.name", "USDT/USD"), ("routes", [{**ROUTE, "currency": "USDT"}])).guarded == ("USDC",)
    assert spec(("risk.depeg_guard.currencies", ["BTC"])).guarded == ("BTC",)


def test_an_order_waits_one_interval_for_a_bar_unless_told_otherwise() -> None:
    assert (spec().interval_us, spec().max_wait_us) == (60_000_000, 60_000_000)
    assert spec(("execution.max_wait", "3m")).max_wait_us == 180_000_000
    assert parse_spec(on_quotes()).interval_us == 0


def test_ages_are_below_one_interval_for_bars_and_five_seconds_for_quotes() -> None:
    found = spec()
    assert {found.max_age_us(i) for i in found.instruments} == {59_999_999}
    quotes = parse_spec(changed(("instruments.0.max_age", "1500ms"), form=on_quotes()))
    assert [quotes.max_age_us(i) for i in quotes.instruments] == [1_500_000] + [5_000_000] * 4
    kinds = [(f"instruments.{n}.data", "quote_bars") for n in range(5)]
    quote_bars = parse_spec(changed(("interval", "10s"), ("instruments.0.max_age", "30s"), *kinds, form=on_quotes()))
    assert [quote_bars.max_age_us(i) for i in quote_bars.instruments] == [30_000_000] + [9_999_999] * 4


def test_a_half_spread_is_a_fraction_and_none_where_quotes_have_their_own() -> None:
    assert [i.half_spread for i in spec().legs] == [0.5 * 1e-4, 1e-4, 1.5 * 1e-4]
    assert {i.half_spread for i in parse_spec(on_quotes()).legs} == {0.0}


def test_lists_without_an_order_are_sorted() -> None:
    found = parse_spec(rich())
    assert [route.name for route in found.routes] == ["back", "chain", "wire"]
    assert [(s.venue, s.what) for s in found.suspensions] == [("alfa", "deposits"), ("alfa", "both"), ("bravo", "both")]
    charlie = found.venues["charlie"]
    assert [row.start is None for row in charlie.fees] == [True, False, False]
    assert [w.start.day for w in charlie.outages] == [11, 12]
    assert found.rebalance is not None
    assert [(t.venue, t.currency) for t in found.rebalance.wallets] == [("alfa", "USD"), ("alfa", "USDC"), ("bank", "USD"), ("bravo", "USDC")]


def test_defaults_are_those_of_the_model() -> None:
    found = spec()
    assert found.canonical()["execution"] == {
        "volume_share": 0.1,
        "take_share": 1.0,
        "fill_price": "open",
        "tolerance_bps": 0.0,
        "max_wait": None,
        "residual": "unwind",
        "residual_bps": 50.0,
    }
    limits = dict.fromkeys(("max_residual", "max_venue_open", "max_in_flight", "max_drawdown", "max_misses", "depeg_guard"))
    assert found.canonical()["risk"] == {**limits, "max_gross_edge_bps": 1_000.0, "max_asset": {}}
    assert found.canonical()["quality"] == {"wick_bps": 500.0}
    guard = spec(("risk.depeg_guard", {})).risk.depeg_guard
    assert guard is not None
    assert guard.model_dump() == {"currencies": None, "off_par_bps": 100.0, "ticks": 5, "action": "halt"}
    assert (found.rebalance, found.routes, found.suspensions, found.clock) == (None, (), (), 60_000_000)


@pytest.mark.parametrize(
    ("changes", "sentences"),
    [
        ([], []),
        ([("routes", [ROUTE])], ["routes: without [rebalance] nothing is ever sent"]),
        (
            [("risk.depeg_guard", {}), ("numeraire", "USDC")],
            ["risk.depeg_guard watches nothing: no stablecoin beside the numeraire is held or traded"],
        ),
        (
            [("rebalance", {"policy": "weights", "wallets": [{"venue": v, "currency": "BTC", "weight": 0.5} for v in ("alfa", "bravo")]})],
            [f"rebalance.wallets: no route leads to {v} BTC from another listed wallet, so it is never filled" for v in ("alfa", "bravo")],
        ),
    ],
)
def test_what_has_no_effect_is_warned_of(changes: list[tuple[str, object]], sentences: list[str]) -> None:
    found = spec(*changes)
    assert found.warnings() == found.doubts() == sentences


def test_a_wallet_that_needs_no_filling_needs_no_route() -> None:
    wallets = [{"venue": "alfa", "currency": "USDC", "floor": 0, "target": 5}, {"venue": "bravo", "currency": "USDC", "floor": 1, "target": 5}]
    assert spec(("routes", [ROUTE]), ("rebalance", {"policy": "threshold", "wallets": wallets})).warnings() == []


def test_a_route_from_a_wallet_that_is_not_listed_fills_none() -> None:
    target = {"venue": "bravo", "currency": "USDC", "floor": 1, "target": 5}
    assert spec(("routes", [ROUTE]), ("rebalance", {"policy": "threshold", "wallets": [target]})).warnings() == [
        "rebalance.wallets: no route leads to bravo USDC from another listed wallet, so it is never filled"
    ]
