"""Bars and trades from an exchange into the database: a page a transaction, with the record of how far it is.

The record says which stretch of time was asked for whole, so the next call asks for what is missing and nothing else, whenever the last one ended.
"""

import itertools
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, series
from app.db.adbc import Session
from app.db.ids import new_id
from app.db.series import Series
from app.errors import AppError, BadInput, Unavailable
from app.services import import_bars, import_recording
from app.services.import_job import ImportSummary, Origin, import_row, summary_of
from app.services.tally import Tally, TradeTally
from app.sources.exchange import TRADES_A_PAGE, Exchange
from app.sources.kinds import Kind
from engine.schema import SeriesKey, instant, micros

FORMAT = "ccxt"
Stretch = tuple[int, int]
"""From and to [µs], the latter not included."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to fetch: of which instrument which kind of rows, from when to when (None: to the present)."""

    instrument: str
    kind: Kind
    start: datetime
    end: datetime | None = None
    replace: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What became of a request."""

    summaries: list[ImportSummary]
    """Of each stretch of which there was something."""
    not_offered: list[Stretch]
    """What the exchange does not give any more."""
    asked: int
    """Pages."""
    retries: int
    skew_us: int
    """By how much the exchange's clock is ahead of ours."""


@dataclass(slots=True, kw_only=True)
class _Standing:
    """How far a stretch is."""

    origin: Origin
    start: int
    tally: Tally | TradeTally
    identifier: UUID = field(default_factory=new_id)
    started: float = field(default_factory=time.perf_counter)
    new: int = 0
    replaced: int = 0

    def summary(self) -> ImportSummary:
        return summary_of(self.origin, self.tally, new=self.new, replaced=self.replaced, seconds=time.perf_counter() - self.started)


Tell = Callable[[str, float], None]


def fetch(libpq_uri: str, exchange: Exchange, request: Request, tell: Tell = lambda _stage, _fraction: None) -> Fetched:
    """Fetch what is missing of a request, page by page; what is stored when it breaks off stays, and is not asked for again."""
    exchange.check(request.instrument, request.kind.interval_us)
    wanted = _wanted(exchange, request)
    key = SeriesKey(exchange.venue, request.instrument)
    job = _Job(exchange, request, Origin(f"{key} from {exchange.venue}", FORMAT, f"{request.kind} by ccxt", key, request.kind), wanted, tell)
    try:
        with adbc.session(libpq_uri) as session:
            with session.transaction() as cursor:
                place = Series(series.series_id(cursor, key), request.kind.interval_us)
                gaps = list(missing(wanted, series.fetched(cursor, place, request.kind.data, FORMAT)))
            for gap in gaps:
                job.run(session, place, gap)
    except AppError as error:
        stored = sum(one.tally.rows for one in job.done)
        if stored:
            error.args = (f"{error}; the {stored:,} rows before are stored: the same command goes on from there",)
        raise
    found = [one.summary() for one in job.done if one.tally.rows]
    return Fetched(summaries=found, not_offered=job.not_offered, asked=job.asked, retries=exchange.retries, skew_us=exchange.skew_us)


def missing(wanted: Stretch, there: Sequence[Stretch]) -> Iterator[Stretch]:
    """Yield what of a stretch is in none of others."""
    at = wanted[0]
    for start, end in sorted(there):
        if start > at and at < wanted[1]:
            yield at, min(start, wanted[1])
        at = max(at, end)
    if at < wanted[1]:
        yield at, wanted[1]


