"""A child that acts instead of computing: the part is the name of the spec. Everything around it is the real child.

Each run that begins leaves a line in a file of its id, below the folder in ACTOR_FOLDER.
"""

import io
import os
import signal
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np
import orjson
import polars as pl

from app.jobs.serving import Say, serve
from app.jobs.wire import Likely, Progress, Task
from engine.errors import DataError

FILLS = pl.DataFrame({"order": range(10), "filled": [0.5] * 10})


def act(task: Task, say: Say) -> Mapping[str, bytes]:
    begun = Path(os.environ["ACTOR_FOLDER"]) / task.run_id
    with begun.open("a", encoding="ascii") as lines:
        lines.write(f"{os.getpid()}\n")
    say(Progress(stage="acting", fraction=0.5))
    part, _, rest = task.spec["name"].partition(" ")
    say(Likely(data_bytes=3 << 30))
    _PARTS[part](rest, len(begun.read_text(encoding="ascii").splitlines()))
    return _files(task)


def _sleep(seconds: str, _time: int) -> None:
    time.sleep(float(seconds))


def _die(times: str, time_: int) -> None:
    if time_ <= int(times):
        os.kill(os.getpid(), signal.SIGKILL)


def _numpy(gib: str, _time: int) -> None:
    np.ones(int(gib) << 27)


def _polars(gib: str, _time: int) -> None:
    rows = int(gib) << 17
    pl.DataFrame({"a": range(1000)}).select(pl.col("a").repeat_by(rows).explode())


def _bad_data(why: str, _time: int) -> None:
    raise DataError(why)


def _bug(why: str, _time: int) -> None:
    raise ZeroDivisionError(why)


def _print(noise: str, _time: int) -> None:
    print(noise * 100_000, flush=True)
    os.write(1, noise.encode() * 100_000)


def _files(task: Task) -> Mapping[str, bytes]:
    parquet = io.BytesIO()
    FILLS.write_parquet(parquet)
    summary = orjson.dumps({"verdict": task.spec["name"], "manifest_hash": "1f" * 32})
    return {
        "summary.json": b'{"verdict": NaN}' if task.spec["name"] == "quick nan" else summary,
        "manifest.json": b'{"made": "by an actor"}',
        "fills.parquet": parquet.getvalue(),
    }


_PARTS: Mapping[str, Callable[[str, int], None]] = {
    "quick": lambda _rest, _time: None,
    "sleep": _sleep,
    "die": _die,
    "numpy": _numpy,
    "polars": _polars,
    "bad-data": _bad_data,
    "bug": _bug,
    "print": _print,
}

if __name__ == "__main__":
    serve(act, lambda: None)
