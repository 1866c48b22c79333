"""What changes while the oracle walks: wallets, orders, transfers, the queue and the lists that it fills."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from heapq import heappush
from typing import Literal, NamedTuple

from engine.config import FeeSpan, Instrument, Route, Spec
from engine.oracle.marks import Marks
from engine.oracle.observations import Market, Observation, last_tick
from engine.oracle.position import Position
from engine.oracle.rules import Side
from engine.schema import SeriesKey
from engine.strategies.combination import Combination
from engine.units import atoms

WalletKey = tuple[str, str]
Balances = dict[WalletKey, tuple[int, int, int]]
Role = Literal["leg", "residual", "liquidation", "stop", "time"]
Effect = Literal["spot", "opens", "closes"]
DUE, CREDIT, RESOLVE, NOTICE, PAID, REDEEMED = -1, 0, 1, 2, 3, 4
"""Kinds of what waits in the queue; of one time, the smallest goes first."""


@dataclass(slots=True, kw_only=True)
class Wallet:
    """Atoms of one currency at one venue."""

    free: int = 0
    reserved: int = 0
    pending: int = 0

    @property
    def total(self) -> int:
        """All of it."""
        return self.free + self.reserved + self.pending


@dataclass(slots=True, kw_only=True)
class Order:
    """One order, from sending to notice: times in µs, amounts in atoms."""

    package: int
    role: Role
    side: Side
    leg: int
    instrument: Instrument
    edge_bps: float
    decided: int
    planned: int
    decision_price: float
    best_price: float  # the best in view when it was decided
    limit: float
    reserve: int
    position: Effect = "spot"  # what it does to that of a perpetual
    number: int = -1
    arrival: int = -1
    resolves: int = -1
    notice: int = -1
    met: Observation | None = None  # the bar that it may fill in
    open_value: int = 0  # what it adds to the open value of its venue [atoms of numeraire]
    expected: int = 0  # what it is expected to bring, until its notice [atoms]
    resolved: bool = False
    noticed: bool = False
    outcome: str = "open"
    filled: int = 0
    price: float | None = None
    flow: int = 0
    fee: int = 0
    fee_wallet: WalletKey | None = None
    fee_from_free: bool = False  # an asset pays
    epoch: int = -1
    before: Observation | None = None  # the state of a pool that a swap met
    gas: int = 0  # what a swap burnt [atoms of its gas currency]

    @property
    def gas_wallet(self) -> WalletKey | None:
        """The wallet that gas leaves."""
        currency = self.instrument.gas_currency
        return None if currency is None else (self.instrument.venue, currency)

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
        return self.base if self.side == "sell" and self.position == "spot" else self.quote

    @property
    def brings_to(self) -> WalletKey:
        """The wallet that it fills."""
        return self.quote if self.side == "sell" or self.position != "spot" else self.base

    @property
    def brought(self) -> int:
        """What it brought, less a fee that was taken out of that [atoms]."""
        return sum(amount for wallet, amount in self.of_trade if wallet == self.brings_to)

    @property
    def moves(self) -> list[tuple[WalletKey, int]]:
        """What the fill did to wallets, its fee apart: nothing on a perpetual, whose position it changes."""
        if self.position != "spot":
            return []
        bought, received = (-self.filled, self.flow) if self.side == "sell" else (self.filled, -self.flow)
        return [(self.base, bought), (self.quote, received)]

    @property
    def of_fill(self) -> list[tuple[WalletKey, int]]:
        """What the fill did to wallets, its fee last; on a perpetual that is part of the cost, unless an asset pays it."""
        if self.position != "spot" and not self.fee_from_free:
            return []
        return self.moves if self.fee_wallet is None else [*self.moves, (self.fee_wallet, -self.fee)]

    @property
    def changes(self) -> list[tuple[WalletKey, int]]:
        """What the order did to wallets: its fill, and the gas of a swap."""
        return self.of_fill if self.gas_wallet is None else [*self.of_fill, (self.gas_wallet, -self.gas)]

    @property
    def of_trade(self) -> list[tuple[WalletKey, int]]:
        """The fill without a fee in an asset, which leaves free."""
        return self.moves if self.fee_from_free else self.of_fill

    @property
    def released(self) -> list[tuple[WalletKey, int]]:
        """What is pending from resolution to notice: what came in, and what was reserved and not spent, less the fee."""
        return [*self.of_trade, (self.spends_from, self.reserve)]


@dataclass(slots=True, kw_only=True)
class Transfer:
    """Money on its way: times in µs, atoms of the route's currency; credited is None where no opening starts it by the end."""

    number: int
    route: Route
    requested: int
    amount: int
    fee: int
    credited: int | None
    arrived: bool = False
    leg: int | None = None  # whose position goes to a desk, or comes back from it
    pays: str | None = None  # what the desk pays for it, once it is there
    paid: int = 0
    pays_at: int | None = None
    is_paid: bool = False

    @property
    def sent(self) -> int:
        """What arrives."""
        return self.amount - self.fee

    @property
    def redeemed(self) -> list[tuple[str, int]]:
        """What the desk's payment changed of what is held, by currency."""
        return [(self.route.currency, -self.sent), (self.pays, self.paid)] if self.is_paid and self.pays is not None else []


