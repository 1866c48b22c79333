"""A cycle in sequence: each step is sent at the notice of the one before, with what that brought."""

from engine.oracle import rules
from engine.oracle.cycles import Stage, most_that, stage_of
from engine.oracle.edges import SIDES
from engine.oracle.legs import legs_at
from engine.oracle.orders import send
from engine.oracle.residuals import Place, place_at, send_residual
from engine.oracle.rules import Levels
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
    done, amount = len(package.legs), _brought(package)
    if done == len(package.combination):
        return False
    step, legs = package.combination[done], legs_at(run, t)
    place = place_at(run, step.leg, SIDES[step.side], t)
    if place is None:
        return False
    stage = _within(stage_of(run, legs[step.leg], place.side), place)
    quantity = _quantity(run, stage, place, amount)
    levels = rules.used(stage.levels, quantity)
    if quantity == 0 or rules.flow_over(levels) < atoms(place.instrument.min_notional):
        return False
    send(run, _order(package, place, levels, t))
    return True


# What the last step brought, and what was sent for it again.
def _brought(package: Package) -> int:
    since = package.orders.index(package.legs[-1])
    return sum(order.brought for order in package.orders[since:])


def _within(stage: Stage, place: Place) -> Stage:
    beyond = [n for n, level in enumerate(stage.levels) if not rules.is_within(stage.side, level.price, place.limit)]
    return Stage(leg=stage.leg, side=stage.side, levels=stage.levels[: beyond[0]] if beyond else stage.levels)


# As much as the amount pays or is, as the levels go, and as free balances cover at the limit.
def _quantity(run: Run, stage: Stage, place: Place, amount: int) -> int:
    free = run.free(place.wallet())
    if stage.side == "sell":
        return min(amount, stage.left, free) // stage.lot * stage.lot
    return most_that(lambda q: stage.cost(q) <= amount and place.reserve(q) <= free, stage.left, stage.lot)


def _order(package: Package, place: Place, levels: Levels, t: int) -> Order:
    quantity = rules.total(levels)
    return Order(
        package=package.orders[0].package,
        role="leg",
        side=place.side,
        leg=place.ordinal,
        instrument=place.instrument,
        edge_bps=package.edge_bps,
        decided=t,
        planned=quantity,
        decision_price=rules.average_price(levels),
        best_price=place.price,
        limit=place.limit,
        reserve=place.reserve(quantity),
    )
