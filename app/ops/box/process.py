"""Start, await and stop one process; the only place of the box that starts any."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from socket import socket
from typing import IO

from app.ops.box import launch

_LAUNCH = str(Path(launch.__file__).resolve())
SAME = "same"
"""The identity of a process that runs as the user that we are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """A child in a session of its own, so that the terminal's Ctrl-C does not reach it and its descendants can be found."""

    name: str
    popen: subprocess.Popen[bytes]

    @property
    def pid(self) -> int:
        """Return the process id, which is the id of its session as well."""
        return self.popen.pid

    async def wait(self) -> int:
        """Wait for the end and return the exit code (negative: the signal)."""
        if (code := self.popen.poll()) is not None:
            return code
        ended, descriptor, loop = asyncio.Event(), os.pidfd_open(self.pid), asyncio.get_running_loop()
        loop.add_reader(descriptor, ended.set)
        try:
            await ended.wait()
        finally:
            loop.remove_reader(descriptor)
            os.close(descriptor)
        return self.popen.wait()

    async def stop(self, *steps: tuple[signal.Signals, float]) -> None:
        """Send each signal in turn and give it its seconds; then kill, with whatever is left of the session."""
        try:
            for number, seconds in steps:
                if self.popen.poll() is None:
                    self.popen.send_signal(number)
                    with suppress(TimeoutError):
                        await asyncio.wait_for(self.wait(), seconds)
        finally:
            self.kill()

    def kill(self) -> None:
        """Kill the process and its process group at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.pid, signal.SIGKILL)
        self.popen.kill()
        self.popen.wait()


def start(
    name: str,
    argv: Sequence[str | Path],
    *,
    environment: Mapping[str, str],
    cwd: Path | None = None,
    stdin: IO[bytes] | socket | None = None,
    output: IO[bytes] | None = None,
    identity: str = SAME,
    death_signal: signal.Signals = signal.SIGKILL,
) -> Process:
    """Start a program that gets `death_signal` as soon as we are gone; input and output are open files, the input perhaps a socket, or nothing."""
    wrapper = [sys.executable, "-I", "-S", _LAUNCH, str(os.getpid()), str(int(death_signal)), identity]
    popen = subprocess.Popen(
        [*wrapper, *map(str, argv)],
        env=dict(environment),
        cwd=cwd,
        stdin=subprocess.DEVNULL if stdin is None else stdin.fileno(),
        stdout=output or subprocess.DEVNULL,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    return Process(name=name, popen=popen)


async def finish(process: Process, *, seconds: float) -> int:
    """Wait for a short-lived program; it is killed when time is up or when we are cancelled."""
    try:
        return await asyncio.wait_for(process.wait(), seconds)
    finally:
        process.kill()
