"""Files of snapshots: a day's rows as Parquet, written once, checked whenever they are read.

A file is named after the hash of its columns, and its day also knows the hash of its bytes, which is taken where the bytes were seen to hold
those columns. So a read hashes what lies on the disk while Polars decodes what was hashed before; only where the bytes are others than those
(a file from before, or the same columns from another writer) are the columns hashed again.
"""

import hashlib
import io
import itertools
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from typing import NamedTuple

import polars as pl

from app.db.objects import Objects
from app.db.snapshots import Day, Version
from app.errors import Conflict, NotFound
from engine.manifest import frame_hash

READERS = 4
_ROWS_AT_ONCE = 200_000
_ROWS_A_GROUP = 1 << 22  # so that a day comes back in one piece, and need not be put together
_MEND = "usdc-arb data snapshot verify, then build, make it anew from the database"


class _Content(NamedTuple):
    """What is in a file, and whether its bytes are those that were seen to be right."""

    sha256: str
    data: bytes
    known: bool


def write(files: Objects, day: date, frame: pl.DataFrame, changed: int) -> Version:
    """Write a day's rows, and return what they and their file are."""
    sha256 = frame_hash(frame)
    if not frame.height:
        return Version(day, sha256, None, 0, 0, changed)
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", statistics=False, row_group_size=_ROWS_A_GROUP)
    data = buffer.getvalue()
    files.put(sha256, data)
    return Version(day, sha256, _digest(data) if frame_hash(pl.read_parquet(data)) == sha256 else None, frame.height, len(data), changed)


def read(files: Objects, days: Sequence[Day], pool: ThreadPoolExecutor) -> list[pl.DataFrame]:
    """Return the rows of days, in few frames, in order; Conflict where a file is not what it should be."""
    # Fetched and hashed in threads, which hold no lock of Python's meanwhile, ahead of what is decoded here.
    parts = list(_parts([day for day in days if day.rows]))
    coming = pool.map(lambda part: [_content(files, str(day.sha256), day.file_sha256) for day in part], parts)
    return [frame for part in coming for frame in _frames(files, part)]


def check(files: Objects, sha256: str) -> str:
    """Return the hash of the bytes of a file whose columns are as its name says; Conflict where they are not."""
    content = _content(files, sha256, None)
    _decoded(files, content)
    return _digest(content.data)


def _parts(days: Sequence[Day]) -> Iterator[list[Day]]:
    behind = itertools.accumulate(day.rows for day in days)
    for _, part in itertools.groupby(zip(days, behind, strict=True), key=lambda pair: pair[1] // _ROWS_AT_ONCE):
        yield [day for day, _ in part]


def _content(files: Objects, sha256: str, file_sha256: str | None) -> _Content:
    try:
        data = files.get(sha256)
    except NotFound as error:
        raise _unreadable(files, sha256, error) from error
    return _Content(sha256, data, file_sha256 is not None and _digest(data) == file_sha256)


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


# Files that are as they were, and of one form, in one go.
def _frames(files: Objects, part: Sequence[_Content]) -> list[pl.DataFrame]:
    if all(content.known for content in part):
        try:
            return [pl.read_parquet([content.data for content in part])]
        except pl.exceptions.PolarsError:  # days of quotes with other levels than the first
            return [pl.read_parquet(content.data) for content in part]
    return [_decoded(files, content) for content in part]


def _decoded(files: Objects, content: _Content) -> pl.DataFrame:
    try:
        frame = pl.read_parquet(content.data)
    except pl.exceptions.PolarsError as error:
        raise _unreadable(files, content.sha256, error) from error
    if not content.known and (found := frame_hash(frame)) != content.sha256:
        raise Conflict(f"snapshot {content.sha256} at {files.place.url} is damaged: its columns have the hash {found}; {_MEND}")
    return frame


def _unreadable(files: Objects, sha256: str, error: Exception) -> Conflict:
    return Conflict(f"snapshot {sha256} at {files.place.url} cannot be read: {error}; {_MEND}")
