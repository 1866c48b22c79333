"""A sweep on its way: the rows of its trials are kept in a folder beside its result, so that it can go on; the result comes whole or not at all."""

import fcntl
import io
import json
import math
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

import polars as pl

from app.errors import Conflict
from engine import manifest
from engine.schema import SeriesKey
from engine.sweep import Sweep

EVERY_S = 5.0
"""How much work a power cut may cost."""

_SAYS = {
    "sweep_sha256": "are of another sweep ({name})",
    "data_sha256": "are of the same sweep on other data",
    "made_by_sha256": "are of another version of usdc-arb or of its libraries",
}
_ORIGIN, _LOCK = "origin.json", "lock"

Origin = Mapping[str, str]
"""What rows are rows of: the sweep's name, and digests of the sweep, of the data and of the code."""


def origin(sweep: Sweep, data: Mapping[SeriesKey, pl.DataFrame]) -> Origin:
    """Return what the rows of a sweep on some data have to agree in."""
    made = manifest.build(sweep.spec, data, assumptions=[])
    code = {name: value for name, value in made.items() if name not in {"data", "spec", "spec_sha256"}}
    of_data = manifest.digest({"data": made["data"]})
    return {"name": sweep.name, "sweep_sha256": sweep.hash(), "data_sha256": of_data, "made_by_sha256": manifest.digest(code)}


class Unfinished:
    """The folder of a sweep on its way, `RESULT.unfinished`; `opened` makes one."""

    def __init__(self, result: Path, *, every_s: float) -> None:
        self.result = result
        self.folder = result.with_name(f"{result.name}.unfinished")
        self._every_s = every_s
        self._waiting: list[pl.DataFrame] = []
        self._written = -math.inf  # the first rows are written at once

    @property
    def parts(self) -> list[Path]:
        """The files of rows that are kept."""
        return sorted(self.folder.glob("rows-*.parquet"))

    def done(self) -> pl.DataFrame | None:
        """Return the rows that are kept; None where none are."""
        return pl.concat([_read(part) for part in self.parts]) if self.parts else None

    def keep(self, rows: pl.DataFrame) -> None:
        """Keep rows; they are written every few seconds, and when the folder is closed."""
        self._waiting.append(rows)
        if time.monotonic() - self._written >= self._every_s:
            self.write()

    def write(self) -> None:
        """Write the rows that wait."""
        if self._waiting:
            number = int(self.parts[-1].stem.removeprefix("rows-")) + 1 if self.parts else 1
            buffer = io.BytesIO()
            pl.concat(self._waiting).write_parquet(buffer)
            whole = self.folder / f"rows-{number:06}.parquet"
            _write(whole.with_suffix(".part"), buffer.getvalue())
            whole.with_suffix(".part").rename(whole)
        self._waiting, self._written = [], time.monotonic()

    def finish(self, files: Mapping[str, bytes]) -> dict[str, str]:
        """Put the result in its place, whole, and take the kept rows away; return the paths of its files by name."""
        made, before = self.folder / "result", self.folder / "before"
        for leftover in (made, before):
            shutil.rmtree(leftover, ignore_errors=True)
        for name, content in files.items():
            _write(made / name, content)
        if self.result.exists():
            self.result.rename(before)
        made.rename(self.result)
        shutil.rmtree(self.folder)
        return {name: str(self.result / name) for name in files}

    def leave(self) -> None:
        """Write what waits; a folder without rows is taken away."""
        self.write()
        if not self.parts:
            shutil.rmtree(self.folder)


@contextmanager
def opened(result: Path, found: Origin, *, resume: bool, every_s: float = EVERY_S) -> Iterator[Unfinished]:
    """Hold the folder for a sweep whose result goes to `result`; Conflict where what is there must not be touched, or is of something else."""
    _refuse_others(result)
    here = Unfinished(result, every_s=every_s)
    try:
        here.folder.mkdir(parents=True, exist_ok=True)
    except (FileExistsError, NotADirectoryError) as error:
        raise Conflict(f"{here.folder} cannot be made, since there is a file of that name in its path; choose another folder with --out") from error
    with (here.folder / _LOCK).open("wb") as lock:
        _hold(here, lock.fileno())
        if here.parts:
            _refuse(here, found, resume=resume)
        else:
            _write(here.folder / _ORIGIN, json.dumps(dict(found), indent=2).encode())
        try:
            yield here
        finally:
            if here.folder.exists():
                here.leave()


def _refuse_others(result: Path) -> None:
    # a folder is replaced whole, so it must hold nothing but the result of a sweep
    if result.exists() and not result.is_dir():
        raise Conflict(f"{result} is a file; choose a folder with --out")
    if result.exists() and any(result.iterdir()) and not _is_sweep(result):
        raise Conflict(f"{result} holds other files than the result of a sweep; choose a folder of its own with --out")


def _is_sweep(folder: Path) -> bool:
    try:
        return "sweep_sha256" in json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False


def _hold(here: Unfinished, descriptor: int) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Conflict(f"another sweep is on its way to {here.result}; wait for its end, or choose another folder with --out") from None


def _refuse(here: Unfinished, found: Origin, *, resume: bool) -> None:
    kept = json.loads((here.folder / _ORIGIN).read_text(encoding="utf-8"))
    for name, says in _SAYS.items():
        if kept[name] != found[name]:
            raise Conflict(f"the rows in {here.folder} {says.format(name=kept['name'])}: choose another folder with --out, or delete it")
    if not resume:
        raise Conflict(f"{here.folder} has trials of this sweep already: go on from there with --resume, or delete it to start anew")


def _read(part: Path) -> pl.DataFrame:
    try:
        return pl.read_parquet(part)
    except pl.exceptions.PolarsError as error:
        raise Conflict(f"{part} is no whole file of rows ({error}); delete it, and its trials are run again") from error


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())
