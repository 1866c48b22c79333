"""The connection pool and the sessions on it: `async with sessions.begin() as session:` is the unit of work."""

import orjson
from sqlalchemy import URL, AdaptedConnection, event
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine

Sessions = async_sessionmaker[AsyncSession]


def make_sessions(url: URL | str, pool_size: int) -> tuple[AsyncEngine, Sessions]:
    """Return the engine, which its owner disposes of, and a maker of sessions that hand out plain rows after commit.

    Connections that the server closed meanwhile are replaced before use, so that a restarted server costs no request. Nobody has to ask it for
    that: the driver hears of it, where a question would take as long as three statements.
    """
    engine = create_async_engine(url, pool_size=pool_size, max_overflow=0, pool_timeout=30, json_deserializer=orjson.loads)
    event.listen(engine.sync_engine, "checkout", _refuse_closed)
    return engine, async_sessionmaker(engine, expire_on_commit=False)


def _refuse_closed(connection: AdaptedConnection, _record: object, _proxy: object) -> None:
    if connection.driver_connection.is_closed():
        raise DisconnectionError("the server closed the connection")
