"""End what a killed supervisor leaves behind: `watchdog.py MARK`, with the supervisor's pipe as standard input.

Every process that the supervisor starts dies with it, by the kernel's hand (`launch`); what those have started in turn does
not, and they may not have the time to see to it. So one process waits for the pipe to close, which happens whenever and
however the supervisor ends, and then kills whatever bears the mark of its run in the environment, which children inherit,
with all its descendants: PostgreSQL's backends write their title over their environment, and a busy one does not notice that
its server is gone. A parent is stopped before its children are looked for, so that it starts no more of them.
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


def descendants(pids: set[int]) -> set[int]:
    """Return the children of these processes, their children, and so on."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with suppress(OSError):
                stat = (entry / "stat").read_bytes()
                parents[int(entry.name)] = int(stat[stat.rindex(b")") :].split()[2])
    family = set(pids)
    while more := {pid for pid, parent in parents.items() if parent in family} - family:
        family |= more
    return family - pids


def kill(pids: set[int], number: signal.Signals = signal.SIGKILL) -> None:
    """Kill processes that may be gone already, or send them another signal."""
    for pid in pids:
        with suppress(ProcessLookupError, PermissionError):
            os.kill(pid, number)


def main(mark: str) -> None:
    """Wait for the end of the supervisor, then leave nobody alone with its mark."""
    while sys.stdin.buffer.read(1):
        pass
    for _ in range(_SCANS):
        found = set(bearers(mark))
        if not found:
            break
        kill(found, signal.SIGSTOP)
        kill(found | descendants(found))
        time.sleep(0.02)


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    main(sys.argv[1])
