"""Real servers for tests: PostgreSQL and the queue of the box, started once a session; a fresh database for every test.

Fixtures, to be had in every test by their names:

postgres_servers   the running servers (`app.ops.box.record.Box`), session-wide
app_settings       `Settings` that point to this test's database and to the queue
database_url       SQLAlchemy URL (asyncpg) of a fresh database at the head of the migrations
libpq_uri          the same database for ADBC and psql
empty_database_url SQLAlchemy URL of a fresh database without any table
redis_url          the queue, emptied
"""

import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg
import pytest
import redis
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlalchemy import URL

from app.db import migrate
from app.ops.box.record import Box
from app.ops.box.supervisor import servers
from app.settings import Settings, load_settings

_TEMPLATE = "usdc_arb_template"


@pytest.fixture(scope="session")
def servers_portal() -> Iterator[BlockingPortal]:
    """Yield an event loop in a thread of its own, so that the servers are looked after whatever the tests' loops do."""
    with start_blocking_portal() as portal:
        yield portal


@pytest.fixture(scope="session")
def postgres_servers(servers_portal: BlockingPortal, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    """Run PostgreSQL and the queue for the session, without the wait for the disk, on a folder of their own."""
    data = tmp_path_factory.mktemp("servers") / "data"
    with servers_portal.wrap_async_context_manager(servers(data)) as box:
        servers_portal.call(_run, box.admin_uri, "ALTER SYSTEM SET fsync = off", "SELECT pg_reload_conf()")
        yield box
    shutil.rmtree(data)


@pytest.fixture(scope="session")
def template_database(postgres_servers: Box, servers_portal: BlockingPortal) -> str:
    """Return the name of a database at the head of the migrations, of which every test gets a copy."""
    servers_portal.call(_run, postgres_servers.admin_uri, f"CREATE DATABASE {_TEMPLATE} OWNER {postgres_servers.settings.db_user}")
    servers_portal.call(migrate.upgrade, postgres_servers.settings.database_url.set(database=_TEMPLATE))
    return _TEMPLATE


@pytest.fixture
def app_settings(postgres_servers: Box, servers_portal: BlockingPortal, template_database: str) -> Iterator[Settings]:
    """Yield settings for a database of this test alone."""
    with _database(postgres_servers, servers_portal, template_database) as name:
        yield load_settings({**postgres_servers.variables, "DB_NAME": name}, env_file=None)


@pytest.fixture
def database_url(app_settings: Settings) -> URL:
    """Return the URL of this test's database for SQLAlchemy."""
    return app_settings.database_url


@pytest.fixture
def libpq_uri(app_settings: Settings) -> str:
    """Return the URI of this test's database for libpq."""
    return app_settings.libpq_uri


@pytest.fixture
def empty_database_url(postgres_servers: Box, servers_portal: BlockingPortal) -> Iterator[URL]:
    """Yield the URL of a database without any table."""
    with _database(postgres_servers, servers_portal, "template1") as name:
        yield postgres_servers.settings.database_url.set(database=name)


@pytest.fixture
def redis_url(postgres_servers: Box) -> str:
    """Return the URL of the queue after emptying it."""
    settings = postgres_servers.settings
    url = f"redis://:{settings.redis_password.get_secret_value()}@{settings.redis_host}:{settings.redis_port}/0"
    with redis.Redis.from_url(url) as client:
        client.flushall()
    return url


@contextmanager
def _database(box: Box, portal: BlockingPortal, template: str) -> Iterator[str]:
    name = f"test_{secrets.token_hex(6)}"
    portal.call(_run, box.admin_uri, f"CREATE DATABASE {name} TEMPLATE {template} OWNER {box.settings.db_user}")
    yield name
    portal.call(_run, box.admin_uri, f"DROP DATABASE {name} WITH (FORCE)")


async def _run(uri: str, *statements: str) -> None:
    connection = await asyncpg.connect(uri)
    try:
        for statement in statements:
            await connection.execute(statement)
    finally:
        await connection.close()
