"""What importing a file needs to know, and what is told of it: the same for every kind of rows."""

import hashlib
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from app.services.quarantine import Quarantine
from app.services.tally import AnyTally
from app.sources.detect import Found
from app.sources.kinds import Data, Kind
from app.sources.read import Books, Read, read
from engine.schema import SeriesKey


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an import is: of the file at hand rows, of all files bytes."""

    path: str
    rows: int
    bytes_read: int
    bytes_total: int
    rows_per_s: float
    """Of all files, since the import began."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What became of one file."""

    path: str
    format: str
    why: str
    """What the file was taken for, and from what that was told."""
    venue: str
    instrument: str
    data: Data
    interval_us: int
    """Length of bars; 0 of quotes and trades."""
    rows_read: int
    rows_new: int
    rows_replaced: int
    repeated: int
    """Bars that said again what the bar before said; not counted in `rows_read`."""
    first: datetime
    last: datetime
    longest_gap_us: int
    counts: Mapping[str, int]
    """Bars: `missing` (what the time from first to last would hold beyond those that are there), `no_trade` (without volume). Quotes:
    `crossed`, `no_price` (without a bid or an ask), `least_delay_us` (from event to receipt). Trades: `no_side` (whose taker is not known),
    `least_delay_us`. What was left aside, by name."""
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """Rows read a second, storing included."""
        return self.rows_read / self.seconds


class Meter:
    """How far all files of an import are together, whichever are read at the same time."""

    def __init__(self, files: Sequence[Found], on_progress: Callable[[Progress], None]) -> None:
        self._sizes = {one.source.path: one.source.path.stat().st_size for one in files}
        self._members = Counter(one.source.path for one in files)
        self._read: dict[str, float] = {}
        self._rows: dict[str, int] = {}
        self._on_progress = on_progress
        self._started = time.perf_counter()
        self._lock = threading.Lock()

    def tell(self, found: Found, rows: int, bytes_read: int) -> None:
        """Tell how far one of them is; a member counts for its share of its archive."""
        with self._lock:
            self._read[found.source.label] = bytes_read / self._members[found.source.path]
            self._rows[found.source.label] = rows
            total = sum(self._sizes.values())
            done = min(round(sum(self._read.values())), total)
            per_s = sum(self._rows.values()) / (time.perf_counter() - self._started)
            self._on_progress(Progress(path=found.source.label, rows=rows, bytes_read=done, bytes_total=total, rows_per_s=per_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What all files of one import have in common."""

    libpq_uri: str
    replace: bool
    meter: Meter
    stop: threading.Event
    quarantine: Quarantine | None
    books: Books
    """Where the captures imported so far left the books."""


def ahead(batches: Iterator[Read]) -> Iterator[Read]:
    """Yield batches, reading each while the one before is stored."""
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def go_on(job: Job) -> None:
    """Raise where an import is to end."""
    if job.stop.is_set():
        raise InterruptedError("the import was cancelled")


def report(found: Found, rows: int, batch: Read, job: Job) -> None:
    """Tell how far an import is; raise where it is to end."""
    go_on(job)
    job.meter.tell(found, rows, batch.bytes_read)


def rows_of(found: Found, job: Job) -> Iterator[Read]:
    """Yield the rows of a file, each batch read while the one before is stored; bad ones are set aside where that is wanted."""
    if job.quarantine is None:
        yield from ahead(read(found, job.books))
        return
    for batch in ahead(read(found, job.books, job.quarantine.add)):
        job.quarantine.flush()
        yield batch


def digest(found: Found) -> str:
    """Return the SHA-256 of a file."""
    with found.source.path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def import_row(identifier: UUID, sha256: str, summary: ImportSummary, **more: object) -> dict[str, object]:
    """Return the row of `imports` that records a file, with more in its detail."""
    detail = {name: getattr(summary, name) for name in ("why", "rows_replaced", "repeated", "longest_gap_us")} | dict(summary.counts) | more
    said = {name: getattr(summary, name) for name in ("path", "format", "data", "rows_read", "rows_new")}
    ends = {"first_ts": summary.first, "last_ts": summary.last}
    return {"id": str(identifier), "sha256": sha256, "detail": json.dumps(detail), **said, **ends}


class Origin(NamedTuple):
    """Where rows came from, and what they are."""

    path: str
    format: str
    why: str
    key: SeriesKey
    kind: Kind


def origin_of(found: Found) -> Origin:
    """Return what a file is."""
    return Origin(found.source.label, found.format, found.why, found.key, found.kind)


def summary_of(origin: Origin, tally: AnyTally, *, new: int, replaced: int, seconds: float) -> ImportSummary:
    """Return what is told of rows; the counts are those of their kind."""
    assert tally.first is not None, "a file has rows, or it would not have been detected"
    assert tally.last is not None, "and so a last"
    return ImportSummary(
        path=origin.path,
        format=origin.format,
        why=origin.why,
        venue=origin.key.venue,
        instrument=origin.key.instrument,
        data=origin.kind.data,
        interval_us=origin.kind.interval_us,
        rows_read=tally.rows,
        rows_new=new,
        rows_replaced=replaced,
        repeated=tally.repeated,
        first=tally.first,
        last=tally.last,
        longest_gap_us=tally.longest_gap_us,
        counts=tally.counts(),
        seconds=seconds,
    )
