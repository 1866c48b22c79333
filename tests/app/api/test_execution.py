"""Objects of which only stored values are asked are read by a plan, and whatever is out of the ordinary as ever."""

from collections.abc import Callable
from enum import Enum
from typing import Any

import pytest
import strawberry
from strawberry.permission import BasePermission

from app.api.execution import Executor


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
    ],
)
@pytest.mark.parametrize("of", ["points", "point", "holed", "broken"])
def test_answers_and_errors_are_those_of_the_usual_way(of: str, selection: str) -> None:
    planned, usual = (schema.execute_sync(f"{{ {of} {{ {selection} }} }}") for schema in (PLANNED, USUAL))
    assert planned.data == usual.data
    assert [(error.message, error.path) for error in planned.errors or ()] == [(error.message, error.path) for error in usual.errors or ()]


def test_a_permission_on_a_stored_value_is_asked() -> None:
    assert [error.message for error in PLANNED.execute_sync("{ point { secret } }").errors or ()] == ["not for you"]


@pytest.mark.parametrize(("of", "fields"), [("points", 1), ("point", 1), ("broken", 1 + 3)])
def test_plain_objects_are_not_taken_field_by_field(of: str, fields: int, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[str] = []
    usual: Callable[..., Any] = Executor.execute_field

    def noted(self: Executor, *args: Any) -> Any:
        taken.append(args[2][0].node.name.value)
        return usual(self, *args)

    monkeypatch.setattr(Executor, "execute_field", noted)
    PLANNED.execute_sync(f"{{ {of} {{ xAxis }} }}")
    assert len(taken) <= fields + 1
    assert taken[0] == of
