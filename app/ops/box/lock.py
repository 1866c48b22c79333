"""The lock of a data folder: one box at a time, and the kernel lets go of it whenever and however the box ends."""

import fcntl
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.errors import Conflict

_HANDOVER = 0.5  # somebody who only asks whether a box runs holds it for an instant


@contextmanager
def held(path: Path) -> Iterator[None]:
    """Hold the lock; Conflict names the process that has it."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _take(path, descriptor)
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def is_held(path: Path) -> bool:
    """Tell whether a box runs on the folder of this lock now."""
    if not path.exists():
        return False
    with path.open("rb") as file:
        return not _try(file.fileno(), fcntl.LOCK_SH)


def _take(path: Path, descriptor: int) -> None:
    deadline = time.monotonic() + _HANDOVER
    while not _try(descriptor, fcntl.LOCK_EX):
        if time.monotonic() > deadline:
            holder = os.pread(descriptor, 20, 0).decode(errors="replace").strip() or "unknown"
            raise Conflict(f"another box runs on {path.parent} (process {holder}); use that one, stop it, or choose another data folder")
        time.sleep(0.02)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
