"""What stops trading."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from engine.units import Amount, Bps, Currency, Table

Limit = Annotated[Amount, Field(gt=0)]


class Guard(Table):
    """What to do when a stablecoin leaves its peg, seen on marks alone."""

    currencies: Annotated[tuple[Currency, ...], Field(min_length=1), AfterValidator(lambda names: tuple(sorted(set(names))))] | None = None
    """Which; none: all stablecoins that are held or traded, but for the numeraire."""
    off_par_bps: Annotated[Bps, Field(gt=0)] = 100.0
    """Distance of the mark from 1 at which a currency is off par; half of it is back."""
    ticks: Annotated[int, Field(ge=1)] = 5
    """How many ticks in a row make it so."""
    action: Literal["halt", "go_on"] = "halt"
    """`halt`: no package starts; `go_on`: it is listed."""


class Risk(Table):
    """Limits; none: no limit. Amounts are in the numeraire."""

    max_gross_edge_bps: Annotated[float, Field(gt=0, le=1_000_000)] = 1_000.0
    """An edge before fees beyond this is an alarm, and not traded."""
    max_residual: Limit | None = None
    """Largest value of what unequal legs left, beyond which no package starts."""
    max_venue_open: Limit | None = None
    """Largest value of orders under way at a venue."""
    max_in_flight: Limit | None = None
    """Largest value of transfers under way."""
    max_drawdown: Limit | None = None
    """Fall of the excess from its high that stops trading for good."""
    max_asset: dict[Currency, Limit] = Field(default_factory=dict)
    """Largest value held of a quote currency."""
    max_misses: Annotated[int, Field(ge=1)] | None = None
    """Missed packages in a row that stop trading for good."""
    depeg_guard: Guard | None = None
