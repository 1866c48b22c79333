"""Redemption at par: what the desk of a stablecoin's issuer asks, and when it pays."""

from decimal import Decimal
from typing import Annotated

from pydantic import Field

from engine.hours import Hours
from engine.units import Amount, Bps, Currency, Duration, Table, VenueName


class Redemption(Table):
    """The issuer's desk, and when a position goes there (docs/model.md, "Redemption")."""

    desk: VenueName
    """The venue that redeems; routes lead there and back."""
    pays: Currency = "USD"
    """What it pays, one for one."""
    fee_bps: Bps = 0.0
    """What it keeps of that [bps]."""
    fee: Annotated[Amount, Field(ge=0)] = Decimal(0)
    """What it keeps beside, of each redemption [pays]."""
    minimum: Annotated[Amount, Field(ge=0)] = Decimal(0)
    """Least amount that it redeems [coin]."""
    delay: Duration
    """From the start of a redemption until it is paid."""
    hours: Hours | None = None
    """When it starts redemptions, and pays; none: always."""
    after: Duration = 0
    """A position goes to the desk once it has been open for so long."""
    gain_bps: Annotated[float, Field(gt=-10_000, lt=10_000)] = 0.0
    """Least gain, after the fee, over selling at the bid [bps]."""
