"""Spot against its perpetual: what enters, what exits, how much of it, and what is closed at ticks (docs/model.md, "Strategy basis")."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from math import floor, inf, lcm
from typing import Literal

from engine.config import Instrument
from engine.oracle import fees, rules
from engine.oracle.decisions import episode_of
from engine.oracle.edges import edge_bps, gross_bps
from engine.oracle.exposure import open_value, skip
from engine.oracle.legs import Leg, has_news, legs_at
from engine.oracle.orders import send
from engine.oracle.packages import is_residual_too_large
from engine.oracle.position import Position
from engine.oracle.reserves import reserve
from engine.oracle.rules import Levels, Side
from engine.oracle.state import Opportunity, Order, Package, Run
from engine.strategies.basis import Basis
from engine.units import atoms

Role = Literal["entry", "exit", "closing"]
SIDES: tuple[Side, Side] = ("sell", "buy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pair:
    """A sell and a buy at t, one of them of the perpetual, and what they do to the position."""

    run: Run
    position: Position
    strategy: Basis
    t: int
    number: int
    role: Role
    sell: Leg
    buy: Leg
    counted: float  # funding [bps]

    @property
    def least(self) -> float:
        """The least edge that is worth it [bps]."""
        return {"entry": self.strategy.threshold_bps, "exit": self.strategy.exit_bps, "closing": -inf}[self.role]

    @property
    def edge(self) -> float:
        """The edge at the best prices, with the funding that counts [bps]."""
        return self.edge_at(self.sell.bid, self.buy.ask)

    def edge_at(self, bid: float, ask: float) -> float:
        """Return the edge at some prices."""
        found = edge_bps(self.sell, self.buy, bid, ask)
        return found + self.counted if self.role == "entry" else found

    def left(self, side: Side) -> Levels:
        """Return what is left of the levels that a side takes from."""
        leg = self.leg(side)
        return rules.after_skip(leg.seen.levels(side), skip(self.run, leg, side))

    def leg(self, side: Side) -> Leg:
        """Return the leg of a side."""
        return self.sell if side == "sell" else self.buy

    def deepest(self, side: Side, q: int) -> float:
        """Return the price of the level that the q-th unit comes from."""
        return rules.used(self.left(side), q)[-1].price

    def limit(self, side: Side, q: int) -> float:
        """Return the limit of an order of q units."""
        return rules.limit(side, self.deepest(side, q), self.run.spec.execution.tolerance_bps, self.leg(side).instrument)

    def reserve(self, side: Side, q: int) -> int:
        """Return what an order of q units reserves [atoms of what it comes from]."""
        i = self.leg(side).instrument
        best = self.sell.bid if side == "sell" else self.buy.ask
        return reserve(self.run, i, side, q, best=best, limit=self.limit(side, q), rate=fees.reserve_rate(self.run, i, self.t))


def decide(run: Run, position: Position, strategy: Basis, t: int) -> None:
    """List the pairs that stand and have news, best first, and send what is worth it."""
    pairs = [pair for pair in _pairs(run, position, strategy, t) if pair.edge >= pair.least]
    run.standing = {pair.number: run.standing.get(pair.number) for pair in pairs}
    new = [pair for pair in pairs if any(has_news(run, leg, t) for leg in (pair.sell, pair.buy))]
    for pair in sorted(new, key=lambda one: (-one.edge, one.number)):
        found = Opportunity(at=t, combination=pair.number, edge_bps=pair.edge, episode=episode_of(run, pair.number))
        now = next(one for one in _pairs(run, position, strategy, t) if one.number == pair.number)  # what was sent may have turned it round
        run.opportunities.append(_outcome(found, now))


def _pairs(run: Run, position: Position, strategy: Basis, t: int) -> Iterator[Pair]:
    legs = legs_at(run, t)
    for number, (sell, buy) in enumerate(run.combinations):
        if sell.leg in legs and buy.leg in legs:
            way = -1 if run.spec.legs[sell.leg] == position.leg else 1
            role = _role(run, position, strategy, way)
            if role is not None:
                counted = -way * _funding_bps(position, strategy, t)
                common = {"run": run, "position": position, "strategy": strategy, "t": t, "number": number}
                yield Pair(**common, role=role, sell=legs[sell.leg], buy=legs[buy.leg], counted=counted)  # type: ignore[arg-type]


# What a pair does that makes the position longer (1) or shorter (-1).
def _role(run: Run, position: Position, strategy: Basis, way: int) -> Role | None:
    stance = position.known or _coming(run, position)
    if stance * way < 0:
        return "exit"
    return "entry" if way < 0 or strategy.directions == "both" else None


# What orders under way would make of no position.
def _coming(run: Run, position: Position) -> int:
    ours = [o for o in run.under_way() if o.instrument == position.leg]
    return sum(o.planned if o.side == "buy" else -o.planned for o in ours)


# What a short position is paid, as far as it counts.
def _funding_bps(position: Position, strategy: Basis, t: int) -> float:
    latest, rate = None, 0.0
    for payment in position.payments:
        latest = payment.known if latest is None else max(latest, payment.known)
        rate = payment.rate if latest <= t else rate
    return 1e4 * (strategy.funding_payments * rate)


def _outcome(found: Opportunity, pair: Pair) -> Opportunity:
    against = _reason_against(pair)
    if against is not None:
        return replace(found, outcome=against)
    size = _size(pair)
    if isinstance(size, str):
        return replace(found, outcome=size)
    return replace(found, outcome="sent", package=_send(pair, size, found.edge_bps))


def _reason_against(pair: Pair) -> str | None:
    run, t = pair.run, pair.t
    if gross_bps(pair.sell, pair.buy) > run.spec.risk.max_gross_edge_bps:
        return "alarm"
    if pair.role == "entry":
        if pair.position.is_closing or run.stops:
            return "stopped"
        if run.is_halted(t):
            return "halted"
        if is_residual_too_large(run, t):
            return "residual"
    last = run.last_sent.get(pair.number)
    return "cool_down" if last is not None and t < last + pair.strategy.cool_down else None


def _size(pair: Pair) -> int | str:
    step = lcm(atoms(pair.sell.instrument.lot), atoms(pair.buy.instrument.lot))
    most = min(rules.total(pair.left("sell")), rules.total(pair.left("buy"))) // step
    if most == 0:
        return "no_volume"
    for outcome, allows in _lines(pair):
        most = _largest(most, lambda n, allows=allows: allows(n * step))  # type: ignore[misc]
        if most == 0:
            return outcome
    q = most * step
    for side in SIDES:
        if rules.flow_over(rules.used(pair.left(side), q)) < atoms(pair.leg(side).instrument.min_notional):
            return "below_minimum"
    return q


# Every line that holds for a number holds for less.
def _largest(most: int, allows: Callable[[int], bool]) -> int:
    least = 0
    while least < most:
        middle = (least + most + 1) // 2
        if allows(middle):
            least = middle
        else:
            most = middle - 1
    return least


def _lines(pair: Pair) -> Iterator[tuple[str, Callable[[int], bool]]]:
    yield "no_volume", lambda q: pair.edge_at(pair.deepest("sell", q), pair.deepest("buy", q)) >= pair.least
    if pair.role != "entry":
        yield "no_funds", lambda q: q <= _left_open(pair)
    yield "no_funds", lambda q: _is_funded(pair, q)
    notional = pair.strategy.max_notional
    if notional is not None and pair.role != "closing":
        yield "below_minimum", lambda q: q <= floor(atoms(notional) / (pair.deepest("buy", q) * pair.buy.ca))
    most = pair.run.spec.risk.max_venue_open
    if most is not None and pair.role == "entry":
        for i, price in ((pair.sell.instrument, pair.sell.bid), (pair.buy.instrument, pair.buy.ask)):
            room = _venue_room(pair, i, price, atoms(most))
            yield "venue_limit", lambda q, room=room: q <= room  # type: ignore[misc]


def _venue_room(pair: Pair, i: Instrument, price: float, most: int) -> int:
    u = pair.run.mark(i.key.quote, pair.t)
    return floor((most - open_value(pair.run, i.venue)) / (price * u))


# What of the position nothing under way closes.
def _left_open(pair: Pair) -> int:
    position = pair.position
    side = "buy" if position.known < 0 else "sell"
    closing = sum(o.planned for o in pair.run.under_way() if o.instrument == position.leg and o.side == side)
    return abs(position.known) - closing


def _is_funded(pair: Pair, q: int) -> bool:
    wallets = {side: pair.run.spends_from(pair.leg(side).instrument, side) for side in SIDES}
    return all(pair.reserve(side, q) <= pair.run.free(wallet) for side, wallet in wallets.items())


def _send(pair: Pair, q: int, edge: float) -> int:
    run = pair.run
    package = Package(number=len(run.packages), combination=run.combinations[pair.number], edge_bps=edge)
    run.last_sent[pair.number] = pair.t
    run.packages.append(package)
    for order in [_order(pair, package, side, q) for side in SIDES]:
        send(run, order)
    return package.number


def _order(pair: Pair, package: Package, side: Side, q: int) -> Order:
    leg = pair.leg(side)
    return Order(
        package=package.number,
        role="leg",
        side=side,
        leg=leg.ordinal,
        instrument=leg.instrument,
        position=pair.run.position_of(leg.instrument, side),
        edge_bps=package.edge_bps,
        decided=pair.t,
        planned=q,
        decision_price=rules.average_price(rules.used(pair.left(side), q)),
        best_price=leg.bid if side == "sell" else leg.ask,
        limit=pair.limit(side, q),
        reserve=pair.reserve(side, q),
    )


def close_late(run: Run, position: Position, strategy: Basis, t: int) -> None:
    """At a tick: close what was held for too long, or costs too much already, whatever an exit costs now."""
    if position.known == 0:
        return
    exits = next((pair for pair in _pairs(run, position, strategy, t) if pair.role == "exit"), None)
    too_long = strategy.max_hold is not None and t >= position.since + strategy.max_hold
    too_far = strategy.stop_bps is not None and exits is not None and exits.edge <= -strategy.stop_bps
    position.is_closing = position.is_closing or too_long or too_far
    if not position.is_closing or exits is None:
        return
    pair = replace(exits, role="closing")
    size = _size(pair)
    if not isinstance(size, str):
        found = Opportunity(at=t, combination=pair.number, edge_bps=pair.edge, episode=run.episodes, outcome="sent")
        run.episodes += 1
        run.opportunities.append(replace(found, package=_send(pair, size, pair.edge)))
