"""Specs of version 1 keep what they meant; of other versions, they are refused."""

import json

import pytest

from engine.config import parse_spec
from engine.migrate_spec import migrate
from tests.engine.spec.forms import FORM, GONE, changed, said

CARRIED = 'execution.residual = "carry" was set, as in version 1: what unequal legs leave stays in the wallets; write version = 2 and choose'
UNALARMED = "risk.max_gross_edge_bps = 1000000 was set, as in version 1: no edge is too large to be traded; write version = 2 and choose"
UNBLOCKED = "quality.wick_bps = 1000000 was set, as in version 1: no wick blocks a bar; write version = 2 and choose"


@pytest.mark.parametrize("version", [GONE, 1])
def test_a_spec_of_version_1_keeps_its_meaning_and_says_what_was_set(version: object) -> None:
    found = parse_spec(changed(("version", version)))
    assert found.version == 2
    assert (found.execution.residual, found.risk.max_gross_edge_bps, found.quality.wick_bps) == ("carry", 1_000_000, 1_000_000)
    assert found.warnings() == [CARRIED, UNALARMED, UNBLOCKED]
    assert found.doubts() == []


def test_a_migrated_spec_is_the_spec_of_version_2_that_says_the_same() -> None:
    said_so = changed(("execution.residual", "carry"), ("risk.max_gross_edge_bps", 1_000_000), ("quality.wick_bps", 1_000_000))
    migrated = parse_spec(changed(("version", GONE)))
    assert migrated == parse_spec(said_so)
    assert migrated.hash() == parse_spec(said_so).hash()
    again = parse_spec(json.loads(json.dumps(migrated.canonical())))
    assert (again, again.warnings()) == (migrated, [])


def test_a_copy_of_a_migrated_spec_still_says_what_was_set() -> None:
    found = parse_spec(changed(("version", GONE)))
    assert found.model_copy(update={"name": "other"}).warnings() == found.warnings()


def test_what_a_spec_without_version_says_of_its_own_is_kept() -> None:
    found = parse_spec(changed(("version", GONE), ("execution", {"residual": "hedge", "tolerance_bps": 3}), ("quality.wick_bps", 400)))
    assert (found.execution.residual, found.execution.tolerance_bps, found.quality.wick_bps) == ("hedge", 3, 400)
    assert found.warnings() == [UNALARMED]


def test_a_form_is_not_changed_by_its_migration() -> None:
    form = changed(("version", GONE), ("execution", {"tolerance_bps": 3}))
    before = json.dumps(form, default=str)
    parse_spec(form)
    assert json.dumps(form, default=str) == before


def test_a_spec_of_version_2_is_left_alone() -> None:
    assert migrate(FORM) == (FORM, [])
    assert parse_spec(FORM).warnings() == []


@pytest.mark.parametrize("version", [0, 3, "2", "1", None, True, 2.0, [2]])
def test_any_other_version_is_refused_with_those_that_are_known(version: object) -> None:
    assert said(changed(("version", version))) == [f"version: expected 1 or 2, found {version!r}; this engine knows no other"]


def test_what_is_wrong_in_a_spec_of_version_1_is_said_where_it_stands() -> None:
    assert said(changed(("version", GONE), ("execution", 3))) == ["execution: Input should be a valid dictionary or instance of Execution, found 3"]
