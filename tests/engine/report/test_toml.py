"""A spec comes back from its TOML as it was."""

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from engine.config import parse_spec_toml
from engine.report.toml import as_toml
from engine.synth import depeg_weekend
from tests.engine.paper import SPEC

PLAIN = st.text() | st.integers(-(2**62), 2**62) | st.booleans() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = PLAIN | st.lists(PLAIN, max_size=3)
TABLES = st.recursive(
    st.dictionaries(st.text(), VALUES, max_size=4),
    lambda inner: st.dictionaries(st.text(), VALUES | inner | st.lists(inner, min_size=1, max_size=2), max_size=4),
    max_leaves=8,
)


@given(TABLES)
def test_any_tables_come_back_as_they_were(form: dict[str, object]) -> None:
    assert tomllib.loads(as_toml(form)) == form


def test_specs_come_back_as_they_were() -> None:
    for spec in (SPEC, parse_spec_toml(depeg_weekend(1).spec_toml)):
        assert parse_spec_toml(as_toml(spec.canonical())) == spec


def test_the_order_of_keys_changes_nothing() -> None:
    assert as_toml({"b": {"d": 1, "c": 2}, "a": 3}) == as_toml({"a": 3, "b": {"c": 2, "d": 1}}) == "a = 3\n\n[b]\nc = 2\nd = 1\n"


def test_what_is_null_is_left_out() -> None:
    assert as_toml({"a": None, "b": {"c": None, "d": 1}}) == "[b]\nd = 1\n"
