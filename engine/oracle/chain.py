"""A cycle in sequence: each step is sent at the notice of the one before, with what that brought."""

from engine.oracle import rules
from engine.oracle.cycle_orders import step_order
from engine.oracle.cycles import Stage, most_that, stage_of
from engine.oracle.edges import SIDES
from engine.oracle.legs import legs_at
from engine.oracle.orders import send
from engine.oracle.residuals import place_at, send_residual
from engine.oracle.state import Order, Package, Run
from engine.units import atoms


def goes_on(run: Run, package: Package, order: Order, t: int) -> bool:
    """At the notice of an order: send the rest of its step once more, or the next step; return whether anything was sent."""
    return _sends_again(run, package, order, t) or _sends_next(run, package, t)


# What a step after the first planned and did not fill, once.
def _sends_again(run: Run, package: Package, order: Order, t: int) -> bool:
    lacking = order.planned - order.filled
    if run.spec.execution.residual != "hedge" or order.role == "residual" or order is package.orders[0] or lacking == 0:
        return False
    place = place_at(run, order.leg, order.side, t)
    return place is not None and send_residual(run, package, place, lacking, t)


def _sends_next(run: Run, package: Package, t: int) -> bool:
    done, legs = len(package.legs), legs_at(run, t)
    if done == len(package.combination):
        return False
    step = package.combination[done]
    place = place_at(run, step.leg, SIDES[step.side], t)
    if place is None:
        return False
    stage = _within(stage_of(run, legs[step.leg], place.side), place.limit)
    planned = stage.planned(_quantity(run, stage, _brought(package), t)) if stage.levels else None
    if planned is None or planned.quantity == 0 or planned.flow < atoms(place.instrument.min_notional):
        return False
    send(run, step_order(run, stage, planned, t, package=package))
    return True


# What the last step brought, and what was sent for it again.
def _brought(package: Package) -> int:
    since = package.orders.index(package.legs[-1])
    return sum(order.brought for order in package.orders[since:])


def _within(stage: Stage, limit: float) -> Stage:
    beyond = [n for n, level in enumerate(stage.levels) if not rules.is_within(stage.side, level.price, limit)]
    return Stage(leg=stage.leg, side=stage.side, levels=stage.levels[: beyond[0]] if beyond else stage.levels)


# As much as the amount pays or is, as the levels go, and as free balances cover at the order's limit.
def _quantity(run: Run, stage: Stage, amount: int, t: int) -> int:
    free = run.free(stage.spends_from)
    if stage.side == "sell":
        return min(amount, stage.left, free) // stage.lot * stage.lot
    return most_that(lambda q: stage.cost(q) <= amount and stage.reserve(run, t, stage.planned(q)) <= free, stage.left, stage.lot)
