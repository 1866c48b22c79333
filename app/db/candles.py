"""Candles of 5 minutes, an hour and a day, worked out from finer bars: continuous aggregates where TimescaleDB has them, else by query.

Either way they are asked for by one function a length, `candles_1h(instrument, interval, start, end)`: the candles that open in [start, end),
from the bars of one interval, in order. Each says when its first and its last bar opened. `reconcile` makes the functions.
"""

from typing import Final, NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection


class Candle(NamedTuple):
    """A length of candles: its function is `candles_NAME`, its continuous aggregate `bars_NAME`."""

    name: str
    us: int


CANDLES: Final = (Candle("5m", 300_000_000), Candle("1h", 3_600_000_000), Candle("1d", 86_400_000_000))

_COLUMNS = "ts, first_ts, last_ts, open, high, low, close, volume, bars"
_RETURNS = """
    TABLE (ts timestamptz, first_ts timestamptz, last_ts timestamptz, open double precision, high double precision, low double precision,
           close double precision, volume double precision, bars bigint)"""


def by_query(us: int) -> str:
    """Return the statement that works candles out from bars; what is asked for stands in $1 to $4."""
    bucket = f"date_bin(interval '{us:d} microseconds', b.ts, 'epoch')"
    return f"""
        SELECT {bucket}, min(b.ts), max(b.ts), (array_agg(b.open ORDER BY b.ts))[1], max(b.high), min(b.low),
               (array_agg(b.close ORDER BY b.ts DESC))[1], sum(b.volume), count(*)
        FROM bars b WHERE b.instrument_id = $1 AND b.interval_us = $2 AND $2 < {us:d} AND {us:d} % $2 = 0
          AND b.ts >= {_up("$3", us)} AND b.ts < {_up("$4", us)} GROUP BY 1 ORDER BY 1"""  # noqa: S608  numbers of ours


def _stored(candle: Candle) -> str:
    return f"""
        SELECT {_COLUMNS} FROM bars_{candle.name} WHERE instrument_id = $1 AND interval_us = $2 AND ts >= $3 AND ts < $4 ORDER BY ts"""  # noqa: S608


def _aggregate(candle: Candle) -> str:
    return f"""
        CREATE MATERIALIZED VIEW bars_{candle.name} WITH (timescaledb.continuous, timescaledb.materialized_only = false) AS
        SELECT instrument_id, interval_us, time_bucket(interval '{candle.us:d} microseconds', ts, 'epoch'::timestamptz) AS ts,
               min(ts) AS first_ts, max(ts) AS last_ts, first(open, ts) AS open, max(high) AS high, min(low) AS low,
               last(close, ts) AS close, sum(volume) AS volume, count(*) AS bars
        FROM bars WHERE interval_us < {candle.us:d} AND {candle.us:d} % interval_us = 0 GROUP BY 1, 2, 3 WITH NO DATA"""  # noqa: S608


async def reconcile(connection: AsyncConnection, *, continuous: bool, refresh_days: int | None) -> None:
    """Make the functions, and with `continuous` the aggregates behind them with their policies: removed, then added. Runs in a transaction."""
    for candle in CANDLES:
        if continuous:
            await _reconcile_aggregate(connection, candle, refresh_days)
        await connection.exec_driver_sql(function(candle, _stored(candle) if continuous else by_query(candle.us)))


def function(candle: Candle, body: str) -> str:
    """Return the statement that makes a length's function; its body is inlined where it is called, so that its limits reach the index."""
    arguments = "instrument integer, source bigint, since timestamptz, before timestamptz"
    return f"CREATE OR REPLACE FUNCTION candles_{candle.name}({arguments}) RETURNS {_RETURNS} LANGUAGE sql STABLE PARALLEL SAFE AS $f$ {body} $f$"


async def _reconcile_aggregate(connection: AsyncConnection, candle: Candle, refresh_days: int | None) -> None:
    view = f"bars_{candle.name}"
    there = text("SELECT EXISTS (SELECT FROM timescaledb_information.continuous_aggregates WHERE view_schema = 'public' AND view_name = :view)")
    if not await connection.scalar(there, {"view": view}):
        await connection.exec_driver_sql(_aggregate(candle))
    await connection.exec_driver_sql(f"SELECT remove_continuous_aggregate_policy('{view}', if_exists => true)")
    begin = "NULL" if refresh_days is None else f"interval '{refresh_days:d} days'"
    every = f"end_offset => interval '{candle.us:d} microseconds', schedule_interval => interval '10 minutes'"
    await connection.exec_driver_sql(f"SELECT add_continuous_aggregate_policy('{view}', start_offset => {begin}, {every})")


# The first bucket that opens at or after a time.
def _up(time: str, us: int) -> str:
    return f"date_bin(interval '{us:d} microseconds', {time} + interval '{us - 1:d} microseconds', 'epoch')"
