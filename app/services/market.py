"""Market data: what is stored, and its bars, for charts and for runs."""

import difflib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from types import MappingProxyType
from typing import Any

import polars as pl
from adbc_driver_manager.dbapi import Cursor
from sqlalchemy import TextClause, select, text

from app.db import bars as stored
from app.db import funding_rates, pool_states, quotes, series, trades
from app.db.candles import CANDLES
from app.db.models import Venue
from app.db.placed import Table
from app.db.session import Sessions
from app.errors import BadInput, NotFound
from app.services.wanted import Reach
from app.sources.kinds import Data, Kind
from engine.schema import BARS, SeriesKey, instrument_key

_THINNED = text("""
    WITH bins AS (
        SELECT min(ts) AS ts, max(ts) AS last, max(high) AS high, min(low) AS low, sum(volume) AS volume FROM bars
        WHERE instrument_id = :instrument AND interval_us = :interval AND ts >= :start AND ts < :end
        GROUP BY date_bin(:width * interval '1 microsecond', ts, :start))
    SELECT bins.ts, f.open, bins.high, bins.low, l.close, bins.volume FROM bins
    JOIN bars f ON f.instrument_id = :instrument AND f.interval_us = :interval AND f.ts = bins.ts
    JOIN bars l ON l.instrument_id = :instrument AND l.interval_us = :interval AND l.ts = bins.last
    ORDER BY bins.ts""")


TABLES: Mapping[Data, Table] = MappingProxyType(
    {
        "quotes": quotes.TABLE,
        "quote_bars": quotes.TABLE,
        "trades": trades.TABLE,
        "pool": pool_states.TABLE,
        "pool_bars": pool_states.TABLE,
    }
)
"""Where the rows of each kind stand that has places."""


# Where nothing is to be thinned out.
_STORED = text("""
    SELECT ts, open, high, low, close, volume FROM bars
    WHERE instrument_id = :instrument AND interval_us = :interval AND ts >= :start AND ts < :end ORDER BY ts""")

