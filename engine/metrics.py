"""Figures of a run, on excess (equity less hold) over starting equity."""

import math

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.schema import US_PER_SECOND
from engine.statistics.breakeven import breakeven_bps

_HOUR_US = 3_600 * US_PER_SECOND
_DAY_US = 24 * _HOUR_US
YEAR_US = 365 * _DAY_US


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
    period_us = period_of(span_us)
    returns = period_returns(at_us, excess, period_us) / start_equity if start_equity > 0 else np.empty(0)
    drawdown, drawdown_s = max_drawdown(at_us, excess)
    on_equity = on_start_equity(excess[-1:], np.array([drawdown]), np.array([start_equity]), span_us=span_us)
    relative = {name: _defined(values) for name, values in on_equity.items()}
    return {
        "excess": float(excess[-1]),
        "excess_return_bps": relative["excess_return_bps"],
        "annual_return": relative["annual_return"],
        **ratios(returns, periods_a_year=YEAR_US / period_us),
        "calmar": relative["calmar"],
        "max_drawdown": drawdown,
        "max_drawdown_s": drawdown_s,
        "return_periods": int(returns.size),
        "return_period_s": period_us // US_PER_SECOND,
    }


def period_returns(at_us: Int64s, excess: Floats, period_us: int) -> Floats:
    """Return the change of the excess over each whole period that the ticks cover [numeraire]."""
    boundaries = np.flatnonzero(at_us % period_us == 0)
    return np.diff(excess[boundaries])


def period_of(span_us: int) -> int:
    """Return the period of the returns of a run [µs]: a UTC day, or an hour where it is shorter than 30 days."""
    return _DAY_US if span_us >= 30 * _DAY_US else _HOUR_US


def periods_in(first_us: int, last_us: int, period_us: int) -> int:
    """Return how many whole periods there are between two times."""
    return max(last_us // period_us - -(-first_us // period_us), 0)


def on_start_equity(excess: Floats, drawdown: Floats, start_equity: Floats, *, span_us: int) -> dict[str, Floats]:
    """Return excess return [bps], annual return [fraction] and Calmar ratio of runs, (T,); nan where they are not defined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        held = start_equity > 0
        annual = np.where(held, excess / start_equity * YEAR_US / span_us, np.nan)
        return {
            "excess_return_bps": np.where(held, 1e4 * excess / start_equity, np.nan),
            "annual_return": annual,
            "calmar": np.where(held & (drawdown > 0), annual / (drawdown / start_equity), np.nan),
        }


def ratios(returns: Floats, *, periods_a_year: float) -> dict[str, float | None]:
    """Return annual volatility, Sharpe and Sortino ratio of simple returns; None where there are fewer than two or none differs."""
    return {name: _defined(values) for name, values in ratios_of(returns[None, :], periods_a_year=periods_a_year).items()}


def ratios_of(returns: Floats, *, periods_a_year: float) -> dict[str, Floats]:
    """Return annual volatility, Sharpe and Sortino ratio of the simple returns of runs, (T, P), each (T,); nan where not defined."""
    if returns.shape[1] < 2:
        return {name: np.full(len(returns), np.nan) for name in ("annual_volatility", "sharpe", "sortino")}
    differ = np.ptp(returns, axis=1) > 0  # the deviation of equal floats need not be 0
    mean, deviation = np.mean(returns, axis=1), np.where(differ, np.std(returns, axis=1, ddof=1), 0.0)
    downside = np.sqrt(np.mean(np.minimum(returns, 0) ** 2, axis=1))
    scale = math.sqrt(periods_a_year)
    with np.errstate(divide="ignore", invalid="ignore"):
        return {
            "annual_volatility": deviation * scale,
            "sharpe": np.where(deviation > 0, mean / deviation * scale, np.nan),
            "sortino": np.where(downside > 0, mean / downside * scale, np.nan),
        }


def _defined(values: Floats) -> float | None:
    return None if np.isnan(values[0]) else float(values[0])


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
    paid, missed = paid_and_missed(packages)
    found = rates(
        np.array([packages.height]),
        paid=np.array([paid]),
        missed=np.array([missed]),
        edge_bps=np.array([total(packages["edge_bps"].to_numpy())]),
        turnover=np.array([turnover]),
        excess=np.array([excess]),
    )
    return {"turnover": turnover, **{name: _defined(values) for name, values in found.items()}, "breakeven_bps": breakeven_bps(excess, turnover)}


def paid_and_missed(packages: pl.DataFrame) -> tuple[int, int]:
    """Return how many packages made something after costs, and of how many a leg was not filled whole."""
    return int((packages["pnl"] > 0).sum()), int((packages["kept"] < 1).sum())


def rates(packages: Int64s, *, paid: Int64s, missed: Int64s, edge_bps: Floats, turnover: Floats, excess: Floats) -> dict[str, Floats]:
    """Return hit rate, miss rate, mean edge, given the sum of edges [bps], and breakeven of runs, (T,); nan where they are not defined."""
    with np.errstate(divide="ignore", invalid="ignore"):
        sent = packages > 0
        return {
            "hit_rate": np.where(sent, paid / packages, np.nan),
            "miss_rate": np.where(sent, missed / packages, np.nan),
            "mean_edge_bps": np.where(sent, edge_bps / packages, np.nan),
            "breakeven_bps": np.where(turnover > 0, 1e4 * excess / turnover, np.nan),
        }


def total(values: Floats) -> float:
    """Return a sum, from the first value to the last: the same on every machine, and in every loop."""
    return float(np.cumsum(np.concatenate([np.zeros(1), values]))[-1])
