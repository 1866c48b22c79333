"""`basis`: buy spot and sell the perpetual where that is dear, wait until the two meet again, and be paid funding meanwhile."""

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.schema import SeriesKey
from engine.strategies.combination import BUY, SELL, Combination, Step
from engine.strategies.names import Names
from engine.strategies.strategy import Strategy
from engine.units import Duration


class Basis(Strategy):
    """Parameters of `basis` (docs/model.md, "Strategy basis"); `threshold_bps` is that of an entry, with the funding that counts."""

    kind: Literal["basis"]
    exit_bps: Annotated[float, Field(gt=-10_000, lt=10_000)]
    """Least net edge of an exit, after the fees of both its legs [bps]; with `threshold_bps` what a round trip brings, funding apart."""
    directions: Literal["short", "both"] = "short"
    """`short`: the perpetual is sold against spot that is bought; `both`: it is bought, too, against spot that is sold from the wallet."""
    funding_payments: Annotated[int, Field(ge=0, le=10_000)] = 0
    """How many payments of the rate that was published last count towards an entry: for how long it is meant to be held."""
    max_hold: Annotated[Duration, Field(gt=0)] | None = None
    """How long a position is held before it is closed, whatever that costs; none: as long as it takes."""
    stop_bps: Annotated[float, Field(gt=0, lt=10_000)] | None = None
    """The position is closed where an exit would cost so much, fees included [bps]; none: never."""

    names: ClassVar[Names] = Names(
        package="spot against the perpetual, in or out",
        edge_means="the basis that packages went in or out at, after fees; of an entry with the funding that the spec counts on",
        gross="gross basis",
        gross_means="basis as decided, at marks: what entries gain of it, less what exits give",
        chances="Times to enter or leave",
        chance="times at which the perpetual was dear enough to enter, or near enough to spot to leave",
        lasts="how long the basis stays",
        stands="entering, or leaving, reached its threshold",
        pays=False,
    )

    @model_validator(mode="after")
    def _means_to_earn(self) -> Self:
        if self.size == "fixed":
            raise ValueError('size = "fixed" is not for basis, which exits what it holds: set max_notional')
        if self.funding_payments == 0 and self.threshold_bps + self.exit_bps <= 0:
            raise ValueError(
                "threshold_bps + exit_bps is what a round trip brings, after all fees: it must be above 0, unless funding_payments count"
            )
        if self.funding_payments == 0 and self.stop_bps is not None and self.stop_bps <= self.threshold_bps:
            raise ValueError("stop_bps must be above threshold_bps: an exit costs more than that from the beginning, so all would be closed at once")
        return self

    def combinations(self, legs: Sequence[SeriesKey]) -> tuple[Combination, ...]:
        """Return the two pairs of a sell and the other leg's buy, by the sell: each enters one way, and exits the other."""
        every = range(len(legs))
        return tuple((Step(sell, SELL), Step(buy, BUY)) for sell in every for buy in every if sell != buy)
