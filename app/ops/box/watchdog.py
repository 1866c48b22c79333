"""End what a killed supervisor leaves behind: `watchdog.py MARK`, with the supervisor's pipe as standard input.

Every process that the supervisor starts dies with it, by the kernel's hand (`launch`); what those have started in turn does
not, and they may not have the time to see to it. So one process waits for the pipe to close, which happens whenever and
however the supervisor ends, and then kills whatever bears the mark of its run in the environment, which children inherit.
A script of its own that imports nothing of ours: it is there before anything else, and costs little.
"""

import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

_SCANS = 100  # a process may have been about to start another one


def bearers(mark: str) -> Iterator[int]:
    """Yield the processes with `mark` (NAME=value) in their environment, but for ourselves."""
    wanted = os.fsencode(mark)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # ended meanwhile, or somebody else's
                if wanted in (entry / "environ").read_bytes().split(b"\0"):
                    yield int(entry.name)


def kill(pids: set[int]) -> None:
    """Kill processes that may be gone already."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, signal.SIGKILL)


def main(mark: str) -> None:
    """Wait for the end of the supervisor, then leave nobody alone with its mark."""
    while sys.stdin.buffer.read(1):
        pass
    for _ in range(_SCANS):
        found = set(bearers(mark))
        if not found:
            break
        kill(found)
        time.sleep(0.02)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    main(sys.argv[1])
