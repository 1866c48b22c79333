"""Specs: what is refused and how that is said, and the one canonical form."""

import copy
import hashlib
import json
import random
import tomllib
from importlib.resources import files

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.config import Spec, json_schema, parse_spec, parse_spec_toml
from engine.errors import SpecError
from engine.schema import SeriesKey
from tests.strategies import World, worlds

TOML = (files("engine") / "synth.toml").read_text(encoding="utf-8")
FORM = tomllib.loads(TOML)
GONE = object()
ALPHA_USDC = FORM["instruments"][3]
LOTS = (
    "instruments: no quantity up to 1e10 is a multiple of the lots of both synthetic-alpha BTC/USD (99999.99999999)"
    " and synthetic-beta BTC/USDC (99999.99999998)"
)
NO_INSTRUMENT = {"fee_bps": 1, "feed_latency": "1s", "order_latency": "1s"}


def changed(*changes: tuple[str, object]) -> dict[str, object]:
    """Return the depeg weekend's form with values put at dotted paths, or taken away (GONE)."""
    form = copy.deepcopy(FORM)
    for path, value in changes:
        *way, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        place = form
        for part in way:
            place = place.setdefault(part, {}) if isinstance(place, dict) else place[part]
        if value is GONE:
            del place[last]
        else:
            place[last] = value
    return form


def said(form: object) -> list[str]:
    """Return the sentences with which a form is refused."""
    with pytest.raises(SpecError) as error:
        parse_spec(form)  # type: ignore[arg-type]
    assert str(error.value) == "\n".join(map(str, error.value.problems))
    return [str(problem) for problem in error.value.problems]


@pytest.mark.parametrize(
    ("path", "meant"),
    [
        ("strt", "did you mean 'start'?"),
        ("strategy.treshold_bps", "did you mean 'threshold_bps'?"),
        ("execution.fill_prise", "did you mean 'fill_price'?"),
        ("venues.synthetic-alpha.fee_bsp", "did you mean 'fee_bps'?"),
        ("instruments.0.half_spred_bps", "did you mean 'half_spread_bps'?"),
        ("execution.zzz", "known: fill_price, max_wait, tolerance_bps, volume_share"),
        ("venues.synthetic-alpha.xx", "known: balances, fee_bps, feed_latency, order_latency"),
    ],
)
def test_a_key_that_is_not_known_is_refused_with_the_one_that_was_meant(path: str, meant: str) -> None:
    assert said(changed((path, 1))) == [f"{path}: unknown key; {meant}"]


@pytest.mark.parametrize(
    "path",
    ["name", "start", "end", "interval", "strategy", "venues", "instruments", "strategy.kind", "strategy.threshold_bps"]
    + [f"venues.synthetic-beta.{key}" for key in ("fee_bps", "feed_latency", "order_latency")]
    + [f"instruments.2.{key}" for key in ("venue", "name", "half_spread_bps", "tick", "lot", "min_notional")],
)
def test_what_has_no_default_is_required(path: str) -> None:
    assert said(changed((path, GONE))) == [f"{path}: is required"]


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        ("venues.synthetic-alpha.fee_bps", 10_000, "Input should be less than 10000, found 10000"),
        ("venues.synthetic-alpha.fee_bps", -1, "Input should be greater than or equal to 0, found -1"),
        ("venues.synthetic-alpha.fee_bps", float("nan"), "Input should be a finite number, found nan"),
        ("venues.synthetic-alpha.feed_latency", 40, 'expected a duration such as "50ms", "10s", "1m" or "2h", found 40'),
        ("venues.synthetic-alpha.order_latency", "1 minute", 'expected a duration such as "50ms", "10s", "1m" or "2h", found \'1 minute\''),
        ("venues.synthetic-alpha.balances.USD", "0.123456789", "expected at most 8 decimal places, found 0.123456789"),
        ("venues.synthetic-alpha.balances.USD", -1, "Input should be greater than or equal to 0, found -1"),
        ("venues.synthetic-alpha.balances.USD", "1e30", "expected at most 1e10 units, found 1e30"),
        ("instruments.0.tick", 0, "Input should be greater than 0, found 0"),
        ("instruments.0.lot", "0.000000001", "expected at most 8 decimal places, found 0.000000001"),
        ("instruments.0.min_notional", "many", "expected a number, found 'many'"),
        ("instruments.0.use", "hold", "Input should be 'trade', 'convert' or 'mark', found 'hold'"),
        ("instruments.0.name", "btc-usd", "expected BASE/QUOTE in capitals, such as \"BTC/USDC\", found 'btc-usd'"),
        ("start", "2023-03-11T00:00:00", "Input should have timezone info, found '2023-03-11T00:00:00'"),
        ("strategy.kind", "magic", "Input should be 'spatial', found 'magic'"),
        ("strategy.threshold_bps", 10_000, "Input should be less than 10000, found 10000"),
        ("strategy.threshold_bps", -10_000, "Input should be greater than -10000, found -10000"),
        ("strategy.max_notional", 0, "Input should be greater than 0, found 0"),
        ("execution.volume_share", 0, "Input should be greater than 0, found 0"),
        ("execution.volume_share", 1.01, "Input should be less than or equal to 1, found 1.01"),
        ("execution.tolerance_bps", 10_000, "Input should be less than 10000, found 10000"),
        ("execution.fill_price", "close", "Input should be 'open' or 'worst', found 'close'"),
        ("numeraire", "usd", "expected 2 to 12 capital letters or digits, found 'usd'"),
        ("name", "", "expected one line of 1 to 200 characters, found ''"),
        ("name", "a\x00b", r"expected one line of 1 to 200 characters, found 'a\x00b'"),
        ("name", "n" * 201, f"expected one line of 1 to 200 characters, found '{'n' * 201}'"),
        ("venues", {}, "Dictionary should have at least 1 item after validation, not 0, found {}"),
        ("instruments", [], "Tuple should have at least 1 item after validation, not 0, found []"),
    ],
)
def test_a_value_out_of_its_range_is_refused_where_it_stands(path: str, value: object, problem: str) -> None:
    assert said(changed((path, value))) == [f"{path}: {problem}"]


