"""`spatial`: buy where it is cheap, sell where it is dear, on two or more venues at once."""

from collections.abc import Sequence
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from engine.schema import SeriesKey
from engine.strategies.combination import BUY, SELL, Combination, Step
from engine.units import Amount, Duration, Table


class Spatial(Table):
    """Parameters of `spatial` (docs/model.md, "Strategy spatial")."""

    kind: Literal["spatial"]
    threshold_bps: Annotated[float, Field(gt=-10_000, lt=10_000)]
    """Least net edge, after both fees, at which a package is sent [bps]."""
    cool_down: Duration = 0
    """Least time between two packages of one ordered pair."""
    size: Literal["max", "fixed"] = "max"
    """`max`: all that volume, funds and limits allow; `fixed`: `fixed_notional` or nothing."""
    fixed_notional: Annotated[Amount, Field(gt=0)] | None = None
    """Size of a package with `size = "fixed"` [comparison currency]."""
    max_notional: Annotated[Amount, Field(gt=0)] | None = None
    """Largest package [comparison currency]; none: no limit."""

    @model_validator(mode="after")
    def _size_has_its_notional(self) -> Self:
        if (self.size == "fixed") != (self.fixed_notional is not None):
            raise ValueError('size = "fixed" and fixed_notional go together: give both or neither')
        if self.size == "fixed" and self.max_notional is not None:
            raise ValueError('max_notional has no meaning with size = "fixed": leave it out')
        return self

    def combinations(self, legs: Sequence[SeriesKey]) -> tuple[Combination, ...]:
        """Return all pairs of a sell and another leg's buy, by the sell, then the buy."""
        every = range(len(legs))
        return tuple((Step(sell, SELL), Step(buy, BUY)) for sell in every for buy in every if sell != buy)
