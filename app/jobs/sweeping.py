"""A sweep in the child: what is kept of an earlier attempt, how far it is, and rows handed on as they are done."""

import dataclasses
import io
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial

import polars as pl

from app.jobs.wire import Likely, Message, Part, Progress, Task
from app.services import sweeps, unfinished
from app.services.snapshots import Loaded
from engine import manifest
from engine.sweep import Sweep, estimate, parse_sweep, run, run_part
from engine.sweep.result import SNAPSHOTS

EVERY_S = 2.0
"""How much work a killed worker may cost."""

Say = Callable[[Message, bytes], None]
Load = Callable[[Sweep], Loaded]


def compute(task: Task, say: Say, *, libpq_uri: str, load: Load) -> Mapping[str, bytes]:
    """Return the files of a sweep; trials of which an earlier attempt, or a part, kept the rows are not run again."""
    sweep = parse_sweep(task.spec)
    loaded, made_from = _read(sweep, task, say, load)
    before = sweeps.done(libpq_uri, task.run_id, made_from=made_from)
    keeper = Keeper(say=say, made_from=made_from, trials=sweep.most_trials, before=0 if before is None else before.height)
    found = run(sweep, loaded.frames, on_progress=keeper.tell, threads=task.threads, done=before, on_rows=keeper.keep)
    say(Progress(stage="writing files", fraction=1.0, trials_done=keeper.done, eta_s=None), b"")
    return dataclasses.replace(found, manifest=found.manifest | {SNAPSHOTS: loaded.named}).files()


def compute_part(task: Task, say: Say, *, libpq_uri: str, load: Load) -> Mapping[str, bytes]:
    """Hand on the rows of a part of a sweep, and return no files; rows that an earlier attempt kept are not made again."""
    sweep, places = parse_sweep(task.spec), range(*task.part)
    loaded, made_from = _read(sweep, task, say, load)
    before = sweeps.done(libpq_uri, task.run_id, made_from=made_from)
    keeper = Keeper(say=say, made_from=made_from, trials=len(places), before=0)
    run_part(
        sweep, loaded.frames, places, on_rows=keeper.keep, on_progress=partial(keeper.tell, "running the trials"), threads=task.threads, done=before
    )
    keeper.flush()
    return {}


def _read(sweep: Sweep, task: Task, say: Say, load: Load) -> tuple[Loaded, str]:
    say(Progress(stage="reading data", fraction=0.0), b"")
    loaded = load(sweep)
    say(Likely(data_bytes=estimate(sweep, loaded.frames, threads=task.threads).memory_bytes), b"")
    return loaded, manifest.digest(dict(unfinished.origin(sweep, loaded.frames)))


@dataclass(slots=True, kw_only=True)
class Keeper:
    """Hands on rows every few seconds, the first at once, and says how far the sweep is."""

    say: Say
    made_from: str
    trials: int
    before: int
    every_s: float = EVERY_S
    _fresh: int = 0
    _waiting: list[pl.DataFrame] = field(default_factory=list)
    _since: float = field(default_factory=time.monotonic)
    _handed_at: float = 0.0

    @property
    def done(self) -> int:
        """How many trials are done, those of earlier attempts included."""
        return self.before + self._fresh

    def keep(self, rows: pl.DataFrame) -> None:
        """Take rows, and hand on what waits if it is time."""
        self._fresh += rows.height
        self._waiting.append(rows)
        if time.monotonic() - self._handed_at >= self.every_s:
            self.flush()

    def tell(self, stage: str, fraction: float) -> None:
        """Say how far the sweep is, and by the speed so far for how long its trials will go on."""
        left, seconds = max(self.trials - self.done, 0), time.monotonic() - self._since
        eta_s = left * seconds / self._fresh if self._fresh else None
        self.say(Progress(stage=stage, fraction=fraction, trials_done=self.done, eta_s=eta_s), b"")

    def flush(self) -> None:
        """Hand on what waits, if anything does."""
        if not self._waiting:
            return
        rows, buffer = pl.concat(self._waiting), io.BytesIO()
        rows.write_parquet(buffer)
        content = buffer.getvalue()
        first = rows["trial"].min()
        assert isinstance(first, int)
        self.say(Part(first_trial=first, trials=rows.height, made_from=self.made_from, size=len(content)), content)
        self._waiting, self._handed_at = [], time.monotonic()
