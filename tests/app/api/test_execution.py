"""Objects of which only stored values are asked are read by a plan, and whatever is out of the ordinary as ever."""

from collections.abc import Callable
from enum import Enum
from functools import partial
from typing import Any

import pytest
import strawberry
from graphql import execute, parse
from strawberry.permission import BasePermission

from app.api.execution import Executor, Plans


class Nobody(BasePermission):
    message = "not for you"

    def has_permission(self, source: Any, info: strawberry.Info, **kwargs: Any) -> bool:
        return False


@strawberry.enum
class Colour(Enum):
    RED = "red"


@strawberry.type
class Point:
    x_axis: int
    name: str | None = None
    colour: Colour = Colour.RED
    secret: str = strawberry.field(default="s", permission_classes=[Nobody])

    @strawberry.field
    def twice(self) -> int:
        return 2 * self.x_axis

    @strawberry.field
    def times(self, n: int = 3) -> int:
        return n * self.x_axis

    @strawberry.field
    def next(self) -> "Point | None":
        if self.x_axis == 2:
            raise ValueError("the last")
        return Point(x_axis=self.x_axis + 1) if self.x_axis != 7 else None

    @strawberry.field
    def sides(self) -> list["Point"]:
        return [Point(x_axis=self.x_axis - 1), Point(x_axis=self.x_axis + 1)]

    @strawberry.field
    def parity(self) -> list[int | None]:
        return [self.x_axis % 2, None] if self.x_axis == 1 else [self.x_axis % 2]


@strawberry.type
class Query:
    @strawberry.field
    def points(self) -> list[Point]:
        return [Point(x_axis=x, name=None if x else "origin") for x in range(3)]

    @strawberry.field
    def point(self) -> Point:
        return Point(x_axis=7)

    @strawberry.field
    def holed(self) -> list[Point | None]:
        return [Point(x_axis=1), None]

    @strawberry.field
    def broken(self) -> list[Point | None]:
        return [Point(x_axis=1), Point(x_axis="one"), Point(x_axis=None)]  # type: ignore[arg-type]


PLANNED, USUAL = strawberry.Schema(Query, execution_context_class=Executor), strawberry.Schema(Query)


@pytest.mark.parametrize(
    "selection",
    [
        "xAxis name colour",
        "a: xAxis b: xAxis",
        "xAxis twice",
        "__typename xAxis",
        "xAxis @skip(if: true) name",
        "...F } } fragment F on Point { xAxis ... { name",
        "xAxis secret",
        "xAxis next { xAxis next { name } } sides { name twice }",
        "xAxis parity sides { times(n: 2) next { xAxis } }",
        "next { a: name ...F } sides { ...F name } } } fragment F on Point { xAxis ... { twice",
    ],
)
@pytest.mark.parametrize("of", ["points", "point", "holed", "broken"])
def test_answers_and_errors_are_those_of_the_usual_way(of: str, selection: str) -> None:
    planned, usual = (schema.execute_sync(f"{{ {of} {{ {selection} }} }}") for schema in (PLANNED, USUAL))
    assert planned.data == usual.data
    assert [(error.message, error.path) for error in planned.errors or ()] == [(error.message, error.path) for error in usual.errors or ()]


def test_a_permission_on_a_stored_value_is_asked() -> None:
    assert [error.message for error in PLANNED.execute_sync("{ point { secret } }").errors or ()] == ["not for you"]


@pytest.mark.parametrize(
    ("selection", "fields"),
    [
        ("points { xAxis next { twice } }", 2 * (1 + 3 + 2)),
        ("point { xAxis sides { twice } }", 0),
        ("point { times }", 2),
        ("broken { xAxis }", 1 + 3),
    ],
)
def test_plain_objects_are_not_taken_field_by_field(selection: str, fields: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    usual: Callable[..., Any] = Executor.execute_field

    def noted(self: Executor, *args: Any) -> Any:
        taken.append(args[2][0].node.name.value)
        return usual(self, *args)

    monkeypatch.setattr(Executor, "execute_field", noted)
    PLANNED.execute_sync(f"{{ {selection} }}")
    assert len(taken) <= fields


def test_a_document_that_comes_again_is_read_by_the_plans_that_it_has() -> None:
    plans: Plans = {}
    document = parse("{ point { xAxis sides { name } } }")
    asked = partial(execute, PLANNED._schema, document, executor_class=Executor, plans=plans)
    first = asked()
    (steps,) = plans.values()
    assert asked() == first
    assert len(plans) == 1
    assert next(iter(plans.values())) is steps
