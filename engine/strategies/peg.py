"""`peg`: buy a stablecoin where it is cheap against what it is pegged to, and sell it once it is not; a bet that the peg holds."""

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from engine.schema import STABLECOINS, SeriesKey
from engine.spec.redemption import Redemption
from engine.strategies.combination import BUY, SELL, Combination, Step
from engine.strategies.names import Names
from engine.strategies.strategy import Sends, Strategy
from engine.units import Duration, format_duration

_OF_Z = ("entry_z", "exit_z", "window")
_DOLLARS = STABLECOINS | {"USD"}
_HOUR_US = 3_600_000_000


class Peg(Strategy):
    """Parameters of `peg` (docs/model.md, "Strategy peg")."""

    kind: Literal["peg"]
    signal: Literal["bands", "zscore"] = "bands"
    """`bands`: a coin is worth par, one of its leg's quote; `zscore`: the rolling mean of its leg's own price."""
    exit_bps: Annotated[float, Field(gt=-10_000, lt=10_000)] | None = None
    """Bands: so far below par (below 0: above it) a coin may bring, after the fee, to be sold [bps]."""
    entry_z: Annotated[float, Field(gt=0, le=100)] | None = None
    """Z-score: so many deviations below the mean, or more, a coin must cost, with the fee, to be bought."""
    exit_z: Annotated[float, Field(ge=-100, le=100)] | None = None
    """Z-score: so many deviations below the mean (below 0: above it) a coin may bring, after the fee, to be sold."""
    window: Duration | None = None
    """Z-score: how far back the mean goes; a multiple of the clock."""
    stop_bps: Annotated[float, Field(gt=0, lt=10_000)] | None = None
    """So far below what it cost on average a position is sold at a tick [bps]; none: no stop."""
    hold_at_most: Annotated[Duration, Field(gt=0)] | None = None
    """So long after its first buy was decided a position is sold at a tick; none: it is kept."""
    pause: Duration = _HOUR_US
    """For so long after a position was sold at a tick nothing is bought on its leg."""

    redemption: Redemption | None = None
    """The issuer's desk, which takes coins at par; none: they are sold at market alone."""

    names: ClassVar[Names] = Names(
        package="a buy or a sell each",
        edge="distance",
        edge_means="how far below par, or its mean, a buy was, after the fee; how far above what it had cost a sell was",
        gross="fills at marks",
        gross_means="what was bought and sold at, against marks then: half the spread, mostly, and below 0",
        chances="Times to buy or sell",
        chance="times at which the coin was cheap enough to be bought, or dear enough to be sold again",
        lasts="how long a price stays away",
        stands="one market was cheap enough to buy at, or dear enough to sell at",
        missed="orders not filled whole",
        missed_means="of which less was filled than was planned",
        pays=False,
    )

    @model_validator(mode="after")
    def _signal_has_its_levels(self) -> Self:
        ours, others = (("exit_bps",), _OF_Z) if self.signal == "bands" else (_OF_Z, ("exit_bps",))
        found = [f'{name} is required with signal = "{self.signal}"' for name in ours if getattr(self, name) is None]
        found += [f'{name} has no meaning with signal = "{self.signal}": leave it out' for name in others if getattr(self, name) is not None]
        if found:
            raise ValueError("\n".join(found))
        return self

    @model_validator(mode="after")
    def _sells_nearer_to_par_than_it_buys(self) -> Self:
        if self.exit_bps is not None and self.threshold_bps <= 0:
            raise ValueError(f"threshold_bps must be above 0: a coin that costs par is not below it, found {self.threshold_bps:g}")
        pairs = (("exit_bps", self.exit_bps, "threshold_bps", self.threshold_bps), ("exit_z", self.exit_z, "entry_z", self.entry_z))
        for name, out, other, into in pairs:
            if out is not None and into is not None and out >= into:
                raise ValueError(f"{name} ({out:g}) must be below {other} ({into:g}): it would sell where it buys")
        return self

    @property
    def sends(self) -> Sends:
        """What is sent as one package: an order alone."""
        return "alone"

    @property
    def redeems(self) -> Redemption | None:
        """The issuer's desk."""
        return self.redemption

    def combinations(self, legs: Sequence[SeriesKey]) -> tuple[Combination, ...]:
        """Return a sell and a buy of each leg, by leg."""
        return tuple((Step(leg, side),) for leg in range(len(legs)) for side in (SELL, BUY))

    def base(self, legs: Sequence[SeriesKey]) -> str | None:
        """Return the coin."""
        return legs[0].base

    def doubts(self, length_us: int) -> list[str]:
        """Return what looks like a mistake in a run so long [µs]."""
        if self.window is None or self.window <= length_us:
            return []
        return [f"strategy.window: {format_duration(self.window)} is longer than the run, so its mean is never known and nothing is bought"]

    def complaints(self, legs: Sequence[SeriesKey], residual: str) -> Iterator[tuple[str, str]]:
        """Yield which legs are no bet on a peg."""
        del residual
        bases = sorted({leg.base for leg in legs})
        if len(bases) > 1:
            yield "instruments", f'those with use = "trade" must have one base currency, found {", ".join(bases)}'
        for leg in legs:
            if leg.base not in STABLECOINS:
                yield "instruments", f"{leg} buys {leg.base}, which is pegged to nothing; known stablecoins: {', '.join(sorted(STABLECOINS))}"
            elif leg.quote not in _DOLLARS:
                yield "instruments", f"{leg} has no par: {leg.base} is pegged to USD, so the quote must be USD or a stablecoin"
