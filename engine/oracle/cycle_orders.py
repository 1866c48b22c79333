"""The orders of a cycle that is worth it."""

from engine.oracle import rules
from engine.oracle.cycle_sizing import plan_of
from engine.oracle.cycles import Books, Planned, books_of
from engine.oracle.legs import Legs
from engine.oracle.state import Opportunity, Order, Run


def cycle_orders(run: Run, opportunity: Opportunity, legs: Legs) -> list[Order] | str:
    """Return what a package sends at once, not sent yet: all steps, or in sequence the first; or the outcome if there is none."""
    books = books_of(run, run.combinations[opportunity.combination], legs, opportunity.at)
    plan = plan_of(books)
    if isinstance(plan, str):
        return plan
    orders = [_order(opportunity, books, k, planned) for k, planned in enumerate(plan)]
    return orders[:1] if run.is_in_sequence else orders


def _order(opportunity: Opportunity, books: Books, k: int, planned: Planned) -> Order:
    stage = books.stages[k]
    return Order(
        package=len(books.run.packages),
        role="leg",
        side=stage.side,
        leg=stage.leg.ordinal,
        instrument=stage.leg.instrument,
        edge_bps=opportunity.edge_bps,
        decided=opportunity.at,
        planned=planned.quantity,
        decision_price=rules.average_price(rules.used(stage.levels, planned.quantity)),
        best_price=stage.best_price,
        limit=books.limit(k, planned),
        reserve=books.reserve(k, planned),
    )
