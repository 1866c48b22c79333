"""The two orders of a pair that is worth it."""

from engine.oracle import rules
from engine.oracle.legs import Leg, Legs
from engine.oracle.rules import Side
from engine.oracle.sizing import Books, books_of, size_of
from engine.oracle.state import Opportunity, Order, Run


def pair_orders(run: Run, opportunity: Opportunity, legs: Legs) -> list[Order] | str:
    """Return the sell and the buy of a package, not sent yet, or the outcome if there is none."""
    sell, buy = (legs[step.leg] for step in run.combinations[opportunity.combination])
    books = books_of(run, sell, buy, opportunity.at)
    size = size_of(books)
    if isinstance(size, str):
        return size
    return [_order(opportunity, books, side, size, len(run.packages)) for side in ("sell", "buy")]


def _order(opportunity: Opportunity, books: Books, side: Side, size: int, package: int) -> Order:
    leg: Leg = books.sell if side == "sell" else books.buy
    levels = books.bids if side == "sell" else books.asks
    return Order(
        package=package,
        role="leg",
        side=side,
        leg=leg.ordinal,
        instrument=leg.instrument,
        edge_bps=opportunity.edge_bps,
        decided=opportunity.at,
        planned=size,
        decision_price=rules.average_price(rules.used(levels, size)),
        best_price=leg.bid if side == "sell" else leg.ask,
        limit=books.limit(side, size),
        reserve=size if side == "sell" else books.reserve(size),
    )
