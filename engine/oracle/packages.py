"""What comes of an opportunity: the first reason against it, or a package."""

from dataclasses import replace

from engine.oracle.cycle_orders import cycle_orders
from engine.oracle.decisions import opportunities_at
from engine.oracle.edges import gross_edge_bps
from engine.oracle.legs import Legs, legs_at
from engine.oracle.orders import send
from engine.oracle.pair_orders import pair_orders
from engine.oracle.state import Opportunity, Order, Package, Run
from engine.oracle.swap_orders import swap_orders
from engine.schema import ATOMS_PER_UNIT

_ORDERS = {("pairs", False): pair_orders, ("pairs", True): swap_orders, ("together", True): cycle_orders, ("sequence", True): cycle_orders}
"""By what is sent as one package, and whether combinations are listed."""


def decide(run: Run, t: int) -> None:
    """List the opportunities of an instant and send what is worth it."""
    legs = legs_at(run, t)
    for opportunity in opportunities_at(run, legs, t):
        run.opportunities.append(_outcome(run, opportunity, legs))


def _outcome(run: Run, opportunity: Opportunity, legs: Legs) -> Opportunity:
    against = _reason_against(run, opportunity, legs)
    if against is not None:
        return replace(opportunity, outcome=against)
    orders = _ORDERS[run.spec.strategy.sends, run.spec.strategy.is_listed](run, opportunity, legs)
    if isinstance(orders, str):
        return replace(opportunity, outcome=orders)
    return replace(opportunity, outcome="sent", package=_send(run, opportunity, orders))


def _reason_against(run: Run, opportunity: Opportunity, legs: Legs) -> str | None:
    t, number = opportunity.at, opportunity.combination
    if gross_edge_bps(legs, run.combinations[number], in_cycles=run.is_in_cycles) > run.spec.risk.max_gross_edge_bps:
        return "alarm"
    if run.stops:
        return "stopped"
    if run.is_halted(t):
        return "halted"
    if is_residual_too_large(run, t):
        return "residual"
    if number in run.last_sent and t < run.last_sent[number] + run.spec.strategy.cool_down:
        return "cool_down"
    return None


def is_residual_too_large(run: Run, t: int) -> bool:
    """Return whether more is left of unequal legs than may be."""
    most, value = run.spec.risk.max_residual, 0.0
    for currency, left in sorted(run.net_residual.items()):
        value += abs(left) * run.mark(currency, t) / ATOMS_PER_UNIT
    return most is not None and value > float(most)


def _send(run: Run, opportunity: Opportunity, orders: list[Order]) -> int:
    number = opportunity.combination
    package = Package(number=len(run.packages), combination=run.combinations[number], edge_bps=opportunity.edge_bps)
    run.last_sent[number] = opportunity.at
    run.packages.append(package)
    for order in orders:
        send(run, order)
    return package.number
