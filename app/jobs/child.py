"""The computing process of a worker: `python -m app.jobs.child` imports and compiles once, then computes run after run."""

import os
from collections.abc import Mapping

from app.jobs import memory
from app.jobs.serving import Say, serve
from app.jobs.wire import LIBPQ_URI, Likely, Progress, Task
from app.services import market
from app.services.wanted import reaches
from engine import backtest
from engine.config import parse_spec

_READ, _COMPUTED = 0.15, 0.95  # where computing begins and ends in the run's progress


def compute(task: Task, say: Say) -> Mapping[str, bytes]:
    """Return the files of a backtest on the data of the database."""
    spec = parse_spec(task.spec)
    say(Progress(stage="reading data", fraction=0.0))
    data = market.load(os.environ[LIBPQ_URI], reaches(spec))
    rows, held = (sum(values) for values in zip(*((frame.height, frame.estimated_size()) for frame in data.values()), strict=True))
    say(Likely(data_bytes=memory.likely_bytes(rows, int(held))))
    result = backtest.run(spec, data, on_progress=lambda stage, fraction: say(Progress(stage=stage, fraction=_within(fraction))))
    say(Progress(stage="writing files", fraction=_COMPUTED))
    return result.files()


def _within(fraction: float) -> float:
    return _READ + (_COMPUTED - _READ) * fraction


if __name__ == "__main__":
    serve(compute, backtest.warm)
