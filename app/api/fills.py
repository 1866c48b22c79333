"""The orders of a run as the schema shows them, page by page."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Any, Self

import strawberry

from app.api.scalars import Amount, amount
from app.api.types import PageInfo, field


@strawberry.enum(description="The direction of an order.")
class Side(Enum):
    """Buy or sell: `engine.events.SIDES`."""

    BUY = strawberry.enum_value("buy", description="Base currency comes in, quote currency goes out.")
    SELL = strawberry.enum_value("sell", description="Base currency goes out, quote currency comes in.")


@strawberry.enum(description="What became of an order.")
class Outcome(Enum):
    """How an order ended: `engine.events.OUTCOMES`."""

    FILLED = strawberry.enum_value("filled", description="The whole quantity was traded.")
    PARTIAL = strawberry.enum_value("partial", description="A part of it was traded.")
    LIMIT = strawberry.enum_value("limit", description="Nothing was traded: the price had moved past the limit.")
    VOLUME = strawberry.enum_value(
        "volume", description="Nothing was traded: what was left for us at that price, or of the bar's volume, was less than a lot."
    )
    NO_TRADE = strawberry.enum_value("no_trade", description="Nothing was traded: no bar with volume came in time.")
    ABSENT = strawberry.enum_value("absent", description="Nothing was traded: the venue showed no price then, or none that could be trusted.")
    OPEN = strawberry.enum_value("open", description="The run ended first.")


@strawberry.enum(description="What an order was for.")
class OrderRole(Enum):
    """A leg of a package, what its legs left, or the end of a position: `engine.events.ROLES`."""

    LEG = strawberry.enum_value("leg", description="One of the orders that make a package.")
    RESIDUAL = strawberry.enum_value("residual", description="Trades away what unequal legs left.")
    LIQUIDATION = strawberry.enum_value("liquidation", description="Closes a position of which the margin did not carry what it lost, by the venue.")
    STOP = strawberry.enum_value("stop", description="Sells a position that fell too far below what it cost.")
    TIME = strawberry.enum_value("time", description="Sells a position that was held for too long.")


@strawberry.type(description="One order and what became of it; a package has two, and one more where its legs were unequal.")
class Fill:
    """A row of fills.parquet, whose names it has."""

    order: int = field(description="Number of the order, from 0.")
    package: int = field(description="Number of the package that it belongs to.")
    role: OrderRole = field(description="Whether it was a leg of the package, traded away what unequal legs left, or gave a position up.")
    decided: datetime = field(description="When it was decided.")
    arrival: datetime = field(description="When it reached the venue.")
    recorded: datetime | None = field(description="When it was filled or missed; null while it is open.")
    notice: datetime | None = field(description="When we learned of that; null if not by the end.")
    venue: str = field(description="The venue's name.")
    instrument: str = field(description="The instrument's name, BASE/QUOTE.")
    side: Side = field(description="Buy or sell.")
    planned: Amount = field(description="Quantity that was ordered, in base currency.")
    filled: Amount = field(description="Quantity that was traded, in base currency.")
    decision_price: float = field(description="The price seen when it was decided, in quote per base.")
    limit_price: float = field(description="The worst price that was allowed, in quote per base.")
    price: float | None = field(description="The price traded at, in quote per base; null where nothing was.")
    flow: Amount = field(description="What changed hands in quote currency, before the fee: into the wallet on a sale, out of it on a purchase.")
    fee: Amount = field(description="The venue's fee, in the currency charged.")
    fee_currency: str | None = field(description="The currency that the fee was charged in; null where nothing was traded.")
    gas: Amount = field(description="What a swap burnt, filled or reverted, in the currency of its gas; 0 elsewhere.")
    gas_currency: str | None = field(description="The currency that gas was burnt in; null where none was.")
    outcome: Outcome = field(description="What became of it.")
    edge_bps: float = field(description="The package's edge after fees when it was decided, in basis points.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return a row of the frame of fills; of earlier versions, without what they did not know."""
        whole: dict[str, Any] = {"role": "leg", "notice": None, "fee_currency": None, "gas": 0.0, "gas_currency": None, **row}
        exact = {name: amount(whole[name]) for name in ("planned", "filled", "flow", "fee", "gas")}
        kinds = {"side": Side(row["side"]), "outcome": Outcome(row["outcome"]), "role": OrderRole(whole["role"])}
        return cls(**{name: whole[name] for name in cls.__annotations__} | exact | kinds)


@strawberry.type(description="A fill in its list.")
class FillEdge:
    """A fill and its cursor."""

    cursor: str = field(description="Stands for this place in the list.")
    node: Fill = field(description="The fill.")


@strawberry.type(description="A page of fills in the order in which they were sent.")
class FillConnection:
    """A page of fills."""

    edges: list[FillEdge] = field(description="The fills with their cursors.")
    page_info: PageInfo = field(description="Whether and where the list goes on.")
    total_count: int = field(description="Number of fills in the whole list.")
