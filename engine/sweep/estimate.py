"""What a sweep would take, before anybody waits for it."""

import os
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from engine import metrics
from engine.kernels.row import FIGURE
from engine.schema import SeriesKey, micros
from engine.sweep.design import design
from engine.sweep.groups import reads_of
from engine.sweep.spec import Sweep

_SECONDS_A_ROW = 2e-7
"""To read, align and scan one row of data, on one core of 2023."""
_SECONDS_A_TRIAL = 2e-4
_SECONDS_ALONE = 1e-2
"""To make the books of a trial of a strategy that has no loop of its own."""
_SECONDS_A_STEP = 2e-9
"""Of a trial, a row of data: one in a hundred is a candidate, and one in ten of those an order."""
_BYTES_A_ROW = 250
_BYTES_A_FIGURE = 500
_OVERHEAD = 200 * 2**20


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """About how much a sweep is; nobody should count on a factor of three."""

    trials: int
    panels: int  # how often the data is read: once for each set of values that changes what is read
    seconds: float
    memory_bytes: int

    def __str__(self) -> str:
        reads = f", on {self.panels:,} readings of the data" if self.panels > 1 else ""
        return f"{self.trials:,} trials{reads}: about {_duration(self.seconds)} and {self.memory_bytes / 2**30:.1f} GiB of memory"


def estimate(sweep: Sweep, data: Mapping[SeriesKey, pl.DataFrame] | int, *, threads: int | None = None) -> Estimate:
    """Return about how long a sweep takes, and how much memory.

    Parameters
    ----------
    sweep : Sweep
        Is not run, and its trials are not listed.
    data : Mapping[SeriesKey, pl.DataFrame] or int
        What it would run on, or how many rows that has.
    threads : int or None
        None: as many as there are cores.

    Notes
    -----
    seconds = panels × rows × 0.2 µs + trials × (0.2 ms + rows × 2 ns) / threads; the trials of a sweep of quotes of which one in a hundred is a
    candidate. Trials of other strategies than pairs, and those of pairs with all figures, take 10 ms more, which threads do
    not share. A spec that trades more takes longer. Equal trials of a drawn sweep count here, though they are run once.
    """
    rows = data if isinstance(data, int) else sum(frame.height for frame in data.values())
    count, periods = (
        sweep.most_trials,
        (micros(sweep.spec.end) - micros(sweep.spec.start)) // metrics.period_of(micros(sweep.spec.end) - micros(sweep.spec.start)),
    )
    panels = _panels(sweep, count)
    workers = threads or len(os.sched_getaffinity(0))
    alone = 0.0 if sweep.spec.strategy.kind == "spatial" and sweep.figures == "fast" else count * _SECONDS_ALONE
    seconds = panels * rows * _SECONDS_A_ROW + count * (_SECONDS_A_TRIAL + rows * _SECONDS_A_STEP) / workers + alone
    memory = _OVERHEAD + rows * _BYTES_A_ROW + count * (FIGURE.itemsize + _BYTES_A_FIGURE + 8 * periods)
    return Estimate(trials=count, panels=panels, seconds=seconds, memory_bytes=int(memory))


def _panels(sweep: Sweep, count: int) -> int:
    # of a sweep of as few trials as show which parameters change what is read
    few = {p.path: p.model_copy(update={"values": p.values[:1]} if p.values is not None else {"count": 2}) for p in sweep.parameters}
    sample = design(sweep.model_copy(update={"design": "grid", "trials": None, "parameters": tuple(few.values())}))
    reading = [sweep.parameters[k] for k in reads_of(sample)]
    found = 1
    for parameter in reading:
        found *= len(parameter.values) if parameter.values is not None else parameter.count or count
    return min(found, count)


def _duration(seconds: float) -> str:
    if seconds < 90:
        return f"{seconds:.0f} s" if seconds >= 1 else "1 s"
    return f"{seconds / 60:.0f} min" if seconds < 5_400 else f"{seconds / 3600:.1f} h"
