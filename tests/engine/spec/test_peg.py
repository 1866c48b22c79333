"""Bets on a peg that a spec asks for: what is one, and what is none."""

from datetime import timedelta
from typing import Any

import pytest

from engine.config import Spec, parse_spec
from engine.schema import STABLECOINS
from engine.strategies.combination import BUY, SELL, Step
from engine.units import iso
from tests.engine.spec.forms import GONE, changed, said

TERMS = {"tick": 0.0001, "lot": 1, "min_notional": 5, "half_spread_bps": 1}
ROUTES = [
    {"name": "out", "currency": "USDC", "source": "alfa", "destination": "issuer", "delay": "10m"},
    {"name": "home", "currency": "USD", "source": "issuer", "destination": "alfa", "delay": "1d"},
]
PEG: dict[str, Any] = {
    "version": 2,
    "name": "a bet",
    "start": "2023-03-10T00:00:00Z",
    "end": "2023-03-11T00:00:00Z",
    "interval": "1m",
    "strategy": {"kind": "peg", "threshold_bps": 30, "exit_bps": 5},
    "venues": {"alfa": {"fee_bps": 1, "feed_latency": "0s", "order_latency": "0s", "balances": {"USD": 1000}}},
    "instruments": [{"venue": "alfa", "name": "USDC/USD", **TERMS}],
}
Z = {"kind": "peg", "signal": "zscore", "threshold_bps": 0, "entry_z": 2, "exit_z": 0.5, "window": "2h"}
BRAVO: tuple[str, object] = ("venues.bravo", {"fee_bps": 1, "feed_latency": "0s", "order_latency": "0s"})
SUNDAYS = ["2023-03-12", "2023-03-19", "2023-03-26", *(f"2023-04-{day:02}" for day in (2, 9, 16, 23, 30)), "2023-05-07"]
SHUT = {"venue": "issuer", "currency": "USDC", "what": "withdrawals", "start": "2023-03-01T00:00:00Z", "end": "2023-06-01T00:00:00Z"}
NEVER = "strategy.redemption: by its delay and [[suspensions]] issuer would pay neither in the run nor in the 60 days after it: change them"
DESK = {"desk": "issuer", "minimum": 100, "fee": 2, "delay": "1h"}


def form(*changes: tuple[str, object]) -> dict[str, Any]:
    """Return the form of a bet with values put at dotted paths."""
    return changed(*changes, form=PEG)


def redeeming(*changes: tuple[str, object]) -> dict[str, Any]:
    """Return the same with the desk of an issuer, and routes there and back."""
    whole = {**PEG, "venues": {**PEG["venues"], "issuer": {}}, "routes": ROUTES, "strategy": {**PEG["strategy"], "redemption": DESK}}
    return changed(*changes, form=whole)


def spec(*changes: tuple[str, object]) -> Spec:
    """Return the spec of a bet."""
    return parse_spec(form(*changes))


def test_one_instrument_is_enough_and_is_bought_and_sold_alone() -> None:
    found = spec()
    assert found.combinations == ((Step(0, SELL),), (Step(0, BUY),))
    assert found.combination_labels == ["sell alfa USDC/USD", "buy alfa USDC/USD"]
    assert (found.base, found.comparison_currency) == ("USDC", "USD")
    assert said(form(("instruments.0.use", "mark"))) == ['instruments: at least one with use = "trade" is needed']


