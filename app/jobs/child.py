"""The computing process of a worker: `python -m app.jobs.child` imports and compiles once, then computes run after run."""

import dataclasses
import os
from collections import Counter
from collections.abc import Iterable, Mapping

import polars as pl

from app.db.models import RunKind
from app.jobs import memory, sweeping
from app.jobs.serving import Say, serve
from app.jobs.wire import ARCHIVE, Likely, Progress, Task
from app.services import snapshots
from app.services.snapshots import Archive
from app.services.wanted import reaches
from engine import backtest
from engine.config import parse_spec
from engine.schema import BARS
from engine.sweep.result import SNAPSHOTS

_READ, _COMPUTED = 0.15, 0.95  # where computing begins and ends in the run's progress


def compute(task: Task, say: Say) -> Mapping[str, bytes]:
    """Return the files of a backtest or of a sweep on snapshots of the database's series."""
    archive = Archive.parse(os.environ[ARCHIVE])
    if task.computes in {RunKind.SWEEP, RunKind.PART}:
        work = sweeping.compute if task.computes == RunKind.SWEEP else sweeping.compute_part
        return work(task, say, libpq_uri=archive.libpq_uri, load=lambda sweep: snapshots.load(archive, reaches(sweep.spec)))
    return _backtest(task, say, archive)


# The manifest names the files beside what it is hashed of: rows of the same content in other files make the same result.
def _backtest(task: Task, say: Say, archive: Archive) -> Mapping[str, bytes]:
    spec = parse_spec(task.spec)
    say(Progress(stage="reading data", fraction=0.0))
    data = snapshots.load(archive, reaches(spec))
    say(Likely(data_bytes=_likely_bytes(data.frames.values())))
    result = backtest.run(spec, data.frames, on_progress=lambda stage, fraction: say(Progress(stage=stage, fraction=_within(fraction))))
    say(Progress(stage="writing files", fraction=_COMPUTED))
    return dataclasses.replace(result, manifest=result.manifest | {SNAPSHOTS: data.named}).files()


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
