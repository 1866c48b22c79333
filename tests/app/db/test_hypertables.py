"""Whatever the server has of TimescaleDB, rows, candles and statements are the same; what it has is used."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import URL, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.db import hypertables
from app.db.candles import CANDLES, Candle
from app.db.hypertables import Edition, Lifecycle
from app.db.migrate import head, upgrade
from app.services import storage

START = datetime(2023, 3, 8, 0, 2, tzinfo=UTC)
COUNT = 2_000
EDITIONS = list(Edition)
FIXTURES = {Edition.NONE: "empty_database_url", Edition.APACHE: "apache_server", Edition.FULL: "full_server"}
HOURS = {"bars": 24, "quotes": 6, "trades": 6, "pool_states": 48, "funding_rates": 96}
KEPT = Lifecycle(chunk_hours=HOURS)
SHORT = Lifecycle(chunk_hours=HOURS, keep_days={"bars": 400, "quotes": 30})
OLD = """
    INSERT INTO bars SELECT 1, 60000000, timestamptz '2023-03-08 00:02Z' + n * interval '1 minute',
        100 + n % 7, 200 + n % 11, 50 - n % 13, 100 + n % 5, n % 3 FROM generate_series(0, {last}) n"""
QUOTES = """
    INSERT INTO quotes
    SELECT 1, 0, timestamptz '2023-03-08Z' + n * interval '1 hour', 0, NULL, NULL, 1, 2, 3, 4, NULL FROM generate_series(1, 100) n"""


@pytest.fixture(params=EDITIONS)
def server(request: pytest.FixtureRequest) -> tuple[Edition, URL]:
    """Return an edition and the address of an empty database that has it."""
    found = request.getfixturevalue(FIXTURES[request.param])
    return request.param, found() if callable(found) else found


@asynccontextmanager
async def connected(url: URL) -> AsyncIterator[AsyncConnection]:
    """Yield a connection on which every statement is committed by itself."""
    engine = create_async_engine(url, poolclass=NullPool, isolation_level="AUTOCOMMIT")
    async with engine.connect() as connection:
        yield connection
    await engine.dispose()


async def rows(connection: AsyncConnection, query: str, **values: object) -> Sequence[Any]:
    """Return the rows of a query."""
    return (await connection.execute(text(query), values)).all()


def expected(candle: Candle, count: int) -> list[tuple[Any, ...]]:
    """Return the candles of the first bars, worked out by Polars."""
    n = pl.int_range(count, eager=True)
    bars = pl.DataFrame(
        {
            "ts": START + pl.Series([timedelta(minutes=i) for i in range(count)]),
            "open": 100.0 + n % 7, "high": 200.0 + n % 11, "low": 50.0 - n % 13, "close": 100.0 + n % 5, "volume": (n % 3).cast(pl.Float64),
        }
    )  # fmt: skip
    found = bars.group_by_dynamic("ts", every=f"{candle.us}us", start_by="window").agg(
        pl.col("ts").first().alias("first_ts"), pl.col("ts").last().alias("last_ts"), pl.col("open").first(), pl.col("high").max(),
        pl.col("low").min(), pl.col("close").last(), pl.col("volume").sum(), pl.len().cast(pl.Int64).alias("bars"),
    )  # fmt: skip
    return found.rows()


async def candles(connection: AsyncConnection, candle: Candle, *, since: datetime, before: datetime) -> list[tuple[Any, ...]]:
    """Return the candles of a time from bars of a minute."""
    query = f"SELECT * FROM candles_{candle.name}(1, 60000000, :since, :before)"
    return [tuple(row) for row in await rows(connection, query, since=since, before=before)]


async def test_a_database_with_rows_in_it_becomes_the_best_that_the_server_can_do(server: tuple[Edition, URL]) -> None:
    edition, url = server
    await upgrade(url, "0002")
    async with connected(url) as connection:
        await rows(connection, "INSERT INTO venues (name) VALUES ('kraken') RETURNING id")
        await connection.execute(text(OLD.format(last=COUNT - 501)))
        await connection.execute(text(QUOTES))
    await upgrade(url, lifecycle=KEPT)
    async with connected(url) as connection:
        assert await hypertables.edition(connection) is edition
        if edition is Edition.FULL:
            await connection.execute(text("CALL refresh_continuous_aggregate('bars_1h', NULL, NULL)"))
        await connection.execute(text(OLD.format(last=COUNT - 1) + " ON CONFLICT (instrument_id, interval_us, ts) DO NOTHING"))
        if edition is Edition.FULL:
            await run_jobs(connection, "policy_refresh_continuous_aggregate")
        assert await rows(connection, "SELECT count(*) FROM bars UNION ALL SELECT count(*) FROM quotes") == [(COUNT,), (100,)]
        later = START + timedelta(days=9)
        for candle in CANDLES:
            assert await candles(connection, candle, since=datetime(2023, 1, 1, tzinfo=UTC), before=later) == expected(candle, COUNT)
        hour = timedelta(hours=1)
        some = await candles(connection, CANDLES[1], since=START + hour, before=START + 3 * hour)
        assert some == expected(CANDLES[1], COUNT)[2:4], "those that open from 01:02 on, before 03:02"
        assert not await rows(connection, "SELECT * FROM candles_5m(1, 300000000, '2023-01-01Z', '2024-01-01Z')"), "5m is not finer than 5m"
        chunked = edition is not Edition.NONE
        assert await chunk_hours(connection, edition) == ({} if edition is Edition.NONE else HOURS)
        found = await storage.status(connection.engine)
        assert (found.edition, found.revision, found.without) == (edition, head(), storage.WITHOUT[edition])
        assert [(one.name, one.chunks) for one in found.tables if one.chunks] == [("bars", 2), ("quotes", 17)] * chunked
        assert [one.name for one in found.tables] == list(HOURS)
        assert all((one.chunk is not None) == chunked and one.bytes >= 8_192 for one in found.tables)
        assert (found.versions.extension is not None) == chunked


async def chunk_hours(connection: AsyncConnection, edition: Edition) -> dict[str, float]:
    """Return how long chunks will be."""
    if edition is Edition.NONE:
        return {}
    query = "SELECT hypertable_name, time_interval FROM timescaledb_information.dimensions WHERE hypertable_schema = 'public'"
    return {name: length / timedelta(hours=1) for name, length in await rows(connection, query)}


async def jobs(connection: AsyncConnection) -> list[tuple[Any, ...]]:
    """Return the policies, without their numbers."""
    query = """
        SELECT hypertable_name, proc_name, config - 'hypertable_id' - 'mat_hypertable_id' FROM timescaledb_information.jobs
        WHERE hypertable_name IS NOT NULL ORDER BY 1, 2"""
    return [tuple(row) for row in await rows(connection, query)]


async def test_policies_are_made_anew_at_every_migration_and_are_there_once(full_server: URL) -> None:
    await upgrade(full_server)
    async with connected(full_server) as connection:
        before = await jobs(connection)
        assert [row[:2] for row in before if row[1] == "policy_retention"] == [], "nothing goes unless somebody says so"
        assert {row[2]["start_offset"] for row in before if "refresh" in row[1]} == {None}
    for _ in range(2):
        await upgrade(full_server, lifecycle=SHORT)
    async with connected(full_server) as connection:
        assert await jobs(connection) == [
            ("bars", "policy_compression", {"compress_after": "14 days"}),
            ("bars", "policy_retention", {"drop_after": "400 days"}),
            ("bars_1d", "policy_refresh_continuous_aggregate", {"end_offset": "24:00:00", "start_offset": "399 days"}),
            ("bars_1h", "policy_refresh_continuous_aggregate", {"end_offset": "01:00:00", "start_offset": "399 days"}),
            ("bars_5m", "policy_refresh_continuous_aggregate", {"end_offset": "00:05:00", "start_offset": "399 days"}),
            ("funding_rates", "policy_compression", {"compress_after": "14 days"}),
            ("pool_states", "policy_compression", {"compress_after": "14 days"}),
            ("quotes", "policy_compression", {"compress_after": "14 days"}),
            ("quotes", "policy_retention", {"drop_after": "30 days"}),
            ("trades", "policy_compression", {"compress_after": "14 days"}),
        ]
        assert (await chunk_hours(connection, Edition.FULL)).items() >= HOURS.items()
        settings = """
            SELECT segmentby, replace(orderby, '"', '') FROM timescaledb_information.hypertable_columnstore_settings
            WHERE hypertable::text IN ('bars', 'quotes', 'trades', 'pool_states', 'funding_rates')"""
        key = "instrument_id,interval_us"
        assert sorted(map(tuple, await rows(connection, settings))) == [
            ("instrument_id", "at,seq"), ("instrument_id", "ts"), (key, "at,seq"), (key, "at,seq"), (key, "ts"),
        ]  # fmt: skip


async def test_old_rows_are_compressed_then_let_go_while_their_candles_stay(full_server: URL) -> None:
    await upgrade(full_server, lifecycle=SHORT)
    async with connected(full_server) as connection:
        insert = """
            INSERT INTO bars SELECT 1, 60000000, date_trunc('day', now()) - n * interval '1 day', 1, 2, 0.5, 1.5, 7
            FROM unnest('{0, 20, 390, 450}'::int[]) n"""
        await connection.execute(text(insert))
        await connection.execute(text("CALL refresh_continuous_aggregate('bars_1d', NULL, NULL)"))
        before = await rows(connection, "SELECT * FROM candles_1d(1, 60000000, '2000-01-01Z', '2100-01-01Z')")
        assert len(before) == 4
        await run_jobs(connection, "policy_compression")
        assert await rows(connection, "SELECT count(*) FROM timescaledb_information.chunks WHERE is_compressed AND hypertable_name = 'bars'") == [
            (3,)
        ]
        late = "INSERT INTO bars SELECT 1, 60000000, ts + interval '1 minute', open, high, low, close, 0 FROM bars ORDER BY ts DESC LIMIT 2"
        await connection.execute(text(late))
        assert await rows(connection, "SELECT count(*) FROM bars") == [(6,)], "late rows go into compressed chunks, too"
        await run_jobs(connection, "policy_retention")
        assert await rows(connection, "SELECT count(*) FROM bars") == [(5,)], "450 days ago is past 400"
        await run_jobs(connection, "policy_refresh_continuous_aggregate")
        assert [row[0] for row in await rows(connection, "SELECT * FROM candles_1d(1, 60000000, '2000-01-01Z', '2100-01-01Z')")] == [
            row[0] for row in before
        ]


async def run_jobs(connection: AsyncConnection, name: str) -> None:
    """Run policies now: this server has no scheduler."""
    for (job,) in await rows(connection, "SELECT job_id FROM timescaledb_information.jobs WHERE proc_name = :name AND job_id >= 1000", name=name):
        await connection.execute(text(f"CALL run_job({job})"))


@pytest.mark.parametrize("server", [Edition.NONE, Edition.APACHE], indirect=True)
async def test_without_policies_maintenance_lets_old_rows_go(server: tuple[Edition, URL]) -> None:
    edition, url = server
    await upgrade(url, lifecycle=SHORT)
    async with connected(url) as connection:
        insert = "INSERT INTO bars SELECT 1, 60000000, now() - n * interval '49 days', 1, 2, 0.5, 1.5, 7 FROM generate_series(0, 9) n"
        await connection.execute(text(insert))
        assert await hypertables.maintain(connection, Lifecycle()) == {}
        assert await rows(connection, "SELECT count(*) FROM bars") == [(10,)], "nothing goes unless somebody says so"
        assert await hypertables.maintain(connection, SHORT) == {"bars": 1, "quotes": 0}
        assert await rows(connection, "SELECT count(*), min(ts) > now() - interval '401 days' FROM bars") == [(9, True)]
        assert edition is await hypertables.edition(connection)


async def test_old_rows_of_plain_tables_go_batch_by_batch_of_every_series(database_url: URL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hypertables, "BATCH", 2)
    async with connected(database_url) as connection:
        insert = """
            INSERT INTO bars SELECT i, 60000000 * i, now() - n * interval '99 days', 1, 2, 0.5, 1.5, 7
            FROM generate_series(1, 2) i, generate_series(1, 9) n WHERE i = 1 OR n < 6"""
        await connection.execute(text(insert))
        told = "CREATE TABLE told AS SELECT 0::bigint AS transaction, 0::bigint AS rows WITH NO DATA"
        tell = """
            CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
            $f$ BEGIN INSERT INTO told SELECT txid_current(), count(*) FROM gone; RETURN NULL; END $f$"""
        on = "CREATE TRIGGER told AFTER DELETE ON bars REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION tell()"
        for statement in (told, tell, on):
            await connection.execute(text(statement))
        await connection.commit()
        assert await hypertables.maintain(connection, SHORT) == {"bars": 5 + 1, "quotes": 0}
        assert await rows(connection, "SELECT instrument_id, count(*) FROM bars GROUP BY 1 ORDER BY 1") == [(1, 4), (2, 4)]
        assert await rows(connection, "SELECT sum(rows) FROM told WHERE rows > 0 GROUP BY transaction ORDER BY transaction") == [
            (2,), (2,), (1,), (1,),
        ]  # fmt: skip


@given(st.integers(7, 10_000))
def test_rows_are_kept_for_longer_than_candles_are_refreshed_from_them(days: int) -> None:
    refreshed = Lifecycle(keep_days={"bars": days}).refresh_days
    assert refreshed is not None
    assert refreshed + 1 <= days, "a whole bucket of the longest candles lies between"
    assert Lifecycle().refresh_days is None
