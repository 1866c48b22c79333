"""What our orders under way may take and bring, and what they are worth."""

from engine.oracle import rules
from engine.oracle.legs import Leg
from engine.oracle.rules import Side
from engine.oracle.state import Order, Run


def skip(run: Run, leg: Leg, side: Side) -> int:
    """Return what we have taken, or may be taking, of a leg's side [atoms of base]."""
    ours = [o for o in run.under_way() if o.leg == leg.ordinal]
    if leg.instrument.data == "bars":
        return sum(o.planned for o in ours)
    epoch, amount = run.known_taken.get((leg.instrument.key, side), (-1, 0))
    known = amount if epoch == leg.seen.epoch(side) else 0
    return known + sum(o.planned for o in ours if o.side == side)


def open_value(run: Run, venue: str) -> int:
    """Return the value of our orders under way at a venue [atoms of numeraire]."""
    return sum(o.open_value for o in run.under_way() if o.instrument.venue == venue)


def expected(run: Run, currency: str) -> int:
    """Return what our orders under way are expected to bring of a currency [atoms]."""
    return sum(o.expected for o in run.under_way() if o.brings_to[1] == currency)


def note_exposure(run: Run, order: Order) -> None:
    """Set what an order that is sent now adds to the open value of its venue, and what it is expected to bring."""
    value = rules.flow(order.best_price, order.planned)
    order.open_value = round(value * run.mark(order.instrument.key.quote, order.decided))
    order.expected = 0 if order.position != "spot" else value if order.side == "sell" else order.planned
