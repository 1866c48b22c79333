"""What a notice means for its package: what follows it, and once nothing does, what was missed and what is left."""

from collections.abc import Iterator, Sequence

from engine.oracle.chain import goes_on
from engine.oracle.liquidation import follow_liquidation
from engine.oracle.peg import note_order
from engine.oracle.residuals import send_for_cycle, send_for_pair
from engine.oracle.state import Order, Package, Run


def note_package(run: Run, order: Order, t: int) -> None:
    """At a notice: send what follows, or complete the package and deal with what unequal legs left."""
    package = run.packages[order.package]
    if run.is_alone:
        note_order(run, order, t)
    elif run.is_in_sequence:
        if not goes_on(run, package, order, t):
            _complete(run, package, t)
    elif order.role != "leg":
        _count_residual(run, [order])
        if run.position is not None and order.role == "liquidation":
            follow_liquidation(run, run.position, order, t)
    elif all(leg.noticed for leg in package.legs):
        _complete(run, package, t)
        if run.is_in_cycles:
            send_for_cycle(run, package, t)
        else:
            send_for_pair(run, package, t)


def _complete(run: Run, package: Package, t: int) -> None:
    _count_residual(run, package.orders)
    run.count_miss(t, is_whole=package.is_whole)


def _count_residual(run: Run, orders: Sequence[Order]) -> None:
    for order in orders:
        for currency, amount in _left_by(run, order):
            run.net_residual[currency] += amount


# What an order changed of what a package should leave as it was: the base of a pair, all currencies of a cycle but its start.
def _left_by(run: Run, order: Order) -> Iterator[tuple[str, int]]:
    if not run.is_in_cycles:
        yield order.instrument.key.base, order.filled if order.side == "buy" else -order.filled
        return
    yield from ((currency, amount) for (_, currency), amount in order.of_trade if currency != run.spec.comparison_currency)
