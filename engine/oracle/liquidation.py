"""The venue's liquidation of a position that its margin wallet no longer maintains (docs/model.md, "Perpetuals")."""

from math import ceil

from engine.oracle.orders import send
from engine.oracle.position import Position
from engine.oracle.residuals import OTHER_SIDE, place_at, send_residual
from engine.oracle.rules import Side
from engine.oracle.state import Order, Run


def watch(run: Run, position: Position, t: int) -> None:
    """At a tick: let the venue close what its wallet no longer maintains, unless it is doing so."""
    if position.known == 0 or any(o.role == "liquidation" for o in run.under_way()):
        return
    mid = run.mid(t)
    worth = round(mid * position.known)
    has = run.free(position.wallet) + position.margin + worth - position.cost
    if has < ceil(abs(worth) * position.maintenance):
        send(run, _liquidation(run, position, t, mid))


def _liquidation(run: Run, position: Position, t: int, mid: float) -> Order:
    side: Side = "buy" if position.known < 0 else "sell"
    seen = run.market[position.leg.key].present(t)
    price = mid if seen is None else seen.levels(side)[0].price
    return Order(
        package=run.orders[-1].package,
        role="liquidation",
        side=side,
        leg=run.spec.legs.index(position.leg),
        instrument=position.leg,
        position="closes",
        edge_bps=run.orders[-1].edge_bps,
        decided=t,
        planned=abs(position.known),
        decision_price=price,
        best_price=price,
        limit=mid * 2 if side == "buy" else mid / 2,
        reserve=0,
    )


def follow_liquidation(run: Run, position: Position, order: Order, t: int) -> None:
    """At its notice: trade as much spot the other way, unless what is left is carried."""
    spot = 1 - run.spec.legs.index(position.leg)
    place = place_at(run, spot, OTHER_SIDE[order.side], t)
    if order.filled and run.spec.execution.residual != "carry" and place is not None:
        send_residual(run, run.packages[order.package], place, order.filled, t)
