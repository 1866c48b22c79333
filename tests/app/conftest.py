"""The database and the queue as services and jobs use them."""

from collections.abc import AsyncIterator

import pytest
from arq.connections import ArqRedis, RedisSettings
from sqlalchemy import URL

from app.db.session import Sessions, make_sessions
from app.jobs import queue


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
