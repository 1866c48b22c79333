"""Venues, what they charge and what is limited there: contradictions that are refused."""

import pytest

from engine.config import parse_spec
from tests.engine.spec.forms import FORM, GONE, ROUTE, changed, said, spec

NOON = "2023-03-12T12:00:00Z"
START, END = "2023-03-11T00:00:00Z", "2023-03-13T00:00:00Z"
GAP = "every time of the run needs one"
OVERLAP = "one must end where another begins, or name other instruments"


def charged(*rows: dict[str, object]) -> dict[str, object]:
    """Return the form with a fee schedule at alfa, where BTC/USD is traded and USDC/USD converts."""
    return changed(("venues.alfa.fee_bps", GONE), ("venues.alfa.fees", list(rows)))


def row(start: str | None = None, end: str | None = None, *instruments: str) -> dict[str, object]:
    """Return a row of a fee schedule."""
    times = {key: when for key, when in (("start", start), ("end", end)) if when is not None}
    return {**times, "instruments": list(instruments), "taker_bps": 5}


@pytest.mark.parametrize(
    ("rows", "sentence"),
    [
        ([row(None, NOON)], f"no row holds for BTC/USD from {NOON} on: {GAP}"),
        ([row(None, NOON), row(END)], f"no row holds for BTC/USD from {NOON} to {END}: {GAP}"),
        ([row(None, END)], f"no row holds for BTC/USD from {END} on: {GAP}"),
        ([row("2023-03-11T00:00:00.000001Z")], f"no row holds for BTC/USD from {START} to 2023-03-11T00:00:00.000001Z: {GAP}"),
        (
            [row(None, NOON), row("2023-03-12T13:00:00Z")],
            f"no row holds for BTC/USD from {NOON} to 2023-03-12T13:00:00Z: {GAP}",
        ),
        (
            [row(None, "2023-03-12T13:00:00Z"), row(NOON)],
            f"more than one row holds for BTC/USD from {NOON} to 2023-03-12T13:00:00Z: {OVERLAP}",
        ),
        ([row(None, NOON, "BTC/USD"), row(None, None, "USDC/USD")], f"no row holds for BTC/USD from {NOON} on: {GAP}"),
        ([row(), row(NOON, None, "BTC/USD"), row(NOON, None, "BTC/USD")], f"more than one row holds for BTC/USD from {NOON} on: {OVERLAP}"),
    ],
)
def test_a_fee_schedule_with_a_gap_or_an_overlap_is_refused_with_leg_and_time(rows: list[dict[str, object]], sentence: str) -> None:
    assert f"venues.alfa.fees: {sentence}" in said(charged(*rows))


def test_each_instrument_that_is_traded_or_converted_with_needs_its_own_row() -> None:
    assert said(charged(row(None, None, "BTC/USD"))) == [f"venues.alfa.fees: no row holds for USDC/USD from {START} on: {GAP}"]
    assert said(charged(row(None, None, "BTC/USD"), row(NOON, None, "USDC/USD"))) == [
        f"venues.alfa.fees: no row holds for USDC/USD from {START} to {NOON}: {GAP}"
    ]


@pytest.mark.parametrize(
    "rows",
    [
        [row(None, NOON), row(NOON)],
        [row(), row(NOON, None, "BTC/USD")],
        [row(None, None, "BTC/USD", "USDC/USD"), row(), row()],
        [row(START, "2023-03-13T00:00:00.000001Z")],
        [row(), row("2023-03-13T00:00:01Z"), row("2023-03-13T00:00:01Z")],
    ],
)
def test_a_schedule_in_which_one_row_holds_at_every_time_of_the_run_is_taken(rows: list[dict[str, object]]) -> None:
    form = charged(*rows)
    assert spec(("venues", form["venues"])).venues["alfa"].fees


def test_an_instrument_that_only_marks_needs_no_row() -> None:
    form = changed(("instruments.3.use", "mark"), ("assume_par", ["USDC"]), form=charged(row(None, None, "BTC/USD")))
    assert parse_spec(form).venues["alfa"].fees


def test_rows_for_instruments_that_the_venue_does_not_have_are_refused() -> None:
    assert said(charged(row(), row(None, None, "BTC/USDC"))) == [
        "venues.alfa.fees: alfa has no instrument 'BTC/USDC'; did you mean 'BTC/USD'?",
    ]


