"""What a check of a spec answers."""

from typing import Annotated, Self

import strawberry
from strawberry.scalars import JSON

from app.api.types import InvalidSpec, field
from engine.config import Spec


@strawberry.type(description="A spec that can be run, if the data is there.")
class ValidSpec:
    """A spec in its canonical form."""

    spec: JSON = field(description="The spec in its canonical form, every default spelt out.")
    hash: str = field(description="Hash of the canonical form: equal hash, equal spec.")
    warnings: list[str] = field(description="What was set to migrate it, and values that look like mistakes.")

    @classmethod
    def of(cls, spec: Spec) -> Self:
        """Return a parsed spec as the schema shows it."""
        return cls(spec=JSON(spec.canonical()), hash=spec.hash(), warnings=spec.warnings())


SpecCheck = Annotated[ValidSpec | InvalidSpec, strawberry.union("SpecCheck", description="A spec that can be run, or what is wrong with it.")]
