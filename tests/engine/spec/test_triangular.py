"""Cycles that a spec asks for: which there are, and which of those that are listed are none."""

import pytest

from engine.config import Spec, json_schema, parse_spec
from engine.schema import SeriesKey
from engine.strategies.combination import BUY, SELL, Step
from engine.strategies.registry import STRATEGIES
from engine.strategies.triangular import Triangular
from tests.engine.spec.forms import FORM, changed, said

CYCLES: list[tuple[str, object]] = [
    ("strategy", {"kind": "triangular", "start": "USD", "threshold_bps": 5}),
    ("instruments.1.venue", "alfa"),
    ("instruments.3.use", "trade"),
]
"""Changes of the form: alfa trades BTC/USD, BTC/USDC and USDC/USD, charlie trades BTC/USD, bravo marks USDC/USD."""

BTC_USD, BTC_USDC, USDC_USD, ELSEWHERE = range(4)
FORTH = (Step(BTC_USD, BUY), Step(BTC_USDC, SELL), Step(USDC_USD, SELL))
BACK = (Step(USDC_USD, BUY), Step(BTC_USDC, BUY), Step(BTC_USD, SELL))


def form(*changes: tuple[str, object]) -> dict[str, object]:
    """Return the form of cycles with values put at dotted paths."""
    return changed(*CYCLES, *changes)


def spec(*changes: tuple[str, object]) -> Spec:
    """Return the spec of that form."""
    return parse_spec(form(*changes))


def listed(*names: str) -> tuple[str, object]:
    """Return the change that lists one cycle."""
    return "strategy.cycles", [list(names)]


# ---- which there are ----


def test_without_a_list_the_cycles_are_all_of_three_steps_within_a_venue() -> None:
    assert [leg.key for leg in spec().legs] == [
        *(SeriesKey("alfa", name) for name in ("BTC/USD", "BTC/USDC", "USDC/USD")),
        SeriesKey("charlie", "BTC/USD"),
    ]
    assert spec().combinations == (FORTH, BACK)
    # from USDC: coins for USDC, dollars for these; and the other way round
    assert spec(("strategy.start", "USDC")).combinations == (
        (Step(BTC_USDC, BUY), Step(BTC_USD, SELL), Step(USDC_USD, BUY)),
        (Step(USDC_USD, SELL), Step(BTC_USD, BUY), Step(BTC_USDC, SELL)),
    )


def test_over_all_venues_a_step_may_be_anywhere() -> None:
    there = (Step(ELSEWHERE, BUY), Step(BTC_USDC, SELL), Step(USDC_USD, SELL))
    back = (Step(USDC_USD, BUY), Step(BTC_USDC, BUY), Step(ELSEWHERE, SELL))
    assert spec(("strategy.venues", "all")).combinations == (FORTH, BACK, back, there)


def test_listed_cycles_are_all_that_there_are_each_once_in_the_order_of_their_steps() -> None:
    forth = ["alfa BTC/USD", "alfa BTC/USDC", "alfa USDC/USD"]
    pair = ["charlie BTC/USD", "alfa BTC/USD"]
    found = spec(("strategy.cycles", [pair, forth, pair]))
    assert found.combinations == (FORTH, (Step(ELSEWHERE, BUY), Step(BTC_USD, SELL)))
    assert found.combination_labels == [
        "buy alfa BTC/USD, sell alfa BTC/USDC, sell alfa USDC/USD",
        "buy charlie BTC/USD, sell alfa BTC/USD",
    ]


def test_cycles_have_no_one_base_and_are_compared_in_what_they_begin_with() -> None:
    assert spec().base is None
    assert spec().comparison_currency == "USD"
    assert spec(("strategy.start", "BTC")).comparison_currency == "BTC"
    assert parse_spec(FORM).base == "BTC"


def test_cycles_need_nothing_that_converts() -> None:
    # a pair of USD and USDC would need an instrument that does; lots need no common multiple
    assert spec(("instruments.3.use", "mark"), listed("alfa BTC/USD", "charlie BTC/USD")).combinations
    assert spec(("instruments.0.lot", "99999.99999999"), ("instruments.1.lot", "99999.99999998")).combinations