# Candles of intervals that are not stored, thinned as bars are.
_THINNED_CANDLES = {
    candle.us: text(f"""
        SELECT min(ts), (array_agg(open ORDER BY ts))[1], max(high), min(low), (array_agg(close ORDER BY ts DESC))[1], sum(volume)
        FROM candles_{candle.name}(:instrument, :interval, :start, :end)
        GROUP BY date_bin(:width * interval '1 microsecond', ts, :start) ORDER BY 1""")  # noqa: S608  names of ours
    for candle in CANDLES
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What is stored of an instrument, of one kind; quotes by their arrival."""

    instrument_id: int
    data: Data
    interval_us: int
    first: datetime
    last: datetime
    count: int

    @property
    def kind(self) -> Kind:
        """Of its rows."""
        return Kind(self.data, self.interval_us)


@dataclass(frozen=True, slots=True, kw_only=True)
class InstrumentInfo:
    """An instrument, and what is stored of it."""

    venue: str
    name: str
    base: str
    quote: str
    coverage: list[Coverage]

    @property
    def key(self) -> SeriesKey:
        """Venue and name."""
        return SeriesKey(self.venue, self.name)


async def list_venues(sessions: Sessions) -> list[str]:
    """Return the names of all venues, in order."""
    async with sessions() as session:
        return list(await session.scalars(select(Venue.name).order_by(Venue.name)))


async def list_instruments(sessions: Sessions, *, venue: str | None = None) -> list[InstrumentInfo]:
    """Return the instruments with their coverage, by venue, then name."""
    async with sessions() as session:
        return _instruments((await session.execute(text(series.COVERAGE), {"venue": venue})).all())


async def bars(sessions: Sessions, *, venue: str, instrument: str, interval_us: int, start: datetime, end: datetime, max_points: int) -> pl.DataFrame:
    """Return the bars that open in [start, end) in the schema `BARS`, or at most `max_points` that each stand for several.

    Such a point has the time and open of its first bar, the close of its last, the highest, the lowest and all volume. Bars of 5m, 1h and 1d
    that are not stored are worked out from finer ones that are.
    """
    if start >= end or max_points < 1:
        raise BadInput(f"expected a start before the end and at least one point, found {start.isoformat()}, {end.isoformat()} and {max_points}")
    known = await list_instruments(sessions)
    cover = _finer(SeriesKey(venue, instrument), interval_us, start, end, known)
    if cover is None:
        cover = covering(SeriesKey(venue, instrument), Reach(Kind("bars", interval_us), start, end), known)
    step = timedelta(microseconds=interval_us)
    start, end = max(start, cover.first - step), min(end, cover.last + step)
    start = start if cover.interval_us < interval_us else max(start, cover.first)
    width = interval_us * -(((start - end) // step) // max_points)
    values = {"instrument": cover.instrument_id, "interval": cover.interval_us, "start": start, "end": end, "width": width}
    stored_bars = _STORED if width == interval_us else _THINNED
    query = stored_bars if cover.interval_us == interval_us else _THINNED_CANDLES[interval_us]
    async with sessions() as session:
        (found,) = (await session.execute(_columns(query), values)).all()
    return pl.DataFrame({name: column or [] for name, column in zip(BARS, found, strict=True)}, schema={**BARS, "ts": pl.Int64}).cast(BARS)


@cache
def _columns(query: TextClause) -> TextClause:
    # One row of six arrays, times as µs: a tenth of the work that a row of the driver for each bar is.
    listed = ", ".join(f"array_agg({name})" for name in ("(extract(epoch FROM ts) * 1e6)::bigint", "open", "high", "low", "close", "volume"))
    return text(f"SELECT {listed} FROM ({query.text}) AS q(ts, open, high, low, close, volume)")  # noqa: S608  statements of ours


# What the candles of an interval that is not stored are made of: of finer bars that divide it those that reach furthest, then the coarsest.
def _finer(key: SeriesKey, interval_us: int, start: datetime, end: datetime, known: Sequence[InstrumentInfo]) -> Coverage | None:
    stored_bars = [cover for info in known if info.key == key for cover in info.coverage if cover.data == "bars"]
    if interval_us not in _THINNED_CANDLES or any(cover.interval_us == interval_us for cover in stored_bars):
        return None
    fit = [
        one for one in stored_bars if one.interval_us < interval_us and not interval_us % one.interval_us and one.first < end and one.last >= start
    ]
    return max(fit, key=lambda one: (min(end, one.last) - max(start, one.first), one.interval_us), default=None)


def covers(cursor: Cursor, wanted: Mapping[SeriesKey, Reach]) -> dict[SeriesKey, Coverage]:
    """Return what is stored of each series; NotFound, with what there is, where nothing is within its reach."""
    known = _instruments(series.coverage(cursor))
    return {key: covering(instrument_key(key), reach, known) for key, reach in wanted.items()}


def rows(cursor: Cursor, cover: Coverage, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the rows of a series in [start, end), by open time of bars, due time of funding, arrival of others, in the schema of their kind."""
    place = series.Series(cover.instrument_id, cover.interval_us)
    if cover.data == "bars":
        return stored.load(cursor, place, start, end)
    if cover.data == "funding":
        return funding_rates.load(cursor, place, start, end)
    return TABLES[cover.data].load(cursor, place, start, end)


def _instruments(rows: Iterable[Sequence[Any]]) -> list[InstrumentInfo]:
    return [
        InstrumentInfo(
            venue=venue,
            name=name,
            base=base,
            quote=quote,
            coverage=[Coverage(instrument_id=row[4], data=row[5], interval_us=row[6], first=row[7], last=row[8], count=row[9]) for row in group],
        )
        for (venue, name, base, quote), group in itertools.groupby(rows, key=lambda row: tuple(row[:4]))
    ]


def covering(key: SeriesKey, reach: Reach, known: Sequence[InstrumentInfo]) -> Coverage:
    """Return what is stored of a series within a reach; NotFound, with what there is, where nothing is."""
    info = next((info for info in known if info.key == key), None)
    if info is None:
        raise NotFound(f"{key}: not stored; {_alternatives(key, known)}")
    cover = next((cover for cover in info.coverage if cover.kind == reach.kind), None)
    if cover is None:
        there = ", ".join(str(cover.kind) for cover in info.coverage)
        raise NotFound(f"{key}: no {reach.kind.rows} are stored, only {there}; ask for those, or import others")
    if cover.last < reach.start or cover.first >= reach.end:
        raise nothing(key, cover, reach)
    return cover


def _alternatives(key: SeriesKey, known: Sequence[InstrumentInfo]) -> str:
    names = [str(info.key) for info in known]
    if not names:
        return "nothing is: import files with usdc-arb data import"
    near = difflib.get_close_matches(str(key), names, n=1)
    listed = ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")
    return (f"did you mean {near[0]}? " if near else "") + f"stored are {listed}"


def nothing(key: SeriesKey, cover: Coverage, reach: Reach) -> NotFound:
    """Return the refusal of a reach in which nothing is stored."""
    asked, there = (f"{a:%Y-%m-%d %H:%M} to {b:%Y-%m-%d %H:%M}" for a, b in ((reach.start, reach.end), (cover.first, cover.last)))
    return NotFound(f"{key}: no {cover.kind.rows} from {asked} UTC; stored are {cover.count} from {there} UTC: ask for a time within, or import more")
