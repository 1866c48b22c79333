"""What clients hand over: a spec, as JSON or as TOML."""

from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from app.api.types import field
from engine.config import Spec, parse_spec, parse_spec_toml
from engine.errors import Problem, SpecError


@strawberry.input(one_of=True, description="A spec in one of its two forms; `specSchema` describes both.")
class SpecInput:
    """A JSON document or a TOML text."""

    document: strawberry.Maybe[JSON] = field(description="The spec as a JSON object.")
    toml: strawberry.Maybe[str] = field(description="The text of a spec file.")

    def parse(self) -> Spec:
        """Return the spec; SpecError lists every problem."""
        if self.toml is not None:
            return parse_spec_toml(self.toml.value)
        document = self.document.value if self.document is not None else None
        if not isinstance(document, dict):
            raise SpecError([Problem(path="", message=f"expected a JSON object, found {type(document).__name__}")])
        return parse_spec(document)


SpecArgument = Annotated[SpecInput, strawberry.argument(description="The spec, as JSON or as TOML.")]
