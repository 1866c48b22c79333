"""The row of a trial: the figures and counts that its backtest's summary has, by the same names."""

import numpy as np
import polars as pl

from engine import metrics
from engine.accounts import Accounts
from engine.arrays import Floats, Int64s
from engine.attribution import PERPETUAL_LINES, TRADE_LINES
from engine.events import DECISIONS, OUTCOMES, RESIDUAL
from engine.kernels.row import FIGURE, Rows
from engine.schema import US_PER_SECOND
from engine.wording import PASSED_OVER

COSTS = (*TRADE_LINES, *PERPETUAL_LINES, "redemption")
"""Lines of the attribution that a row has, where its run has them."""

WIDE = np.dtype([*FIGURE.descr, *((line, np.float64) for line in COSTS if line not in (FIGURE.names or ()))])
"""The figures of trials that are told by their books: with the lines that pairs do not have, nan where a run has none."""

_MISSES = ("limit", "volume", "no_trade", "absent")


def empty(trials: int, periods: int, *, kind: np.dtype[np.void] = FIGURE) -> Rows:
    """Return room for so many trials, with figures of a kind."""
    return Rows(
        figures=np.zeros(trials, kind).view(np.recarray),
        decided=np.zeros((trials, len(DECISIONS)), np.int64),
        outcomes=np.zeros((trials, len(OUTCOMES)), np.int64),
        periods=np.zeros((trials, periods)),
    )


def write(rows: Rows, at: int, books: Accounts, *, period_us: int) -> None:
    """Write the row of a trial from its books, by the functions that make its summary (engine.metrics, engine.attribution).

    Parameters
    ----------
    rows, at : Rows, int
        Written to, in row `at`; figures are `WIDE`.
    books : Accounts
        What a backtest of the trial comes to.
    period_us : int [µs]
        How long a period is.
    """
    path, packages = books.path, books.packages
    at_us, excess = books.equity["ts"].dt.epoch("us").to_numpy(), books.equity["excess"].to_numpy()
    drawdown, drawdown_s = metrics.max_drawdown(at_us, excess)
    paid, missed = metrics.paid_and_missed(packages)
    found: dict[str, float] = {
        "packages": packages.height,
        "residual_orders": int(np.sum(path.orders.role == RESIDUAL)),
        "episodes": int(np.max(path.opportunities.episode, initial=-1)) + 1,
        "transfers": path.transfers.route.size,
        "paid": paid,
        "missed": missed,
        "max_drawdown": drawdown,
        "max_drawdown_us": round(drawdown_s * US_PER_SECOND),
        "start_equity": float(books.equity["hold"][0]),
        "excess": books.excess,
        "trade_back": books.trade_back.amount,
        "turnover": metrics.total(books.lines.turnover),
        "edge_bps": metrics.total(packages["edge_bps"].to_numpy()),
        "transfer_costs": books.attribution["transfers"],
        **{line: books.attribution.get(line, np.nan) for line in COSTS},
    }
    rows.figures[at] = tuple(found[name] for name in WIDE.names or ())
    rows.decided[at] = np.bincount(path.opportunities.outcome, minlength=len(DECISIONS))
    rows.outcomes[at] = np.bincount(path.orders.outcome, minlength=len(OUTCOMES))
    rows.periods[at] = metrics.period_returns(at_us, excess, period_us)


def columns(rows: Rows, *, span_us: int) -> dict[str, pl.Series]:
    """Return the columns of trials, (T,) each; null where a figure is not defined.

    Notes
    -----
    `after_trading_back` is `trade_back.excess` of the summary; `gross` to `fees` are lines of its attribution, `transfer_costs` the line
    `transfers`; `start_equity` is `equity_start`; the rest are its metrics and counts.
    """
    made = rows.figures
    excess, start = _floats(made["excess"]), _floats(made["start_equity"])
    relative = metrics.on_start_equity(excess, _floats(made["max_drawdown"]), start, span_us=span_us)
    traded = metrics.rates(
        made["packages"],
        paid=made["paid"],
        missed=made["missed"],
        edge_bps=_floats(made["edge_bps"]),
        turnover=_floats(made["turnover"]),
        excess=excess,
    )
    figures = {
        "excess": excess,
        "after_trading_back": excess + made["trade_back"],
        "excess_return_bps": relative["excess_return_bps"],
        "annual_return": relative["annual_return"],
        **_ratios(rows.periods, start, span_us),
        "calmar": relative["calmar"],
        "max_drawdown": _floats(made["max_drawdown"]),
        "max_drawdown_s": made["max_drawdown_us"] / US_PER_SECOND,
        "turnover": _floats(made["turnover"]),
        **traded,
        **{line: _floats(made[line]) for line in (*_lines(made), "transfer_costs")},
        "start_equity": start,
    }
    return {name: pl.Series(name, values).fill_nan(None) for name, values in figures.items()} | _counts(rows)


def _lines(made: np.ndarray) -> list[str]:
    # of runs without a perpetual all of its lines are nan
    known = [line for line in COSTS if line in (made.dtype.names or ())]
    return [line for line in known if line in TRADE_LINES or not np.isnan(made[line]).all()]


def _ratios(periods: Floats, start: Floats, span_us: int) -> dict[str, Floats]:
    held = start > 0
    returns = periods / np.where(held, start, 1.0)[:, None]
    found = metrics.ratios_of(returns, periods_a_year=metrics.YEAR_US / metrics.period_of(span_us))
    return {name: np.where(held, values, np.nan) for name, values in found.items()}


def _counts(rows: Rows) -> dict[str, pl.Series]:
    outcomes = dict(zip(OUTCOMES, rows.outcomes.T, strict=True))
    decided = dict(zip(DECISIONS, rows.decided.T, strict=True))
    found: dict[str, Int64s] = {
        "opportunities": rows.decided.sum(axis=1),
        "episodes": rows.figures["episodes"],
        "packages": rows.figures["packages"],
        "residual_orders": rows.figures["residual_orders"],
        "fills": outcomes["filled"] + outcomes["partial"],
        "partial": outcomes["partial"],
        "missed": np.sum([outcomes[kind] for kind in _MISSES], axis=0),
        **{f"missed_{kind}": outcomes[kind] for kind in _MISSES},
        "open": outcomes["open"],
        "transfers": rows.figures["transfers"],
        "alarms": decided["alarm"],
        **{f"dropped_{reason}": decided[reason] for reason in PASSED_OVER if reason != "alarm"},
    }
    return {name: pl.Series(name, np.ascontiguousarray(values), dtype=pl.Int64) for name, values in found.items()}


def _floats(values: np.ndarray) -> Floats:
    return np.ascontiguousarray(values, dtype=np.float64)
