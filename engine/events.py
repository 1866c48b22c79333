"""What happened in a run, in columns: from the path to ledger, attribution and tables."""

from dataclasses import dataclass

from engine.arrays import Bools, Floats, Int32s, Int64s

OUTCOMES = ("open", "filled", "partial", "limit", "volume", "no_trade", "absent")
"""What became of an order; `Orders.outcome` is an index here."""

DECISIONS = (
    "sent",
    "alarm",
    "stopped",
    "halted",
    "residual",
    "cool_down",
    "no_volume",
    "no_funds",
    "below_minimum",
    "venue_limit",
    "asset_limit",
)
"""What became of an opportunity; `Opportunities.outcome` is an index here."""

OPEN, FILLED, PARTIAL, MISSED_LIMIT, MISSED_VOLUME, MISSED_NO_TRADE, MISSED_ABSENT = range(len(OUTCOMES))

SELL, BUY = 0, 1
LEG, RESIDUAL, LIQUIDATION, STOP, TIME = range(5)
SIDES = ("sell", "buy")
ROLES = ("leg", "residual", "liquidation", "stop", "time")
"""What an order was for; `Orders.role` is an index here."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """One row an order, (O,), as sent: the legs of a package that are sent together follow each other; its residual orders come later."""

    package: Int64s  # number of the package, from 0
    leg: Int32s  # ordinal in `Spec.legs`
    side: Int32s  # SELL or BUY
    role: Int32s  # index in ROLES
    outcome: Int32s  # index in OUTCOMES
    decided_us: Int64s
    arrival_us: Int64s
    recorded_us: Int64s  # when it resolves; of an open order, when it would
    notice_us: Int64s  # when we learn of it; of an open order, when we would
    planned: Int64s  # [atoms of base]
    filled: Int64s  # [atoms of base]
    reserve: Int64s  # [atoms of base (sell) or quote (buy); on a perpetual of quote]
    flow: Int64s  # [atoms of quote]
    fee: Int64s  # [atoms of the currency charged]
    variation: Int64s  # [atoms of quote] settled on a perpetual at its notice, which had come by the end; 0 on spot
    lacking: Int64s  # [atoms of quote] of this what the margin wallet did not have
    fee_wallet: Int64s  # index in `Path.wallets` of what was charged; -1 without a fill
    gas: Int64s  # [atoms of the leg's gas currency] burnt by a swap, filled or not
    decision_price: Floats  # [quote per base]
    limit_price: Floats
    price: Floats  # nan without a fill
    edge_bps: Floats  # of the package


@dataclass(frozen=True, slots=True, kw_only=True)
class Transfers:
    """One row a transfer, (X,), as requested."""

    route: Int32s  # ordinal in `Spec.routes`
    requested_us: Int64s
    credited_us: Int64s  # when it is credited, or would be
    amount: Int64s  # [atoms] debited at the source
    fee: Int64s  # [atoms] of these; the rest arrives
    credited: Bools  # by the end of the run
    leg: Int32s  # ordinal in `Spec.legs` of whose position went to a desk, or came back from it; -1: it was rebalanced
    paid_us: Int64s  # when the desk pays what was credited there, or would; before any time where nothing was
    paid: Int64s  # [atoms of what it pays]
    is_paid: Bools  # by the end of the run


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunities:
    """One row an opportunity, (P,), by time; within an instant by edge, highest first, then legs."""

    at_us: Int64s
    combination: Int32s  # ordinal in `Spec.combinations`
    edge_bps: Floats  # net
    episode: Int64s  # number of the episode, from 0 as first listed
    outcome: Int32s  # index in DECISIONS
    package: Int64s  # -1 unless sent


@dataclass(frozen=True, slots=True, kw_only=True)
class Funding:
    """One row a payment of funding that was made on a position by the end, (F,)."""

    due_us: Int64s
    paid_us: Int64s  # when it came to the margin wallet, and was known
    rate: Floats  # fraction of the notional that longs pay to shorts
    position: Int64s  # [atoms of base] that it was on, below 0 short
    amount: Int64s  # [atoms of quote] received, below 0 paid
    variation: Int64s  # [atoms of quote] settled with it
    lacking: Int64s  # [atoms of quote] of both what the margin wallet did not have


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What a run did, and what it came to."""

    orders: Orders
    transfers: Transfers
    opportunities: Opportunities
    funding: Funding
    stops: list[tuple[int, str]]  # (µs, "drawdown" or "misses"): the one that came first, if any
    wallets: tuple[tuple[str, str], ...]  # (venue, currency), as `Spec.wallets`
    balances: Int64s  # (W, 3) [atoms] free, reserved, pending at the end
    best_edge_bps: float | None  # of any combination at any instant, net; None where no legs met
    instants: int  # how many instants there were

    @property
    def combination(self) -> Int32s:
        """What each package was to trade, (packages,): ordinal in `Spec.combinations`."""
        found = self.opportunities
        return found.combination[found.package >= 0]  # packages are numbered as they are sent