def test_instruments_of_several_quotes_need_nothing_that_converts() -> None:
    two = [{"venue": "alfa", "name": "USDC/USD", **TERMS}, {"venue": "bravo", "name": "USDC/USDT", **TERMS}]
    assert len(spec(("instruments", two), BRAVO).combinations) == 4


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("strategy.exit_bps", 30)], "strategy: exit_bps (30) must be below threshold_bps (30): it would sell where it buys"),
        ([("strategy.threshold_bps", 0)], "strategy: threshold_bps must be above 0: a coin that costs par is not below it, found 0"),
        ([("strategy.exit_bps", GONE)], 'strategy: exit_bps is required with signal = "bands"'),
        ([("strategy.window", "2h")], 'strategy: window has no meaning with signal = "bands": leave it out'),
        ([("strategy", {**Z, "exit_z": 2})], "strategy: exit_z (2) must be below entry_z (2): it would sell where it buys"),
        ([("strategy", {**Z, "exit_bps": 1})], 'strategy: exit_bps has no meaning with signal = "zscore": leave it out'),
        ([("strategy", {**Z, "entry_z": 0})], "strategy.entry_z: Input should be greater than 0, found 0"),
        ([("strategy", {**Z, "window": "30s"})], "strategy.window: must be a multiple of the clock (1m), two of it at least, found 30s"),
        ([("strategy", {**Z, "window": "1m"})], "strategy.window: must be a multiple of the clock (1m), two of it at least, found 1m"),
        ([("strategy", {**Z, "window": "150s"})], "strategy.window: must be a multiple of the clock (1m), two of it at least, found 150s"),
        ([("strategy.stop_bps", 0)], "strategy.stop_bps: Input should be greater than 0, found 0"),
        ([("strategy.hold_at_most", "0s")], "strategy.hold_at_most: Input should be greater than 0, found '0s'"),
        (
            [("instruments.0.name", "BTC/USD")],
            "instruments: alfa BTC/USD buys BTC, which is pegged to nothing; known stablecoins: " + ", ".join(sorted(STABLECOINS)),
        ),
        (
            [("instruments.0.name", "USDC/EUR"), ("numeraire", "EUR"), ("venues.alfa.balances", {})],
            "instruments: alfa USDC/EUR has no par: USDC is pegged to USD, so the quote must be USD or a stablecoin",
        ),
        (
            [("instruments", [{"venue": "alfa", "name": f"{coin}/USD", **TERMS} for coin in ("USDC", "DAI")])],
            'instruments: those with use = "trade" must have one base currency, found DAI, USDC',
        ),
        ([("risk", {"max_asset": {"USD": 5}})], "risk.max_asset.USD: no leg buys USD, only USDC"),
        (
            [("risk", {"max_residual": 5})],
            "risk.max_residual: has no meaning where orders go alone and leave nothing unequal: leave it out; risk.max_asset limits what is held",
        ),
    ],
)
def test_what_is_no_bet_on_a_peg_is_refused_with_a_sentence(changes: list[tuple[str, object]], sentence: str) -> None:
    assert said(form(*changes)) == [sentence]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        (
            [("strategy.redemption.desk", "isuer")],
            "strategy.redemption.desk: is 'isuer', which [venues] does not have; did you mean 'issuer'?",
        ),
        ([("routes", ROUTES[1:])], "strategy.redemption.desk: no route brings USDC from alfa to issuer: add one to [[routes]]"),
        ([("routes", ROUTES[:1])], "strategy.redemption.desk: no route brings USD from issuer back to alfa: add one to [[routes]]"),
        (
            [("routes.0.daily_limit", 50)],
            "strategy.redemption.minimum: is 100 USDC, more than any route to issuer may carry in a day (50 after its fee)",
        ),
        ([("strategy.redemption.fee", 100)], "strategy.redemption.minimum: of 100 would pay nothing after the fee of 100: raise it"),
        (
            [("venues.issuer.balances", {"USDC": 5})],
            "venues.issuer.balances: what lies at the desk would never be redeemed: USDC comes to it by routes alone",
        ),
        (
            [("rebalance", {"policy": "threshold", "wallets": [{"venue": "issuer", "currency": "USD", "floor": 1, "target": 2}]})],
            "rebalance.wallets: issuer redeems, and what it pays goes back where the coins came from: leave it out",
        ),
        (
            [("strategy.redemption.hours", {"days": ["sun"], "opens": "09:00", "closes": "10:00", "holidays": SUNDAYS})],
            "strategy.redemption.hours: never open, neither in the run nor in the 60 days after it: nothing would ever be paid",
        ),
        ([("suspensions", [SHUT])], NEVER),
        ([("suspensions", [{**SHUT, "currency": "USD", "what": "deposits"}])], NEVER),
    ],
)
def test_a_desk_that_cannot_redeem_is_refused_with_a_sentence(changes: list[tuple[str, object]], sentence: str) -> None:
    assert said(redeeming(*changes)) == [sentence]


def test_a_desk_that_pays_after_the_run_alone_is_doubted() -> None:
    late = parse_spec(redeeming(("strategy.redemption.delay", "3d")))
    when = iso(late.start + timedelta(days=3))
    assert late.warnings() == [f"strategy.redemption: issuer would pay at {when} at the earliest, after the run's end: nothing is redeemed in it"]
    until = late.end + timedelta(days=2)
    shut = parse_spec(redeeming(("suspensions", [{**SHUT, "end": iso(until)}]), ("strategy.redemption.delay", "1h")))
    when = iso(until + timedelta(hours=1))
    assert shut.warnings() == [f"strategy.redemption: issuer would pay at {when} at the earliest, after the run's end: nothing is redeemed in it"]


def test_a_desk_pays_another_currency_than_it_takes() -> None:
    ways = [{**ROUTES[1], "currency": "USDC"}, ROUTES[0]]
    assert said(redeeming(("strategy.redemption.pays", "USDC"), ("routes", ways))) == [
        "strategy.redemption.pays: is USDC, the coin itself: a desk pays what it is pegged to, such as USD"
    ]


def test_a_desk_is_a_venue_apart() -> None:
    ways = [{**ROUTES[0], "source": "alfa", "destination": "bravo"}, {**ROUTES[1], "source": "bravo"}]
    marking = {"venue": "bravo", "name": "USDC/USD", "use": "mark", **TERMS}
    apart = [("routes", ways), ("instruments", [*PEG["instruments"], marking]), ("venues.issuer", GONE), BRAVO]
    assert said(redeeming(("strategy.redemption.desk", "bravo"), *apart)) == [
        "strategy.redemption.desk: must be a venue of its own, found 'bravo', which has instruments: name the issuer's desk apart"
    ]


def test_routes_of_a_desk_are_used_and_a_window_beyond_the_run_is_doubted() -> None:
    assert parse_spec(redeeming()).warnings() == []
    assert spec(("strategy", {**Z, "window": "2d"})).warnings() == [
        "strategy.window: 2d is longer than the run, so its mean is never known and nothing is bought"
    ]


def test_a_bet_survives_its_canonical_form() -> None:
    found = parse_spec(redeeming(("strategy.redemption.hours", {"days": ["mon", "fri"], "opens": "09:00", "closes": "17:00"})))
    assert parse_spec(found.canonical()) == found
    assert parse_spec(found.canonical()).strategy == found.strategy
