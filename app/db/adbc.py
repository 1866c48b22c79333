"""ADBC transactions: the bulk path beside SQLAlchemy, blocking, with PostgreSQL's refusals as our errors."""

import functools
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import adbc_driver_postgresql  # type: ignore[import-untyped]
from adbc_driver_manager import AdbcConnection, AdbcDatabase
from adbc_driver_manager.dbapi import Connection, Cursor, Error

from app.errors import AppError, DiskFull, Unavailable

_NO_SPACE = "53100"
_NO_TABLE = "42P01"
_SEVERITY = re.compile(r"(?:ERROR|FATAL|PANIC):\s*")
_DATABASES = 8
_connecting = threading.Lock()


class Session:
    """A connection for several transactions, one after the other; the first that raises is the last."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    @contextmanager
    def transaction(self) -> Iterator[Cursor]:
        """Yield a cursor; commit when the block ends."""
        try:
            with self._connection.cursor() as cursor:
                yield cursor
            self._connection.commit()
        except Error as error:
            raise _ours(error) from error


@contextmanager
def session(libpq_uri: str) -> Iterator[Session]:
    """Yield a session; what is not committed when the block ends is rolled back."""
    try:
        connection = _connection(libpq_uri)
    except Error as error:
        raise _ours(error) from error
    try:
        yield Session(connection)
    finally:
        connection.close()


@contextmanager
def transaction(libpq_uri: str) -> Iterator[Cursor]:
    """Yield a cursor; commit when the block ends, roll everything back when it raises."""
    with session(libpq_uri) as opened, opened.transaction() as cursor:
        yield cursor


# Connections share what the driver learns of a database's types: asking for them takes ten times as long as connecting.
def _connection(libpq_uri: str) -> Connection:
    with _connecting:
        database = _database(libpq_uri)
        return Connection(_Shared(database), AdbcConnection(database))  # type: ignore[arg-type]


@functools.lru_cache(_DATABASES)
def _database(libpq_uri: str) -> AdbcDatabase:
    found: AdbcDatabase = adbc_driver_postgresql.connect(libpq_uri)
    return found


class _Shared:
    """Stands for a database in a connection, which closes it as it is closed."""

    def __init__(self, database: AdbcDatabase) -> None:
        self._database = database

    def close(self) -> None:
        """Leave it open for the next one."""


def _ours(error: Error) -> AppError:
    state, said = (error.sqlstate or "").rstrip("\0"), _SEVERITY.split(str(error))[-1].strip().partition("\n")[0]
    if state == _NO_SPACE:
        return DiskFull(f"PostgreSQL has no space left on its disk, and nothing of this is stored: {said}; free some space and do it again")
    if state == _NO_TABLE:
        return Unavailable(f"the database lacks our tables: {said}; migrate it, as starting the box does")
    return Unavailable(f"PostgreSQL did not do it, and nothing of this is stored: {said}; see that it runs and do it again")
