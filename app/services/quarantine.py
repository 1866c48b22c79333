"""Bad rows set aside: a CSV with a line for each, so that the rest of a file can go in and somebody can look at them."""

import csv
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from app.errors import BadInput, Conflict
from app.sources.errors import BadRow

COLUMNS = ("file", "place", "column", "value", "expected", "advice")
MOST = 10_000
"""Bad rows that a file may have: more are no bad rows, but a file that is something else."""


class Quarantine:
    """The file of bad rows; it is made when there is the first."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.counts: Counter[str] = Counter()
        """Of bad rows, by file."""
        self._file: IO[str] | None = None
        self._lock = threading.Lock()

    def add(self, bad: BadRow) -> None:
        """Set a row aside; raise where its file has too many."""
        with self._lock:
            if self.counts[bad.file] >= MOST:
                raise BadInput(f"{bad}; these are {MOST:,} bad rows and more: is the file what it was taken for?")
            if self._file is None:
                self._file = self.path.open("w", newline="", encoding="utf-8")
                csv.writer(self._file).writerow(COLUMNS)
            csv.writer(self._file).writerow((bad.file, bad.place, bad.field, bad.value, bad.expected, bad.advice))
            self.counts[bad.file] += 1

    def flush(self) -> None:
        """Let what is set aside be on the disk before the rows around it are stored."""
        with self._lock:
            if self._file is not None:
                self._file.flush()

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            self._file.close()


@contextmanager
def opened(path: Path | None) -> Iterator[Quarantine | None]:
    """Yield a quarantine, where one is wanted; one of before is written anew, and nothing else is overwritten."""
    if path is None:
        yield None
        return
    _refuse_others(path)
    found = Quarantine(path)
    try:
        yield found
    finally:
        found.close()


def _refuse_others(path: Path) -> None:
    if not path.exists():
        return
    if path.is_dir():
        raise Conflict(f"{path}: expected a file for bad rows, found a folder; name a file in it")
    with path.open(encoding="utf-8", errors="replace") as file:
        first = file.readline().strip()
    if first and first != ",".join(COLUMNS):
        raise Conflict(f"{path}: expected bad rows of another import or nothing, found something else; choose another name with --quarantine")
