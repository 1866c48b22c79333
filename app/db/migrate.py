"""Migrations from Python: bring a database up to date, and say where it and the code stand."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import URL, Connection, text
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import NullPool

from app.db import hypertables
from app.db.hypertables import Lifecycle

_LOCK = 0x75_73_64_63  # "usdc": one migrator at a time in a database
_MIGRATIONS = Path(__file__).parent / "migrations"


def head() -> str:
    """Return the revision that this code expects."""
    revision = ScriptDirectory.from_config(_config()).get_current_head()
    assert revision is not None, "the first migration is missing from app/db/migrations/versions"
    return revision


async def current(connection: AsyncConnection) -> str | None:
    """Return the revision that a database is at; None before its first migration."""
    return await connection.run_sync(lambda sync: MigrationContext.configure(sync).get_current_revision())


async def upgrade(url: URL | str, revision: str = "head", *, lifecycle: Lifecycle | None = None) -> None:
    """Bring the database to `head()`, or a revision before: waits for another migrator, commits each step, does nothing when up to date.

    At the head, what a server with TimescaleDB does for the tables is made to agree with `lifecycle`.
    """
    engine = create_async_engine(url, poolclass=NullPool)
    async with engine.connect() as connection:
        # Held by the session, not by a transaction, and so released when this connection closes.
        await connection.execute(text("SELECT pg_advisory_lock(:lock)"), {"lock": _LOCK})
        await connection.commit()
        await connection.run_sync(_upgrade, revision)
        if revision == "head":
            await hypertables.reconcile(connection, lifecycle or Lifecycle())


def _upgrade(connection: Connection, revision: str) -> None:
    command.upgrade(_config(connection), revision)


def _config(connection: Connection | None = None) -> Config:
    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    return config