def test_names_of_venues_and_currencies_have_one_spelling() -> None:
    assert said(changed(("venues.Alpha", FORM["venues"]["synthetic-alpha"]))) == [
        "venues.Alpha: expected 1 to 40 lower-case letters, digits, _, . or -, found 'Alpha'"
    ]
    assert said(changed(("venues.synthetic-alpha.balances.usd", 1))) == [
        "venues.synthetic-alpha.balances.usd: expected 2 to 12 capital letters or digits, found 'usd'"
    ]


@pytest.mark.parametrize(
    ("changes", "sentence"),
    [
        ([("interval", "0s")], "interval and clock must be longer than 0"),
        ([("clock", "0s")], "interval and clock must be longer than 0"),
        ([("clock", "1500ms")], "clock must be a multiple of 1 s that divides 1 h"),
        ([("clock", "2h")], "clock must be a multiple of 1 s that divides 1 h"),
        ([("end", "2023-03-11T00:00:00Z")], "start (2023-03-11T00:00:00Z) must be before end (2023-03-11T00:00:00Z)"),
        ([("end", "2023-03-10T23:00:00Z")], "start (2023-03-11T00:00:00Z) must be before end (2023-03-10T23:00:00Z)"),
        ([("start", "2023-03-11T02:00:30+02:00")], "start (2023-03-11T00:00:30Z) must lie on the clock, a multiple of 60 s"),
        ([("clock", "15m"), ("end", "2023-03-12T00:01:00Z")], "end (2023-03-12T00:01:00Z) must lie on the clock, a multiple of 900 s"),
        ([("execution.max_wait", "90s")], "execution.max_wait must be a multiple of interval"),
        ([("execution.max_wait", "0s")], "execution.max_wait must be a multiple of interval"),
        (
            [("venues.synthetic-beta.feed_latency", "1m")],
            "venues.synthetic-beta.feed_latency must be below the interval: bars of two intervals would meet otherwise",
        ),
        (
            [("instruments.0.venue", "synthetic-alfa")],
            "instruments: synthetic-alfa BTC/USD is at venue 'synthetic-alfa', which [venues] does not have; did you mean 'synthetic-alpha'?",
        ),
        (
            [("instruments.0.venue", "kraken")],
            "instruments: kraken BTC/USD is at venue 'kraken', which [venues] does not have; known: synthetic-alpha, synthetic-beta, synthetic-gamma",
        ),
        ([("instruments.3.name", "USD/USD")], "instruments: synthetic-alpha USD/USD has one currency on both sides"),
        ([("instruments.4", ALPHA_USDC)], "instruments: synthetic-alpha USDC/USD is there twice"),
        ([("venues.kraken", NO_INSTRUMENT)], "venues.kraken has no instrument: add one or leave the venue out"),
        ([("instruments.2.name", "ETH/USD")], 'instruments: those with use = "trade" must have one base currency, found BTC, ETH'),
        (
            [("instruments.0.use", "mark"), ("instruments.1.use", "mark")],
            'instruments: at least two with use = "trade" are needed',
        ),
        (
            [("instruments.3.use", "mark"), ("instruments.4.use", "mark")],
            'instruments: USDC is a quote currency beside USD; add an instrument USDC/USD with use = "convert", or name it in assume_par',
        ),
        (
            [("instruments.0.lot", "99999.99999999"), ("instruments.1.lot", "99999.99999998")],
            LOTS,
        ),
    ],
)
def test_parts_that_contradict_each_other_are_refused(changes: list[tuple[str, object]], sentence: str) -> None:
    assert said(changed(*changes)) == [sentence]


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
        "strategy.kind: is required",
        "instruments.0.tick: Input should be greater than 0, found 0",
        "strt: unknown key; did you mean 'start'?",
    ]
    assert len(said(changed(("clock", "1500ms"), ("execution.max_wait", "90s"), ("venues.kraken", NO_INSTRUMENT)))) >= 3


def test_what_is_no_toml_is_refused_with_its_line() -> None:
    with pytest.raises(SpecError, match=r"^this is not TOML: .*\(at line 2, column 5\)$"):
        parse_spec_toml('name = "a"\nb = = 1\n')


