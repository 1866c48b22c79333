"""A child's side of the pipe: takes task after task from its worker and says what became of each.

It ends when its standard input does, and when its worker dies. Whatever libraries print goes to standard error.
"""

import ctypes
import os
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from typing import BinaryIO

from app.errors import BadInput, NotFound, answer
from app.jobs import memory
from app.jobs.wire import PARENT, Broke, Done, File, Message, Progress, Ready, Refused, Task, decode, encode
from engine.errors import EngineError

Told = Callable[[str, float], None]
"""Takes the stage that begins and the fraction of the run that is done."""

Compute = Callable[[Task, Told], Mapping[str, bytes]]
"""Returns the files of a run."""

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
_HOPELESS = (EngineError, BadInput, NotFound)  # trying again would end the same
_QUIET_S = 0.05
_MAX_MESSAGE = 20_000


def serve(compute: Compute, warm: Callable[[], None]) -> None:
    """Get warm, then compute tasks from standard input until it ends."""
    _die_with_parent(int(os.environ[PARENT]))
    with _take_stdout() as out:
        warm()
        _say(out, Ready(data_bytes=memory.data_bytes()))
        for line in sys.stdin.buffer:
            task = decode(line)
            assert isinstance(task, Task), f"expected a task on standard input, found {task}"
            _serve(task, compute, out)


def _serve(task: Task, compute: Compute, out: BinaryIO) -> None:
    memory.limit(task.memory_bytes)
    try:
        files = compute(task, _teller(out))
    except MemoryError as error:
        memory.limit(0)
        _say(out, Refused(code=answer(error).code, message=memory.message(task.memory_bytes, str(error))))
    except BaseException as error:  # noqa: BLE001 - the worker decides what becomes of the run; a panic of Polars is no Exception
        memory.limit(0)
        _say(out, _failure(error))
    else:
        memory.limit(0)
        for name, content in files.items():
            _say(out, File(name=name, size=len(content)), content)
        _say(out, Done(data_bytes=memory.data_bytes()))


def _failure(error: BaseException) -> Message:
    if isinstance(error, _HOPELESS):
        return Refused(code=answer(error).code, message=str(error)[:_MAX_MESSAGE])
    trace = "".join(traceback.format_exception(error))
    return Broke(error=f"{type(error).__name__}: {error}"[:_MAX_MESSAGE], trace=trace[-_MAX_MESSAGE:])


def _teller(out: BinaryIO) -> Told:
    last = ("", 0.0)

    def tell(stage: str, fraction: float) -> None:
        nonlocal last
        now = time.monotonic()
        if stage != last[0] or now - last[1] >= _QUIET_S:
            last = stage, now
            _say(out, Progress(stage=stage, fraction=fraction))

    return tell


def _say(out: BinaryIO, message: Message, content: bytes = b"") -> None:
    out.write(encode(message))
    out.write(content)
    out.flush()


def _take_stdout() -> BinaryIO:
    # The pipe to the worker moves to a descriptor of its own, and what libraries print joins standard error.
    pipe = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    return os.fdopen(pipe, "wb")


def _die_with_parent(parent: int) -> None:
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGKILL)
    if os.getppid() != parent:
        sys.exit("the worker is gone")
