"""A sweep on files alone, in this process: how far it is, what is kept of it when it ends early, and its result."""

import re
import shlex
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl
from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

from app.cli import output, sweep_file, sweep_result
from app.cli.sweep_file import Source
from app.services import unfinished
from app.services.unfinished import Unfinished
from engine import sweep as sweeps
from engine.schema import SeriesKey
from engine.sweep import Sweep, SweepResult, estimate


@dataclass(frozen=True, slots=True, kw_only=True)
class How:
    """How a sweep is run."""

    out: Path | None
    resume: bool
    yes: bool
    threads: int | None
    as_json: bool


def run(path: Path, source: Source, how: How) -> None:
    """Run a sweep on the files of a folder, show what came out and save it; Ctrl-C keeps what is done."""
    sweep = sweep_file.read(path)
    data = source.read(sweep)
    found = estimate(sweep, data, threads=how.threads)
    sweep_file.agree(found, yes=how.yes)
    with unfinished.opened(how.out or place(sweep), unfinished.origin(sweep, data), resume=how.resume) as folder:
        try:
            result = _run(sweep, data, folder, how)
        except KeyboardInterrupt:
            folder.write()
            output.note(_interrupted(folder))
            raise
        saved = folder.finish(result.files())
    sweep_result.tell(result.summary, result.trials, saved, as_json=how.as_json)


def place(sweep: Sweep) -> Path:
    """Return the folder for a result where none was given: named after the sweep, which its rows are tied to."""
    name = re.sub(r"[^a-z0-9]+", "-", sweep.name.lower()).strip("-")[:60] or "sweep"
    return Path("results") / f"{name}-{sweep.hash()[:8]}"


def _run(sweep: Sweep, data: dict[SeriesKey, pl.DataFrame], folder: Unfinished, how: How) -> SweepResult:
    done = folder.done()
    if done is not None or how.resume:
        output.note(f"{0 if done is None else done.height:,} of {sweep.most_trials:,} trials are there from before")
    with _progress(sweep.most_trials, 0 if done is None else done.height) as seen:

        def on_rows(rows: pl.DataFrame) -> None:
            folder.keep(rows)
            seen.count(rows.height)

        return sweeps.run(sweep, data, on_progress=seen.stage, threads=how.threads, done=done, on_rows=on_rows)


class _Seen:
    # how far a sweep is, on a bar, or nowhere

    def __init__(self, bar: Progress | None, trials: int, before: int) -> None:
        self._bar, self._counted, self._since = bar, 0, time.monotonic()
        self._before = before
        if bar is not None:
            self._task = bar.add_task("", total=1.0, done=before, trials=trials, rate=0.0)

    def stage(self, name: str, fraction: float) -> None:
        if self._bar is not None:
            self._bar.update(self._task, description=name, completed=fraction)

    def count(self, trials: int) -> None:
        if self._bar is not None:
            self._counted += trials
            rate = self._counted / max(time.monotonic() - self._since, 1e-3)
            self._bar.update(self._task, done=self._before + self._counted, rate=rate)


@contextmanager
def _progress(trials: int, before: int) -> Iterator[_Seen]:
    if not sys.stderr.isatty():
        yield _Seen(None, trials, before)
        return
    counted = TextColumn("{task.fields[done]:,} of {task.fields[trials]:,} trials, {task.fields[rate]:,.0f} trials/s, eta")
    columns = (TextColumn("{task.description}"), BarColumn(), counted, TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        yield _Seen(bar, trials, before)


def _interrupted(folder: Unfinished) -> str:
    done = folder.done()
    if done is None:
        return "\nNo trial was done yet; nothing is kept."
    again = shlex.join(["usdc-arb", *(word for word in sys.argv[1:] if word != "--resume"), "--resume"])
    return f"\n{done.height:,} trials are kept in {folder.folder}. To go on from there:\n  {again}"
