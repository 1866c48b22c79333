"""The pipeline of a sweep: its trials, the best of them in full, and what they say as a whole."""

import json
from collections.abc import Callable, Generator, Mapping
from contextlib import closing
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine import backtest, manifest, metrics, panel, summary
from engine.arrays import Floats, Int64s
from engine.errors import DataError
from engine.kernels.row import Rows
from engine.result import Result
from engine.schema import SeriesKey, micros
from engine.sweep import rows as trial_rows
from engine.sweep import singly
from engine.sweep import trials as trials_of_pairs
from engine.sweep.design import Design, design
from engine.sweep.gather import Gathered, scores
from engine.sweep.groups import kinds_of, reads_of
from engine.sweep.judge import folds, judge
from engine.sweep.result import SweepResult
from engine.sweep.spec import Sweep

Progress = Callable[[str, float], None]
"""Told the stage that goes on and the fraction of the sweep that is done."""
OnRows = Callable[[pl.DataFrame], None]
"""Given the rows of some trials as soon as they are done, with `periods`, a list each."""

PERIODS = "periods"
_WALKED, _RUN_AGAIN = 0.8, 0.95


@dataclass(frozen=True, slots=True, kw_only=True)
class Space:
    """How long the runs are, and in which periods they are judged."""

    span_us: int
    period_us: int
    periods: int
    lines: tuple[str, ...]  # columns that rows have beside those of every row (engine.sweep.rows.of_spec)


def run(
    sweep: Sweep,
    data: Mapping[SeriesKey, pl.DataFrame],
    *,
    on_progress: Progress = lambda _stage, _fraction: None,
    threads: int | None = None,
    done: pl.DataFrame | None = None,
    on_rows: OnRows | None = None,
) -> SweepResult:
    """Return what every set of parameters would have earned, and how much of that is luck.

    Parameters
    ----------
    sweep : Sweep
        Which sets.
    data : Mapping[SeriesKey, pl.DataFrame]
        As of `engine.backtest.run`, for the series of the sweep's spec.
    on_progress : Progress
        Called on this thread; what it raises stops the sweep, and nothing goes on behind it.
    threads : int or None
        None: as many as there are cores. The result does not depend on it.
    done : pl.DataFrame or None
        Rows of this sweep, as `on_rows` was given them: these trials are not run again.
    on_rows : callable or None
        Called on this thread with the rows of some trials, in no order.

    Raises
    ------
    SpecError
        Where a parameter, or a set of them, does not make a spec.
    DataError
        Where the data does not carry a trial, or `done` is of another sweep.
    StatisticsError
        Where the windows of the walk forward are longer than the run.
    """
    on_progress("reading the sweep", 0.0)
    made = design(sweep)
    space = space_of(made)
    folds(sweep, space.period_us)  # told before anything runs
    known = _known(made, done)
    wanted = np.setdiff1d(np.arange(made.trials), known["trial"].to_numpy() if known is not None else [])
    found = Gathered(made.trials, space.periods, span_us=space.span_us, lines=space.lines, rank_by=sweep.rank_by)
    finished = 0
    with closing(walked(made, data, wanted, threads=threads)) as parts:
        for trials, rows in parts:
            found.add(trials, rows)
            finished += trials.size
            if on_rows is not None:
                on_rows(frame_of(made, trials, rows, space))
            on_progress("running the trials", min(_WALKED * finished / wanted.size, _WALKED))
    if known is not None:
        found.add_columns(known["trial"].to_numpy(), _figures(made, known), _periods(known, space))
        del known
    columns, judged, periods = found.whole()
    whole = made.table(np.arange(made.trials)).with_columns(columns.values())
    on_progress("running the best in full", _WALKED)
    first = int(ranked(whole, sweep.rank_by)[0])
    best = _best(made, data, whole, on_progress)
    on_progress("judging the trials", _RUN_AGAIN)
    result = SweepResult(
        sweep=sweep,
        trials=whole,
        judged=judged,
        periods=periods.T,
        period_us=space.period_us,
        best=best,
        statistics=judge(made, whole, periods.T, judged=judged, best=first, period_us=space.period_us),
        manifest=_manifest(sweep, data, best[0][1].manifest["quality"] if best else panel.build(made.spec_of(first), data).quality),
    )
    on_progress("done", 1.0)
    return result


