"""What a check of a spec answers."""

from typing import Annotated, Self

import strawberry
from strawberry.scalars import JSON

from app.api.types import InvalidSpec, field
from engine.config import Spec
from engine.strategies.registry import STRATEGIES


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


@strawberry.type(description="A kind of strategy, which a spec names as `strategy.kind`.")
class Strategy:
    """One of the engine's strategies."""

    kind: str = field(description="Its name in a spec: spatial, triangular, peg, basis or dex_cex.")
    summary: str = field(description="What it does, in a sentence.")
    schema: JSON = field(description="The JSON Schema of its table in a spec: a form can be made from it.")

    @classmethod
    def all(cls) -> list[Self]:
        """Return all there are, by kind."""
        return [
            cls(kind=kind, summary=(found.__doc__ or "").strip().partition("\n")[0], schema=JSON(found.model_json_schema()))
            for kind, found in sorted(STRATEGIES.items())
        ]


SpecCheck = Annotated[ValidSpec | InvalidSpec, strawberry.union("SpecCheck", description="A spec that can be run, or what is wrong with it.")]
