"""What every strategy is asked for. A new one is a file beside this: a subclass with a `kind` of its own (docs/strategies.md)."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.schema import SeriesKey
from engine.spec.redemption import Redemption
from engine.strategies.combination import BUY, SELL, Combination, Step
from engine.strategies.names import Names
from engine.units import Amount, Duration, Table

Sends = Literal["pairs", "together", "sequence", "alone"]
"""What is one package: a sell and a buy of one currency; the steps of a cycle at once; or one after the other; or one order."""


class Strategy(Table):
    """The parameters that all strategies have, and what follows from them; the rest of the engine knows no strategy by name."""

    kind: str
    threshold_bps: Annotated[float, Field(gt=-10_000, lt=10_000)]
    """Least net edge, after all fees, at which a package is sent [bps]."""
    cool_down: Duration = 0
    """Least time between two packages of one combination."""
    size: Literal["max", "fixed"] = "max"
    """`max`: all that volume, funds and limits allow; `fixed`: `fixed_notional` or nothing."""
    fixed_notional: Annotated[Amount, Field(gt=0)] | None = None
    """Size of a package with `size = "fixed"` [comparison currency]."""
    max_notional: Annotated[Amount, Field(gt=0)] | None = None
    """Largest package [comparison currency]; none: no limit."""

    names: ClassVar[Names]
    """What its figures are called."""
    amounts: ClassVar[tuple[str, ...]] = ("fixed_notional", "max_notional")
    """Parameters that grow with the size of a run."""

    @property
    def least_gain(self) -> Decimal:
        """Least gain of a package, all that is known to cost it included [comparison currency]; of pools alone."""
        return Decimal(0)

    @model_validator(mode="after")
    def _size_has_its_notional(self) -> Self:
        if (self.size == "fixed") != (self.fixed_notional is not None):
            raise ValueError('size = "fixed" and fixed_notional go together: give both or neither')
        if self.size == "fixed" and self.max_notional is not None:
            raise ValueError('max_notional has no meaning with size = "fixed": leave it out')
        return self

    @property
    def sends(self) -> Sends:
        """What is sent as one package."""
        return "pairs"

    @property
    def redeems(self) -> Redemption | None:
        """The desk that what was bought goes to; none: there is no such."""
        return None

    @property
    def is_listed(self) -> bool:
        """Whether combinations are looked for one by one, and are not all pairs."""
        return self.sends != "pairs"

    def combinations(self, legs: Sequence[SeriesKey]) -> tuple[Combination, ...]:
        """Return what may be sent as one package, in the order in which ties are broken; `legs` are sorted by venue, then name.

        Pairs are all of a sell and another leg's buy, by the sell, then the buy.
        """
        every = range(len(legs))
        return tuple((Step(sell, SELL), Step(buy, BUY)) for sell in every for buy in every if sell != buy)

    def base(self, legs: Sequence[SeriesKey]) -> str | None:
        """Return the currency that all legs buy and sell; none where packages are cycles, which have several."""
        return legs[0].base if self.sends == "pairs" else None

    def comparison(self, legs: Sequence[SeriesKey], numeraire: str) -> str:
        """Return what edges and notionals are measured in: the legs' one quote currency, else the numeraire."""
        quotes = {leg.quote for leg in legs}
        return quotes.pop() if len(quotes) == 1 else numeraire

    def doubts(self, length_us: int) -> list[str]:
        """Return sentences about values that look like mistakes in a run so long [µs]."""
        del length_us
        return []

    def complaints(self, legs: Sequence[SeriesKey], residual: str) -> Iterator[tuple[str, str]]:
        """Yield what the strategy cannot do with these legs, and what residuals do: the path in the spec, and a sentence."""
        del legs, residual
        yield from ()
