"""What clients hand over: a spec or a sweep, as JSON or as TOML."""

from collections.abc import Callable
from datetime import datetime
from typing import Annotated, TypeVar

import strawberry
from strawberry.scalars import JSON

from app.api.runs import Priority
from app.api.types import field
from app.db import models
from app.services.runs import Wish
from engine.config import Spec, parse_spec, parse_spec_toml
from engine.errors import Problem, SpecError
from engine.sweep import Sweep, parse_sweep, parse_sweep_toml

T = TypeVar("T")


@strawberry.input(one_of=True, description="A spec in one of its two forms; `specSchema` describes both.")
class SpecInput:
    """A JSON document or a TOML text."""

    document: strawberry.Maybe[JSON] = field(description="The spec as a JSON object.")
    toml: strawberry.Maybe[str] = field(description="The text of a spec file.")

    def parse(self) -> Spec:
        """Return the spec; SpecError lists every problem."""
        return _parsed(self.document, self.toml, parse_spec, parse_spec_toml)


@strawberry.input(one_of=True, description="A sweep in one of its two forms, with its spec in it; `sweepSchema` describes both.")
class SweepInput:
    """A JSON document or a TOML text."""

    document: strawberry.Maybe[JSON] = field(description="The sweep as a JSON object.")
    toml: strawberry.Maybe[str] = field(description="The text of a sweep file; its `base` stands in it as a table `spec`.")

    def parse(self) -> Sweep:
        """Return the sweep; SpecError lists every problem."""
        return _parsed(self.document, self.toml, parse_sweep, parse_sweep_toml)


def _parsed(
    document: strawberry.Some[JSON] | None, toml: strawberry.Some[str] | None, of_form: Callable[[dict[str, object]], T], of_toml: Callable[[str], T]
) -> T:
    if toml is not None:
        return of_toml(toml.value)
    form = document.value if document is not None else None
    if not isinstance(form, dict):
        raise SpecError([Problem(path="", message=f"expected a JSON object, found {type(form).__name__}")])
    return of_form(form)


@strawberry.input(description="How soon a run is wanted.")
class WishInput:
    """Before which others of one's own, and until when at all."""

    priority: Priority = strawberry.field(default=Priority.NORMAL, description="Before which of the same user it is to run.")
    deadline: datetime | None = strawberry.field(default=None, description="After which nobody wants it: it fails with DEADLINE then.")

    def parse(self) -> Wish:
        """Return the service's."""
        return Wish(priority=models.Priority[self.priority.name], deadline_at=self.deadline)


RequestKey = Annotated[
    str | None,
    strawberry.argument(
        description="A name of yours for this request, of up to 100 visible characters, as a UUID: asked again under it, you get what was queued "
        "the first time, and nothing is queued again, for as long as that is kept. Null: each request queues."
    ),
]
SpecArgument = Annotated[SpecInput, strawberry.argument(description="The spec, as JSON or as TOML.")]
WishArgument = Annotated[WishInput | None, strawberry.argument(description="How soon it is wanted; null: in its turn, however late.")]
SweepArgument = Annotated[SweepInput, strawberry.argument(description="The sweep, as JSON or as TOML.")]
