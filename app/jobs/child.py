"""The computing process of a worker: `python -m app.jobs.child` imports and compiles once, then computes run after run."""

import os
from collections import Counter
from collections.abc import Iterable, Mapping

import polars as pl

from app.db.models import RunKind
from app.jobs import memory, sweeping
from app.jobs.serving import Say, serve
from app.jobs.wire import LIBPQ_URI, Likely, Progress, Task
from app.services import market
from app.services.wanted import reaches
from engine import backtest
from engine.config import parse_spec
from engine.schema import BARS

_READ, _COMPUTED = 0.15, 0.95  # where computing begins and ends in the run's progress


def compute(task: Task, say: Say) -> Mapping[str, bytes]:
    """Return the files of a backtest or of a sweep on the data of the database."""
    if task.computes == RunKind.SWEEP:
        uri = os.environ[LIBPQ_URI]
        return sweeping.compute(task, say, libpq_uri=uri, load=lambda sweep: market.load(uri, reaches(sweep.spec)))
    return _backtest(task, say)


def _backtest(task: Task, say: Say) -> Mapping[str, bytes]:
    spec = parse_spec(task.spec)
    say(Progress(stage="reading data", fraction=0.0))
    data = market.load(os.environ[LIBPQ_URI], reaches(spec))
    say(Likely(data_bytes=_likely_bytes(data.values())))
    result = backtest.run(spec, data, on_progress=lambda stage, fraction: say(Progress(stage=stage, fraction=_within(fraction))))
    say(Progress(stage="writing files", fraction=_COMPUTED))
    return result.files()


def _likely_bytes(frames: Iterable[pl.DataFrame]) -> int:
    rows, held = Counter[bool](), 0
    for frame in frames:
        rows[frame.schema == BARS] += frame.height
        held += int(frame.estimated_size())
    return memory.likely_bytes(bars=rows[True], quotes=rows[False], frame_bytes=held)


def _within(fraction: float) -> float:
    return _READ + (_COMPUTED - _READ) * fraction


if __name__ == "__main__":
    serve(compute, backtest.warm)
