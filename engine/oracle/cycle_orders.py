"""The orders of a cycle that is worth it."""

from engine.oracle import rules
from engine.oracle.cycle_sizing import plan_of
from engine.oracle.cycles import Planned, Stage, books_of
from engine.oracle.legs import Legs
from engine.oracle.state import Opportunity, Order, Package, Run


def cycle_orders(run: Run, opportunity: Opportunity, legs: Legs) -> list[Order] | str:
    """Return what a package sends at once, not sent yet: all steps, or in sequence the first; or the outcome if there is none."""
    t = opportunity.at
    books = books_of(run, run.combinations[opportunity.combination], legs, t)
    plan = plan_of(books)
    if isinstance(plan, str):
        return plan
    package = Package(number=len(run.packages), combination=books.cycle, edge_bps=opportunity.edge_bps)
    orders = [step_order(run, stage, step, t, package=package) for stage, step in zip(books.stages, plan, strict=True)]
    return orders[:1] if run.is_in_sequence else orders


def step_order(run: Run, stage: Stage, planned: Planned, t: int, *, package: Package) -> Order:
    """Return the order of a step at t, not sent yet."""
    return Order(
        package=package.number,
        role="leg",
        side=stage.side,
        leg=stage.leg.ordinal,
        instrument=stage.leg.instrument,
        edge_bps=package.edge_bps,
        decided=t,
        planned=planned.quantity,
        decision_price=rules.average_price(rules.used(stage.levels, planned.quantity)),
        best_price=stage.best_price,
        limit=stage.limit(run, planned.price),
        reserve=stage.reserve(run, t, planned),
    )
