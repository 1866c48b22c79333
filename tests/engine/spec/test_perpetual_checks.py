"""What a spec of spot against a perpetual may not say, each with a sentence."""

from typing import Any

import pytest

from engine.config import parse_spec
from engine.errors import SpecError
from tests.engine.futures import basis


def complaints(change: dict[str, Any], *, instruments: dict[int, dict[str, object]] | None = None, **top: Any) -> list[str]:
    """Return what is wrong with the form of a basis after a change of its strategy, of instruments by their place, and of other parts."""
    form = dict(basis().form)
    listed = [{**one, **(instruments or {}).get(n, {})} for n, one in enumerate(form["instruments"])]
    form |= {"strategy": {**form["strategy"], **change}, "instruments": [{k: v for k, v in one.items() if v is not None} for one in listed], **top}
    with pytest.raises(SpecError) as error:
        parse_spec(form)
    return [str(problem) for problem in error.value.problems]


def venues(**changes: dict[str, Any]) -> dict[str, Any]:
    """Return the venues of the form with changes."""
    form = basis().form["venues"]
    return {name: {**venue, **changes.get(name, {})} for name, venue in form.items()}


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"threshold_bps": 5.0, "exit_bps": -5.0}, "threshold_bps + exit_bps is what a round trip brings, after all fees: it must be above 0"),
        ({"stop_bps": 100.0}, "stop_bps must be above threshold_bps: an exit costs more than that from the beginning"),
        ({"size": "fixed", "fixed_notional": "1"}, 'size = "fixed" is not for basis, which exits what it holds'),
        ({"max_hold": "0s"}, "strategy.max_hold"),
        ({"max_hold": "1s"}, "strategy.max_hold: is looked at once a tick: it must not be below clock"),
        ({"exit_bps": 10_000.0}, "strategy.exit_bps"),
        ({"funding_payments": -1}, "strategy.funding_payments"),
        ({"directions": "long"}, "strategy.directions"),
    ],
)
def test_a_strategy_that_cannot_be_meant_is_refused(change: dict[str, Any], sentence: str) -> None:
    (found,) = complaints(change)
    assert sentence in found


def test_with_funding_that_counts_a_round_trip_may_cost_something() -> None:
    assert basis(strategy={"threshold_bps": 5.0, "exit_bps": -20.0, "funding_payments": 9, "stop_bps": 2.0}).spec.perpetual is not None


def test_there_is_one_of_spot_and_one_perpetual() -> None:
    assert complaints({}, instruments={1: {"perpetual": None}}) == [
        'instruments: strategy "basis" trades one perpetual against one of spot, found 0 with perpetual = {…} and 2 without'
    ]
    both = {"perpetual": {"initial_margin_bps": 1000.0, "maintenance_margin_bps": 500.0}}
    assert any("found 2 with perpetual" in sentence for sentence in complaints({}, instruments={0: both}))
    assert any("must have one base currency" in sentence for sentence in complaints({}, instruments={1: {"name": "ETH/USD"}}))


def test_a_perpetual_is_for_basis_alone_and_only_traded() -> None:
    assert complaints({}, strategy={"kind": "spatial", "threshold_bps": 1.0}) == [
        'instruments: bravo BTC/USD is a perpetual, which only strategy "basis" trades: leave it out, or trade it against spot'
    ]
    assert any('so its use must be "trade"' in sentence for sentence in complaints({}, instruments={1: {"use": "mark"}}))


def test_its_price_marks_nothing() -> None:
    found = complaints({}, instruments={0: {"name": "BTC/EUR"}}, venues=venues(alfa={"balances": {"EUR": "1"}}))
    assert any("nothing marks BTC" in sentence for sentence in found)


def test_margins_are_told_and_in_order() -> None:
    (found,) = complaints({}, instruments={1: {"perpetual": {"initial_margin_bps": 500.0, "maintenance_margin_bps": 500.0}}})
    assert "maintenance_margin_bps must be below initial_margin_bps: a position would be closed as it is opened" in found
    assert complaints({}, instruments={1: {"perpetual": {"initial_margin_bps": 500.0}}}) == [
        "instruments.1.perpetual.maintenance_margin_bps: is required"
    ]


@pytest.mark.parametrize("charged", ["received", "USD"])
def test_its_fee_is_charged_in_its_margin_currency_or_an_asset(charged: str) -> None:
    sentence = 'bravo BTC/USD is a perpetual, which is charged in its margin currency: "quote", or an asset beside it'
    assert complaints({}, venues=venues(bravo={"fee_currency": charged})) == [f"venues.bravo.fee_currency: {sentence}"]
    rows = {"fee_bps": None, "fees": [{"taker_bps": 1.0, "charged_in": charged}]}
    places = {name: {k: v for k, v in venue.items() if v is not None} for name, venue in venues(bravo=rows).items()}
    assert complaints({}, venues=places) == [f"venues.bravo.fees: {sentence}"]


def test_both_ways_needs_spot_to_sell() -> None:
    assert complaints({"directions": "both"}, venues=venues(alfa={"balances": {"USD": "1"}})) == [
        'strategy.directions: "both" sells spot from the wallet, and there is no BTC at alfa: give a balance, or leave it at "short"'
    ]


def test_a_limit_on_an_asset_has_no_meaning() -> None:
    (found,) = complaints({}, risk={"max_asset": {"USD": "1"}})
    assert found.startswith('risk.max_asset.USD: has no meaning with strategy "basis"')


def test_what_is_no_perpetual_reads_and_hashes_as_before() -> None:
    spot, future = basis().spec.legs
    assert "perpetual" not in spot.model_dump(mode="json")
    assert future.model_dump(mode="json")["perpetual"] == {"initial_margin_bps": 1000.0, "maintenance_margin_bps": 500.0}
