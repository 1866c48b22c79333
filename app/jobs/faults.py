"""Which errors of the servers pass by themselves, so that it is worth trying again."""

import asyncpg  # type: ignore[import-untyped]
from redis.exceptions import RedisError
from sqlalchemy.exc import DBAPIError, SQLAlchemyError

SERVERS = (OSError, TimeoutError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError, RedisError)
"""Everything that PostgreSQL, Redis and the way to them raise."""

_PASSING = ("08", "40", "53", "57", "58")
"""SQLSTATE classes: connection, rollback, resources (a full disk), intervention (a restart), system error."""


def passes(error: BaseException) -> bool:
    """Tell whether a server's error is about its present state, and not about what it was asked to do."""
    cause = error.orig if isinstance(error, DBAPIError) else error
    state = getattr(cause, "sqlstate", None)
    if state is not None:
        return str(state)[:2] in _PASSING
    return not isinstance(error, SQLAlchemyError) or isinstance(error, DBAPIError)
