"""Find and end what a killed box left behind; only the holder of the folder's lock may ask for it."""

import os
import signal
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.errors import Unavailable

MARK = "USDC_ARB_BOX"
"""Variable in the environment of everything that a box starts; its value is the data folder."""
_SERVERS = {"postgres", "initdb", "valkey-server"}
_PATIENCE = 10.0


def find(folder: Path) -> Iterator[int]:
    """Yield the processes of the box in `folder`, but for ourselves: servers that work in it, and whatever bears its mark."""
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            with suppress(OSError):  # ended meanwhile, or somebody else's
                if _works_in(entry, folder) or _is_marked(entry, folder):
                    yield int(entry.name)


def end(folder: Path) -> int:
    """Kill them all, wait until they are gone, and return how many there were."""
    deadline, ended = time.monotonic() + _PATIENCE, set[int]()
    while alive := set(find(folder)):
        if time.monotonic() > deadline:
            raise Unavailable(
                f"processes {', '.join(map(str, sorted(alive)))} of an earlier box in {folder} do not end; look at them with ps, then try again"
            )
        for pid in alive:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        ended |= alive
        time.sleep(0.01)
    return len(ended)


def _works_in(entry: Path, folder: Path) -> bool:
    # PostgreSQL's backends write their title over their environment, but they all work in the database's folder.
    return (entry / "cwd").readlink().is_relative_to(folder) and (entry / "exe").readlink().name.removesuffix(" (deleted)") in _SERVERS


def _is_marked(entry: Path, folder: Path) -> bool:
    return f"{MARK}={folder}".encode() in (entry / "environ").read_bytes().split(b"\0")
