"""What the oracle brings back."""

from dataclasses import dataclass
from typing import NamedTuple

from engine.oracle.position import Payment
from engine.oracle.quality import Counts
from engine.oracle.risk import GuardEvent
from engine.oracle.rules import Side
from engine.oracle.state import Balances, Entry, Role, Settled


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleOrder:
    """One order; times in µs, amounts in atoms (base for quantities, quote for flow, `fee_currency` for the fee), None for what did not happen."""

    package: int
    role: Role
    leg: int
    side: Side
    outcome: str
    decided_us: int
    arrival_us: int
    recorded_us: int | None
    notice_us: int | None
    venue: str
    instrument: str
    planned: int
    filled: int
    reserve: int
    flow: int
    fee: int
    fee_currency: str | None
    decision_price: float
    limit_price: float
    price: float | None
    edge_bps: float


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleTransfer:
    """One transfer; times in µs, amounts in atoms; credited, and what a desk paid for it, are None, and 0, where that did not happen by the end."""

    route: str
    requested_us: int
    credited_us: int | None
    amount: int
    fee: int
    paid_us: int | None
    paid: int


class OracleOpportunity(NamedTuple):
    """A combination that stood and had news at a time [µs], and what came of it; the package is None unless one was sent."""

    at_us: int
    combination: int  # ordinal in `Spec.combinations`
    edge_bps: float
    outcome: str
    episode: int
    package: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class OracleResult:
    """All that a run brought; balances are (free, reserved, pending) atoms, the journal has an entry after every event that moved any."""

    orders: list[OracleOrder]
    transfers: list[OracleTransfer]
    opportunities: list[OracleOpportunity]
    decisions: dict[str, int]
    episodes: int
    instants: int
    stops: list[tuple[int, str]]
    guard_events: list[GuardEvent]
    balances: Balances
    journal: list[Entry]
    marks: list[tuple[int, dict[str, float]]]
    equity: list[tuple[int, float, float]]
    attribution: dict[str, float]
    attribution_days: list[tuple[str, dict[str, float]]]
    settled: list[Settled]
    payments: list[Payment]
    trade_back: float
    trade_back_at_marks: tuple[str, ...]
    quality: list[Counts]
