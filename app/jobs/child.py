"""The computing process of a worker: `python -m app.jobs.child` imports and compiles once, then computes run after run."""

import os
from collections.abc import Mapping
from datetime import timedelta

from app.jobs.serving import Told, serve
from app.jobs.wire import LIBPQ_URI, Task
from app.services import market
from engine import backtest
from engine.config import MARK_MAX_AGE_US, parse_spec

_LOADING, _STORING = 0.15, 0.95  # where computing begins and ends in the run's progress


def compute(task: Task, told: Told) -> Mapping[str, bytes]:
    """Return the files of a backtest on the bars of the database."""
    spec = parse_spec(task.spec)
    told("reading bars", 0.0)
    before = timedelta(microseconds=MARK_MAX_AGE_US + spec.interval)
    bars = market.load_bars(os.environ[LIBPQ_URI], spec.series, spec.interval, spec.start - before, spec.end)
    result = backtest.run(spec, bars, on_progress=lambda stage, fraction: told(stage, _LOADING + (_STORING - _LOADING) * fraction))
    told("writing files", _STORING)
    return result.files()


if __name__ == "__main__":
    serve(compute, backtest.warm)
