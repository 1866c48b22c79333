"""A small application for each test, on a real database and a real queue."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from uuid import UUID

import httpx2
import pytest
from redis.asyncio import Redis
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker
from starlette.applications import Starlette

from app.api.application import create_app
from app.db.session import Sessions, make_sessions
from app.settings import Settings
from tests.app.api.asking import client_of
from tests.app.api.rows import finish, submit

QUEUE = "test:runs"
Counting = Callable[[], AbstractContextManager[list[str]]]


@pytest.fixture
async def engine(app_settings: Settings) -> AsyncIterator[AsyncEngine]:
    engine, _ = make_sessions(app_settings.database_url, 5)
    yield engine
    await engine.dispose()


@pytest.fixture
def sessions(engine: AsyncEngine) -> Sessions:
    return async_sessionmaker(engine, class_=AsyncSession, expire_on_commit=False)


@pytest.fixture
async def redis(redis_url: str) -> AsyncIterator[Redis]:
    async with Redis.from_url(redis_url) as client:
        yield client


@pytest.fixture
def rings() -> list[str]:
    return []


@pytest.fixture
def app(sessions: Sessions, redis: Redis, app_settings: Settings, rings: list[str]) -> Starlette:
    async def ring() -> None:
        rings.append("ring")

    return create_app(sessions=sessions, redis=redis, queue=QUEUE, settings=app_settings, ring=ring)


@pytest.fixture
async def stranger(app: Starlette) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app, None) as client:
        yield client


@pytest.fixture
async def client(app: Starlette, app_settings: Settings) -> AsyncIterator[httpx2.AsyncClient]:
    async with client_of(app, app_settings.api_secret_key.get_secret_value()) as client:
        yield client


@pytest.fixture
def counting(engine: AsyncEngine) -> Counting:
    """Yield the SQL statements that are sent while a test counts."""

    @contextmanager
    def count() -> Iterator[list[str]]:
        sent: list[str] = []

        def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
            sent.append(statement)

        event.listen(engine.sync_engine, "before_cursor_execute", note)
        yield sent
        event.remove(engine.sync_engine, "before_cursor_execute", note)

    return count


@pytest.fixture
async def done(sessions: Sessions) -> UUID:
    """A run that is done."""
    run = await submit(sessions)
    await finish(sessions, run)
    return run.id
