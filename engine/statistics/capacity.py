"""The size at which more money stops earning more."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats
from engine.errors import StatisticsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """A curve of PnL over size, where it turns, and where it ends; scales are multiples of the run's balances and limits."""

    scales: Floats  # (K,) increasing
    pnl: Floats  # (K,)
    marginal: Floats  # (K,) PnL that one unit of scale more brought, from the scale before; of the first: from nothing
    best_scale: float  # of those that were run
    best_pnl: float
    turning_scale: float | None  # between those that were run; None where PnL grows up to the largest, or never earns
    zero_scale: float | None  # beyond the best, where PnL is down to 0; None where it never is, or never earns


def capacity(scales: Floats, pnl: Floats) -> Capacity:
    """Return where PnL over size turns.

    Parameters
    ----------
    scales : (K,) float64
        Sizes that were run, K ≥ 3, above 0, each once, in any order; 0.5 to 8 are usual.
    pnl : (K,) float64
        Excess at the end of each; no nan.

    Returns
    -------
    Capacity
        `best_scale` is the smallest of equally good ones.

    Raises
    ------
    StatisticsError
        Where there are fewer than three scales, or they repeat, or a value is not finite.

    Notes
    -----
    Marginal PnL (pnl_k - pnl_{k-1}) / (scale_k - scale_{k-1}), with PnL 0 at scale 0. The turn is the vertex of the parabola through the best scale
    and its two neighbours (below the smallest: scale 0 and PnL 0), exact where impact grows linearly with size: PnL = a s - b s² turns at a / 2b and
    is 0 at a / b. `zero_scale` is on the straight line between the two scales around it. The run takes what was displayed and moves no price beyond
    that, so true capacity is smaller.

    References
    ----------
    M. Vangelisti, "The Capacity of an Equity Strategy", Journal of Portfolio Management 32(2), 2006: capacity is no number but a range, which
    hangs first of all on what is assumed of market impact.
    """
    sizes, found = _checked(scales, pnl)
    best = int(np.argmax(found))
    x, y = np.concatenate([[0.0], sizes]), np.concatenate([[0.0], found])
    earns = bool(found[best] > 0)
    return Capacity(
        scales=sizes,
        pnl=found,
        marginal=np.diff(y) / np.diff(x),
        best_scale=float(sizes[best]),
        best_pnl=float(found[best]),
        turning_scale=_vertex(x[best : best + 3], y[best : best + 3]) if earns and best < sizes.size - 1 else None,
        zero_scale=_zero(sizes[best:], found[best:]) if earns else None,
    )


def _checked(scales: Floats, pnl: Floats) -> tuple[Floats, Floats]:
    # by scale
    if scales.size < 3 or scales.shape != pnl.shape:
        raise StatisticsError(
            f"expected PnL at three scales or more, found {pnl.size} values at {scales.size}; run others, such as 0.5, 1, 2, 4 and 8"
        )
    order = np.argsort(scales)
    sizes, found = scales[order], pnl[order]
    if not (np.isfinite(sizes).all() and np.isfinite(found).all()) or sizes[0] <= 0 or (np.diff(sizes) <= 0).any():
        raise StatisticsError(f"expected finite PnL at different scales above 0, found {found.tolist()} at {sizes.tolist()}")
    return sizes, found


def _vertex(x: Floats, y: Floats) -> float:
    # of the parabola through three points, the middle one highest
    left, right = (y[1] - y[0]) / (x[1] - x[0]), (y[2] - y[1]) / (x[2] - x[1])
    curvature = (right - left) / (x[2] - x[0])
    return float((x[0] + x[1]) / 2 - left / (2 * curvature))


def _zero(sizes: Floats, pnl: Floats) -> float | None:
    gone = np.flatnonzero(pnl <= 0)
    if not gone.size:
        return None
    k = int(gone[0])
    return float(sizes[k - 1] + (sizes[k] - sizes[k - 1]) * pnl[k - 1] / (pnl[k - 1] - pnl[k]))
