"""The database and the queue, connected: what API and worker have in common."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from arq.connections import ArqRedis

from app.db.session import Sessions, make_sessions
from app.errors import Unavailable
from app.jobs import queue
from app.jobs.faults import SERVERS
from app.settings import Settings


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """Sessions on the database, and the queue."""

    sessions: Sessions
    redis: ArqRedis


@asynccontextmanager
async def connected(settings: Settings, *, pool_size: int) -> AsyncIterator[Servers]:
    """Hand out both, and close both afterwards; Unavailable where the queue does not answer, while the database may come later."""
    engine, sessions = make_sessions(settings.database_url, pool_size)
    try:
        redis = await _queue(settings)
        try:
            yield Servers(sessions=sessions, redis=redis)
        finally:
            await redis.aclose()
    finally:
        await engine.dispose()


async def _queue(settings: Settings) -> ArqRedis:
    try:
        return await queue.connect(settings.redis)
    except SERVERS as error:
        where = f"{settings.redis_host}:{settings.redis_port}"
        raise Unavailable(f"the queue at {where} (REDIS_HOST, REDIS_PORT, REDIS_PASSWORD) does not answer or refuses us: {error}") from error
