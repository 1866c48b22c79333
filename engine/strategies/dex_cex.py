"""`dex_cex`: a pool against a book: sell to one what the other has cheaper, in the pool's next block."""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from engine.schema import SeriesKey
from engine.strategies.combination import Combination
from engine.strategies.names import Names
from engine.strategies.strategy import Strategy
from engine.units import Amount


class DexCex(Strategy):
    """Parameters of `dex_cex` (docs/model.md, "Strategy dex_cex")."""

    kind: Literal["dex_cex"]
    pools: Annotated[tuple[str, ...], Field(min_length=1), AfterValidator(lambda found: tuple(sorted(set(found))))]
    """Which of the instruments are pools, each `"venue BASE/QUOTE"`; all others are books."""
    min_profit: Annotated[Amount, Field(ge=0)] = Decimal(0)
    """Least gain of a package as decided, after all fees and the gas of its swap [comparison currency]."""

    names: ClassVar[Names] = Names(
        package="a swap and an order on a book each", chance="times at which pool and book were far enough apart to pay for both fees"
    )

    @property
    def is_listed(self) -> bool:
        """A pool and a book are traded together, two of a kind are not."""
        return True

    @property
    def least_gain(self) -> Decimal:
        """Least gain of a package, its gas included [comparison currency]."""
        return self.min_profit

    def combinations(self, legs: Sequence[SeriesKey]) -> tuple[Combination, ...]:
        """Return all pairs of a pool and a book, by the sell, then the buy."""
        pools = {k for k, leg in enumerate(legs) if str(leg) in self.pools}
        return tuple(pair for pair in super().combinations(legs) if sum(step.leg in pools for step in pair) == 1)

    def complaints(self, legs: Sequence[SeriesKey], residual: str) -> Iterator[tuple[str, str]]:
        """Yield what is named as a pool and is no leg, and that there is no book."""
        del residual
        known = [str(leg) for leg in legs]
        for name in self.pools:
            if name not in known:
                yield "strategy.pools", f'{name!r} is no instrument with use = "trade"; there are {", ".join(known)}'
        if not set(known) - set(self.pools):
            yield "strategy.pools", "all instruments that are traded are pools; one at least must have a book"