class Settled(NamedTuple):
    """What came to a margin wallet [atoms]: variation and funding, and what the venue bore as the wallet lacked it."""

    at: int
    wallet: WalletKey
    variation: int
    funding: int
    lacking: int

    @property
    def amount(self) -> int:
        """All of it."""
        return self.variation + self.funding + self.lacking


class Entry(NamedTuple):
    """All money after an event: free, reserved and pending of each wallet, and what is in flight by currency [atoms]."""

    at: int
    event: str
    number: int
    balances: Balances
    in_flight: dict[str, int]

    def held(self, currency: str) -> int:
        """Return all that there is of a currency, in flight included."""
        return sum(sum(parts) for (_, c), parts in self.balances.items() if c == currency) + self.in_flight[currency]


@dataclass(slots=True, kw_only=True)
class Package:
    """Orders that were decided together: one a step, as far as they were sent, and what was sent for what these left."""

    number: int
    combination: Combination
    edge_bps: float
    orders: list[Order] = field(default_factory=list)

    @property
    def legs(self) -> list[Order]:
        """The orders of its steps, in their order."""
        return [order for order in self.orders if order.role not in {"residual", "liquidation"}]

    @property
    def is_whole(self) -> bool:
        """Whether every step was sent and filled whole."""
        return len(self.legs) == len(self.combination) and all(leg.filled == leg.planned for leg in self.legs)


@dataclass(slots=True, kw_only=True)
class Bet:
    """What was bought on a leg and is held there: amounts in atoms, times in µs."""

    held: int = 0  # known to be bought, and neither sold nor being sold
    bought: int = 0  # since it was opened
    paid: int = 0  # for that, fees in quote included
    under_way: int = 0  # orders without notice
    since: int | None = None  # when its first buy was decided
    stopped: int | None = None  # when it was last sold at a tick
    due: int = 0  # what a desk paid for it and has still to be sent back


@dataclass(frozen=True, slots=True, kw_only=True)
class Opportunity:
    """A combination that stands and has news, and what came of it."""

    at: int
    combination: int  # ordinal
    edge_bps: float
    episode: int
    outcome: str = ""
    package: int | None = None


