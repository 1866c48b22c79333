"""What a position of a perpetual is worth, and what its mid did to it over a stretch of time (docs/model.md, "Equity and attribution")."""

from collections.abc import Callable, Iterator

from engine.oracle.position import Position
from engine.oracle.rules import added
from engine.oracle.state import Order, Run
from engine.schema import ATOMS_PER_UNIT, micros

Within = Callable[[int], bool]


def open_value(run: Run, position: Position, t: int) -> float:
    """Return what is held at the venue at t, beyond its cost [numeraire]."""
    held = sum(bought for at, bought, _ in _fills(run, position) if at <= t)
    cost = sum(amount for at, amount in _costs(run, position) if at <= t)
    worth = run.mid(t) * held if held else 0.0
    return (worth - cost) / ATOMS_PER_UNIT * run.marks.at(position.leg.key.quote, t)


def variation(run: Run, position: Position, begin: int, end: int, is_within: Within) -> float:
    """Return the line of what happened within (begin, end], the drift of its fills apart [numeraire]."""
    base, quote = position.leg.key.base, position.leg.key.quote
    u0, u1 = run.marks.at(quote, begin), run.marks.at(quote, end)
    before = {"held": 0, "cost": 0}
    line = 0.0
    for at, bought, _ in _fills(run, position):
        if is_within(at):
            line += bought * (run.mid(end) * u1 - run.marks.at(base, at))
        elif at <= begin:
            before["held"] += bought
    for at, amount in _costs(run, position):
        if is_within(at):
            line -= amount * (u1 - run.marks.at(quote, at))
        elif at <= begin:
            before["cost"] += amount
    if before["held"]:
        line += before["held"] * (run.mid(end) * u1 - run.mid(begin) * u0)
    line -= before["cost"] * (u1 - u0)
    line += added(one.lacking * run.marks.at(quote, one.at) for one in run.settled if is_within(one.at))
    return line / ATOMS_PER_UNIT


def funding(run: Run, position: Position, is_within: Within) -> float:
    """Return what was paid within a stretch [numeraire]."""
    quote = position.leg.key.quote
    return added(one.funding / ATOMS_PER_UNIT * run.marks.at(quote, one.at) for one in run.settled if is_within(one.at))


def _fills(run: Run, position: Position) -> Iterator[tuple[int, int, Order]]:
    for order in run.orders:
        if order.filled and order.instrument == position.leg and order.resolves <= micros(run.spec.end):
            yield order.resolves, order.filled if order.side == "buy" else -order.filled, order


# What it cost, with fees in the quote, and what of that was settled.
def _costs(run: Run, position: Position) -> Iterator[tuple[int, int]]:
    for at, _, order in _fills(run, position):
        yield at, (order.flow if order.side == "buy" else -order.flow) + (0 if order.fee_from_free else order.fee)
    for one in run.settled:
        yield one.at, one.variation
