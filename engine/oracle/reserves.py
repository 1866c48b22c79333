"""What an order reserves when it is sent: its worst case."""

from math import ceil

from engine.config import Instrument
from engine.oracle import rules
from engine.oracle.rules import Side
from engine.oracle.state import Run


def reserve(run: Run, i: Instrument, side: Side, quantity: int, *, best: float, limit: float, rate: float) -> int:
    """Return what an order of a quantity reserves, given the best price in view, its limit and the rate of its fee [atoms of what it spends]."""
    position = run.position_of(i, side)
    if position == "spot":
        return quantity if side == "sell" else rules.buy_reserve(limit, quantity, rate)
    if position == "closes" or run.position is None:
        return 0
    value = rules.flow(limit if side == "buy" else best, quantity)
    return ceil(value * run.position.initial) + rules.fee(value, rate)
