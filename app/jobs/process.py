"""A child as its worker sees it: a process that is given a task and answers with an outcome, whatever happens to it."""

import asyncio
import os
import secrets
import signal
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Self

import psutil  # type: ignore[import-untyped]

from app.errors import OutOfMemory
from app.jobs import memory
from app.jobs.wire import MAX_LINE, PARENT, Broke, Done, File, Likely, Message, Part, Progress, Ready, Refused, Task, decode, encode

_LAST_WORDS = 1 << 15  # bytes: a trace of Rust is long, and its first line is the one that counts
_PASSED_ON = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "VIRTUAL_ENV", "LD_LIBRARY_PATH")
_PASSED_ON_PREFIXES = ("PYTHON", "NUMBA_", "POLARS_", "COVERAGE_")


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """The files of a run that succeeded."""

    files: dict[str, bytes]


@dataclass(frozen=True, slots=True, kw_only=True)
class Crashed:
    """A computation that broke: in a few words, and whole, for the log."""

    reason: str
    detail: str
    reference: str = field(default_factory=lambda: secrets.token_hex(4))

    @property
    def explained(self) -> str:
        """The reason, and where to find the rest."""
        return f"{self.reason}; the worker's log has the whole of it under {self.reference}"


Outcome = Finished | Refused | Crashed

Kept = Callable[[Part, bytes], Awaitable[None]]
"""Is handed rows of a sweep on its way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChildOptions:
    """How children are started. Memory and threads are those of one child; 0 bytes of memory: no limit."""

    environment: Mapping[str, str]
    """Added to what is passed on of ours, which is nothing secret."""
    threads: int
    memory_bytes: int
    start_timeout_s: float = 1800.0
    """The first one compiles the kernels, which takes a minute, on a busy machine many: ended before, it would begin anew."""
    command: tuple[str, ...] = (sys.executable, "-m", "app.jobs.child")


@dataclass(slots=True, kw_only=True, eq=False)
class Child:
    """One computing process, in a session and process group of its own."""

    options: ChildOptions
    process: Process
    usable: bool = True
    _last_words: bytes = b""
    _likely: int = 0
    _idle_bytes: int = 0
    _listener: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, options: ChildOptions) -> Self:
        """Start a child and wait until it is ready; Crashed words in a ChildProcessError if it does not come up."""
        process = await asyncio.create_subprocess_exec(
            *options.command, stdin=PIPE, stdout=PIPE, stderr=PIPE, limit=MAX_LINE, start_new_session=True, env=_environment(options)
        )
        child = cls(options=options, process=process)
        child._listener = asyncio.create_task(child._hear_stderr())
        try:
            async with asyncio.timeout(options.start_timeout_s):
                await child._come_up()
        except BaseException:
            await child.end()
            raise
        return child

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self.process.returncode is None

    @property
    def held_bytes(self) -> int:
        """How much memory the process holds; 0 once it has ended."""
        with suppress(psutil.Error):
            return int(psutil.Process(self.process.pid).memory_info().rss) if self.alive else 0
        return 0

    async def work(self, task: Task, told: Callable[[Progress], None], kept: Kept) -> Outcome:
        """Compute a task; whatever happens to the process comes back as an outcome."""
        try:
            outcome = await self._converse(task, told, kept)
        except (EOFError, ConnectionError):
            outcome = await self._post_mortem()
        self.usable = self.usable and self.alive
        return outcome

    def kill(self) -> None:
        """Kill the process group at once; `work` then returns."""
        self.usable = False
        if self.alive:
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)

    async def end(self) -> None:
        """Kill the process group and wait until it is gone."""
        self.kill()
        await self.process.wait()
        if self._listener:
            await self._listener
        if self.process.stdin:
            self.process.stdin.close()

    async def _come_up(self) -> None:
        try:
            message = await self._read()
        except EOFError:
            crashed = await self._post_mortem()
            raise ChildProcessError(f"a computing process did not start: {crashed}") from None
        assert isinstance(message, Ready), f"expected a child to say that it is ready, found {message}"
        self._idle_bytes = message.data_bytes

    async def _converse(self, task: Task, told: Callable[[Progress], None], kept: Kept) -> Outcome:
        await self._write(task)
        files: dict[str, bytes] = {}
        self._likely = 0
        while True:
            match await self._read():
                case Progress() as progress:
                    told(progress)
                case Likely(data_bytes=likely):
                    self._likely = likely
                case Part(size=size) as part:
                    await kept(part, await self._pipe.readexactly(size))
                case File(name=name, size=size):
                    files[name] = await self._pipe.readexactly(size)
                case Done(data_bytes=held):
                    self.usable = not self.options.memory_bytes or held - self._idle_bytes < self.options.memory_bytes // 2
                    return Finished(files=files)
                case Refused() as refused:
                    self.usable = refused.code != OutOfMemory.code
                    return refused
                case Broke(error=error, trace=trace):
                    self.usable = False
                    return Crashed(reason=error, detail=trace)
                case unexpected:
                    raise AssertionError(f"expected news of a run from a child, found {unexpected}")

    @property
    def _pipe(self) -> asyncio.StreamReader:
        assert self.process.stdout is not None
        return self.process.stdout

    async def _read(self) -> Message:
        line = await self._pipe.readline()
        if not line.endswith(b"\n"):
            raise EOFError
        return decode(line)

    async def _write(self, task: Task) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(encode(task))
        await self.process.stdin.drain()

    async def _hear_stderr(self) -> None:
        assert self.process.stderr is not None
        while chunk := await self.process.stderr.read(_LAST_WORDS):
            self._last_words = (self._last_words + chunk)[-_LAST_WORDS:]

    async def _post_mortem(self) -> Crashed | Refused:
        status = await self.process.wait()
        if self._listener:
            await self._listener
        words = self._last_words.decode(errors="replace")
        if status == -signal.SIGABRT and self.options.memory_bytes and memory.ran_out(words):
            return Refused(code=OutOfMemory.code, message=memory.message(self.options.memory_bytes, words, self._likely))
        how = f"was ended by {signal.Signals(-status).name}" if status < 0 else f"ended with status {status}"
        return Crashed(reason=f"the computing process {how}", detail=words)


def _environment(options: ChildOptions) -> dict[str, str]:
    ours = {name: value for name, value in os.environ.items() if name in _PASSED_ON or name.startswith(_PASSED_ON_PREFIXES)}
    threads = dict.fromkeys(("POLARS_MAX_THREADS", "NUMBA_NUM_THREADS", "OMP_NUM_THREADS"), str(options.threads))
    return {**ours, **options.environment, **threads, PARENT: str(os.getpid())}
