"""Equity, and where its change came from: each line by its own formula."""

from bisect import bisect_right
from collections.abc import Callable, Iterator
from itertools import pairwise

from engine.oracle.fees import DAY
from engine.oracle.observations import ticks
from engine.oracle.rules import added
from engine.oracle.state import Order, Run, Transfer, starting
from engine.oracle.variation import funding, open_value, variation
from engine.schema import ATOMS_PER_UNIT, STABLECOINS, instant, micros

LINES = ("gross", "slippage", "leg_misses", "fees", "gas", "transfers", "peg", "inventory", "hold")
WITH_DESK = (*LINES[:6], "redemption", *LINES[6:])


def equity(run: Run) -> list[tuple[int, float, float]]:
    """Return (tick [µs], equity, hold) in the numeraire, after all that happened up to the tick."""
    found = []
    for t in ticks(run.spec):
        entry = run.journal[bisect_right(run.journal, t, key=lambda one: one.at) - 1]
        marks = {currency: run.marks.at(currency, t) for currency in run.spec.currencies}
        now = added(entry.held(currency) / ATOMS_PER_UNIT * mark for currency, mark in marks.items())
        now += 0.0 if run.position is None else open_value(run, run.position, t)
        left_alone = added(_started(run, currency) / ATOMS_PER_UNIT * mark for currency, mark in marks.items())
        found.append((t, now, left_alone))
    return found


def attribution(run: Run) -> dict[str, float]:
    """Return every line in the numeraire; together the change of equity."""
    return _between(run, micros(run.spec.start), micros(run.spec.end))


def attribution_days(run: Run) -> list[tuple[str, dict[str, float]]]:
    """Return (UTC day, every line of it); together the change of equity from one midnight, or the start, to the next, or the end."""
    start, end = micros(run.spec.start), micros(run.spec.end)
    bounds = [start, *(t for t in ticks(run.spec) if t % DAY == 0 and start < t < end), end]
    return [(f"{instant(begin):%Y-%m-%d}", _between(run, begin, until)) for begin, until in pairwise(bounds)]


# The lines of what happened after `begin`, or at it where that is the start, and not after `end`.
def _between(run: Run, begin: int, end: int) -> dict[str, float]:
    def is_within(t: int) -> bool:
        return t <= end and (begin < t or begin == micros(run.spec.start))

    lines = dict.fromkeys(LINES if run.spec.strategy.redeems is None else WITH_DESK, 0.0)
    if run.position is not None:
        lines["funding"] = funding(run, run.position, is_within)
        lines["variation"] = variation(run, run.position, begin, end, is_within)
    for order in (one for one in run.orders if is_within(one.resolves)):
        _add_order(run, order, lines)
    for transfer in run.transfers:
        if is_within(transfer.requested):
            lines["transfers"] -= transfer.fee / ATOMS_PER_UNIT * run.marks.at(transfer.route.currency, transfer.requested)
        _add_redemption(run, transfer, lines, is_within)
    for currency in run.spec.currencies:
        line, first, last = _revaluation_line(currency), run.marks.at(currency, begin), run.marks.at(currency, end)
        for at, change in _changes(run, currency):
            if at <= end:
                lines[line] += change * (last - (run.marks.at(currency, at) if is_within(at) else first))
        lines["hold"] += _started(run, currency) / ATOMS_PER_UNIT * (last - first)
    return lines


def _add_order(run: Run, order: Order, lines: dict[str, float]) -> None:
    if order.filled:
        _add_fill(run, order, lines)
    if order.gas_wallet is not None:
        lines["gas"] -= order.gas / ATOMS_PER_UNIT * run.marks.at(order.gas_wallet[1], order.resolves)


def _add_fill(run: Run, order: Order, lines: dict[str, float]) -> None:
    base, quote = order.instrument.key.base, order.instrument.key.quote
    m0, m1 = (run.marks.at(base, t) for t in (order.decided, order.resolves))
    u0, u1 = (run.marks.at(quote, t) for t in (order.decided, order.resolves))
    b = order.filled / ATOMS_PER_UNIT * (1 if order.side == "buy" else -1)
    p, d = order.flow / order.filled, order.decision_price
    gross, slippage = b * (m0 - d * u0), -b * (p - d) * u1
    kept = _kept(run, order)
    lines["gross"] += kept * gross
    lines["slippage"] += kept * slippage
    lines["leg_misses"] += (1 - kept) * (gross + slippage)
    lines[_revaluation_line(base) if order.position == "spot" else "variation"] += b * (m1 - m0)
    lines[_revaluation_line(quote) if order.position == "spot" else "variation"] -= b * d * (u1 - u0)
    assert order.fee_wallet is not None
    lines["fees"] -= order.fee / ATOMS_PER_UNIT * run.marks.at(order.fee_wallet[1], order.resolves)


# What the desk paid, less what the coins were worth when it did.
def _add_redemption(run: Run, transfer: Transfer, lines: dict[str, float], is_within: Callable[[int], bool]) -> None:
    if transfer.pays_at is not None and is_within(transfer.pays_at):
        for currency, amount in transfer.redeemed:
            lines["redemption"] += amount / ATOMS_PER_UNIT * run.marks.at(currency, transfer.pays_at)


# The share of a fill that every other leg matched; nothing of a residual order, nor where a leg was never sent.
def _kept(run: Run, order: Order) -> float:
    if order.role in {"residual", "liquidation"}:
        return 0.0
    package = run.packages[order.package]
    if len(package.legs) < len(package.combination):
        return 0.0
    least = min(leg.filled / leg.planned for leg in package.legs)
    return least / (order.filled / order.planned)


# (when, units) of all that changed the holding of a currency, by fills and by the fees of fills and transfers.
def _changes(run: Run, currency: str) -> Iterator[tuple[int, float]]:
    for order in run.orders:
        for (_, moved), amount in order.changes:
            if moved == currency and amount:
                yield order.resolves, amount / ATOMS_PER_UNIT
    for one in run.settled:
        if one.wallet[1] == currency:
            yield one.at, one.amount / ATOMS_PER_UNIT
    for transfer in run.transfers:
        if transfer.route.currency == currency:
            yield transfer.requested, -transfer.fee / ATOMS_PER_UNIT
        for moved, amount in transfer.redeemed:
            if moved == currency and transfer.pays_at is not None:
                yield transfer.pays_at, amount / ATOMS_PER_UNIT


def _started(run: Run, currency: str) -> int:
    return sum(starting(run.spec, venue, currency) for venue in run.spec.venues)


def _revaluation_line(currency: str) -> str:
    return "peg" if currency in STABLECOINS else "inventory"
