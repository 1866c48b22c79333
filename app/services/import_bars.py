"""A file of bars into the database: a transaction a batch, which is a whole file of up to some 130,000 bars; importing again goes on."""

import time
from dataclasses import dataclass
from uuid import UUID

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, bars, series
from app.db.adbc import Session
from app.db.ids import new_id
from app.db.series import Series
from app.errors import AppError, Conflict
from app.services.import_job import ImportSummary, Job, digest, import_row, origin_of, report, rows_of, summary_of
from app.services.tally import Tally
from app.sources.detect import Found
from app.sources.read import Read
from app.sources.rows import NOISE
from engine.schema import SeriesKey


@dataclass(slots=True, kw_only=True)
class _Standing:
    """How far a file is."""

    identifier: UUID
    sha256: str
    started: float
    tally: Tally
    committed: int = 0
    new: int = 0
    replaced: int = 0


def import_bars(found: Found, job: Job) -> ImportSummary:
    """Store a file's bars; where it breaks off, what it says of that names what is stored."""
    tally = Tally(interval_us=found.kind.interval_us)
    standing = _Standing(identifier=new_id(), sha256=digest(found), started=time.perf_counter(), tally=tally)
    try:
        with adbc.session(job.libpq_uri) as session:
            for batch in rows_of(found, job):
                _store(session, batch, found, job, standing)
                report(found, tally.rows, batch, job)
    except AppError as error:
        if standing.committed:
            error.args = (f"{error}; the {standing.committed:,} rows before are stored: import it again when that is mended",)
        raise
    return _summary(found, standing)


def _store(session: Session, batch: Read, found: Found, job: Job, standing: _Standing) -> None:
    if not batch.frame.height:
        standing.tally.add(batch.frame, batch.repeated, batch.aside)
        return
    with session.transaction() as cursor:
        place = Series(series.series_id(cursor, found.key), found.kind.interval_us)
        stored = store(cursor, place, batch.frame, label=found.source.label, key=found.key, replace=job.replace)
        standing.tally.add(batch.frame, batch.repeated, batch.aside)
        standing.new, standing.replaced = standing.new + stored.new, standing.replaced + stored.replaced
        series.record(cursor, place, import_row(standing.identifier, standing.sha256, _summary(found, standing)))
    standing.committed = standing.tally.rows


def _summary(found: Found, standing: _Standing) -> ImportSummary:
    seconds = time.perf_counter() - standing.started
    return summary_of(origin_of(found), standing.tally, new=standing.new, replaced=standing.replaced, seconds=seconds)


def store(cursor: Cursor, place: Series, frame: pl.DataFrame, *, label: str, key: SeriesKey, replace: bool) -> bars.Merged:
    """Store bars that came from `label`; Conflict where others are stored and `replace` does not say to take these."""
    if bars.is_free(cursor, place, frame):
        bars.append(cursor, place, frame)
        return bars.Merged(frame.height, 0)
    stored = bars.merge(cursor, place, frame, noise=NOISE, replace=replace)
    if isinstance(stored, bars.Conflict):
        origin = series.imported_from(cursor, place, "bars", stored.ts)
        raise Conflict(
            f"{label}: {key} at {stored.ts:%Y-%m-%d %H:%M:%S}: expected the stored {stored.field} {stored.stored!r}"
            f" (from {origin}), found {stored.offered!r}; find out which is right: --replace stores these bars instead"
        )
    return stored
