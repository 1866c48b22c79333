"""The connection pool and the sessions on it: `async with sessions.begin() as session:` is the unit of work."""

from sqlalchemy import URL
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Sessions = async_sessionmaker[AsyncSession]


def make_sessions(url: URL | str, pool_size: int) -> tuple[AsyncEngine, Sessions]:
    """Return the engine, which its owner disposes of, and a maker of sessions that hand out plain rows after commit.

    Idle connections are checked before use, so that a restarted server costs no request.
    """
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=30, pool_pre_ping=True)
    return engine, async_sessionmaker(engine, expire_on_commit=False)
