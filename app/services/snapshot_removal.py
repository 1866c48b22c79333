"""Removing snapshots that nobody can want any more, beside whoever reads and builds: files go only while no reader holds the lock."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.db import adbc, objects
from app.db import snapshots as stored
from app.db.objects import Objects
from app.errors import Conflict
from app.services.snapshots import Archive

GRACE = timedelta(days=1)
"""How long a version is kept after it was superseded, and a file after it was written: longer than any run and any build."""
_AT_ONCE = 200  # files that are removed while readers wait
_PATIENCE_S = 60.0
_LOOK_S = 0.02


@dataclass(frozen=True, slots=True, kw_only=True)
class Removed:
    """Versions that were superseded, and files that nothing names, as an interrupted build leaves them."""

    superseded: int
    unnamed: int


def collect(archive: Archive, *, grace: timedelta = GRACE, patience_s: float = _PATIENCE_S) -> Removed:
    """Remove versions that were superseded and that no run names, and files of no version; Conflict where readers leave no moment for it."""
    files, before = objects.at(archive.place), datetime.now(UTC) - grace
    superseded = sum(_forget_all(archive, files, before, patience_s))
    unnamed = 0
    candidates = list(files.older(before))
    for begin in range(0, len(candidates), _AT_ONCE):
        with _alone(archive, patience_s), adbc.transaction(archive.libpq_uri) as cursor:
            names = [name for name in candidates[begin : begin + _AT_ONCE] if name not in stored.known(cursor)]
            files.delete(names)
            unnamed += len(names)
    return Removed(superseded=superseded, unnamed=unnamed)


# Rows go before files, so that an interruption leaves files without a version, which the next time finds, and never a version without its file.
def _forget_all(archive: Archive, files: Objects, before: datetime, patience_s: float) -> Iterator[int]:
    while True:
        with _alone(archive, patience_s):
            with adbc.transaction(archive.libpq_uri) as cursor:
                count, names = stored.forget(cursor, before, _AT_ONCE)
            files.delete(names)
        yield count
        if count < _AT_ONCE:
            return


@contextmanager
def _alone(archive: Archive, patience_s: float) -> Iterator[None]:
    # Tried again and again, and not waited for: readers that come meanwhile would queue up behind one that waits.
    deadline = time.monotonic() + patience_s
    while True:
        with adbc.transaction(archive.libpq_uri) as guard:
            if stored.exclude(guard):
                yield
                return
        if time.monotonic() > deadline:
            raise Conflict(f"snapshots have been read or built for {patience_s:.0f} s without a pause; try again later")
        time.sleep(_LOOK_S)
