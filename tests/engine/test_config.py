"""Specs: how they are read, what is refused of each value and how that is said, and the one canonical form."""

import copy
import hashlib
import json
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import Spec, json_schema, parse_spec, parse_spec_toml
from engine.errors import SpecError
from engine.strategies.registry import STRATEGIES
from tests.engine.spec.forms import FORM, GONE, changed, on_quotes, rich, said, spec
from tests.strategies import World, worlds

KINDS = ", ".join(sorted(STRATEGIES))


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("strt", "did you mean 'start'?"),
        ("strategy.treshold_bps", "did you mean 'threshold_bps'?"),
        ("execution.fill_prise", "did you mean 'fill_price'?"),
        ("venues.alfa.fee_bsp", "did you mean 'fee_bps'?"),
        ("instruments.0.half_spred_bps", "did you mean 'half_spread_bps'?"),
        ("venues.charlie.fees.0.takr_bps", "did you mean 'taker_bps'?"),
        ("venues.charlie.fees.0.tiers.1.volumes", "did you mean 'volume'?"),
        ("venues.charlie.outages.0.begin", "known: end, start"),
        ("risk.max_residal", "did you mean 'max_residual'?"),
        ("risk.depeg_guard.tiks", "did you mean 'ticks'?"),
        ("rebalance.bnd", "did you mean 'band'?"),
        ("rebalance.wallets.0.flor", "did you mean 'floor'?"),
        ("routes.0.hours.close", "did you mean 'closes'?"),
        ("suspensions.0.whta", "did you mean 'what'?"),
        ("quality.zzz", "known: demands, wick_bps"),
        ("execution.zzz", "known: fill_price, max_wait, residual, residual_bps, take_share, tolerance_bps, volume_share"),
    ],
)
def test_a_key_that_is_not_known_is_refused_with_the_one_that_was_meant(path: str, meant: str) -> None:
    assert said(changed((path, 1), form=rich())) == [f"{path}: unknown key; {meant}"]


@pytest.mark.parametrize("name", ["fees", "start", "balances"])
def test_a_venue_may_be_called_what_a_key_is_called(name: str) -> None:
    venue = {"balances": {"USD": 1}}
    assert spec((f"venues.{name}", venue)).venues[name].balances == {"USD": 1}
    assert said(changed((f"venues.{name}", {**venue, "fee_bsp": 3}))) == [f"venues.{name}.fee_bsp: unknown key; did you mean 'fee_bps'?"]