# ---- which are none ----

FORMED = ("alfa BTC/USD", "alfa BTC/USDC", "alfa USDC/USD")


@pytest.mark.parametrize(
    ("names", "complaint"),
    [
        (("alfa BTC/USD", "alfa BTC/USDC"), "does not close: it begins with USD and ends with USDC"),
        (("alfa BTC/USD", "alfa USDC/USD"), "has BTC when it comes to alfa USDC/USD"),
        (("alfa BTC/USDC", "alfa BTC/USD"), "has USD when it comes to alfa BTC/USDC"),
        (("alfa BTC/USD", "alfa BTC/USD"), "goes back over the instrument that it came by"),
        (("alfa BTC/USD", "charlie BTC/USD", "alfa USDC/USD", "bravo USDC/USD"), None),
        (("alfa BTC/USD", "alfa BTC/USDC", "alfa BTC/USDC", "charlie BTC/USD"), "comes to BTC twice"),
        (("alfa BTC/USD", "charlie BTC/USD", "alfa BTC/USD", "charlie BTC/USD"), "comes to USD twice"),
        (("alfa BTC/USD", "kraken BTC/USD"), None),
        (("BTC/USD", "charlie BTC/USD"), None),
    ],
)
def test_a_listed_cycle_that_is_none_is_refused_with_the_reason(names: tuple[str, ...], complaint: str | None) -> None:
    unknown = next((name for name in names if name not in {*FORMED, "charlie BTC/USD"}), None)
    there = "alfa BTC/USD, alfa BTC/USDC, alfa USDC/USD, charlie BTC/USD"
    expected = complaint or f'{unknown!r} is no instrument with use = "trade"; there are {there}'
    assert said(form(listed(*names))) == [f"strategy.cycles: {', '.join(names)}: {expected}"]


def test_every_cycle_that_is_none_is_named() -> None:
    open_ended, back_again = ["alfa BTC/USD", "alfa BTC/USDC"], ["alfa USDC/USD", "alfa USDC/USD"]
    assert [line.split(": ")[:2] for line in said(form(("strategy.cycles", [back_again, list(FORMED), open_ended])))] == [
        ["strategy.cycles", "alfa BTC/USD, alfa BTC/USDC"],
        ["strategy.cycles", "alfa USDC/USD, alfa USDC/USD"],
    ]


def test_a_cycle_has_two_to_eight_steps() -> None:
    assert said(form(listed("alfa BTC/USD"))) == [
        "strategy.cycles.0: Tuple should have at least 2 items after validation, not 1, found ['alfa BTC/USD']"
    ]
    assert said(form(listed(*["alfa BTC/USD"] * 9)))[0].startswith("strategy.cycles.0: Tuple should have at most 8 items after validation, not 9")


@pytest.mark.parametrize(("venues", "where"), [("one", "within a venue"), ("all", "over all venues")])
def test_where_nothing_leads_back_that_is_said(venues: str, where: str) -> None:
    # what is traded for USDC is taken away
    changes = (("instruments.1.use", "mark"), ("strategy.venues", venues))
    assert said(form(*changes)) == [f"strategy: no three instruments lead from USD back to it {where}: list cycles, or add instruments"]
    assert spec(("instruments.1.use", "mark"), listed("alfa BTC/USD", "charlie BTC/USD")).combinations


def test_a_start_that_nothing_trades_has_no_cycle() -> None:
    assert said(form(("strategy.start", "EUR"))) == [
        "strategy: no three instruments lead from EUR back to it within a venue: list cycles, or add instruments"
    ]


# ---- what does not go together ----


def test_a_sequence_stays_at_one_venue() -> None:
    sequence = [("strategy.send", "sequence"), ("execution", {"residual": "carry"})]
    assert spec(*sequence).combinations == (FORTH, BACK)
    assert spec(*sequence, listed(*FORMED)).combinations == (FORTH,)
    assert said(form(*sequence, listed("alfa BTC/USD", "charlie BTC/USD"))) == [
        (
            "strategy.cycles: alfa BTC/USD, charlie BTC/USD: "
            'goes over several venues, and nothing moves money between its steps: with send = "sequence" it must stay at one'
        )
    ]
    assert said(form(*sequence, ("strategy.venues", "all"))) == [
        'strategy: venues = "all" and send = "sequence" exclude each other: nothing moves money between the steps'
    ]


