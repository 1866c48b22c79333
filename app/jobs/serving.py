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
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from app.errors import BadInput, Conflict, DiskFull, NotFound, answer
from app.jobs import memory
from app.jobs.wire import PARENT, Broke, Done, File, Likely, Message, Progress, Ready, Refused, Task, decode, encode
from engine.errors import EngineError


class Say(Protocol):
    """Tells the worker how far a run is, once what it is likely to hold, and hands it rows of a sweep."""

    def __call__(self, message: Message, content: bytes = b"", /) -> None:
        """Pass a message on."""


Compute = Callable[[Task, Say], Mapping[str, bytes]]
"""Returns the files of a run."""

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of <linux/prctl.h>
_HOPELESS = (EngineError, BadInput, NotFound, Conflict, DiskFull)  # trying again would end the same, until somebody has done what it says
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
    hints = Hints(out=out)
    memory.limit(task.memory_bytes)
    try:
        files = compute(task, hints.say)
    except BaseException as error:  # noqa: BLE001 - the worker decides what becomes of the run; a panic of Polars is no Exception
        memory.limit(0)
        _say(out, _out_of_memory(task, str(error), hints.likely) if _ran_out(task, error) else _failure(error))
    else:
        memory.limit(0)
        for name, content in files.items():
            _say(out, File(name=name, size=len(content)), content)
        _say(out, Done(data_bytes=memory.data_bytes()))


def _ran_out(task: Task, error: BaseException) -> bool:
    return isinstance(error, MemoryError) or (task.memory_bytes > 0 and memory.ran_out(str(error)))


def _out_of_memory(task: Task, words: str, likely: int) -> Refused:
    return Refused(code=answer(MemoryError).code, message=memory.message(task.memory_bytes, words, likely))


def _failure(error: BaseException) -> Message:
    if isinstance(error, _HOPELESS):
        return Refused(code=answer(error).code, message=str(error)[:_MAX_MESSAGE])
    trace = "".join(traceback.format_exception(error))
    return Broke(error=f"{type(error).__name__}: {error}"[:_MAX_MESSAGE], trace=trace[-_MAX_MESSAGE:])


@dataclass(slots=True, kw_only=True)
class Hints:
    """What a computation says of itself, passed on: each stage, progress within one now and then."""

    out: BinaryIO
    likely: int = 0
    _stage: str = ""
    _said_at: float = 0.0

    def say(self, message: Message, content: bytes = b"", /) -> None:
        """Pass a message on, unless it is progress that nobody would miss."""
        if isinstance(message, Progress):
            now = time.monotonic()
            if message.stage == self._stage and now - self._said_at < _QUIET_S:
                return
            self._stage, self._said_at = message.stage, now
        elif isinstance(message, Likely):
            self.likely = message.data_bytes
        _say(self.out, message, content)


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
