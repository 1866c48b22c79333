"""What unequal legs leave, and the order that is sent for it at the later notice."""

from dataclasses import dataclass

from engine.config import Instrument
from engine.oracle import fees, rules
from engine.oracle.decisions import Leg, legs_at
from engine.oracle.observations import Observation
from engine.oracle.orders import send
from engine.oracle.rules import Side
from engine.oracle.state import Order, Run
from engine.units import atoms


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a residual order may go at t, and at which prices."""

    ordinal: int
    instrument: Instrument
    side: Side
    price: float
    limit: float
    reserve_rate: float

    @property
    def lot(self) -> int:
        """Quantity step [atoms of base]."""
        return atoms(self.instrument.lot)

    def reserve(self, quantity: int) -> int:
        """Return what an order would reserve."""
        return quantity if self.side == "sell" else rules.buy_reserve(self.limit, quantity, self.reserve_rate)

    def wallet(self) -> tuple[str, str]:
        """Return the wallet that pays."""
        return self.instrument.venue, self.instrument.key.base if self.side == "sell" else self.instrument.key.quote


def note_residual(run: Run, order: Order, t: int) -> None:
    """At a notice: count what is left, and where it completes a package, what it missed and what is sent for it."""
    if order.role == "residual":
        run.net_residual += order.filled if order.side == "buy" else -order.filled
        return
    sell, buy = run.packages[order.package]
    if sell.noticed and buy.noticed:
        x = buy.filled - sell.filled
        run.net_residual += x
        _count_misses(run, sell, buy, t)
        _send_residual(run, (sell, buy), x, t)


def _count_misses(run: Run, sell: Order, buy: Order, t: int) -> None:
    is_whole = sell.filled == sell.planned and buy.filled == buy.planned
    run.misses_in_a_row = 0 if is_whole else run.misses_in_a_row + 1
    most = run.spec.risk.max_misses
    if most is not None and run.misses_in_a_row >= most:
        run.stop(t, "misses")


def _send_residual(run: Run, package: tuple[Order, Order], x: int, t: int) -> None:
    policy = run.spec.execution.residual
    if x == 0 or policy == "carry":
        return
    place = _unwinding(run, package, x, t) if policy == "unwind" else _hedging(run, x, t)
    quantity = 0 if place is None else _covered(run, place, abs(x))
    if place is not None and quantity and rules.flow(place.price, quantity) >= atoms(place.instrument.min_notional):
        send(run, _order(package[0], place, quantity, t))


# On the leg that filled too much, back.
def _unwinding(run: Run, package: tuple[Order, Order], x: int, t: int) -> Place | None:
    sell, buy = package
    filled = buy if x > 0 else sell
    seen = run.market[filled.instrument.key].present(t)
    return None if seen is None else _place(run, filled.leg, filled.instrument, "sell" if x > 0 else "buy", seen, t)


# On the leg with the best net price that can pay one lot; ties by leg.
def _hedging(run: Run, x: int, t: int) -> Place | None:
    side: Side = "sell" if x > 0 else "buy"
    found: list[tuple[float, int, Place]] = []
    for leg in legs_at(run, t).values():
        place = _place(run, leg.ordinal, leg.instrument, side, leg.seen, t)
        if place.reserve(place.lot) <= run.free(place.wallet()):
            found.append((_cost(leg, side), leg.ordinal, place))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _cost(leg: Leg, side: Side) -> float:
    return -leg.received(leg.bid) if side == "sell" else leg.spent(leg.ask)


def _place(run: Run, ordinal: int, i: Instrument, side: Side, seen: Observation, t: int) -> Place:
    price = seen.levels(side)[0].price
    limit = rules.limit(side, price, run.spec.execution.residual_bps, i)
    return Place(ordinal=ordinal, instrument=i, side=side, price=price, limit=limit, reserve_rate=fees.reserve_rate(run, i, t))


# What free balances cover at the limit, in whole lots, by halving.
def _covered(run: Run, place: Place, most: int) -> int:
    least, most = 0, most // place.lot
    while least < most:
        middle = (least + most + 1) // 2
        if place.reserve(middle * place.lot) <= run.free(place.wallet()):
            least = middle
        else:
            most = middle - 1
    return least * place.lot


def _order(first: Order, place: Place, quantity: int, t: int) -> Order:
    return Order(
        package=first.package,
        role="residual",
        side=place.side,
        leg=place.ordinal,
        instrument=place.instrument,
        edge_bps=first.edge_bps,
        decided=t,
        planned=quantity,
        decision_price=place.price,
        best_price=place.price,
        limit=place.limit,
        reserve=place.reserve(quantity),
    )
