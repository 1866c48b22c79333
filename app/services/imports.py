"""Bringing files of bars into the database: each file in one transaction, whole or not at all."""

import asyncio
import dataclasses
import hashlib
import itertools
import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, bars
from app.db.ids import new_id
from app.errors import AppError, BadInput, Conflict
from app.services.tally import Tally
from app.sources.detect import Found, Said, detect_all
from app.sources.files import expand
from app.sources.read import Read, read
from app.sources.rows import NOISE
from engine.units import parse_duration


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """How far an import is: of the file at hand rows, of all files bytes."""

    path: str
    rows: int
    bytes_read: int
    bytes_total: int


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportSummary:
    """What became of one file."""

    path: str
    format: str
    why: str
    """What the file was taken for, and from what that was told."""
    venue: str
    instrument: str
    interval_us: int
    rows_read: int
    rows_new: int
    rows_replaced: int
    repeated: int
    """Rows that said again what the row before said; not counted in `rows_read`."""
    first: datetime
    last: datetime
    missing: int
    """Bars that the time from first to last would hold beyond those that are there."""
    longest_gap_us: int
    no_trade: int
    """Bars without volume."""
    seconds: float

    @property
    def rows_per_s(self) -> float:
        """Rows read a second, storing included."""
        return self.rows_read / self.seconds


@dataclass(frozen=True, slots=True, kw_only=True)
class _Job:
    """What all files of one import have in common."""

    libpq_uri: str
    replace: bool
    before: Mapping[Path, int]
    """Bytes of the files before each."""
    total: int
    on_progress: Callable[[Progress], None]
    stop: threading.Event


def _silent(_: Progress) -> None:
    """Say nothing."""


async def import_files(
    libpq_uri: str,
    paths: Sequence[Path | str],
    *,
    venue: str | None = None,
    instrument: str | None = None,
    interval: str | None = None,
    format: str = "auto",  # noqa: A002  the option's name
    replace: bool = False,
    on_progress: Callable[[Progress], None] = _silent,
) -> list[ImportSummary]:
    """Import files, folders and patterns, one transaction a file; importing again changes nothing.

    Every file is looked at before the first is stored. A file with a bad row, or (without `replace`) with a bar that is
    stored with other numbers, is refused whole. Files before it stay imported; when cancelled, the file at hand is undone.
    """
    stop = threading.Event()
    try:
        found = await asyncio.to_thread(_look, paths, venue=venue, instrument=instrument, interval=interval, format=format)
        job = _job(found, libpq_uri=libpq_uri, replace=replace, on_progress=on_progress, stop=stop)
        return await asyncio.to_thread(_import_all, found, job)
    finally:
        stop.set()


def _look(paths: Sequence[Path | str], *, venue: str | None, instrument: str | None, interval: str | None, format: str) -> list[Found]:  # noqa: A002
    try:
        interval_us = None if interval is None else parse_duration(interval)
    except ValueError as error:
        raise BadInput(f"interval: {error}") from error
    found = detect_all(expand(paths), Said(format=format, venue=venue, instrument=instrument, interval_us=interval_us))
    for one in found:
        if one.kind.data != "bars":
            raise BadInput(f"{one.source.label}: expected bars, found {one.kind}; run on quotes with --files")
    return found


def _job(found: Sequence[Found], *, libpq_uri: str, replace: bool, on_progress: Callable[[Progress], None], stop: threading.Event) -> _Job:
    sizes = {one.source.path: one.source.path.stat().st_size for one in found}
    before = dict(zip(sizes, itertools.accumulate(sizes.values(), initial=0), strict=False))
    return _Job(libpq_uri=libpq_uri, replace=replace, before=before, total=sum(sizes.values()), on_progress=on_progress, stop=stop)


def _import_all(found: Sequence[Found], job: _Job) -> list[ImportSummary]:
    done: list[ImportSummary] = []
    for one in found:
        try:
            done.append(_import_file(one, job))
        except AppError as error:
            if done:
                error.args = (f"{error}; before it, {len(done)} of {len(found)} were imported",)
            raise
    return done


def _import_file(found: Found, job: _Job) -> ImportSummary:
    started, tally = time.perf_counter(), Tally(interval_us=found.kind.interval_us)
    with adbc.transaction(job.libpq_uri) as cursor:
        series = bars.Series(bars.series_id(cursor, found.key), found.kind.interval_us)
        new = replaced = 0
        for batch in _ahead(read(found)):
            stored = _store(cursor, series, batch.frame, found, replace=job.replace)
            new, replaced = new + stored.new, replaced + stored.replaced
            tally.add(batch.frame, batch.repeated)
            _report(found, tally.rows, batch, job)
        summary = _summary(found, tally, new=new, replaced=replaced, started=started)
        _record(cursor, series, found, summary)
    return dataclasses.replace(summary, seconds=time.perf_counter() - started)


# Reads the next batch while this one is stored.
def _ahead(batches: Iterator[Read]) -> Iterator[Read]:
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(next, batches, None)
        while (batch := coming.result()) is not None:
            coming = pool.submit(next, batches, None)
            yield batch


def _store(cursor: Cursor, series: bars.Series, frame: pl.DataFrame, found: Found, *, replace: bool) -> bars.Merged:
    if not frame.height:
        return bars.Merged(0, 0)
    if bars.is_free(cursor, series, frame):
        bars.append(cursor, series, frame)
        return bars.Merged(frame.height, 0)
    stored = bars.merge(cursor, series, frame, noise=NOISE, replace=replace)
    if isinstance(stored, bars.Conflict):
        origin = bars.imported_from(cursor, series, stored.ts)
        raise Conflict(
            f"{found.source.label}: {found.key} at {stored.ts:%Y-%m-%d %H:%M:%S}: expected the stored {stored.field} {stored.stored!r}"
            f" (from {origin}), found {stored.offered!r}; find out which is right: --replace stores this file's bars instead"
        )
    return stored


def _report(found: Found, rows: int, batch: Read, job: _Job) -> None:
    if job.stop.is_set():
        raise InterruptedError("the import was cancelled")
    before = job.before[found.source.path]
    job.on_progress(Progress(path=found.source.label, rows=rows, bytes_read=before + batch.bytes_read, bytes_total=job.total))


def _summary(found: Found, tally: Tally, *, new: int, replaced: int, started: float) -> ImportSummary:
    assert tally.first is not None, "a file has rows, or it would not have been detected"
    assert tally.last is not None, "and so a last"
    span = (tally.last - tally.first) // timedelta(microseconds=tally.interval_us) + 1
    return ImportSummary(
        path=found.source.label,
        format=found.format,
        why=found.why,
        venue=found.key.venue,
        instrument=found.key.instrument,
        interval_us=found.kind.interval_us,
        rows_read=tally.rows,
        rows_new=new,
        rows_replaced=replaced,
        repeated=tally.repeated,
        first=tally.first,
        last=tally.last,
        missing=span - tally.rows,
        longest_gap_us=tally.longest_gap_us,
        no_trade=tally.no_trade,
        seconds=time.perf_counter() - started,
    )


def _record(cursor: Cursor, series: bars.Series, found: Found, summary: ImportSummary) -> None:
    with found.source.path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    detail = {name: getattr(summary, name) for name in ("why", "rows_replaced", "repeated", "missing", "longest_gap_us", "no_trade")}
    said = {name: getattr(summary, name) for name in ("path", "format", "rows_read", "rows_new")}
    row = {"id": str(new_id()), "sha256": digest, "first_ts": summary.first, "last_ts": summary.last, "detail": json.dumps(detail), **said}
    bars.record(cursor, series, row)
