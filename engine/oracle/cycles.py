"""What an amount becomes on its way through a cycle: the plan, and whether the books allow it."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from engine.oracle import fees, rules
from engine.oracle.edges import SIDES, cycle_bps
from engine.oracle.exposure import skip
from engine.oracle.legs import Leg, Legs
from engine.oracle.rules import Levels, Side
from engine.oracle.state import Run
from engine.strategies.combination import Combination
from engine.units import atoms


class Planned(NamedTuple):
    """What one step trades, the price that its last unit comes from, and what it brings [atoms]."""

    quantity: int
    price: float
    flow: int
    brings: int


Plan = list[Planned]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A step at an instant, and what is left of the levels that it takes from."""

    leg: Leg
    side: Side
    levels: Levels

    @property
    def lot(self) -> int:
        """Quantity step [atoms of base]."""
        return atoms(self.leg.instrument.lot)

    @property
    def left(self) -> int:
        """What is left, in whole lots [atoms of base]."""
        return rules.total(self.levels) // self.lot * self.lot

    @property
    def best_price(self) -> float:
        """The best price in view."""
        return self.leg.bid if self.side == "sell" else self.leg.ask

    @property
    def spends_from(self) -> tuple[str, str]:
        """The wallet that pays."""
        i = self.leg.instrument
        return i.venue, i.key.base if self.side == "sell" else i.key.quote

    @property
    def brings(self) -> str:
        """The currency that it brings."""
        return self.leg.instrument.key.quote if self.side == "sell" else self.leg.instrument.key.base

    def cost(self, quantity: int) -> int:
        """Return what a buy costs that the rate in force is charged of [atoms of quote]."""
        flow = rules.flow_over(rules.used(self.levels, quantity))
        return flow if self.leg.fee_in_base else flow + rules.fee(flow, self.leg.rate)

    def limit(self, run: Run, price: float) -> float:
        """Return the limit of an order whose last unit comes from a price."""
        return rules.limit(self.side, price, run.spec.execution.tolerance_bps, self.leg.instrument)

    def reserve(self, run: Run, t: int, planned: Planned) -> int:
        """Return what an order sent at t reserves [atoms of what it spends]."""
        if self.side == "sell":
            return planned.quantity
        return rules.buy_reserve(self.limit(run, planned.price), planned.quantity, fees.reserve_rate(run, self.leg.instrument, t))

    def planned(self, quantity: int) -> Planned:
        """Return what becomes of a quantity."""
        levels = rules.used(self.levels, quantity)
        flow = rules.flow_over(levels)
        if self.side == "sell":
            brings = flow - rules.fee(flow, self.leg.rate)
        else:
            brings = quantity - (rules.fee(quantity, self.leg.rate) if self.leg.fee_in_base else 0)
        return Planned(quantity=quantity, price=(levels or self.levels)[-1 if levels else 0].price, flow=flow, brings=brings)


@dataclass(frozen=True, slots=True, kw_only=True)
class Books:
    """The stages of a cycle at an instant."""

    run: Run
    t: int
    legs: Legs
    cycle: Combination
    stages: list[Stage]

    def plan(self, amount: int) -> Plan | None:
        """Return what becomes of an amount of the first currency; None if the books do not allow it."""
        found: Plan = []
        for stage in self.stages:
            if not _is_left(stage, amount):
                return None
            found.append(stage.planned(_quantity(stage, amount)))
            amount = found[-1].brings
        edge = cycle_bps(self.legs, self.cycle, [planned.price for planned in found])
        return found if edge >= self.run.spec.strategy.threshold_bps else None


def books_of(run: Run, cycle: Combination, legs: Legs, t: int) -> Books:
    """Return what a package of a cycle may take at t."""
    return Books(run=run, t=t, legs=legs, cycle=cycle, stages=[stage_of(run, legs[step.leg], SIDES[step.side]) for step in cycle])


def stage_of(run: Run, leg: Leg, side: Side) -> Stage:
    """Return a step, with what is left of its levels in view."""
    return Stage(leg=leg, side=side, levels=rules.after_skip(leg.seen.levels(side), skip(run, leg, side)))


# A lot at least, and all that a sell would sell, or so much that a buy could spend all of the amount.
def _is_left(stage: Stage, amount: int) -> bool:
    if stage.left == 0:
        return False
    if stage.side == "sell":
        return amount // stage.lot * stage.lot <= stage.left
    return stage.cost(stage.left) >= amount


def _quantity(stage: Stage, amount: int) -> int:
    if stage.side == "sell":
        return amount // stage.lot * stage.lot
    return most_that(lambda q: stage.cost(q) <= amount, stage.left, stage.lot)


def most_that(holds: Callable[[int], bool], most: int, step: int = 1) -> int:
    """Return the largest multiple of a step up to `most` of which this holds, 0 if it holds of no other: what holds, holds of less."""
    least, top = 0, most // step
    while least < top:
        middle = (least + top + 1) // 2
        if holds(middle * step):
            least = middle
        else:
            top = middle - 1
    return least * step
