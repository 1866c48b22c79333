"""What comes of an opportunity: the first reason against it, or a package."""

from dataclasses import replace

from engine.oracle import rules
from engine.oracle.decisions import Leg, Legs, gross_bps, legs_at, opportunities_at
from engine.oracle.orders import send
from engine.oracle.rules import Side
from engine.oracle.sizing import Books, books_of, size_of
from engine.oracle.state import Opportunity, Order, Run
from engine.schema import ATOMS_PER_UNIT


def decide(run: Run, t: int) -> None:
    """List the opportunities of an instant and send what is worth it."""
    legs = legs_at(run, t)
    for opportunity in opportunities_at(run, legs, t):
        run.opportunities.append(_outcome(run, opportunity, legs))


def _outcome(run: Run, opportunity: Opportunity, legs: Legs) -> Opportunity:
    sell, buy = legs[opportunity.sell], legs[opportunity.buy]
    against = _reason_against(run, opportunity, gross_bps(sell, buy))
    if against is not None:
        return replace(opportunity, outcome=against)
    books = books_of(run, sell, buy, opportunity.at)
    size = size_of(books)
    if isinstance(size, str):
        return replace(opportunity, outcome=size)
    return replace(opportunity, outcome="sent", package=_send(run, opportunity, books, size))


def _reason_against(run: Run, opportunity: Opportunity, gross: float) -> str | None:
    t, pair = opportunity.at, (opportunity.sell, opportunity.buy)
    if gross > run.spec.risk.max_gross_edge_bps:
        return "alarm"
    if run.stops:
        return "stopped"
    if run.is_halted(t):
        return "halted"
    if _is_residual_too_large(run, t):
        return "residual"
    if pair in run.last_sent and t < run.last_sent[pair] + run.spec.strategy.cool_down:
        return "cool_down"
    return None


def _is_residual_too_large(run: Run, t: int) -> bool:
    most = run.spec.risk.max_residual
    return most is not None and abs(run.net_residual) * run.mark(run.spec.base, t) / ATOMS_PER_UNIT > float(most)


def _send(run: Run, opportunity: Opportunity, books: Books, size: int) -> int:
    package = len(run.packages)
    run.last_sent[opportunity.sell, opportunity.buy] = opportunity.at
    sell = _order(opportunity, books, "sell", size, package)
    buy = _order(opportunity, books, "buy", size, package)
    run.packages.append((sell, buy))
    send(run, sell)
    send(run, buy)
    return package


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