@pytest.mark.parametrize(
    "path",
    ["name", "start", "end", "strategy", "venues", "instruments", "strategy.kind", "strategy.threshold_bps"]
    + [f"instruments.2.{key}" for key in ("venue", "name", "tick", "lot", "min_notional")]
    + [f"routes.1.{key}" for key in ("name", "currency", "source", "destination", "delay")]
    + [f"routes.0.hours.{key}" for key in ("days", "opens", "closes")]
    + [f"suspensions.1.{key}" for key in ("venue", "currency", "what", "start", "end")]
    + ["rebalance.policy", "rebalance.wallets", "rebalance.wallets.0.venue", "rebalance.wallets.0.currency"]
    + ["venues.charlie.outages.0.start", "venues.charlie.fees.0.tiers.0.taker_bps"],
)
def test_what_has_no_default_is_required(path: str) -> None:
    kinds = f": {KINDS}" if path == "strategy.kind" else ""
    assert said(changed((path, GONE), form=rich())) == [f"{path}: is required{kinds}"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("venues.alfa.fee_bps", 10_000, "Input should be less than 10000, found 10000"),
        ("venues.alfa.fee_bps", -1, "Input should be greater than or equal to 0, found -1"),
        ("venues.alfa.fee_bps", float("nan"), "Input should be a finite number, found nan"),
        ("venues.alfa.fee_currency", "bnb", 'expected "quote", "received" or a currency such as "BNB", found \'bnb\''),
        ("venues.alfa.feed_latency", 40, 'expected a duration such as "50ms", "10s", "1m" or "2h", found 40'),
        ("venues.alfa.feed_latency", "-40ms", 'expected a duration of 0 or more such as "50ms", "10s", "1m" or "2h", found \'-40ms\''),
        ("venues.alfa.order_latency", "1 minute", 'expected a duration such as "50ms", "10s", "1m" or "2h", found \'1 minute\''),
        ("venues.alfa.clock_offset", "--1s", 'expected a duration of 0 or more such as "50ms", "10s", "1m" or "2h", found \'-1s\''),
        ("venues.alfa.volume_30d", -1, "Input should be greater than or equal to 0, found -1"),
        ("venues.alfa.balances.USD", "0.123456789", "expected at most 8 decimal places, found 0.123456789"),
        ("venues.alfa.balances.USD", -1, "Input should be greater than or equal to 0, found -1"),
        ("venues.alfa.balances.USD", "1e30", "expected at most 1e10 units, found 1e30"),
        ("instruments.0.tick", 0, "Input should be greater than 0, found 0"),
        ("instruments.0.lot", "0.000000001", "expected at most 8 decimal places, found 0.000000001"),
        ("instruments.0.min_notional", "many", "expected a number, found 'many'"),
        ("instruments.0.use", "hold", "Input should be 'trade', 'convert' or 'mark', found 'hold'"),
        ("instruments.0.data", "trades", "Input should be 'bars', 'quotes', 'quote_bars', 'pool' or 'pool_bars', found 'trades'"),
        ("instruments.0.name", "btc-usd", "expected BASE/QUOTE in capitals, such as \"BTC/USDC\", found 'btc-usd'"),
        ("start", "2023-03-11T00:00:00", "Input should have timezone info, found '2023-03-11T00:00:00'"),
        ("start", 20230311, "expected a time such as 2023-03-11T00:00:00Z, found 20230311"),
        ("start", "1678492800", "expected a time such as 2023-03-11T00:00:00Z, found '1678492800'"),
        ("start", "1969-12-31T00:00:00Z", "expected a time from 1970 to 2199, found 1969-12-31 00:00:00+00:00"),
        ("end", "2200-01-01T00:00:00Z", "expected a time from 1970 to 2199, found 2200-01-01 00:00:00+00:00"),
        ("strategy.kind", "magic", f"there is no strategy 'magic'; known: {KINDS}"),
        ("strategy.kind", "spacial", "there is no strategy 'spacial'; did you mean 'spatial'?"),
        ("strategy.threshold_bps", 10_000, "Input should be less than 10000, found 10000"),
        ("strategy.threshold_bps", -10_000, "Input should be greater than -10000, found -10000"),
        ("strategy.max_notional", 0, "Input should be greater than 0, found 0"),
        ("execution.volume_share", 0, "Input should be greater than 0, found 0"),
        ("execution.volume_share", 1.01, "Input should be less than or equal to 1, found 1.01"),
        ("execution.take_share", 0, "Input should be greater than 0, found 0"),
        ("execution.take_share", 1.01, "Input should be less than or equal to 1, found 1.01"),
        ("execution.tolerance_bps", 10_000, "Input should be less than 10000, found 10000"),
        ("execution.residual_bps", -1, "Input should be greater than or equal to 0, found -1"),
        ("execution.residual", "keep", "Input should be 'unwind', 'hedge' or 'carry', found 'keep'"),
        ("execution.fill_price", "close", "Input should be 'open' or 'worst', found 'close'"),
        ("risk.max_gross_edge_bps", 0, "Input should be greater than 0, found 0"),
        ("risk.max_residual", 0, "Input should be greater than 0, found 0"),
        ("risk.max_venue_open", 0, "Input should be greater than 0, found 0"),
        ("risk.max_in_flight", -5, "Input should be greater than 0, found -5"),
        ("risk.max_drawdown", 0, "Input should be greater than 0, found 0"),
        ("risk.max_asset.USD", 0, "Input should be greater than 0, found 0"),
        ("risk.max_misses", 0, "Input should be greater than or equal to 1, found 0"),
        ("risk.max_misses", 1.5, "Input should be a valid integer, got a number with a fractional part, found 1.5"),
        ("risk.depeg_guard", {"off_par_bps": 0}, "Input should be greater than 0, found 0"),
        ("risk.depeg_guard", {"ticks": 0}, "Input should be greater than or equal to 1, found 0"),
        ("risk.depeg_guard", {"action": "stop"}, "Input should be 'halt' or 'go_on', found 'stop'"),
        ("risk.depeg_guard", {"currencies": []}, "Tuple should have at least 1 item after validation, not 0, found []"),
        ("quality.wick_bps", 0, "Input should be greater than 0, found 0"),
        ("numeraire", "usd", "expected 2 to 12 capital letters or digits, found 'usd'"),
        ("name", "", "expected one line of 1 to 200 characters, found ''"),
        ("name", "a\x00b", r"expected one line of 1 to 200 characters, found 'a\x00b'"),
        ("name", "n" * 201, f"expected one line of 1 to 200 characters, found '{'n' * 201}'"),
        ("venues", {}, "Dictionary should have at least 1 item after validation, not 0, found {}"),
        ("instruments", [], "Tuple should have at least 1 item after validation, not 0, found []"),
    ],
)
def test_a_value_out_of_its_range_is_refused_where_it_stands(path: str, value: object, problem: str) -> None:
    inner = f".{next(iter(value))}" if isinstance(value, dict) and value else ""
    assert said(changed((path, value))) == [f"{path}{inner}: {problem}"]


