"""What is said about a sweep as a whole is what the statistics say about its periods."""

from typing import Any

import numpy as np
import polars as pl
import pytest

from engine import sweep
from engine.errors import StatisticsError
from engine.schema import micros
from engine.statistics.bootstrap import bootstrap
from engine.statistics.deflated_sharpe import deflated_sharpe
from engine.statistics.pbo import probability_of_overfitting
from engine.statistics.walk_forward import Windows, fold_windows, walk_forward
from engine.sweep.design import design
from engine.sweep.judge import judge
from engine.synth import depeg_weekend
from tests.engine.sweep.test_spec import sweep_of

BARS = depeg_weekend(7).bars
PARAMETERS: tuple[dict[str, Any], ...] = (
    {"path": "strategy.threshold_bps", "values": [-5, 0, 5, 10]},
    {"path": "strategy.cool_down", "values": ["5m", "30m", "2h"]},
)
HOUR_US = 3_600_000_000


@pytest.fixture(scope="module")
def found() -> sweep.SweepResult:
    """Return a sweep of twelve sets, ranked by excess, that is judged in every way."""
    more = {"walk_forward": {"train": "1d", "test": "6h", "embargo": "1h"}, "statistics": {"blocks": 6, "bootstrap": 200}}
    return sweep.run(sweep_of(*PARAMETERS, keep=1, rank_by="excess", **more), BARS)


def test_every_statistic_is_of_the_trials_periods(found: sweep.SweepResult) -> None:
    best, said = found.best[0][0], found.statistics
    assert said["not_worked_out"] == {}
    deflated, shared, interval = said["deflated_sharpe"], said["pbo"], said["bootstrap"]
    assert isinstance(deflated, dict)
    assert isinstance(shared, dict)
    assert isinstance(interval, dict)
    assert deflated["probability"] == deflated_sharpe(found.periods).probability
    assert shared["logits"] == probability_of_overfitting(found.periods, blocks=6).logits.tolist()
    assert interval["total"]["percentile_low"] == bootstrap(found.periods[:, best], samples=200).total.percentile_low


def test_the_walk_forward_chooses_in_the_windows_that_were_asked_for(found: sweep.SweepResult) -> None:
    spec = found.sweep.spec
    windows = Windows(train_us=24 * HOUR_US, test_us=6 * HOUR_US, embargo_us=HOUR_US)
    folds = fold_windows(windows, start_us=micros(spec.start), end_us=micros(spec.end), period_us=HOUR_US)
    expected = walk_forward(found.periods, folds, first_us=micros(spec.start), period_us=HOUR_US, choose_by="total")
    said = found.statistics["walk_forward"]
    assert isinstance(said, dict)
    assert (len(said["folds"]), said["total"]) == (3, expected.total)
    assert [fold["trial"] for fold in said["folds"]] == [fold.trial for fold in expected.folds]


def test_neighbours_of_a_grid_are_a_step_away() -> None:
    made = design(sweep_of(*PARAMETERS, rank_by="excess"))
    trials = pl.DataFrame({"excess": [10.0, 9.0, None, 9.0, 1.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0]})
    said: Any = judge(made, trials, np.zeros((4, 12)), judged=np.arange(12), best=0, period_us=HOUR_US)
    # of the corner's three neighbours (1, 3 and 4), two keep four fifths of 10
    assert (said["stability"]["neighbours"], said["stability"]["share"]) == (3, pytest.approx(2 / 3))


def test_neighbours_of_a_drawn_design_are_the_nearest_ones_on_their_scales() -> None:
    drawn = sweep_of(
        {"path": "strategy.max_notional", "low": 100, "high": 1_000_000, "scale": "log"},
        {"path": "execution.residual", "values": ["carry"]},
        design="random",
        trials=9,
        rank_by="excess",
    )
    made = design(drawn)
    sizes = np.log([float(str(value)) for value in made.axes[0].typed])[made.picks[:, 0]]
    near = np.argsort(np.abs(sizes - sizes[0]))[1:5]
    trials = pl.DataFrame({"excess": [10.0 if k in {0, *near[:3].tolist()} else 1.0 for k in range(9)]})
    said: Any = judge(made, trials, np.zeros((4, 9)), judged=np.arange(9), best=0, period_us=HOUR_US)
    assert (said["stability"]["neighbours"], said["stability"]["share"]) == (4, 0.75)


def test_what_cannot_be_worked_out_is_told_and_the_rest_is_there() -> None:
    made = sweep_of({"path": "scale", "values": [1]}, keep=0)
    said: Any = sweep.run(made, BARS).statistics
    assert said["pbo"] is None
    assert said["not_worked_out"]["pbo"]
    assert said["bootstrap"]["samples"] == 1_000


def test_windows_longer_than_the_run_are_refused_before_anything_runs() -> None:
    told: list[str] = []
    with pytest.raises(StatisticsError):
        sweep.run(sweep_of(*PARAMETERS, walk_forward={"train": "30d", "test": "6h"}), BARS, on_progress=lambda stage, _fraction: told.append(stage))
    assert told == ["reading the sweep"]
