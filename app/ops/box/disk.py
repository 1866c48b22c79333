"""A full disk: one error that says what there is, what it takes, and what to do."""

import errno
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import asyncpg  # type: ignore[import-untyped]

from app.errors import DiskFull

MIB: Final = 1 << 20
NEW: Final = 160 * MIB
"""Free bytes without which a new box is not started: it makes its databases."""
KNOWN: Final = 48 * MIB
"""Free bytes without which a box that was there before is not started: it may have to recover."""
MESSAGE: Final = "No space left on device"
"""What the servers write when the disk is full."""
SEGMENT: Final = 16 * MIB
"""Of PostgreSQL's log: where there is not room for one, the server ends at once, and its clients hear no more than that."""
_FULL = {errno.ENOSPC, errno.EDQUOT}


def require(root: Path, needed: int) -> None:
    """Refuse to begin what the disk cannot hold."""
    if _free(root) < needed:
        raise full(root, needed)


def full(root: Path, needed: int = KNOWN) -> DiskFull:
    """Return the error for a full disk."""
    return DiskFull(
        f"the disk of {root} is full: {_free(root) // MIB} MiB are free and the box needs {needed // MIB} MiB; nothing is lost: "
        "make room there, or choose another data folder, and start again"
    )


@contextmanager
def explained(root: Path) -> Iterator[None]:
    """Turn "no space left" of any call inside, or of the servers that it asks, into that error."""
    try:
        yield
    except Exception as error:
        if (isinstance(error, OSError) and error.errno in _FULL) or MESSAGE in str(error) or (_is_loss(error) and _free(root) < SEGMENT):
            raise full(root) from error
        raise


def _is_loss(error: BaseException | None) -> bool:
    # of a connection, also where another library wraps it
    lost = isinstance(error, asyncpg.PostgresConnectionError | ConnectionError)
    return lost or (error is not None and _is_loss(error.__cause__))


def _free(path: Path) -> int:
    there = next(place for place in (path, *path.parents) if place.exists())
    return shutil.disk_usage(there).free