# Bars that have ended, trades up to the last whole second of the exchange's clock.
def _wanted(exchange: Exchange, request: Request) -> Stretch:
    step = request.kind.interval_us or 1_000
    end = min(exchange.now_us() if request.end is None else micros(request.end), exchange.now_us())
    start = -(-micros(request.start) // step) * step
    if start >= end // step * step:
        raise BadInput(f"expected a start before {instant(end):%Y-%m-%d %H:%M:%S} UTC, found {request.start:%Y-%m-%d %H:%M:%S}")
    return start, end // step * step


class _Job:
    """One request on its way."""

    def __init__(self, exchange: Exchange, request: Request, origin: Origin, wanted: Stretch, tell: Tell) -> None:
        self._exchange, self._request, self._origin, self._wanted, self._tell = exchange, request, origin, wanted, tell
        self.done: list[_Standing] = []
        self.not_offered: list[Stretch] = []
        self.asked = 0

    def run(self, session: Session, place: Series, gap: Stretch) -> None:
        """Fetch a stretch."""
        pages = self._bars(gap) if self._request.kind.data == "bars" else self._trades(gap)
        for goes_on, group in itertools.groupby(pages, key=lambda page: page[0]):
            standing = self._begun(goes_on)
            for _, frame, until in group:
                self._store(session, place, frame, standing, until)

    def _begun(self, start: int) -> _Standing:
        kind = self._request.kind
        standing = _Standing(origin=self._origin, start=start, tally=Tally(interval_us=kind.interval_us) if kind.data == "bars" else TradeTally())
        self.done.append(standing)
        return standing

    # Each page with where its stretch begins, and up to where that is whole with it.
    def _bars(self, gap: Stretch) -> Iterator[tuple[int, pl.DataFrame, int]]:
        interval, (start, end) = self._request.kind.interval_us, gap
        at = start
        while at < end:
            self.asked += 1
            page = self._exchange.bars(self._request.instrument, interval, at).filter(pl.col("ts") >= instant(at))
            reach = at + self._exchange.page * interval
            if page.height and micros(page["ts"][0]) >= reach:
                # What is asked for is not there, but something later: nobody traded before, or it is no longer given.
                self.not_offered.append((at, min(micros(page["ts"][0]), end)))
                start = micros(page["ts"][0])
            until = min(micros(page["ts"][-1]) + interval if page.height else reach, end)
            kept = page.filter(pl.col("ts") < instant(end))
            if until > start:
                yield start, kept, until
            at = max(until, start)

    def _trades(self, gap: Stretch) -> Iterator[tuple[int, pl.DataFrame, int]]:
        step, (start, end) = self._exchange.trade_step_us, gap
        at = start
        while at < end:
            self.asked += 1
            page = self._exchange.trades(self._request.instrument, at).filter(pl.col("ts") >= instant(at))
            last = micros(page["ts"][-1]) if page.height else at
            if last > at:
                until = min(last, end)  # of its last µs a page may have only a part, so the next one begins with that
            elif page.height >= TRADES_A_PAGE:
                raise Unavailable(f"{self._origin.key}: {page.height} trades or more in the µs of {instant(at)}, which no page holds")
            else:
                until = min(at + step, end) if step else end
            yield start, page.filter(pl.col("ts") < instant(end)), until
            at = until

    def _store(self, session: Session, place: Series, frame: pl.DataFrame, standing: _Standing, until: int) -> None:
        with session.transaction() as cursor:
            series.series_id(cursor, self._origin.key)
            if frame.height:
                new, replaced = self._merged(cursor, place, frame, standing.tally)
                standing.new, standing.replaced = standing.new + new, standing.replaced + replaced
            if standing.tally.rows:
                row = import_row(standing.identifier, "", standing.summary(), fetched=(standing.start, until))
                series.record(cursor, place, row)
        span = self._wanted[1] - self._wanted[0]
        self._tell(f"{self._origin.key}: {sum(one.tally.rows for one in self.done):,} rows", (until - self._wanted[0]) / span)

    def _merged(self, cursor: Cursor, place: Series, frame: pl.DataFrame, tally: Tally | TradeTally) -> tuple[int, int]:
        replace = self._request.replace
        if isinstance(tally, Tally):
            stored = import_bars.store(cursor, place, frame, label=self._origin.path, key=self._origin.key, replace=replace)
            tally.add(frame, 0, {})
            return stored.new, stored.replaced
        placed = import_recording.placed(cursor, place, frame, self._origin, None)
        merged = import_recording.merge(cursor, place, placed, self._origin, replace=replace)
        tally.add(merged.news, {})
        return merged.news.height - merged.replaced, merged.replaced
