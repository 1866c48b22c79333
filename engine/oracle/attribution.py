"""Where the change of equity came from: each line by its own formula."""

from engine.oracle.data import marks_at
from engine.oracle.state import Order, Run
from engine.schema import ATOMS_PER_UNIT, STABLECOINS

LINES = ("gross", "slippage", "leg_misses", "fees", "peg", "inventory", "hold")


def attribution(run: Run) -> dict[str, float]:
    """Return every line in the numeraire."""
    lines = dict.fromkeys(LINES, 0.0)
    for order in run.orders:
        if order.filled:
            _add_fill(run, order, lines)
    for currency in run.spec.currencies:
        _add_revaluation(run, currency, lines)
    return lines


def _add_fill(run: Run, order: Order, lines: dict[str, float]) -> None:
    base, quote = order.instrument.key.base, order.instrument.key.quote
    then, now = marks_at(run.marks, order.decided), marks_at(run.marks, order.resolves)
    b = order.filled / ATOMS_PER_UNIT * (1 if order.side == "buy" else -1)
    p, d = order.flow / order.filled, order.decision_price
    gross = b * (then[base] - d * then[quote])
    slippage = -b * (p - d) * now[quote]
    kept = _least_share(run, order.package) / (order.filled / order.planned)
    lines["gross"] += kept * gross
    lines["slippage"] += kept * slippage
    lines["leg_misses"] += (1 - kept) * (gross + slippage)
    lines["fees"] -= order.fee / ATOMS_PER_UNIT * now[quote]
    lines[_revaluation_line(base)] += b * (now[base] - then[base])
    lines[_revaluation_line(quote)] -= b * d * (now[quote] - then[quote])


def _least_share(run: Run, package: int) -> float:
    return min(order.filled / order.planned for order in run.orders[2 * package : 2 * package + 2])


def _add_revaluation(run: Run, currency: str, lines: dict[str, float]) -> None:
    start = float(sum(venue.balances.get(currency, 0) for venue in run.spec.venues.values()))
    changes = _changes(run, currency)
    traded = 0.0
    for (_, before), (t, now) in zip(run.marks, run.marks[1:], strict=False):
        while changes and changes[-1][0] < t:
            traded += changes.pop()[1]
        change = now[currency] - before[currency]
        lines[_revaluation_line(currency)] += traded * change
        lines["hold"] += start * change


# (recorded, units) of every fill that moved the currency, the latest first.
def _changes(run: Run, currency: str) -> list[tuple[int, float]]:
    moves = [(o.resolves, amount / ATOMS_PER_UNIT) for o in run.orders if o.filled for (_, c), amount in o.changes.items() if c == currency]
    return sorted(moves, reverse=True)


def _revaluation_line(currency: str) -> str:
    return "peg" if currency in STABLECOINS else "inventory"