def walked(
    made: Design, data: Mapping[SeriesKey, pl.DataFrame], wanted: Int64s, *, threads: int | None
) -> Generator[tuple[Int64s, Rows], None, None]:
    """Return the ordinals and rows of trials as they are done, by the loop that fits; to be closed."""
    chunks = trials_of_pairs.chunks if trials_of_pairs.fits(made) else singly.chunks
    return chunks(made, data, wanted, threads=threads)


def space_of(made: Design) -> Space:
    """Return how long the runs of a sweep are."""
    first, last = micros(made.sweep.spec.start), micros(made.sweep.spec.end)
    period_us = metrics.period_of(last - first)
    lines = dict.fromkeys(line for spec in kinds_of(made) for line in trial_rows.of_spec(spec))
    return Space(span_us=last - first, period_us=period_us, periods=metrics.periods_in(first, last, period_us), lines=tuple(lines))


def frame_of(made: Design, trials: Int64s, rows: Rows, space: Space) -> pl.DataFrame:
    """Return the rows of some trials, with their periods, by ordinal."""
    order = np.argsort(trials)
    figures = trial_rows.columns(Rows._make(part[order] for part in rows), span_us=space.span_us, lines=space.lines)
    return made.table(trials[order]).with_columns(*figures.values(), pl.Series(PERIODS, rows.periods[order].tolist(), dtype=pl.List(pl.Float64)))


def _known(made: Design, done: pl.DataFrame | None) -> pl.DataFrame | None:
    if done is None or done.is_empty():
        return None
    trials = done["trial"].to_numpy() if "trial" in done.columns else np.full(1, -1)
    names = ["trial", *(axis.path for axis in made.axes)]
    fits = set(names) <= set(done.columns) and PERIODS in done.columns and bool((trials >= 0).all() and (trials < made.trials).all())
    if not fits or not done.select(names).equals(made.table(trials)):
        raise DataError(
            "expected the rows of done to be of this sweep, as on_rows had them; found other trials or values: leave them out to run anew"
        )
    return done.unique("trial").sort("trial")


def _figures(made: Design, known: pl.DataFrame) -> dict[str, pl.Series]:
    others = {"trial", PERIODS, *(axis.path for axis in made.axes)}
    return {column.name: column for column in known if column.name not in others}


def _periods(whole: pl.DataFrame, space: Space) -> Floats:
    flat = whole[PERIODS].explode(empty_as_null=False) if space.periods else pl.Series([], dtype=pl.Float64)
    return flat.to_numpy().reshape(whole.height, space.periods)


def ranked(trials: pl.DataFrame, rank_by: str) -> Int64s:
    """Return the ordinals of the trials, the highest figure first, ties by ordinal; those without one come last."""
    return np.argsort(-scores(trials, rank_by), kind="stable").astype(np.int64)


def _best(made: Design, data: Mapping[SeriesKey, pl.DataFrame], trials: pl.DataFrame, on_progress: Progress) -> tuple[tuple[int, Result], ...]:
    chosen = ranked(trials, made.sweep.rank_by)[: made.sweep.keep].tolist()
    found: dict[int, Result] = {}
    panels: dict[tuple[object, ...], panel.Panel] = {}
    reads = reads_of(made)
    for place, trial in enumerate(sorted(chosen, key=lambda k: (made.picks[k, reads].tolist(), k))):
        spec = made.spec_of(trial)
        key = (*made.picks[trial, reads].tolist(), spec.currencies)
        if key not in panels:
            panels = {key: panel.build(spec, data)}
        found[trial] = backtest.run(spec, data, seen=panels[key])
        on_progress("running the best in full", min(_WALKED + (_RUN_AGAIN - _WALKED) * (place + 1) / len(chosen), _RUN_AGAIN))
    return tuple((trial, found[trial]) for trial in chosen)


def _manifest(sweep: Sweep, data: Mapping[SeriesKey, pl.DataFrame], quality: object) -> dict[str, object]:
    # what the checks counted is that of the best trial: other trials may be checked in other ways
    of_spec = manifest.build(sweep.spec, data, assumptions=summary.assumptions(sweep.spec))
    kept = {name: value for name, value in of_spec.items() if name not in {"spec", "spec_sha256"}}
    return {"sweep": sweep.canonical(), "sweep_sha256": sweep.hash(), **kept, "quality": quality}


def forms_of(made: Design, trial: int) -> dict[str, str]:
    """Return the values of a trial as a spec writes them, by path."""
    forms = {axis.path: axis.forms[made.picks[trial, k]] for k, axis in enumerate(made.axes)}
    return {path: form if isinstance(form, str) else json.dumps(form) for path, form in forms.items()}
