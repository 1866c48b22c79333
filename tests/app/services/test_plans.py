"""What the API, workers and snapshots ask of large tables goes by an index: the server counts its own sequential scans."""

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import URL

from app.db import adbc, snapshots
from app.db.models import RunState
from app.db.objects import Place
from app.db.session import make_sessions
from app.services import leases, market, runs
from app.services.snapshots import Archive, load
from app.services.wanted import Reach
from app.sources.kinds import FUNDING, POOL, QUOTES, Kind
from engine.schema import SeriesKey, funding_key

START = datetime(2023, 3, 8, tzinfo=UTC)
KEY = SeriesKey("v", "B3/USD")
MINUTE_US = 60_000_000
LARGE = {"bars", "quotes", "pool_states", "funding_rates", "series_days", "runs", "run_files"}
FILL = (
    "INSERT INTO venues (name) VALUES ('v')",
    "INSERT INTO instruments (venue_id, name, base, quote) SELECT 1, 'B' || n || '/USD', 'B' || n, 'USD' FROM generate_series(1, 30) n",
    """INSERT INTO bars SELECT i, 60000000, timestamptz '2023-03-08Z' + n * interval '1 minute', 1, 2, 0.5, 1.5, n
       FROM generate_series(1, 30) i, generate_series(0, 4319) n""",
    """INSERT INTO quotes SELECT i, 0, timestamptz '2023-03-08Z' + n * interval '10 s', 0, NULL, timestamptz '2023-03-08Z' + n * interval '10 s',
       1, 2, 3, 4, NULL FROM generate_series(1, 10) i, generate_series(0, 9999) n""",
    """INSERT INTO imports (id, path, sha256, format, instrument_id, data, interval_us, rows_read, rows_new, first_ts, last_ts)
       SELECT gen_random_uuid(), 'a', 'b', 'c', i, 'bars', 60000000, 1, 1, '2023-03-08Z', '2023-03-10 23:59Z' FROM generate_series(1, 30) i""",
    """INSERT INTO pool_states SELECT i, 0, timestamptz '2023-03-08Z' + n * interval '10 s', 0, timestamptz '2023-03-08Z' + n * interval '10 s',
       NULL, n, 1, 2, 3, 4, NULL, NULL FROM generate_series(1, 10) i, generate_series(0, 9999) n""",
    """INSERT INTO funding_rates SELECT i, timestamptz '2023-03-09 03:46Z' - n * interval '1 hour', NULL, 0.0001
       FROM generate_series(1, 10) i, generate_series(0, 999) n""",
    """INSERT INTO imports (id, path, sha256, format, instrument_id, data, interval_us, rows_read, rows_new, first_ts, last_ts)
       SELECT gen_random_uuid(), 'a', 'b', 'c', i, data, 0, 1, 1, '2023-03-08Z', '2023-03-09 03:46Z'
       FROM generate_series(1, 10) i, unnest('{quotes, pool, funding}'::text[]) data""",
    "INSERT INTO series_days SELECT i + 1000, 'bars', 60000000, date '2020-01-01' + n, 1 FROM generate_series(1, 20) i, generate_series(1, 1000) n",
    """INSERT INTO runs (id, created_by, name, strategy, spec, spec_hash, state, created_at) SELECT gen_random_uuid(), 'a', 'b', 'c', '{}', 'd',
       CASE WHEN n % 1000 = 0 THEN 'queued' ELSE 'done' END, now() - n * interval '1 minute' FROM generate_series(1, 20000) n""",
    "INSERT INTO run_files SELECT id, 'fills.parquet', 'x' FROM runs",
    "ANALYZE",
)
CANDLES = """
    EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON)
    SELECT * FROM candles_1h(3, 60000000, '2023-03-09Z', '2023-03-10Z')"""


@pytest.fixture
async def filled(libpq_uri: str) -> str:
    """Return a database with much in it."""
    await execute(libpq_uri, *FILL)
    return libpq_uri


async def execute(uri: str, *statements: str) -> list[asyncpg.Record]:
    """Return the rows of the last of some statements."""
    connection = await asyncpg.connect(uri)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()


async def scanned(uri: str) -> dict[str, int]:
    """Return how many rows of the large tables were read by sequential scans so far; what a session did is told when it ends."""
    found = await execute(uri, "SELECT relname, seq_tup_read FROM pg_stat_user_tables")
    return {row["relname"]: row["seq_tup_read"] for row in found if row["relname"] in LARGE}


async def test_no_question_scans_a_large_table(filled: str, database_url: URL, tmp_path: Path) -> None:
    before = await scanned(filled)
    await charts_and_runs(database_url)
    wanted = {KEY: Reach(Kind("bars", MINUTE_US), START + timedelta(hours=3), START + timedelta(days=1))}
    half = START, START + timedelta(hours=5)
    others = {SeriesKey("v", "B4/USD"): Reach(QUOTES, *half), SeriesKey("v", "B5/USD"): Reach(POOL, *half)}
    others[funding_key(SeriesKey("v", "B6/USD"))] = Reach(FUNDING, *half)
    archive = Archive(libpq_uri=filled, read_uri=filled, place=Place(url=str(tmp_path)))
    assert load(archive, wanted | others).frames[KEY].height == 21 * 60
    with adbc.transaction(filled) as cursor:
        assert len(snapshots.days(cursor, snapshots.Line(1003, "bars", MINUTE_US), START.date(), START.date())) == 0
    assert await scanned(filled) == before
    await execute(filled, "SELECT sum(volume) FROM bars WHERE volume > 1")
    assert (await scanned(filled))["bars"] >= before["bars"] + 129_600, "a scan would be seen"


async def charts_and_runs(url: URL) -> None:
    """Ask what the API and a worker ask."""
    engine, sessions = make_sessions(url, 1)
    asked: dict[str, Any] = {"venue": "v", "instrument": "B3/USD", "start": START, "end": START + timedelta(days=2), "max_points": 100}
    for minutes in (1, 5, 60, 1440):
        assert (await market.bars(sessions, **asked, interval_us=minutes * MINUTE_US)).height > 0
    page = await runs.page(sessions, first=20)
    await runs.page(sessions, first=20, after=page.runs[-1].id)
    waiting = (await runs.page(sessions, first=5, state=RunState.QUEUED)).runs[0].id
    held = await leases.claim(sessions, worker="w", lease_s=60)
    assert held is not None
    await leases.standing(sessions, held)
    await leases.reap(sessions, max_crashes=3)
    await leases.expire(sessions)
    await runs.get(sessions, UUID(int=waiting.int))
    await engine.dispose()


async def test_the_limits_of_candles_reach_the_index(filled: str) -> None:
    plan = (await execute(filled, CANDLES))[0][0]
    assert "Function Scan" not in plan, "the function is inlined"
    assert "pk_bars" in plan
    assert "Seq Scan" not in plan
    (top,) = json.loads(plan)
    assert top["Plan"]["Shared Hit Blocks"] + top["Plan"]["Shared Read Blocks"] < 60, "1,440 bars of 129,600 on some 20 pages, and the way to them"