@dataclass(slots=True, kw_only=True)
class Run:
    """A run under way."""

    spec: Spec
    combinations: tuple[Combination, ...]
    market: Market
    marks: Marks
    wallets: dict[WalletKey, Wallet]
    fee_rows: dict[SeriesKey, tuple[FeeSpan, ...]]
    halted_at: dict[int, bool]
    position: Position | None = None
    settled: list[Settled] = field(default_factory=list)
    queue: list[tuple[int, int, int]] = field(default_factory=list)
    orders: list[Order] = field(default_factory=list)
    packages: list[Package] = field(default_factory=list)
    transfers: list[Transfer] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    opportunities: list[Opportunity] = field(default_factory=list)
    standing: dict[int, int | None] = field(default_factory=dict)  # the episode of each combination, None before its first opportunity
    episodes: int = 0
    last_sent: dict[int, int] = field(default_factory=dict)
    taken: Counter[tuple[SeriesKey, str, int]] = field(default_factory=Counter)
    known_taken: dict[tuple[SeriesKey, Side], tuple[int, int]] = field(default_factory=dict)
    notionals: list[tuple[int, str, int]] = field(default_factory=list)
    bets: defaultdict[int, Bet] = field(default_factory=lambda: defaultdict(Bet))  # by leg
    means: dict[tuple[int, int], tuple[float, float] | None] = field(default_factory=dict)  # by leg and tick
    net_residual: Counter[str] = field(default_factory=Counter)  # by currency [atoms]
    misses_in_a_row: int = 0
    high: float = 0.0
    stops: list[tuple[int, str]] = field(default_factory=list)

    @property
    def is_in_cycles(self) -> bool:
        """Whether packages are cycles, and not pairs."""
        return self.spec.strategy.sends in {"together", "sequence"}

    @property
    def is_alone(self) -> bool:
        """Whether packages are orders alone, that open and close positions."""
        return self.spec.strategy.sends == "alone"

    @property
    def is_in_sequence(self) -> bool:
        """Whether a package sends its steps one after the other."""
        return self.spec.strategy.sends == "sequence"

    def mark(self, currency: str, t: int) -> float:
        """Return the mark of the last tick at or before t."""
        return self.marks.at(currency, last_tick(self.spec, t))

    def free(self, wallet: WalletKey) -> int:
        """Return what is free in a wallet."""
        return self.wallets[wallet].free

    def under_way(self) -> Iterator[Order]:
        """Yield the orders whose notice has not come."""
        return (order for order in self.orders if not order.noticed)

    def on_the_way(self) -> Iterator[Transfer]:
        """Yield the transfers in flight."""
        return (transfer for transfer in self.transfers if not transfer.arrived)

    def in_flight(self, currency: str) -> int:
        """Return what is in flight of a currency, or at a desk that has not paid for it."""
        redeemed = sum(x.sent for x in self.transfers if x.pays is not None and not x.is_paid and x.route.currency == currency)
        return redeemed + sum(x.sent for x in self.on_the_way() if x.route.currency == currency)

    def held(self, currency: str) -> int:
        """Return what is held of a currency everywhere, in flight included."""
        return sum(w.total for (_, c), w in self.wallets.items() if c == currency) + self.in_flight(currency)

    def known(self, currency: str) -> int:
        """Return what is known to be held of a currency: fills count from their notice on, transfers cost their fee at the request."""
        before = sum(starting(self.spec, venue, currency) for venue in self.spec.venues)
        filled = sum(amount for order in self.orders if order.noticed for (_, c), amount in order.changes if c == currency)
        settled = sum(one.amount for one in self.settled if one.wallet[1] == currency)
        redeemed = sum(amount for x in self.transfers for c, amount in x.redeemed if c == currency)
        return before + filled + settled + redeemed - sum(x.fee for x in self.transfers if x.route.currency == currency)

    def mid(self, t: int) -> float:
        """Return the mid of the perpetual's last good observation that is in view at t [quote per base]."""
        assert self.position is not None
        row = [row for row in self.market[self.position.leg.key].rows if row.good and row.available <= t][-1]
        return (row.bids[0].price + row.asks[0].price) / 2

    def position_of(self, instrument: Instrument, side: Side) -> Effect:
        """Return what an order that is sent now does to the position as known."""
        if self.position is None or instrument != self.position.leg:
            return "spot"
        return "closes" if self.position.known * (1 if side == "buy" else -1) < 0 else "opens"

    def spends_from(self, instrument: Instrument, side: Side) -> WalletKey:
        """Return the wallet that the reserve of an order comes from."""
        is_base = side == "sell" and self.position_of(instrument, side) == "spot"
        return instrument.venue, instrument.key.base if is_base else instrument.key.quote

    def notice_latency(self, instrument: Instrument) -> int:
        """Return how long what happens on an instrument takes to be known [µs]."""
        return self.spec.feed_latency_us if instrument.data == "bars" else self.spec.venues[instrument.venue].feed_latency

    def is_halted(self, t: int) -> bool:
        """Return whether the depeg guard halts at t."""
        return self.halted_at[last_tick(self.spec, t)]

    def stop(self, t: int, reason: str) -> None:
        """Stop for good, if nothing has yet."""
        if not self.stops:
            self.stops.append((t, reason))

    def count_miss(self, t: int, *, is_whole: bool) -> None:
        """Count packages that missed in a row, and stop for good where there are too many."""
        self.misses_in_a_row = 0 if is_whole else self.misses_in_a_row + 1
        most = self.spec.risk.max_misses
        if most is not None and self.misses_in_a_row >= most:
            self.stop(t, "misses")

    def wait(self, at: int, kind: int, number: int) -> None:
        """Put something into the queue."""
        heappush(self.queue, (at, kind, number))

    def record(self, at: int, event: str, number: int) -> None:
        """Note all money after an event."""
        balances = {key: (w.free, w.reserved, w.pending) for key, w in sorted(self.wallets.items())}
        in_flight = {currency: self.in_flight(currency) for currency in self.spec.currencies}
        self.journal.append(Entry(at, event, number, balances, in_flight))


def opening_wallets(spec: Spec) -> dict[WalletKey, Wallet]:
    """Return the wallets of a run at its start."""
    return {(venue, c): Wallet(free=starting(spec, venue, c)) for venue, c in spec.wallets}


def starting(spec: Spec, venue: str, currency: str) -> int:
    """Return a starting balance [atoms]."""
    return atoms(spec.venues[venue].balances.get(currency, Decimal(0)))
