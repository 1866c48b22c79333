"""Logs of servers and children: appended by them, kept small by the supervisor."""

import os
import shutil
from pathlib import Path
from typing import IO, Final

LIMIT: Final = 8 << 20
"""Bytes after which a log is set aside; one older part is kept."""


def opened(path: Path) -> IO[bytes]:
    """Open a log for a child to append to."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
    return os.fdopen(descriptor, "ab", buffering=0)


def size(path: Path) -> int:
    """Return how many bytes a log has, none where it does not exist yet."""
    return path.stat().st_size if path.exists() else 0


def trim(folder: Path, limit: int = LIMIT) -> None:
    """Set aside every log that is longer than `limit`; its writer keeps it open, so it is copied and cut, not moved."""
    for path in folder.glob("*.log"):
        if path.stat().st_size > limit:
            shutil.copyfile(path, path.with_suffix(".log.1"))
            path.with_suffix(".log.1").chmod(0o600)
            os.truncate(path, 0)


def since(path: Path, start: int) -> str:
    """Return what was written after byte `start`, its end at least."""
    with path.open("rb") as file:
        file.seek(max(start, path.stat().st_size - 4000))
        return file.read().decode(errors="replace").strip()