@pytest.mark.parametrize(("path", "table"), [("venues.alfa.fee_bps", "venues.alfa: "), ("risk.max_misses", "risk: "), ("clock", "")])
def test_true_and_false_are_no_numbers(path: str, table: str) -> None:
    assert said(changed((path, True))) == [f"{table}{path.rpartition('.')[2]} is true, but nothing in a spec is true or false"]
    assert said(changed((path, False))) == [f"{table}{path.rpartition('.')[2]} is false, but nothing in a spec is true or false"]


def test_names_of_venues_and_currencies_have_one_spelling() -> None:
    assert said(changed(("venues.Alfa", FORM["venues"]["alfa"]))) == [
        "venues.Alfa: expected 1 to 40 lower-case letters, digits, _, . or -, found 'Alfa'"
    ]
    assert said(changed(("venues.alfa.balances.usd", 1))) == ["venues.alfa.balances.usd: expected 2 to 12 capital letters or digits, found 'usd'"]


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        ({"size": "fixed"}, 'strategy: size = "fixed" and fixed_notional go together: give both or neither'),
        ({"fixed_notional": 5}, 'strategy: size = "fixed" and fixed_notional go together: give both or neither'),
        (
            {"size": "fixed", "fixed_notional": 5, "max_notional": 5},
            'strategy: max_notional has no meaning with size = "fixed": leave it out',
        ),
    ],
)
def test_a_fixed_size_and_its_notional_go_together(strategy: dict[str, object], sentence: str) -> None:
    assert said(changed(("strategy", {"kind": "spatial", "threshold_bps": 1, **strategy}))) == [sentence]


def test_all_problems_are_reported_at_once() -> None:
    assert said(changed(("strt", 1), ("strategy.kind", GONE), ("instruments.0.tick", 0))) == [
        f"strategy.kind: is required: {KINDS}",
        "instruments.0.tick: Input should be greater than 0, found 0",
        "strt: unknown key; did you mean 'start'?",
    ]
    empty = {"feed_latency": "0s"}
    assert [line.partition(":")[0] for line in said(changed(("clock", "1500ms"), ("execution.max_wait", "90s"), ("venues.kraken", empty)))] == [
        "clock",
        "execution.max_wait",
        "venues.kraken",
    ]


def test_a_list_whose_only_row_is_wrong_is_not_called_empty() -> None:
    wrong = {"policy": "threshold", "wallets": [{"venue": "alfa", "currency": "usdc", "floor": 1, "target": 2}]}
    assert said(changed(("rebalance", wrong))) == ["rebalance.wallets.0.currency: expected 2 to 12 capital letters or digits, found 'usdc'"]


def test_what_is_no_toml_is_refused_with_its_line() -> None:
    with pytest.raises(SpecError, match=r"^this is not TOML: .*\(at line 2, column 5\)$"):
        parse_spec_toml('name = "a"\nb = = 1\n')


def test_what_is_no_table_is_refused() -> None:
    assert said([1]) == ["Input should be a valid dictionary or instance of Spec, found [1]"]
    assert said(changed(("strategy", 3))) == ["strategy: Input should be a valid dictionary or object to extract fields from, found 3"]


@pytest.mark.parametrize(("fee", "warned"), [(0, False), (0.001, True), (0.0999, True), (0.1, False), (5, False)])
def test_a_fee_that_looks_like_a_fraction_is_warned_of(fee: float, warned: bool) -> None:
    sentence = f"looks like a fraction; fees are in bps, and that fraction is {fee * 1e4:g} bps"
    assert spec(("venues.bravo.fee_bps", fee)).warnings() == ([f"venues.bravo.fee_bps = {fee:g} {sentence}"] if warned else [])
    row, tiers = {"taker_bps": fee}, {"tiers": [{"volume": 0, "taker_bps": 20}, {"volume": 9, "taker_bps": fee}]}
    rows = [{**tiers, "end": "2023-03-12T00:00:00Z"}, {**row, "start": "2023-03-12T00:00:00Z"}]
    places = ["venues.bravo.fees.0.tiers.1.taker_bps", "venues.bravo.fees.1.taker_bps"]
    found = spec(("venues.bravo.fee_bps", GONE), ("venues.bravo.fees", rows)).warnings()
    assert found == ([f"{place} = {fee:g} {sentence}" for place in places] if warned else [])


