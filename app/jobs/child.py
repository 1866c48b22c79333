"""The computing process of a worker: `python -m app.jobs.child` imports and compiles once, then computes run after run."""

import os
from collections.abc import Mapping
from datetime import timedelta

from app.jobs import memory
from app.jobs.serving import Say, serve
from app.jobs.wire import LIBPQ_URI, Likely, Progress, Task
from app.services import market
from engine import backtest
from engine.config import MARK_MAX_AGE_US, parse_spec

_READ, _COMPUTED = 0.15, 0.95  # where computing begins and ends in the run's progress


def compute(task: Task, say: Say) -> Mapping[str, bytes]:
    """Return the files of a backtest on the bars of the database."""
    spec = parse_spec(task.spec)
    say(Progress(stage="reading bars", fraction=0.0))
    before = timedelta(microseconds=MARK_MAX_AGE_US + spec.interval)
    bars = market.load_bars(os.environ[LIBPQ_URI], spec.series, spec.interval, spec.start - before, spec.end)
    say(Likely(data_bytes=memory.likely_bytes(sum(frame.height for frame in bars.values()))))
    result = backtest.run(spec, bars, on_progress=lambda stage, fraction: say(Progress(stage=stage, fraction=_within(fraction))))
    say(Progress(stage="writing files", fraction=_COMPUTED))
    return result.files()


def _within(fraction: float) -> float:
    return _READ + (_COMPUTED - _READ) * fraction


if __name__ == "__main__":
    serve(compute, backtest.warm)
