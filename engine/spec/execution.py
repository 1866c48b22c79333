"""How orders meet the market, and which observations are doubted."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.units import Bps, Duration, Table

_LARGEST_BPS = 1_000_000
"""A hundred times the price: nothing is beyond."""


class Execution(Table):
    """How orders fill, and what happens to what unequal legs leave (docs/model.md, "Fills")."""

    volume_share: Annotated[float, Field(gt=0, le=1)] = 0.1
    """Largest share of a bar's volume that is ours."""
    take_share: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Largest share of a quote's displayed size that is ours."""
    fill_price: Literal["open", "worst"] = "open"
    """Price of a fill on a bar."""
    tolerance_bps: Bps = 0.0
    """Distance of the limit from the decided price, against us."""
    max_wait: Duration | None = None
    """How long an order waits for a bar with volume; none: one interval."""
    residual: Literal["unwind", "hedge", "carry"] = "unwind"
    """What happens to what unequal legs leave."""
    residual_bps: Bps = 50.0
    """Distance of a residual order's limit from the quote in view, against us."""


class Demands(Table):
    """What every day of the run must be like, of each series that is traded or converts (docs/model.md, "Quality")."""

    below: Literal["refuse", "warn"] = "refuse"
    """What happens where a day is not."""
    min_covered: Annotated[float | None, Field(gt=0, le=1)] = None
    """Least share of a day for which a series tells a price."""
    max_flagged: Annotated[float | None, Field(ge=0, lt=1)] = None
    """Largest share of its rows that checks may flag."""
    max_gap: Duration | None = None
    """Longest stretch without an observation."""

    @model_validator(mode="after")
    def _demands_something(self) -> Self:
        if self.min_covered is None and self.max_flagged is None and self.max_gap is None:
            raise ValueError("demands nothing: name min_covered, max_flagged or max_gap, or leave the table out")
        return self


class QualityRules(Table):
    """Which observations are doubted (docs/model.md, "Quality")."""

    wick_bps: Annotated[float, Field(gt=0, le=_LARGEST_BPS)] = 500.0
    """A high or low further than this from the median close is a wick."""
    demands: Annotated[Demands | None, Field(exclude_if=lambda table: table is None)] = None
    """What the data must be like; none: it is taken as it is."""