@pytest.mark.parametrize(
    ("row", "sentence"),
    [
        ({}, "give either taker_bps or tiers"),
        ({"taker_bps": 1, "tiers": [{"volume": 0, "taker_bps": 1}]}, "give either taker_bps or tiers"),
        ({"tiers": [{"volume": 5, "taker_bps": 1}]}, "the first tier must begin at volume 0, found 5"),
        (
            {"tiers": [{"volume": 0, "taker_bps": 3}, {"volume": 10, "taker_bps": 2}, {"volume": 10, "taker_bps": 1}]},
            "tiers must be written by increasing volume, found 10 after 10",
        ),
        (
            {"tiers": [{"volume": 0, "taker_bps": 3}, {"volume": 10, "taker_bps": 3.5}]},
            "a tier of more volume must not cost more, found 3.5 bps after 3",
        ),
        ({"taker_bps": 1, "start": NOON, "end": NOON}, "start must be before end"),
    ],
)
def test_a_fee_row_has_one_rate_for_every_volume(row: dict[str, object], sentence: str) -> None:
    assert said(charged(row)) == [f"venues.alfa.fees.0: {sentence}"]


def test_a_venue_has_one_fee_or_a_schedule() -> None:
    assert said(changed(("venues.alfa.fees", [row()]))) == ["venues.alfa: give either fee_bps or fees"]
    assert said(changed(("venues.alfa.fee_bps", GONE))) == ["venues.alfa.fee_bps: is required, or a schedule in fees"]
    stray = changed(("venues.alfa.fee_bps", GONE), ("venues.alfa.fees", [row()]), ("venues.alfa.fee_currency", "received"))
    assert said(stray) == ["venues.alfa: fee_currency belongs to fee_bps; rows of fees have charged_in"]


def test_a_venue_whose_instruments_only_mark_needs_no_fee_and_still_its_latencies() -> None:
    far = {"venue": "far", "name": "BTC/USD", "use": "mark", "half_spread_bps": 1, "tick": 1, "lot": 1, "min_notional": 0}
    more = ("instruments", [*FORM["instruments"], far])
    found = spec(more, ("venues.far", {"feed_latency": "1s", "order_latency": "0s"}))
    assert found.fee_rows(next(i for i in found.instruments if i.venue == "far")) == ()
    assert said(changed(more, ("venues.far", {}))) == ["venues.far.feed_latency: is required", "venues.far.order_latency: is required"]


def test_a_venue_without_instruments_is_a_desk_or_bank_with_a_balance_or_a_route() -> None:
    bank = ("venues.bank", {})
    assert said(changed(bank)) == ["venues.bank: has no instrument, no balance and no route: add one or leave the venue out"]
    assert ("bank", "USD") in spec(("venues.bank.balances.USD", 5)).wallets
    assert ("bank", "USDC") in spec(bank, ("routes", [{**ROUTE, "source": "bank"}])).wallets
    assert ("bank", "USDC") in spec(bank, ("routes", [{**ROUTE, "destination": "bank"}])).wallets


def test_an_outage_ends_after_it_began() -> None:
    assert said(changed(("venues.alfa.outages", [{"start": NOON, "end": NOON}]))) == ["venues.alfa.outages.0: start must be before end"]


def test_limits_are_of_quote_currencies_of_the_legs() -> None:
    assert spec(("risk.max_asset", {"USDC": 1})).risk.max_asset == {"USDC": 1}
    assert said(changed(("risk.max_asset", {"USDT": 1}))) == ["risk.max_asset.USDT: no leg is quoted in USDT, only in USD, USDC"]
    assert said(changed(("risk.max_asset", {"BTC": 1}))) == ["risk.max_asset.BTC: no leg is quoted in BTC, only in USD, USDC"]


def test_the_guard_watches_what_the_run_has() -> None:
    assert said(changed(("risk.depeg_guard.currencies", ["USDT"]))) == ["risk.depeg_guard.currencies: USDT is not in this run, which has BTC, USDC"]
    assert said(changed(("risk.depeg_guard.currencies", ["USD"]))) == ["risk.depeg_guard.currencies: USD is the numeraire"]


def test_the_guard_of_a_numeraire_that_is_no_dollar_must_name_its_currencies() -> None:
    euro = [("numeraire", "EUR"), ("assume_par", ["USD", "USDC"]), ("instruments.4.name", "BTC/EUR")]
    assert said(changed(*euro, ("risk.depeg_guard", {}))) == [
        "risk.depeg_guard: stablecoins are not worth one EUR: name the currencies that are, or leave the guard out"
    ]
    assert spec(*euro, ("risk.depeg_guard.currencies", ["USD"])).guarded == ("USD",)
