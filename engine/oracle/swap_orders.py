"""The two orders of a pool and a book that are worth it."""

from collections.abc import Callable
from dataclasses import dataclass
from math import floor, lcm, sqrt

from engine.oracle import fees, rules, swaps
from engine.oracle.cycles import most_that
from engine.oracle.edges import SIDES
from engine.oracle.exposure import expected, open_value, skip
from engine.oracle.legs import Leg, Legs
from engine.oracle.rules import Levels, Side
from engine.oracle.state import Opportunity, Order, Run
from engine.oracle.swaps import Curve
from engine.units import atoms

Line = tuple[str, Callable[[int], bool]]
"""The outcome if nothing is left, and whether a quantity is allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Half:
    """One leg of a package: a pool's curve, or what is left of a book's levels."""

    run: Run
    t: int
    leg: Leg
    side: Side
    curve: Curve | None
    levels: Levels

    def flow(self, q: int) -> int:
        """Return what q units move [atoms of quote]."""
        return rules.flow_over(rules.used(self.levels, q)) if self.curve is None else self.curve.flow(self.side, q)

    def fee(self, q: int) -> int:
        """Return what the venue keeps of it, as if in quote."""
        return rules.fee(self.flow(q), self.leg.rate) if self.curve is None else self.curve.fee(self.side, q)

    def price(self, q: int) -> float:
        """Return the average price."""
        return rules.average_price(rules.used(self.levels, q)) if self.curve is None else self.flow(q) / q

    def limit(self, q: int) -> float:
        """Return the worst price that an order of q accepts."""
        tolerance = self.run.spec.execution.tolerance_bps
        if self.curve is not None:
            return swaps.limit_of(self.side, self.flow(q), q, tolerance)
        return rules.limit(self.side, rules.used(self.levels, q)[-1].price, tolerance, self.leg.instrument)

    def reserve(self, q: int) -> int:
        """Return what an order of q reserves of what it spends."""
        if self.side == "sell":
            return q
        rate = fees.reserve_rate(self.run, self.leg.instrument, self.t)
        return rules.buy_reserve(self.limit(q), q, rate) if self.curve is None else swaps.reserve(self.limit(q), q, rate)

    def is_funded(self, q: int) -> bool:
        """Return whether the reserve is free, and gas beside it."""
        i = self.leg.instrument
        needs = {(i.venue, i.key.base if self.side == "sell" else i.key.quote): self.reserve(q)}
        if i.gas_currency is not None:
            needs[i.venue, i.gas_currency] = needs.get((i.venue, i.gas_currency), 0) + swaps.gas_of(i)
        return all(amount <= self.run.free(wallet) for wallet, amount in needs.items())


def swap_orders(run: Run, opportunity: Opportunity, legs: Legs) -> list[Order] | str:
    """Return the sell and the buy of a package, not sent yet, or the outcome if there is none."""
    steps = run.combinations[opportunity.combination]
    sell, buy = (_half(run, legs[step.leg], SIDES[step.side], opportunity.at) for step in steps)
    size = _size(run, sell, buy)
    if isinstance(size, str):
        return size
    return [_order(run, opportunity, half, size) for half in (sell, buy)]


def _half(run: Run, leg: Leg, side: Side, t: int) -> Half:
    curve = swaps.in_view(run, leg.instrument, side, t) if swaps.is_pool(leg.instrument) else None
    levels = [] if curve is not None else rules.after_skip(leg.seen.levels(side), skip(run, leg, side))
    return Half(run=run, t=t, leg=leg, side=side, curve=curve, levels=levels)


def _size(run: Run, sell: Half, buy: Half) -> int | str:
    step = lcm(atoms(sell.leg.instrument.lot), atoms(buy.leg.instrument.lot))
    strategy = run.spec.strategy
    worth = _worth_it(run, sell, buy)
    lines: list[Line] = [
        ("no_volume", lambda q: q <= worth),
        ("no_funds", lambda q: sell.is_funded(q) and buy.is_funded(q)),
        *_limits(run, sell, buy),
    ]
    if strategy.size == "fixed":
        assert strategy.fixed_notional is not None
        q = floor(atoms(strategy.fixed_notional) / (buy.leg.ask * buy.leg.ca)) // step * step
        against = "below_minimum" if q == 0 else next((outcome for outcome, allows in lines if not allows(q)), None)
        return against or (q if _is_enough(run, sell, buy, q) else "below_minimum")
    q = worth // step * step
    for outcome, allows in lines:
        q = most_that(allows, q, step)
        if q == 0:
            return outcome
    return q if _is_enough(run, sell, buy, q) else "below_minimum"


# Level by level of the book, and the pool in closed form within each.
def _worth_it(run: Run, sell: Half, buy: Half) -> int:
    pool, book = (sell, buy) if sell.curve is not None else (buy, sell)
    begin = 0
    for level in book.levels:
        most = _until(run, pool, book, level.price)
        if most < begin + level.size:
            return max(most, begin)
        begin += level.size
    return begin


def _until(run: Run, pool: Half, book: Half, price: float) -> int:
    curve, least = pool.curve, 1 + run.spec.strategy.threshold_bps * 1e-4
    assert curve is not None
    if pool.side == "sell":
        target = least * book.leg.spent(price) / ((1 - curve.rate) * pool.leg.cb)
    else:
        target = book.leg.received(price) * (1 - curve.rate) / (least * pool.leg.ca)
    return curve.most(pool.side, 1 / sqrt(target))


def _limits(run: Run, sell: Half, buy: Half) -> list[Line]:
    found: list[Line] = []
    strategy, risk = run.spec.strategy, run.spec.risk
    if strategy.max_notional is not None:
        most = atoms(strategy.max_notional)
        found.append(("below_minimum", lambda q: buy.flow(q) * buy.leg.ca <= most))
    if risk.max_venue_open is not None:
        room = min(_venue_room(run, half, atoms(risk.max_venue_open)) for half in (sell, buy))
        found.append(("venue_limit", lambda q: q <= room))
    c, t = sell.leg.instrument.key.quote, sell.t
    if c in risk.max_asset and c != buy.leg.instrument.key.quote:
        left = floor((atoms(risk.max_asset[c]) / run.mark(c, t) - (run.known(c) + expected(run, c))) / sell.leg.bid)
        found.append(("asset_limit", lambda q: q <= left))
    return found


def _venue_room(run: Run, half: Half, most: int) -> int:
    i, p = half.leg.instrument, half.leg.bid if half.side == "sell" else half.leg.ask
    return floor((most - open_value(run, i.venue)) / (p * run.mark(i.key.quote, half.t)))


# No leg below its minimum notional, and no gain below the least, gas included.
def _is_enough(run: Run, sell: Half, buy: Half, q: int) -> bool:
    if any(half.flow(q) < atoms(half.leg.instrument.min_notional) for half in (sell, buy)):
        return False
    pool = (sell if sell.curve is not None else buy).leg.instrument
    assert pool.gas_currency is not None
    gas = swaps.gas_of(pool) * run.mark(pool.gas_currency, sell.t) / run.mark(run.spec.comparison_currency, sell.t)
    gain = float(sell.flow(q) - sell.fee(q)) * sell.leg.cb - float(buy.flow(q) + buy.fee(q)) * buy.leg.ca - gas
    return gain >= atoms(run.spec.strategy.least_gain)


def _order(run: Run, opportunity: Opportunity, half: Half, size: int) -> Order:
    return Order(
        package=len(run.packages),
        role="leg",
        side=half.side,
        leg=half.leg.ordinal,
        instrument=half.leg.instrument,
        edge_bps=opportunity.edge_bps,
        decided=half.t,
        planned=size,
        decision_price=half.price(size),
        best_price=half.leg.bid if half.side == "sell" else half.leg.ask,
        limit=half.limit(size),
        reserve=half.reserve(size),
    )
