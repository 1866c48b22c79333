"""What one market costs beside another: the spread of two series of bars, at the times that both have. Reads only."""

from datetime import datetime, timedelta

import polars as pl
from sqlalchemy import text

from app.db.session import Sessions
from app.errors import BadInput, NotFound
from app.services import market
from app.services.wanted import Reach
from app.sources.kinds import Kind
from engine.schema import BARS, SeriesKey

SCHEMA = {"ts": BARS["ts"], **dict.fromkeys(("last", "low", "high"), BARS["close"])}

# bps of the price of the one: 1e4 * (other / one - 1), of closes; of each stretch the last, the lowest and the highest.
_SPREAD = text("""
    SELECT min(a.ts), (array_agg(x.bps ORDER BY a.ts DESC))[1], min(x.bps), max(x.bps)
    FROM bars a JOIN bars b ON b.ts = a.ts AND b.instrument_id = :other AND b.interval_us = :interval
    CROSS JOIN LATERAL (SELECT 1e4 * (b.close / a.close - 1) AS bps) x
    WHERE a.instrument_id = :market AND a.interval_us = :interval AND a.ts >= :start AND a.ts < :end AND a.close > 0 AND x.bps <> 'NaN'
    GROUP BY date_bin(:width * interval '1 microsecond', a.ts, :start) ORDER BY 1""")


async def spread(
    sessions: Sessions, *, one: SeriesKey, other: SeriesKey, interval_us: int, start: datetime, end: datetime, max_points: int
) -> pl.DataFrame:
    """Return how much dearer the other is [bps of the one], at most `max_points` rows; NotFound and BadInput say what is there instead."""
    if start >= end:
        raise BadInput(f"expected a start before the end, found {start.isoformat()} and {end.isoformat()}")
    if one.base != other.base:
        raise BadInput(f"expected two instruments of one base, found {one} and {other}")
    known = await market.list_instruments(sessions)
    covers = [market.covering(key, Reach(Kind("bars", interval_us), start, end), known) for key in (one, other)]
    start, end = max(start, *(c.first for c in covers)), min(end, *(c.last + timedelta(microseconds=interval_us) for c in covers))
    if start >= end:
        raise NotFound(f"{one} and {other} have no bars of one time in this range")
    step = timedelta(microseconds=interval_us)
    width = interval_us * max(-(((start - end) // step) // max_points), 1)
    ids = dict(zip(("market", "other"), (cover.instrument_id for cover in covers), strict=True))
    values = {**ids, "interval": interval_us, "start": start, "end": end, "width": width}
    async with sessions() as session:
        found = (await session.execute(_SPREAD, values)).all()
    return pl.DataFrame([tuple(row) for row in found], schema=SCHEMA, orient="row")
