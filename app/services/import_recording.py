"""A file of quotes, trades or states of pools into the database: a transaction a batch; importing again goes on where it ended.

Every transaction stores a batch with the record of what is stored of its file so far, so that the coverage is right whenever it ends.
"""

import time
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, series
from app.db.adbc import Session
from app.db.ids import new_id
from app.db.series import Series
from app.errors import AppError, Conflict
from app.services import sequence
from app.services.import_job import ImportSummary, Job, Origin, digest, import_row, origin_of, report, rows_of, summary_of
from app.services.market import TABLES
from app.services.sequence import Clash, Place
from app.services.tally import PlacedTally, tally_of
from app.sources.detect import Found
from app.sources.read import Read


@dataclass(slots=True, kw_only=True)
class _Standing:
    """How far a file is."""

    identifier: UUID
    sha256: str
    started: float
    tally: PlacedTally
    committed: int = 0
    new: int = 0
    replaced: int = 0
    last: Place | None = None


def import_recording(found: Found, job: Job) -> ImportSummary:
    """Store a file's rows; where it breaks off, what it says of that names what is stored."""
    standing = _Standing(identifier=new_id(), sha256=digest(found), started=time.perf_counter(), tally=tally_of(found.kind))
    try:
        with adbc.session(job.libpq_uri) as session:
            for batch in rows_of(found, job):
                _store(session, batch, found, job, standing)
                report(found, standing.tally.rows, batch, job)
    except AppError as error:
        if standing.committed:
            error.args = (f"{error}; the {standing.committed:,} rows before are stored: import it again when that is mended",)
        raise
    return _summary(found, standing)


def _store(session: Session, batch: Read, found: Found, job: Job, standing: _Standing) -> None:
    if not batch.frame.height:
        standing.tally.add(batch.frame, batch.aside)
        return
    with session.transaction() as cursor:
        place = Series(series.series_id(cursor, found.key), found.kind.interval_us)
        origin = origin_of(found)
        frame = placed(cursor, place, batch.frame, origin, standing.last)
        merged = merge(cursor, place, frame, origin, after=standing.last, replace=job.replace)
        standing.tally.add(frame, batch.aside)
        standing.new, standing.replaced = standing.new + merged.news.height - merged.replaced, standing.replaced + merged.replaced
        standing.last = sequence.last_place(frame)
        series.record(cursor, place, import_row(standing.identifier, standing.sha256, _summary(found, standing)))
    standing.committed = standing.tally.rows


class Merged(NamedTuple):
    """Placed rows that were stored, and how many others gave way to them."""

    news: pl.DataFrame
    replaced: int


def placed(cursor: Cursor, place: Series, frame: pl.DataFrame, origin: Origin, after: Place | None) -> pl.DataFrame:
    """Return rows with their places in the series: behind the place `after`, or where the stored rows say that they begin."""
    if after is not None:
        return sequence.placed(frame, after)
    _refuse_other_times(cursor, place, frame, origin)
    first = frame.select(pl.coalesce("received", "ts").first()).item()
    there = TABLES[origin.kind.data].at_time(cursor, place, first)
    return sequence.placed(frame, None, first=sequence.first_number(*sequence.padded([there, frame])) if there.height else 0)


def merge(cursor: Cursor, place: Series, frame: pl.DataFrame, origin: Origin, *, after: Place | None = None, replace: bool) -> Merged:
    """Store those of placed rows that are not there; Conflict where others are, and `replace` does not say to take these."""
    table = TABLES[origin.kind.data]
    first, last = Place(frame["at"][0], int(frame["seq"][0])), sequence.last_place(frame)
    there = table.between(cursor, place, first, last)
    news = sequence.missing(there, frame)
    if isinstance(news, Clash):
        if not replace:
            raise _conflict(cursor, place, news, origin)
        gone = table.delete(cursor, place, after or Place(first.at, first.seq - 1), last)
        table.append(cursor, place, frame)
        return Merged(frame, gone)
    if news.height:
        table.append(cursor, place, news)
    return Merged(news, 0)


def _refuse_other_times(cursor: Cursor, place: Series, frame: pl.DataFrame, origin: Origin) -> None:
    stored, offered = TABLES[origin.kind.data].times(cursor, place), sequence.shape(frame)
    if stored is not None and (stored.events, stored.receipts) != (offered.events, offered.receipts):
        there = sequence.Shape(events=stored.events, receipts=stored.receipts)
        raise Conflict(
            f"{origin.path}: expected {origin.kind.rows} of {origin.key} with {there}, as those that are stored, found {offered};"
            " import one kind of recording of a market: of captures, --stream says which"
        )


def _conflict(cursor: Cursor, place: Series, clash: Clash, origin: Origin) -> Conflict:
    before = series.imported_from(cursor, place, origin.kind.data, clash.at)
    return Conflict(
        f"{origin.path}: {origin.key} at {clash.at:%Y-%m-%d %H:%M:%S.%f}: expected the stored {origin.kind.rows} (from {before}), found others:"
        f" {clash.said}; is it another recording of this market? --replace stores these rows instead"
    )


def _summary(found: Found, standing: _Standing) -> ImportSummary:
    seconds = time.perf_counter() - standing.started
    return summary_of(origin_of(found), standing.tally, new=standing.new, replaced=standing.replaced, seconds=seconds)
