"""Figures of a run, on excess (equity less hold) over starting equity."""

import math

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.schema import US_PER_SECOND
from engine.statistics.breakeven import breakeven_bps

_HOUR_US = 3_600 * US_PER_SECOND
_DAY_US = 24 * _HOUR_US
_YEAR_US = 365 * _DAY_US


def performance(equity: pl.DataFrame) -> dict[str, float | int | None]:
    """Return return, volatility, ratios and drawdown of the excess.

    Parameters
    ----------
    equity : pl.DataFrame
        (K,) rows of ts, equity, hold, excess [numeraire], a tick each; the first is the start.

    Returns
    -------
    dict
        `excess` [numeraire], `excess_return_bps` of starting equity; `annual_return`, `annual_volatility` [fraction], `sharpe`, `sortino`,
        `calmar`; `max_drawdown` [numeraire], `max_drawdown_s` [s] from its high to the recovery. None where it is not defined.

    Notes
    -----
    Simple returns of the excess on starting equity, per UTC day, or hour where the run is shorter than 30 days; ddof 1; a year is 365 days
    of 24 hours. Sharpe = mean / deviation × √(periods a year). Sortino divides by √(mean(min(r, 0)²)).
    """
    at_us, excess = equity["ts"].dt.epoch("us").to_numpy(), equity["excess"].to_numpy()
    start_equity = float(equity["hold"][0])
    span_us = int(at_us[-1] - at_us[0])
    period_us = _DAY_US if span_us >= 30 * _DAY_US else _HOUR_US
    returns = period_returns(at_us, excess, period_us) / start_equity if start_equity > 0 else np.empty(0)
    drawdown, drawdown_s = max_drawdown(at_us, excess)
    annual = float(excess[-1]) / start_equity * _YEAR_US / span_us if start_equity > 0 else None
    return {
        "excess": float(excess[-1]),
        "excess_return_bps": 1e4 * float(excess[-1]) / start_equity if start_equity > 0 else None,
        "annual_return": annual,
        **ratios(returns, periods_a_year=_YEAR_US / period_us),
        "calmar": annual / (drawdown / start_equity) if annual is not None and drawdown > 0 else None,
        "max_drawdown": drawdown,
        "max_drawdown_s": drawdown_s,
        "return_periods": int(returns.size),
        "return_period_s": period_us // US_PER_SECOND,
    }


def period_returns(at_us: Int64s, excess: Floats, period_us: int) -> Floats:
    """Return the change of the excess over each whole period that the ticks cover [numeraire]."""
    boundaries = np.flatnonzero(at_us % period_us == 0)
    return np.diff(excess[boundaries])


def ratios(returns: Floats, *, periods_a_year: float) -> dict[str, float | None]:
    """Return annual volatility, Sharpe and Sortino ratio of simple returns; None where there are fewer than two or none differs."""
    if returns.size < 2:
        return {"annual_volatility": None, "sharpe": None, "sortino": None}
    differ = bool(np.ptp(returns) > 0)  # the deviation of equal floats need not be 0
    mean, deviation = float(np.mean(returns)), float(np.std(returns, ddof=1)) if differ else 0.0
    downside = math.sqrt(float(np.mean(np.minimum(returns, 0) ** 2)))
    scale = math.sqrt(periods_a_year)
    return {
        "annual_volatility": deviation * scale,
        "sharpe": mean / deviation * scale if deviation > 0 else None,
        "sortino": mean / downside * scale if downside > 0 else None,
    }


def max_drawdown(at_us: Int64s, excess: Floats) -> tuple[float, float]:
    """Return the largest fall of the excess from an earlier high, at least 0 [numeraire], and how long [s], to the recovery or the last tick."""
    high = np.maximum(np.maximum.accumulate(excess), 0)
    fall = high - excess
    deepest = int(np.argmax(fall))
    if fall[deepest] <= 0:
        return 0.0, 0.0
    highs = np.flatnonzero(excess[: deepest + 1] == high[deepest])
    began = int(highs[-1]) if highs.size else 0
    recovered = np.flatnonzero(excess[deepest:] >= high[deepest])
    ended = deepest + int(recovered[0]) if recovered.size else at_us.size - 1
    return float(fall[deepest]), (int(at_us[ended]) - int(at_us[began])) / US_PER_SECOND


def trading(packages: pl.DataFrame, *, turnover: float, excess: float) -> dict[str, float | int | None]:
    """Return turnover [numeraire], the shares of packages that paid and that missed, and the further cost that would take all [bps of turnover].

    Parameters
    ----------
    packages : pl.DataFrame
        The table of `engine.attribution.packages_table`; one whose legs were not both `kept` whole missed.
    turnover : float [numeraire]
        Sum of |flow| of all fills.
    excess : float [numeraire]
        Excess at the end.
    """
    count = packages.height
    return {
        "turnover": turnover,
        "hit_rate": float((packages["pnl"] > 0).sum()) / count if count else None,
        "miss_rate": float((packages["kept"] < 1).sum()) / count if count else None,
        "mean_edge_bps": float(np.mean(packages["edge_bps"].to_numpy())) if count else None,
        "breakeven_bps": breakeven_bps(excess, turnover),
    }
