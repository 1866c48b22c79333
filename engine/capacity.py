"""What the same run would have come to with more money, or less: where more of it earns nothing more."""

from decimal import Decimal

from engine import ledger, market, trading_back
from engine.config import Spec
from engine.guard import Guard
from engine.panel import Panel
from engine.path import Found, walk_path
from engine.spec.scale import scaled

SCALES = ("0.5", "1", "2", "4", "8")
"""Multiples of all balances and limits."""


def curve(spec: Spec, seen: Panel, guard: Guard, *, found: Found) -> list[dict[str, float]]:
    """Return excess at the end and after trading back at each of `SCALES` [numeraire].

    Parameters
    ----------
    spec : Spec
        The run's.
    seen, guard, found : Panel, Guard, Found
        What it saw, when its guard halted it, and its candidates: sizes change none of them.

    Notes
    -----
    Balances, notionals, amounts of risk, and what rebalancing aims at are multiplied (`engine.spec.scale`). Prices do not move by what is
    taken, beyond what is gone until they change: true capacity is smaller.
    """
    return [_at(scale, scaled(spec, Decimal(scale)), seen, guard, found) for scale in SCALES]


def _at(scale: str, spec: Spec, seen: Panel, guard: Guard, found: Found) -> dict[str, float]:
    path = walk_path(spec, market.world(spec, seen, guard), found)
    excess = ledger.excess_of(spec, path, seen.marks)
    back = trading_back.trade_back(spec, path, seen, ledger.holdings(spec, path))
    return {"scale": float(scale), "excess": excess, "after_trading_back": excess + back.amount}
