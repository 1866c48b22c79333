"""The database and the queue as services and jobs use them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from arq.connections import ArqRedis, RedisSettings
from sqlalchemy import URL

from app.db.session import Sessions, make_sessions
from app.jobs import queue
from app.services import imports
from engine.synth import Weekend, depeg_weekend


@pytest.fixture
async def sessions(database_url: URL) -> AsyncIterator[Sessions]:
    engine, sessions = make_sessions(database_url, 10)
    yield sessions
    await engine.dispose()


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[ArqRedis]:
    connected = await queue.connect(RedisSettings.from_dsn(redis_url))
    yield connected
    await connected.aclose()


@pytest.fixture
async def weekend(libpq_uri: str, tmp_path: Path) -> Weekend:
    """Have the invented weekend in the database, and return it."""
    found = depeg_weekend(1)
    for key, frame in found.bars.items():
        path = tmp_path / f"{key.venue}-{key.base}-{key.quote}.parquet"
        frame.write_parquet(path)
        await imports.import_files(libpq_uri, [path], venue=key.venue, instrument=key.instrument)
    return found
