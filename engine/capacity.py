"""What the same run would have come to with more money, or less: where more of it earns nothing more."""

from collections.abc import Sequence
from decimal import Decimal

import numpy as np

from engine import ledger, market, trading_back
from engine.config import Spec
from engine.guard import Guard
from engine.panel import Panel
from engine.path import Found, walk_path
from engine.spec.scale import scaled
from engine.statistics.capacity import capacity

SCALES = ("0.5", "1", "2", "4", "8")
"""Multiples of all balances and limits."""
LARGEST = 4_096
"""Where a curve ends that has not turned: nobody has so much more."""

Curve = list[dict[str, float]]


def curve(spec: Spec, seen: Panel, guard: Guard, *, found: Found) -> Curve:
    """Return excess at the end and after trading back at each of `SCALES`, and at further doublings until more of it brings no more [numeraire].

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
    made = [_at(scale, scaled(spec, Decimal(scale)), seen, guard, found) for scale in SCALES]
    while _grows(made) and (larger := 2 * made[-1]["scale"]) <= LARGEST:
        made.append(_at(f"{larger:g}", scaled(spec, Decimal(f"{larger:g}")), seen, guard, found))
    return made


def turn(made: Curve) -> dict[str, float | None] | None:
    """Return where a curve turns (`engine.statistics.capacity`): its best scale, where it turns and where it ends, by excess after trading back."""
    if len(made) < len(SCALES):
        return None
    shape = capacity(np.array([row["scale"] for row in made]), np.array([row["after_trading_back"] for row in made]))
    return {name: getattr(shape, name) for name in ("best_scale", "best_pnl", "turning_scale", "zero_scale")}


def _grows(made: Sequence[dict[str, float]]) -> bool:
    # whether the last step brought more, and something at all
    before, last = (row["after_trading_back"] for row in made[-2:])
    return last > max(before, 0.0)


def _at(scale: str, spec: Spec, seen: Panel, guard: Guard, found: Found) -> dict[str, float]:
    path = walk_path(spec, market.world(spec, seen, guard), found)
    excess = ledger.excess_of(spec, path, seen.marks)
    back = trading_back.trade_back(spec, path, seen, ledger.holdings(spec, path))
    return {"scale": float(scale), "excess": excess, "after_trading_back": excess + back.amount}
