"""Some trials of a sweep, for a computer that does its part of it."""

from collections.abc import Callable, Mapping
from contextlib import closing

import numpy as np
import polars as pl

from engine.arrays import Int64s
from engine.schema import SeriesKey
from engine.sweep.design import Design, design
from engine.sweep.groups import reads_of, split
from engine.sweep.run import OnRows, frame_of, space_of, walked
from engine.sweep.spec import Sweep


def run_part(
    sweep: Sweep,
    data: Mapping[SeriesKey, pl.DataFrame],
    part: range,
    *,
    on_rows: OnRows,
    on_progress: Callable[[float], None] = lambda _fraction: None,
    threads: int | None = None,
    done: pl.DataFrame | None = None,
) -> None:
    """Run some trials of a sweep, and nothing else of it: with the rows of all parts as `done`, `engine.sweep.run` does the rest.

    Parameters
    ----------
    sweep : Sweep
        The whole of it.
    data : Mapping[SeriesKey, pl.DataFrame]
        As of `engine.sweep.run`.
    part : range
        Which trials, by their places where those that read the same lie together; places beyond the last trial are empty.
    on_rows : callable
        Called on this thread with the rows of some trials, in no order.
    on_progress : callable
        Told the fraction of the part that is done; what it raises stops the part.
    threads : int or None
        None: as many as there are cores.
    done : pl.DataFrame or None
        Rows of this sweep that are there: their trials are not run again.
    """
    made = design(sweep)
    space = space_of(made)
    wanted = np.setdiff1d(_trials(made, part), done["trial"].to_numpy() if done is not None else [])
    finished = 0
    with closing(walked(made, data, wanted, threads=threads)) as chunks:
        for trials, rows in chunks:
            finished += trials.size
            on_rows(frame_of(made, trials, rows, space))
            on_progress(finished / wanted.size)


def _trials(made: Design, part: range) -> Int64s:
    # a panel is built for each set of values that changes what is read: as few of them as can be in each part
    order = np.concatenate(split(made, np.arange(made.trials), reads_of(made)))
    return order[part.start : part.stop]
