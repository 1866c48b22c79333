"""The row of a trial: the figures and counts that its backtest's summary has, by the same names."""

import numpy as np
import polars as pl

from engine import execution, metrics, positions
from engine.accounts import Accounts
from engine.arrays import Floats, Int64s
from engine.attribution import PERPETUAL_LINES, TRADE_LINES, lines_of
from engine.config import Spec
from engine.events import DECISIONS, OUTCOMES, RESIDUAL
from engine.kernels.row import FIGURE, Rows
from engine.opportunities import EPISODE_FIGURES, episode_figures
from engine.panel import Panel
from engine.schema import US_PER_SECOND
from engine.wording import PASSED_OVER

LINES = (*TRADE_LINES, "transfer_costs", *PERPETUAL_LINES, "redemption", "peg", "inventory", "hold")
"""Columns of the lines of the attribution: `transfers` would be the number of them."""

POSITION = tuple(f"perpetual_{name}" for name in positions.FIGURES)
_COUNTED = ("perpetual_funding_payments", "perpetual_liquidations")

WIDE = np.dtype(
    [*FIGURE.descr, *((name, np.float64) for name in (*LINES, *execution.FIGURES, *EPISODE_FIGURES, *POSITION) if name not in (FIGURE.names or ()))]
)
"""The figures of trials that are told by their books: all of a summary; nan where a run has none."""

_BLOCK = 4_096
"""Trials."""

_MISSES = ("limit", "volume", "no_trade", "absent")


def empty(trials: int, periods: int, *, kind: np.dtype[np.void] = FIGURE) -> Rows:
    """Return room for so many trials, with figures of a kind."""
    return Rows(
        figures=np.zeros(trials, kind).view(np.recarray),
        decided=np.zeros((trials, len(DECISIONS)), np.int64),
        outcomes=np.zeros((trials, len(OUTCOMES)), np.int64),
        periods=np.zeros((trials, periods)),
    )


def of_spec(spec: Spec) -> tuple[str, ...]:
    """Return the columns that rows of a spec's trials have beside those of every row: where there is a desk, or a perpetual."""
    known = {"transfer_costs" if line == "transfers" else line for line in lines_of(spec)}
    return (*(line for line in LINES if line in known), *(POSITION if spec.perpetual is not None else ()))


def write(rows: Rows, at: int, books: Accounts, *, spec: Spec, seen: Panel, period_us: int) -> None:
    """Write the row of a trial from its books, by the functions that make its summary.

    Parameters
    ----------
    rows, at : Rows, int
        Written to, in row `at`; figures are `WIDE`.
    books, spec, seen : Accounts, Spec, Panel
        What a backtest of the trial comes to, what it was told, and the prices that mark it.
    period_us : int [µs]
        How long a period is.
    """
    path, packages = books.path, books.packages
    at_us, excess = books.equity["ts"].dt.epoch("us").to_numpy(), books.equity["excess"].to_numpy()
    drawdown, drawdown_s = metrics.max_drawdown(at_us, excess)
    paid, missed = metrics.paid_and_missed(packages)
    found: dict[str, float | str | None] = {
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
        **{line: books.attribution.get("transfers" if line == "transfer_costs" else line) for line in LINES},
        **execution.figures(spec, path, books.lines, seen),
        **episode_figures(spec, path.opportunities),
        **({} if spec.perpetual is None else {f"perpetual_{name}": value for name, value in positions.figures(spec, path).items()}),
    }
    rows.figures[at] = tuple(np.nan if found.get(name) is None else found[name] for name in WIDE.names or ())
    rows.decided[at] = np.bincount(path.opportunities.outcome, minlength=len(DECISIONS))
    rows.outcomes[at] = np.bincount(path.orders.outcome, minlength=len(OUTCOMES))
    rows.periods[at] = metrics.period_returns(at_us, excess, period_us)


def columns(rows: Rows, *, span_us: int, lines: tuple[str, ...]) -> dict[str, pl.Series]:
    """Return the columns of trials, (T,) each; null where a figure is not defined.

    Parameters
    ----------
    rows : Rows
        Of some trials.
    span_us : int [µs]
        How long their runs are.
    lines : tuple[str, ...]
        What `of_spec` says of any of the sweep's trials, so that rows of all of them have the same columns.

    Notes
    -----
    `after_trading_back` is `trade_back.excess` of the summary; `gross` to `hold` are lines of its attribution, `transfer_costs` the line
    `transfers`; `perpetual_` leads what `perpetual` has; `start_equity` is `equity_start`; the rest are its metrics and counts.
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
        **_written(made, (*lines, *execution.FIGURES, *EPISODE_FIGURES)),
        "start_equity": start,
    }
    found = {name: pl.Series(name, values).fill_nan(None) for name, values in figures.items()} | _returns(rows, start, span_us) | _counts(rows)
    return found | {name: found[name].cast(pl.Int64) for name in _COUNTED if name in found}


def _written(made: np.ndarray, names: tuple[str, ...]) -> dict[str, Floats]:
    # the loop of pairs, which burn no gas, writes what costs it little
    known = dict.fromkeys(made.dtype.names or ())
    return {name: _floats(made[name]) if name in known else np.zeros(made.size) for name in names if name in known or name == "gas"}


def _ratios(periods: Floats, start: Floats, span_us: int) -> dict[str, Floats]:
    # block by block: of all trials at once the returns and their squares would be as much again as all that rows hold
    a_year = metrics.YEAR_US / metrics.period_of(span_us)
    divisors = np.where(start > 0, start, 1.0)[:, None]
    parts = [slice(first, first + _BLOCK) for first in range(0, max(start.size, 1), _BLOCK)]
    found = [metrics.ratios_of(periods[part] / divisors[part], periods_a_year=a_year) for part in parts]
    return {name: np.where(start > 0, np.concatenate([block[name] for block in found]), np.nan) for name in found[0]}


def _returns(rows: Rows, start: Floats, span_us: int) -> dict[str, pl.Series]:
    # how many there are, and over how long: none on an equity of nothing
    count, period_s = rows.periods.shape[1], metrics.period_of(span_us) // US_PER_SECOND
    found = {"return_periods": np.where(start > 0, count, 0), "return_period_s": np.full(start.size, period_s)}
    return {name: pl.Series(name, values, dtype=pl.Int64) for name, values in found.items()}


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