def test_a_sequence_does_not_unwind() -> None:
    message = 'execution.residual: must be "hedge" or "carry" with send = "sequence": what a step has left is no use where it came from'
    assert said(form(("strategy.send", "sequence"))) == [message]
    assert spec(("strategy.send", "sequence"), ("execution", {"residual": "hedge"})).combinations
    assert spec(("execution", {"residual": "unwind"})).combinations


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ({"size": "fixed"}, 'size = "fixed" and fixed_notional go together: give both or neither'),
        ({"fixed_notional": 5}, 'size = "fixed" and fixed_notional go together: give both or neither'),
        ({"size": "fixed", "fixed_notional": 5, "max_notional": 5}, 'max_notional has no meaning with size = "fixed": leave it out'),
        ({"venues": "all", "cycles": [list(FORMED)]}, 'venues = "all" belongs to cycles that are not listed: leave it out, or cycles'),
    ],
)
def test_parameters_that_exclude_each_other_are_refused(changes: dict[str, object], sentence: str) -> None:
    assert said(form(*((f"strategy.{key}", value) for key, value in changes.items()))) == [f"strategy: {sentence}"]


@pytest.mark.parametrize(
    ("key", "value", "sentence"),
    [
        ("start", "usd", "expected 2 to 12 capital letters or digits, found 'usd'"),
        ("venues", "two", "Input should be 'one' or 'all', found 'two'"),
        ("send", "later", "Input should be 'together' or 'sequence', found 'later'"),
        ("threshold_bps", 10_000, "Input should be less than 10000, found 10000"),
        ("max_notional", 0, "Input should be greater than 0, found 0"),
        ("strat", "USD", "unknown key; did you mean 'start'?"),
    ],
)
def test_parameters_of_cycles_are_refused_where_they_stand(key: str, value: object, sentence: str) -> None:
    assert said(form((f"strategy.{key}", value))) == [f"strategy.{key}: {sentence}"]


def test_what_pairs_know_cycles_may_not() -> None:
    assert said(changed(("strategy.start", "USD"))) == [
        "strategy.start: unknown key; known: cool_down, fixed_notional, kind, max_notional, size, threshold_bps"
    ]


def test_a_start_has_no_limit_of_what_is_held_on_the_way() -> None:
    assert spec(("risk", {"max_asset": {"BTC": 5, "USDC": 5}})).risk.max_asset.keys() == {"BTC", "USDC"}
    assert said(form(("risk", {"max_asset": {"USD": 5}}))) == ["risk.max_asset.USD: no cycle passes through USD, only BTC, USDC"]


def test_the_json_schema_tells_strategies_apart_by_their_kind() -> None:
    schema = json_schema()
    assert isinstance(schema["properties"], dict)
    strategy = schema["properties"]["strategy"]
    assert strategy["discriminator"]["mapping"] == {kind: f"#/$defs/{table.__name__}" for kind, table in STRATEGIES.items()}
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    assert set(definitions["Triangular"]["properties"]) == set(Triangular.model_fields)
    assert definitions["Triangular"]["required"] == ["kind", "threshold_bps", "start"]


def test_cycles_survive_their_canonical_form() -> None:
    found = spec(listed(*FORMED), ("strategy.max_notional", 500))
    again = parse_spec(found.canonical())
    assert again == found
    assert (again.strategy, again.combinations) == (found.strategy, found.combinations)
    both = [list(FORMED), ["charlie BTC/USD", "alfa BTC/USD"]]
    assert spec(("strategy.cycles", both)).hash() == spec(("strategy.cycles", both[::-1])).hash()
    assert spec(("strategy.venues", "all")).hash() != spec().hash() != spec(("strategy.start", "USDC")).hash()
