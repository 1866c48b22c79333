"""Runs beside each other, as the schema shows them."""

from typing import Annotated, Self

import strawberry
from strawberry.scalars import JSON

from app.api.runs import Run
from app.api.types import BadInput, NotFound, field
from app.services import comparison as service


@strawberry.type(description="A value of the specs that is not the same in all of them.")
class SpecDifference:
    """A path and its values."""

    path: str = field(description="Where, as a dotted path into the spec: `strategy.threshold_bps`, `instruments[0].data`.")
    values: list[JSON | None] = field(description="Its value in each run, in the order of `runs`; null where the spec does not have it.")


@strawberry.type(description="A metric of each run.")
class ComparedMetric:
    """A name and its values."""

    name: str = field(description="The metric's name, as in `Result.metrics`.")
    values: list[float | None] = field(
        description="Its value in each run, in the order of `runs`; null where a run is not done, or it is not defined."
    )


@strawberry.type(description="Runs beside each other.")
class Comparison:
    """What differs, and what came of that."""

    runs: list[Run] = field(description="The runs, in the order in which they were asked for.")
    differences: list[SpecDifference] = field(description="Where their specs differ; empty where they do not.")
    metrics: list[ComparedMetric] = field(description="What each came to.")

    @classmethod
    def of(cls, found: service.Comparison) -> Self:
        """Return what the service found as the schema shows it."""
        return cls(
            runs=[Run.of(run) for run in found.runs],
            differences=[SpecDifference(path=one.path, values=[None if v is None else JSON(v) for v in one.values]) for one in found.differences],
            metrics=[ComparedMetric(name=name, values=values) for name, values in found.metrics.items()],
        )


CompareResult = Annotated[
    Comparison | NotFound | BadInput, strawberry.union("CompareResult", description="The runs beside each other, or why they cannot be.")
]
