"""A file of bars into the database: in one transaction, whole or not at all."""

import dataclasses
import time

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, bars, series
from app.db.ids import new_id
from app.db.series import Series
from app.errors import Conflict
from app.services.import_job import ImportSummary, Job, ahead, digest, import_row, origin_of, report, summary_of
from app.services.tally import Tally
from app.sources.detect import Found
from app.sources.read import read
from app.sources.rows import NOISE
from engine.schema import SeriesKey


def import_bars(found: Found, job: Job) -> ImportSummary:
    """Store a file's bars, or nothing of it."""
    started, tally = time.perf_counter(), Tally(interval_us=found.kind.interval_us)
    with adbc.transaction(job.libpq_uri) as cursor:
        place = Series(series.series_id(cursor, found.key), found.kind.interval_us)
        new = replaced = 0
        for batch in ahead(read(found)):
            stored = store(cursor, place, batch.frame, label=found.source.label, key=found.key, replace=job.replace)
            new, replaced = new + stored.new, replaced + stored.replaced
            tally.add(batch.frame, batch.repeated)
            report(found, tally.rows, batch, job)
        summary = summary_of(origin_of(found), tally, new=new, replaced=replaced, seconds=time.perf_counter() - started)
        series.record(cursor, place, import_row(new_id(), digest(found), summary))
    return dataclasses.replace(summary, seconds=time.perf_counter() - started)


def store(cursor: Cursor, place: Series, frame: pl.DataFrame, *, label: str, key: SeriesKey, replace: bool) -> bars.Merged:
    """Store bars that came from `label`; Conflict where others are stored and `replace` does not say to take these."""
    if not frame.height:
        return bars.Merged(0, 0)
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
