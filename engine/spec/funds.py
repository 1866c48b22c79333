"""How money moves between venues: routes, their suspensions, and the rule that uses them."""

from collections.abc import Sequence
from decimal import Decimal
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from engine.hours import Hours
from engine.units import Amount, Currency, Duration, Instant, Table, Title

_WEIGHT_SLACK = 1e-9


class Route(Table):
    """A way for one currency from one venue to another."""

    name: Title
    currency: Currency
    source: str
    destination: str
    fee: Annotated[Amount, Field(ge=0)] = Decimal(0)
    """Taken out of what is sent [currency]."""
    minimum: Annotated[Amount, Field(ge=0)] = Decimal(0)
    """Least amount of a request [currency]."""
    daily_limit: Annotated[Amount, Field(gt=0)] | None = None
    """Most that is requested in a UTC day [currency]; none: no limit."""
    delay: Duration
    """From the start of a transfer until it is credited."""
    hours: Hours | None = None
    """When requests start; none: always."""

    @model_validator(mode="after")
    def _can_be_used(self) -> Self:
        if self.source == self.destination:
            raise ValueError(f"source and destination are both {self.source!r}; a route leads from one venue to another")
        if self.daily_limit is not None and (self.daily_limit < self.minimum or self.daily_limit <= self.fee):
            raise ValueError("nothing could ever be sent: daily_limit must be at least the minimum, and above the fee")
        return self


class Suspension(Table):
    """A time over which a venue takes or gives out no deposits of a currency."""

    venue: str
    currency: Currency
    what: Literal["withdrawals", "deposits", "both"]
    start: Instant
    end: Instant
    """Not included."""

    @model_validator(mode="after")
    def _is_not_empty(self) -> Self:
        if self.start >= self.end:
            raise ValueError("start must be before end")
        return self


class Target(Table):
    """What one wallet should have."""

    venue: str
    currency: Currency
    floor: Annotated[Amount, Field(ge=0)] | None = None
    """Policy `threshold`: below this, money is asked for [currency]."""
    target: Annotated[Amount, Field(ge=0)] | None = None
    """Policy `threshold`: so much that this is reached [currency]."""
    weight: Annotated[float, Field(ge=0, le=1)] | None = None
    """Policy `weights`: share of the currency's total over the listed wallets."""


class Rebalance(Table):
    """When and how far money is moved between venues (docs/model.md, "Transfers")."""

    policy: Literal["threshold", "weights"]
    every: Duration | None = None
    """Distance of the ticks at which it looks; none: every tick."""
    band: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Policy `weights`: how far below its weight, as a share of it, a wallet may fall."""
    wallets: Annotated[
        tuple[Target, ...], Field(min_length=1), AfterValidator(lambda found: tuple(sorted(found, key=lambda t: (t.venue, t.currency))))
    ]

    @model_validator(mode="after")
    def _says_what_its_policy_needs(self) -> Self:
        found = _threshold_problems(self) if self.policy == "threshold" else _weight_problems(self)
        places = [(target.venue, target.currency) for target in self.wallets]
        found += [f"wallets: {venue} {currency} is there twice" for venue, currency in sorted(set(places)) if places.count((venue, currency)) > 1]
        if found:
            raise ValueError("\n".join(found))
        return self


def _threshold_problems(rebalance: Rebalance) -> list[str]:
    found = ['band has no meaning with policy = "threshold": leave it out'] if rebalance.band else []
    for target in rebalance.wallets:
        where = f"wallets: {target.venue} {target.currency}"
        if target.floor is None or target.target is None:
            found.append(f'{where} needs floor and target with policy = "threshold"')
        elif target.floor > target.target:
            found.append(f"{where} has a floor ({target.floor}) above its target ({target.target})")
        if target.weight is not None:
            found.append(f'{where} has a weight, which has no meaning with policy = "threshold": leave it out')
    return found


def _weight_problems(rebalance: Rebalance) -> list[str]:
    found: list[str] = []
    sums: dict[str, float] = {}
    for target in rebalance.wallets:
        where = f"wallets: {target.venue} {target.currency}"
        if target.weight is None:
            found.append(f'{where} needs a weight with policy = "weights"')
        if target.floor is not None or target.target is not None:
            found.append(f'{where} has floor or target, which have no meaning with policy = "weights": leave them out')
        sums[target.currency] = sums.get(target.currency, 0.0) + (target.weight or 0.0)
    wrong = {currency: total for currency, total in sorted(sums.items()) if abs(total - 1) > _WEIGHT_SLACK}
    return found + [f"wallets: the weights of {currency} must sum to 1, found {total:.12g}" for currency, total in wrong.items()]


def unmoved(rebalance: Rebalance | None, routes: Sequence[Route]) -> list[str]:
    """Return sentences about routes that nothing uses, and wallets that no route fills."""
    if rebalance is None:
        return ["routes: without [rebalance] nothing is ever sent"] if routes else []
    listed = {(target.venue, target.currency) for target in rebalance.wallets}
    filled = {(r.destination, r.currency) for r in routes if (r.source, r.currency) in listed}
    return [
        f"rebalance.wallets: no route leads to {target.venue} {target.currency} from another listed wallet, so it is never filled"
        for target in rebalance.wallets
        if (target.floor or target.weight) and (target.venue, target.currency) not in filled
    ]
