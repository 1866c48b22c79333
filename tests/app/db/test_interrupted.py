"""A migration that is killed midway leaves the step before, whole, and is run again; no schema that was ever there loses a row."""

import asyncio
import os
import sys

import asyncpg
import pytest
from sqlalchemy import URL

from app.db.migrate import head, upgrade

MIGRATOR = "import asyncio, os; from app.db.migrate import upgrade; asyncio.run(upgrade(os.environ['URL']))"
FILL = """
    INSERT INTO venues (name) VALUES ('kraken');
    INSERT INTO instruments (venue_id, name, base, quote) VALUES (1, 'BTC/USD', 'BTC', 'USD');
    INSERT INTO bars SELECT 1, 60000000, timestamptz '2023-03-08Z' + n * interval '1 minute', 1, 2, 0.5, 1.5, 7 FROM generate_series(1, 3000) n;
    INSERT INTO imports (id, path, sha256, format, instrument_id, interval_us, rows_read, rows_new, first_ts, last_ts) VALUES
    ('00000000-0000-7000-8000-000000000001', 'a', 'x', 'csv', 1, 60000000, 3000, 3000, '2023-03-08Z', '2023-03-10Z');
    INSERT INTO runs (id, created_by, name, strategy, spec, spec_hash) VALUES ('00000000-0000-7000-8000-000000000001', 'a', 'b', 'c', '{}', 'd')"""
KEPT = "SELECT (SELECT count(*) FROM bars), (SELECT count(*) FROM imports), (SELECT count(*) FROM runs), (SELECT count(*) FROM series_days)"


def text(url: URL) -> str:
    """Return an address with its password."""
    return url.render_as_string(hide_password=False)


async def connect(url: URL) -> asyncpg.Connection:
    """Connect without SQLAlchemy."""
    return await asyncpg.connect(text(url.set(drivername="postgresql")))


@pytest.mark.parametrize("revision", ["0001", "0002", "0003", "0004", "0005", "0006", "0007", "0008", "0009"])
async def test_every_earlier_schema_comes_up_with_its_rows(empty_database_url: URL, revision: str) -> None:
    await upgrade(empty_database_url, revision)
    connection = await connect(empty_database_url)
    await connection.execute(FILL)
    await upgrade(empty_database_url)
    assert tuple(await connection.fetchrow(KEPT)) == (3000, 1, 1, 3)
    await connection.close()


async def test_a_migrator_that_is_killed_midway_leaves_the_step_before_and_the_next_goes_on(empty_database_url: URL) -> None:
    await upgrade(empty_database_url, "0002")
    watcher, reader = await connect(empty_database_url), await connect(empty_database_url)
    await watcher.execute(FILL)
    transaction = reader.transaction()
    await transaction.start()
    await reader.execute("LOCK TABLE runs IN ACCESS SHARE MODE")  # a long read: the step that changes runs has to wait
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", MIGRATOR, env={**os.environ, "URL": text(empty_database_url)})
    waiting = "SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'runs'::regclass)"
    async with asyncio.timeout(120):
        while not await watcher.fetchval(waiting):
            await asyncio.sleep(0.05)
    process.kill()
    await process.wait()
    assert await watcher.fetchval("SELECT version_num FROM alembic_version") == "0003"
    await transaction.rollback()
    await asyncio.wait_for(upgrade(empty_database_url), 60)  # the lock went with the connection of the one that was killed
    assert await watcher.fetchval("SELECT version_num FROM alembic_version") == head()
    assert tuple(await watcher.fetchrow(KEPT)) == (3000, 1, 1, 3)
    await reader.close()
    await watcher.close()
