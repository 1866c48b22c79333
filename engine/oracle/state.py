"""What changes while the oracle walks: wallets, orders and the lists that it fills."""

from collections import Counter
from dataclasses import dataclass, field
from typing import Literal

from engine.config import Instrument, Spec
from engine.oracle.data import Market, Marks, Observation
from engine.schema import SeriesKey
from engine.units import atoms

Side = Literal["sell", "buy"]
WalletKey = tuple[str, str]
Balances = dict[WalletKey, tuple[int, int, int]]
Opportunity = tuple[float, SeriesKey, SeriesKey]


@dataclass(slots=True, kw_only=True)
class Wallet:
    """Atoms of one currency at one venue."""

    free: int = 0
    reserved: int = 0
    pending: int = 0


@dataclass(slots=True, kw_only=True)
class Order:
    """One leg of a package, from sending to notice: times in µs, amounts in atoms."""

    package: int
    side: Side
    instrument: Instrument
    edge_bps: float
    decided: int
    arrival: int
    planned: int
    decision_price: float
    limit: float
    reserve: int
    bar: Observation | None
    resolves: int
    notice: int
    resolved: bool = False
    noticed: bool = False
    filled: int = 0
    price: float | None = None
    flow: int = 0
    fee: int = 0
    outcome: str = "open"

    @property
    def base(self) -> WalletKey:
        """The wallet that a sell empties and a buy fills."""
        return self.instrument.venue, self.instrument.key.base

    @property
    def quote(self) -> WalletKey:
        """The wallet that a buy empties and a sell fills."""
        return self.instrument.venue, self.instrument.key.quote

    @property
    def spends_from(self) -> WalletKey:
        """The wallet that holds its reserve."""
        return self.base if self.side == "sell" else self.quote

    @property
    def changes(self) -> dict[WalletKey, int]:
        """What the fill did to each wallet."""
        if self.side == "sell":
            return {self.base: -self.filled, self.quote: self.flow - self.fee}
        return {self.base: self.filled, self.quote: -self.flow - self.fee}

    @property
    def released(self) -> dict[WalletKey, int]:
        """What is pending from resolution to notice: what came in, and what was reserved and not spent."""
        return {wallet: change + (self.reserve if wallet == self.spends_from else 0) for wallet, change in self.changes.items()}


@dataclass(slots=True, kw_only=True)
class Run:
    """A run under way."""

    spec: Spec
    market: Market
    marks: list[tuple[int, Marks]]
    wallets: dict[WalletKey, Wallet]
    orders: list[Order] = field(default_factory=list)
    under_way: list[Order] = field(default_factory=list)
    journal: list[tuple[int, Balances]] = field(default_factory=list)
    dropped: Counter[str] = field(default_factory=Counter)
    instants: list[tuple[int, list[Opportunity]]] = field(default_factory=list)
    equity: list[tuple[int, float, float]] = field(default_factory=list)
    last_sent: dict[tuple[SeriesKey, SeriesKey], int] = field(default_factory=dict)
    taken: Counter[tuple[SeriesKey, int]] = field(default_factory=Counter)

    def balances(self) -> Balances:
        """Return free, reserved and pending of every wallet."""
        return {key: (w.free, w.reserved, w.pending) for key, w in sorted(self.wallets.items())}


def opening_wallets(spec: Spec) -> dict[WalletKey, Wallet]:
    """Return the wallets of a run at its start: those with a balance, and those that a leg may fill."""
    wallets = {(leg.venue, currency): Wallet() for leg in spec.legs for currency in (leg.key.base, leg.key.quote)}
    for name, venue in spec.venues.items():
        for currency, amount in venue.balances.items():
            wallets[name, currency] = Wallet(free=atoms(amount))
    return wallets
