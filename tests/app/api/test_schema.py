"""The schema and the operations of `graphql/` are what the code serves, and read as documentation."""

from collections.abc import Iterable, Iterator
from enum import Enum
from pathlib import Path
from typing import get_args

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    OperationDefinitionNode,
    build_schema,
    find_breaking_changes,
    parse,
    validate,
)

from app import contract
from app.api import fills, jobs, markets, quality, runs
from app.api.schema import sdl
from app.db import models
from app.services import findings
from app.sources.kinds import Data
from engine import events

CONTRACT = Path(__file__).parents[3] / "graphql"


def test_the_sdl_file_is_what_the_code_prints() -> None:
    written = (CONTRACT / "schema.graphql").read_text(encoding="utf-8")
    assert written == sdl(), "the schema changed: run `python -m app.api.print_schema > graphql/schema.graphql` and read the difference"


def test_nothing_that_clients_may_rely_on_breaks_unawares() -> None:
    released = build_schema((Path(__file__).parent / "released.graphql").read_text(encoding="utf-8"))
    broken = [f"{change.type.name}: {change.description}" for change in find_breaking_changes(released, build_schema(sdl()))]
    assert broken == [], "deprecate instead (docs/api.md); if it is decided, copy graphql/schema.graphql to tests/app/api/released.graphql"


@pytest.mark.parametrize("path", sorted(CONTRACT.glob("operations/*.graphql")), ids=lambda path: path.stem)
def test_each_operation_is_valid_and_named_as_its_file(path: Path) -> None:
    document = parse(path.read_text(encoding="utf-8"))
    assert validate(build_schema(sdl()), document) == []
    assert [d.name.value for d in document.definitions if isinstance(d, OperationDefinitionNode) and d.name] == [path.stem]


def test_the_contract_offers_each_operation_by_name() -> None:
    assert sorted(contract.operations()) == sorted(path.stem for path in CONTRACT.glob("operations/*.graphql"))
    assert len(contract.operations()) >= 12
    assert contract.operation("Viewer").startswith("query Viewer")
    with pytest.raises(KeyError, match="SubmitRun"):
        contract.operation("Nothing")


def test_every_query_mutation_and_subscription_is_used_by_an_operation() -> None:
    schema = build_schema(sdl())
    used = {
        selection.name.value
        for text in contract.operations().values()
        for definition in parse(text).definitions
        for selection in definition.selection_set.selections  # type: ignore[attr-defined]
    }
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    assert used == {name for root in roots if root for name in root.fields}


def test_every_type_field_argument_and_value_has_a_description() -> None:
    assert [place for place, description in _described() if not description] == []
    assert len(list(_described())) > 150


@pytest.mark.parametrize(
    ("shown", "known"),
    [
        (runs.RunState, models.RunState),
        (fills.Side, events.SIDES),
        (fills.Outcome, events.OUTCOMES),
        (fills.OrderRole, events.ROLES),
        (markets.SeriesData, get_args(Data)),
        (quality.DayGrade, findings.Grade),
        (jobs.JobKind, models.RunKind),
        (runs.Priority, [priority.name.lower() for priority in models.Priority]),
    ],
)
def test_an_enum_has_every_value_that_there_is_by_its_name(shown: type[Enum], known: Iterable[str]) -> None:
    assert {member.value for member in shown} == {str(value) for value in known}
    assert all(member.name == member.value.upper() for member in shown)


def test_every_enum_of_the_contract_is_held_against_what_it_shows() -> None:
    enums = {name for name, kind in build_schema(sdl()).type_map.items() if isinstance(kind, GraphQLEnumType) and not name.startswith("__")}
    assert enums == {
        "RunState",
        "Side",
        "Outcome",
        "OrderRole",
        "SeriesData",
        "DayGrade",
        "JobKind",
        "Priority",
        "Role",
    }  # a role is nobody's but the API's


def test_the_contract_folder_holds_no_python() -> None:
    assert list(CONTRACT.rglob("*.py")) == []  # an __init__.py there would stand before graphql-core


def _described() -> Iterator[tuple[str, str | None]]:
    for name, kind in build_schema(sdl()).type_map.items():
        if name.startswith("__") or name in {"Boolean", "Float", "ID", "Int", "String"}:
            continue
        yield name, kind.description
        if isinstance(kind, GraphQLEnumType):
            yield from ((f"{name}.{value}", found.description) for value, found in kind.values.items())
        if isinstance(kind, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            yield from ((f"{name}.{field}", found.description) for field, found in kind.fields.items())
        if isinstance(kind, GraphQLObjectType):
            yield from ((f"{name}.{f}({a})", found.description) for f, field in kind.fields.items() for a, found in field.args.items())
