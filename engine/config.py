"""The spec of a backtest: what a user writes in TOML, validated into frozen values, and back into one canonical form."""

import tomllib
from collections.abc import Mapping

from pydantic import ValidationError

from engine.errors import Problem, SpecError
from engine.hours import Hours
from engine.migrate_spec import migrate
from engine.spec.checks import contradictions
from engine.spec.execution import Demands, Execution, QualityRules
from engine.spec.fees import FOREVER_US, FeeRow, FeeSpan, Tier
from engine.spec.funds import Rebalance, Route, Suspension, Target
from engine.spec.problems import problems
from engine.spec.risk import Guard, Risk
from engine.spec.spec import LASTING_US, QUOTE_MAX_AGE_US, Spec
from engine.spec.venues import POOLS, DataKind, Instrument, Venue, Window
from engine.units import Currency, Instant

__all__ = [
    "FOREVER_US",
    "LASTING_US",
    "MARK_MAX_AGE_US",
    "POOLS",
    "QUOTE_MAX_AGE_US",
    "Currency",
    "DataKind",
    "Demands",
    "Execution",
    "FeeRow",
    "FeeSpan",
    "Guard",
    "Hours",
    "Instant",
    "Instrument",
    "QualityRules",
    "Rebalance",
    "Risk",
    "Route",
    "Spec",
    "Suspension",
    "Target",
    "Tier",
    "Venue",
    "Window",
    "json_schema",
    "parse_spec",
    "parse_spec_toml",
]

MARK_MAX_AGE_US = 300_000_000
"""A mark's source is fresh for five minutes after its event."""


def parse_spec(form: Mapping[str, object]) -> Spec:
    """Return the spec of a parsed TOML or JSON document, of this version or an earlier one; SpecError lists every problem found."""
    present, notes = migrate(form)
    try:
        spec = Spec.model_validate(present, context=notes)
    except ValidationError as error:
        raise SpecError([p for e in error.errors() for p in problems(e)]) from None
    found = contradictions(spec)
    if found:
        raise SpecError(found)
    return spec


def parse_spec_toml(text: str) -> Spec:
    """Return the spec of a TOML document; SpecError names the line where it is no TOML."""
    try:
        form = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise SpecError([Problem(path="", message=f"this is not TOML: {error}")]) from None
    return parse_spec(form)


def json_schema() -> dict[str, object]:
    """Return the JSON Schema of a spec."""
    return Spec.model_json_schema()