def test_an_assumed_par_is_warned_of() -> None:
    assert spec(("assume_par", ["USDT", "USDC"])).warnings() == [
        "assume_par: decisions count USDC, USDT as one USD, whatever it is worth; marks do not"
    ]


@settings(max_examples=60)
@given(worlds())
def test_the_canonical_form_parses_back_to_an_equal_spec(world: World) -> None:
    written = json.dumps(world.spec.canonical())
    again = parse_spec(json.loads(written))
    assert again == world.spec
    assert (again.instruments, again.venues, again.risk, again.routes) == (
        world.spec.instruments,
        world.spec.venues,
        world.spec.risk,
        world.spec.routes,
    )
    assert again.hash() == world.spec.hash() == hashlib.sha256(_compact(world.spec)).hexdigest()


@pytest.mark.parametrize("form", [rich(), on_quotes()], ids=["rich", "quotes"])
def test_every_part_of_a_spec_survives_its_canonical_form(form: dict[str, object]) -> None:
    found = parse_spec(form)
    again = parse_spec(json.loads(json.dumps(found.canonical())))
    assert again == found
    assert {name: getattr(again, name) for name in Spec.model_fields} == {name: getattr(found, name) for name in Spec.model_fields}
    assert found.canonical()["version"] == 2


@given(st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_in_which_things_are_written(chance: random.Random) -> None:
    form = {**rich(), "assume_par": ["USDC", "USDT", "USDC"]}
    assert parse_spec(_shuffled(form, chance)).hash() == parse_spec(form).hash()


def _shuffled(value: object, chance: random.Random) -> object:
    # every table and every list, but for the tiers of a fee, which go by volume
    if isinstance(value, dict):
        return {key: value[key] if key == "tiers" else _shuffled(value[key], chance) for key in chance.sample(sorted(value), len(value))}
    if isinstance(value, list):
        return [_shuffled(row, chance) for row in chance.sample(value, len(value))]
    return copy.deepcopy(value)


@pytest.mark.parametrize(
    ("path", "other"),
    [
        ("end", "2023-03-12T23:59:00Z"),
        ("strategy.threshold_bps", 10.5),
        ("venues.alfa.balances.USD", 1),
        ("venues.charlie.fees.0.charged_in", "quote"),
        ("venues.charlie.outages.0.end", "2023-03-12T04:00:00.000001Z"),
        ("routes.0.hours.zone", "Europe/London"),
        ("routes.1.fee", 6),
        ("suspensions.0.what", "deposits"),
        ("rebalance.wallets.0.floor", 99),
        ("risk.depeg_guard.action", "go_on"),
        ("quality.wick_bps", 400),
    ],
)
def test_another_value_has_another_hash(path: str, other: object) -> None:
    assert parse_spec(changed((path, other), form=rich())).hash() != parse_spec(rich()).hash()
    assert parse_spec(changed((path, other), form=rich())) != parse_spec(rich())


def test_one_value_has_one_hash_however_it_is_written() -> None:
    other = spec(("start", "2023-03-11T01:00:00+01:00"), ("interval", "60s"), ("instruments.0.tick", "0.010"), ("clock", "60000ms"))
    assert other.hash() == spec().hash()
    assert hash(other) == hash(spec())


def test_the_json_schema_describes_what_a_spec_holds() -> None:
    schema = json_schema()
    assert isinstance(schema["properties"], dict)
    assert set(schema["properties"]) == set(Spec.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["version", "name", "start", "end", "strategy", "venues", "instruments"]
    definitions = schema["$defs"]
    assert isinstance(definitions, dict)
    assert set(definitions) == {
        *("Demands", "Execution", "FeeRow", "Guard", "Hours", "Instrument", "Perpetual", "QualityRules", "Rebalance", "Redemption", "Risk", "Route"),
        *("Suspension", "Target", "Tier", "Venue", "Window"),
        *(table.__name__ for table in STRATEGIES.values()),
    }


def _compact(found: Spec) -> bytes:
    return json.dumps(found.canonical(), sort_keys=True, separators=(",", ":")).encode()
