"""What the trials of a sweep say as a whole: how much of the best of them is luck."""

from collections.abc import Callable
from dataclasses import asdict

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.errors import StatisticsError
from engine.schema import micros
from engine.statistics.bootstrap import bootstrap
from engine.statistics.deflated_sharpe import deflated_sharpe
from engine.statistics.pbo import probability_of_overfitting
from engine.statistics.stability import Stability, grid_levels, grid_neighbours, nearest_neighbours, stability
from engine.statistics.walk_forward import Fold, Windows, fold_windows, walk_forward
from engine.sweep.design import Axis, Design
from engine.sweep.spec import Sweep


def folds(sweep: Sweep, period_us: int) -> tuple[Fold, ...]:
    """Return the windows of the walk forward, none where the sweep asks for none; StatisticsError where not one fits."""
    asked = sweep.walk_forward
    if asked is None:
        return ()
    windows = Windows(train_us=asked.train, test_us=asked.test, embargo_us=asked.embargo)
    return fold_windows(windows, start_us=micros(sweep.spec.start), end_us=micros(sweep.spec.end), period_us=period_us)


def judge(made: Design, trials: pl.DataFrame, periods: Floats, *, judged: Int64s, best: int, period_us: int) -> dict[str, object]:
    """Return the statistics by the names of their modules, each the fields of what it returns; a sentence where there is none.

    Parameters
    ----------
    made, trials : Design, pl.DataFrame
        The sweep and its rows.
    periods : (T, J) float64 [numeraire]
        Excess by period and trial that is judged.
    judged : (J,) int
        Ordinals of those trials.
    best : int
        Ordinal of the best of them.
    period_us : int [µs]
        How long a period is.

    Notes
    -----
    The walk forward chooses on the periods of runs over the whole time, not on runs of their own: what a set held when a test began is what
    it held then. It chooses by Sharpe ratio, or by total where the sweep ranks by an amount.
    """
    sweep = made.sweep
    windows = folds(sweep, period_us)
    by: dict[str, Callable[[], object]] = {
        "deflated_sharpe": lambda: deflated_sharpe(periods),
        "pbo": lambda: probability_of_overfitting(periods, blocks=sweep.statistics.blocks),
        "bootstrap": lambda: bootstrap(periods[:, np.searchsorted(judged, best)], samples=sweep.statistics.bootstrap, seed=sweep.seed),
        "stability": lambda: _stability(made, trials, best),
    }
    if windows:
        first_us = -(-micros(sweep.spec.start) // period_us) * period_us
        by["walk_forward"] = lambda: walk_forward(
            periods,
            windows,
            first_us=first_us,
            period_us=period_us,
            choose_by="total" if sweep.rank_by in {"excess", "after_trading_back"} else "sharpe",
        )
    found, missing = {}, {}
    for name, work in by.items():
        try:
            found[name] = _plain(asdict(work()))  # type: ignore[call-overload]
        except StatisticsError as error:
            missing[name] = str(error)
    return {**dict.fromkeys((*by, "walk_forward")), **found, "not_worked_out": missing}


def _stability(made: Design, trials: pl.DataFrame, best: int) -> Stability:
    scores = trials[made.sweep.rank_by].cast(pl.Float64).fill_null(np.nan).to_numpy()
    if made.sweep.design == "grid":
        neighbours = grid_neighbours(grid_levels(made.picks.astype(np.float64)), best)
    else:
        places = [_places(axis, made.sweep.parameters[k].scale == "log")[made.picks[:, k]] for k, axis in enumerate(made.axes)]
        neighbours = nearest_neighbours(np.stack(places, axis=1), best)
    return stability(scores, neighbours, best=best)


def _places(axis: Axis, is_log: bool) -> Floats:
    # of each value in [0, 1], as its parameter is scaled
    if axis.kind == "other":
        values = np.arange(len(axis.typed), dtype=np.float64)
    else:
        values = np.array([float(str(value)) for value in axis.typed])
        values = np.log(values) if is_log else values
    span = float(np.ptp(values))
    return (values - values.min()) / span if span > 0 else np.zeros(values.size)


def _plain(value: object) -> object:
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(part) for part in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value
