"""What a worker and its children say to each other: one JSON object a line, a file's bytes right behind its line.

worker -> child (stdin)     Task
child -> worker (pipe)      Ready, then for each task Progress… and Part… with at most one Likely, File…, and one of Done, Refused, Broke
"""

from dataclasses import asdict, dataclass
from types import MappingProxyType
from typing import Any

import orjson

ARCHIVE = "USDC_ARB_ARCHIVE"
"""Where series are (`Archive.text`); in the environment, as other users read the arguments of a process."""

PARENT = "USDC_ARB_PARENT"
"""The worker's process id, by which a child finds out that it was orphaned before it could ask to be told."""

MAX_LINE = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """Compute a spec within `memory_bytes` of data beyond what the idle child holds; 0: no limit."""

    run_id: str
    spec: dict[str, Any]
    memory_bytes: int
    computes: str = "backtest"
    threads: int = 1
    part: tuple[int, int] = (0, 0)
    """Of a part of a sweep, whose id is `run_id`: its first place and the one behind its last."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ready:
    """Everything is imported and compiled."""

    data_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The stage that goes on and the fraction of the run that is done; of a sweep how many trials, and how long they will go on."""

    stage: str
    fraction: float
    trials_done: int | None = None
    eta_s: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Likely:
    """What the run will probably hold at its peak, beyond what the idle child does."""

    data_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Rows of some trials of a sweep, made from data and code of a digest; `size` bytes follow."""

    first_trial: int
    trials: int
    made_from: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class File:
    """A file of the result; `size` bytes follow."""

    name: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """All files are sent; the child holds `data_bytes` now."""

    data_bytes: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Refused:
    """The run cannot succeed, for a reason that its owner understands."""

    code: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Broke:
    """Something went wrong that should not; the trace is for the log."""

    error: str
    trace: str


Message = Task | Ready | Progress | Likely | Part | File | Done | Refused | Broke

_KINDS: MappingProxyType[str, type[Message]] = MappingProxyType(
    {kind.__name__: kind for kind in (Task, Ready, Progress, Likely, Part, File, Done, Refused, Broke)}
)


def encode(message: Message) -> bytes:
    """Return a message as a line."""
    return orjson.dumps({"kind": type(message).__name__, **asdict(message)}, option=orjson.OPT_APPEND_NEWLINE)


def decode(line: bytes) -> Message:
    """Return the message of a line."""
    fields = orjson.loads(line)
    return _KINDS[fields.pop("kind")](**fields)
