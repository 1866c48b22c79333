"""The further cost at which nothing is left."""

from collections.abc import Callable
from dataclasses import dataclass

from engine.errors import StatisticsError


@dataclass(frozen=True, slots=True, kw_only=True)
class BreakEven:
    """Where a run's excess goes when its costs rise."""

    cost_bps: float | None  # the least that was found to leave nothing; None where even the highest leaves something
    excess: float  # at that cost, ≤ 0; or at the highest
    runs: int  # that it took


def breakeven_bps(excess: float, turnover: float) -> float | None:
    """Return the further cost that would take the whole excess, the trades left as they were.

    Parameters
    ----------
    excess : float [numeraire]
        Of the run.
    turnover : float [numeraire]
        Sum of what was paid and received.

    Returns
    -------
    float [bps of turnover], below 0 where the excess is; None without turnover.

    Notes
    -----
    1e4 × excess / turnover. Trades that a higher cost would have prevented still count: for a strategy with a threshold it is a lower bound of
    what `breakeven_by_runs` finds, up to what funds and cool-downs that those trades free bring or cost.
    """
    return 1e4 * excess / turnover if turnover > 0 else None


def breakeven_by_runs(excess_at: Callable[[float], float], *, highest_bps: float = 100.0, tolerance_bps: float = 0.01) -> BreakEven:
    """Return the further cost at which a run, made again with it, earns nothing.

    Parameters
    ----------
    excess_at : callable
        Excess [numeraire] of the run with so many bps of further cost on every fill.
    highest_bps : float [bps]
        The largest cost that is tried, above 0.
    tolerance_bps : float [bps]
        How closely the cost is found, above 0.

    Returns
    -------
    BreakEven
        Cost 0 where nothing is left without any; else the upper end of an interval no longer than the tolerance: below it something was left.

    Raises
    ------
    StatisticsError
        Where highest or tolerance are not above 0.

    Notes
    -----
    Bisection. Excess need not fall with cost (a package not sent frees funds for a better one): then it is one of the costs at which excess ends,
    not the least of all.

    References
    ----------
    R. L. Burden, J. D. Faires, "Numerical Analysis", 9th edition, Brooks/Cole 2011, section 2.1 (bisection).
    """
    if not (highest_bps > 0 and tolerance_bps > 0):
        raise StatisticsError(f"expected a highest cost and a tolerance above 0 bps, found {highest_bps:g} and {tolerance_bps:g}")
    left, runs = excess_at(0.0), 1
    if left <= 0:
        return BreakEven(cost_bps=0.0, excess=left, runs=runs)
    low, high, left, runs = 0.0, highest_bps, excess_at(highest_bps), 2
    if left > 0:
        return BreakEven(cost_bps=None, excess=left, runs=runs)
    while high - low > tolerance_bps:
        middle = (low + high) / 2
        found, runs = excess_at(middle), runs + 1
        if found > 0:
            low = middle
        else:
            high, left = middle, found
    return BreakEven(cost_bps=high, excess=left, runs=runs)
