"""What unequal legs leave, and the orders that are sent for it at the last notice."""

from collections import Counter
from dataclasses import dataclass
from math import floor, sqrt

from engine.config import Instrument
from engine.oracle import fees, rules, swaps
from engine.oracle.legs import Leg, legs_at
from engine.oracle.orders import send
from engine.oracle.reserves import reserve
from engine.oracle.rules import Side
from engine.oracle.state import Order, Package, Run
from engine.oracle.swaps import Curve
from engine.units import atoms

OTHER_SIDE: dict[Side, Side] = {"sell": "buy", "buy": "sell"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a residual order may go at t, and at which prices."""

    run: Run
    ordinal: int
    instrument: Instrument
    side: Side
    price: float
    limit: float
    reserve_rate: float
    curve: Curve | None = None  # of a pool

    @property
    def lot(self) -> int:
        """Quantity step [atoms of base]."""
        return atoms(self.instrument.lot)

    def reserve(self, quantity: int) -> int:
        """Return what an order would reserve."""
        if self.curve is not None:
            return quantity if self.side == "sell" else swaps.reserve(self.limit, quantity, self.reserve_rate)
        return reserve(self.run, self.instrument, self.side, quantity, best=self.price, limit=self.limit, rate=self.reserve_rate)

    def flow(self, quantity: int) -> int:
        """Return what an order is to move [atoms of quote]."""
        return rules.flow(self.price, quantity) if self.curve is None else self.curve.flow(self.side, quantity)

    def is_covered(self, run: Run, quantity: int) -> bool:
        """Return whether free balances cover an order, and a pool goes so far before its price is at the limit."""
        if self.curve is None:
            return self.reserve(quantity) <= run.free(self.wallet())
        needs = Counter({self.wallet(): self.reserve(quantity)})
        needs[self.instrument.venue, str(self.instrument.gas_currency)] += swaps.gas_of(self.instrument)
        return quantity <= self.curve.most(self.side, 1 / sqrt(self.limit)) and all(amount <= run.free(w) for w, amount in needs.items())

    def wallet(self) -> tuple[str, str]:
        """Return the wallet that pays."""
        return self.run.spends_from(self.instrument, self.side)


def place_at(run: Run, ordinal: int, side: Side, t: int) -> Place | None:
    """Return where an order on a leg may go at t, if that is present."""
    i = run.spec.legs[ordinal]
    seen = run.market[i.key].present(t)
    if seen is None:
        return None
    if swaps.is_pool(i):
        return _on_pool(run, ordinal, side, t)
    price = seen.levels(side)[0].price
    limit = rules.limit(side, price, run.spec.execution.residual_bps, i)
    return Place(run=run, ordinal=ordinal, instrument=i, side=side, price=price, limit=limit, reserve_rate=fees.reserve_rate(run, i, t))


def _on_pool(run: Run, ordinal: int, side: Side, t: int) -> Place:
    i = run.spec.legs[ordinal]
    curve, bps = swaps.in_view(run, i, side, t), run.spec.execution.residual_bps
    limit, rate = swaps.limit_of(side, curve.root * curve.root, 1, bps), fees.reserve_rate(run, i, t)
    return Place(run=run, ordinal=ordinal, instrument=i, side=side, price=curve.pool.price, limit=limit, reserve_rate=rate, curve=curve)


def send_residual(run: Run, package: Package, place: Place, most: int, t: int) -> bool:
    """Send so much as free balances cover and the lot allows, unless that is too little; return whether it was sent."""
    quantity = _covered(run, place, most)
    if quantity == 0 or place.flow(quantity) < atoms(place.instrument.min_notional):
        return False
    send(run, _order(package, place, quantity, t))
    return True


def send_for_pair(run: Run, package: Package, t: int) -> None:
    """Send one order for what a pair bought more than it sold, or sold more than it bought."""
    sell, buy = package.legs
    policy, x = run.spec.execution.residual, buy.filled - sell.filled
    if x == 0 or policy == "carry":
        return
    place = _unwinding(run, sell, buy, t) if policy == "unwind" else _hedging(run, x, t)
    if place is not None:
        send_residual(run, package, place, abs(x), t)


# On the leg that filled too much, back.
def _unwinding(run: Run, sell: Order, buy: Order, t: int) -> Place | None:
    filled = buy if buy.filled > sell.filled else sell
    return place_at(run, filled.leg, OTHER_SIDE[filled.side], t)


# On the leg with the best net price that can pay one lot; ties by leg.
def _hedging(run: Run, x: int, t: int) -> Place | None:
    side: Side = "sell" if x > 0 else "buy"
    found: list[tuple[float, int, Place]] = []
    for leg in legs_at(run, t).values():
        place = place_at(run, leg.ordinal, side, t)
        if place is not None and place.is_covered(run, place.lot):
            found.append((_cost(leg, side), leg.ordinal, place))
    return min(found, key=lambda one: one[:2])[2] if found else None


def _cost(leg: Leg, side: Side) -> float:
    return -leg.received(leg.bid) if side == "sell" else leg.spent(leg.ask)


def send_for_cycle(run: Run, package: Package, t: int) -> None:
    """Send, step by step, what brings all steps of a cycle down to the least share that any filled, or up to the most."""
    policy, shares = run.spec.execution.residual, [leg.filled / leg.planned for leg in package.legs]
    for leg in package.legs:
        if policy == "unwind":
            side, lacking = OTHER_SIDE[leg.side], leg.filled - _of_share(leg, min(shares))
        elif policy == "hedge":
            side, lacking = leg.side, _of_share(leg, max(shares)) - leg.filled
        else:
            return
        place = place_at(run, leg.leg, side, t) if lacking > 0 else None
        if place is not None:
            send_residual(run, package, place, lacking, t)


# So much of what a step planned, in whole lots.
def _of_share(leg: Order, share: float) -> int:
    lot = atoms(leg.instrument.lot)
    # planned * share / lot, in this order
    return floor(leg.planned * share / lot + 1e-6) * lot


# What free balances cover at the limit, in whole lots, by halving.
def _covered(run: Run, place: Place, most: int) -> int:
    least, most = 0, most // place.lot
    while least < most:
        middle = (least + most + 1) // 2
        if place.is_covered(run, middle * place.lot):
            least = middle
        else:
            most = middle - 1
    return least * place.lot


def _order(package: Package, place: Place, quantity: int, t: int) -> Order:
    return Order(
        package=package.number,
        role="residual",
        side=place.side,
        leg=place.ordinal,
        instrument=place.instrument,
        position=place.run.position_of(place.instrument, place.side),
        edge_bps=package.edge_bps,
        decided=t,
        planned=quantity,
        decision_price=place.price if place.curve is None else place.flow(quantity) / quantity,
        best_price=place.price,
        limit=place.limit,
        reserve=place.reserve(quantity),
    )
