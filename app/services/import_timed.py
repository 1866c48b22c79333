"""A file of rows that are known by their times (bars, funding) into the database: a transaction a batch; importing again goes on."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from uuid import UUID

from app.db import adbc, series
from app.db.adbc import Session
from app.db.bars import Merged
from app.db.ids import new_id
from app.db.series import Series
from app.errors import AppError
from app.services import import_bars, import_funding
from app.services.import_job import ImportSummary, Job, digest, import_row, origin_of, report, rows_of, summary_of
from app.services.tally import FundingTally, Tally
from app.sources.detect import Found
from app.sources.kinds import Data
from app.sources.read import Read

STORES: Mapping[Data, Callable[..., Merged]] = MappingProxyType({"bars": import_bars.store, "funding": import_funding.store})
"""How rows of each kind are stored among others."""


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


def import_timed(found: Found, job: Job) -> ImportSummary:
    """Store a file's rows; where it breaks off, what it says of that names what is stored."""
    tally = FundingTally() if found.kind.data == "funding" else Tally(interval_us=found.kind.interval_us)
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
        frame = batch.frame.sort("ts", maintain_order=True)  # payments stand in any order
        stored = STORES[found.kind.data](cursor, place, frame, label=found.source.label, key=found.key, replace=job.replace)
        standing.tally.add(frame, batch.repeated, batch.aside)
        standing.new, standing.replaced = standing.new + stored.new, standing.replaced + stored.replaced
        series.record(cursor, place, import_row(standing.identifier, standing.sha256, _summary(found, standing)))
    standing.committed = standing.tally.rows


def _summary(found: Found, standing: _Standing) -> ImportSummary:
    seconds = time.perf_counter() - standing.started
    return summary_of(origin_of(found), standing.tally, new=standing.new, replaced=standing.replaced, seconds=seconds)