def test_what_is_no_table_is_refused() -> None:
    assert said([1]) == ["Input should be a valid dictionary or instance of Spec, found [1]"]
    assert said(changed(("strategy", 3))) == ["strategy: Input should be a valid dictionary or instance of Spatial, found 3"]


def test_a_spec_knows_its_parts() -> None:
    found = parse_spec_toml(TOML)
    btc, usdc = [("synthetic-alpha", "BTC/USD"), ("synthetic-beta", "BTC/USDC"), ("synthetic-gamma", "BTC/USD")], "USDC/USD"
    assert [leg.key for leg in found.legs] == btc
    assert list(found.series) == [btc[0], ("synthetic-alpha", usdc), btc[1], ("synthetic-beta", usdc), btc[2]]
    assert (found.base, found.comparison_currency, found.currencies) == ("BTC", "USD", ("BTC", "USD", "USDC"))
    assert parse_spec(changed(("venues.synthetic-gamma.balances.USDT", 1))).currencies == ("BTC", "USD", "USDC", "USDT")
    assert found.feed_latency_us == 80_000
    assert found.max_wait_us == 60_000_000
    assert parse_spec(changed(("execution.max_wait", "3m"))).max_wait_us == 180_000_000


def test_edges_are_measured_in_the_one_quote_currency_of_the_legs_or_in_the_numeraire() -> None:
    all_usdc = [("instruments.0.name", "BTC/USDC"), ("instruments.2.name", "BTC/USDC")]
    assert parse_spec(changed(*all_usdc)).comparison_currency == "USDC"
    assert parse_spec(changed(("numeraire", "USDC"))).comparison_currency == "USDC"
    assert parse_spec(changed(("instruments.3.use", "mark"), ("instruments.4.use", "mark"), ("assume_par", ["USDC"]))).comparison_currency == "USD"


@pytest.mark.parametrize(("fee", "warned"), [(0, False), (0.001, True), (0.0999, True), (0.1, False), (5, False)])
def test_a_fee_that_looks_like_a_fraction_is_warned_of(fee: float, warned: bool) -> None:
    found = parse_spec(changed(("venues.synthetic-beta.fee_bps", fee))).warnings()
    sentence = f"venues.synthetic-beta.fee_bps = {fee:g} looks like a fraction; fees are in bps, and that fraction is {fee * 1e4:g} bps"
    assert found == ([sentence] if warned else [])


def test_an_assumed_par_is_warned_of() -> None:
    assert parse_spec(changed(("assume_par", ["USDT", "USDC"]))).warnings() == [
        "assume_par: decisions count USDC, USDT as one USD, whatever it is worth; marks do not"
    ]


@settings(max_examples=60)
@given(worlds(most_bars=5))
def test_the_canonical_form_parses_back_to_an_equal_spec(world: World) -> None:
    written = json.dumps(world.spec.canonical())
    again = parse_spec(json.loads(written))
    assert again == world.spec
    assert again.hash() == world.spec.hash() == hashlib.sha256(_compact(world.spec)).hexdigest()


@given(st.randoms(use_true_random=False))
def test_the_hash_does_not_depend_on_the_order_in_which_things_are_written(chance: random.Random) -> None:
    form = changed(("assume_par", ["USDC", "USDT", "USDC"]))
    shuffled = {key: form[key] for key in chance.sample(sorted(form), len(form))}
    instruments, venues = FORM["instruments"], FORM["venues"]
    shuffled["instruments"] = chance.sample(instruments, len(instruments))
    shuffled["venues"] = {name: venues[name] for name in chance.sample(sorted(venues), len(venues))}
    shuffled["assume_par"] = chance.sample(["USDC", "USDT"], 2)
    assert parse_spec(shuffled).hash() == parse_spec(form).hash()


@pytest.mark.parametrize(
    ("path", "other"), [("end", "2023-03-12T23:59:00Z"), ("strategy.threshold_bps", 10.5), ("venues.synthetic-alpha.balances.USD", 1)]
)
def test_another_value_has_another_hash(path: str, other: object) -> None:
    assert parse_spec(changed((path, other))).hash() != parse_spec(FORM).hash()


def test_one_value_has_one_hash_however_it_is_written() -> None:
    other = changed(("start", "2023-03-11T01:00:00+01:00"), ("interval", "60s"), ("instruments.0.tick", "0.010"), ("clock", "60000ms"))
    assert parse_spec(other).hash() == parse_spec(FORM).hash()


def test_the_json_schema_describes_what_a_spec_holds() -> None:
    schema = json_schema()
    assert isinstance(schema["properties"], dict)
    assert set(schema["properties"]) == set(Spec.model_fields)
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["name", "start", "end", "interval", "strategy", "venues", "instruments"]


def test_a_series_key_is_that_of_its_instrument() -> None:
    assert parse_spec(FORM).instruments[0].key == SeriesKey("synthetic-alpha", "BTC/USD")


def _compact(spec: Spec) -> bytes:
    return json.dumps(spec.canonical(), sort_keys=True, separators=(",", ":")).encode()
