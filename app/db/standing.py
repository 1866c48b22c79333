"""How the tables of market data stand in a database: what they are, how large, how long their rows are kept."""

from datetime import timedelta
from typing import NamedTuple

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import hypertables
from app.db.hypertables import TABLES, Edition, Hypertable


class Standing(NamedTuple):
    """One table; rows are the planner's estimate, and what only a hypertable has is None or 0 of a plain table."""

    name: str
    rows: int
    bytes: int
    chunk: timedelta | None
    chunks: int
    compressed: int


class Versions(NamedTuple):
    """Versions of the server, and of the extension in this database and in the server's files; None where there is none."""

    server: str
    extension: str | None
    library: str | None


async def versions(connection: AsyncConnection) -> Versions:
    """Return what runs."""
    query = """
        SELECT current_setting('server_version'), max(installed_version), max(default_version) FROM pg_available_extensions
        WHERE name = 'timescaledb'"""
    return Versions(*(await connection.execute(text(query))).one())


async def tables(connection: AsyncConnection) -> list[Standing]:
    """Return the tables of market data."""
    chunked = await hypertables.edition(connection) is not Edition.NONE
    return [await (_hypertable if chunked else _plain)(connection, table) for table in TABLES]


async def _plain(connection: AsyncConnection, table: Hypertable) -> Standing:
    query = text("SELECT greatest(reltuples, 0)::bigint, pg_total_relation_size(oid) FROM pg_class WHERE oid = to_regclass(:name)")
    rows, size = (await connection.execute(query, {"name": table.name})).one()
    return Standing(table.name, rows, size, None, 0, 0)


async def _hypertable(connection: AsyncConnection, table: Hypertable) -> Standing:
    query = text("""
        SELECT approximate_row_count(to_regclass(:name)), hypertable_size(to_regclass(:name)),
               (SELECT time_interval FROM timescaledb_information.dimensions WHERE hypertable_schema = 'public' AND hypertable_name = :name),
               count(*), count(*) FILTER (WHERE is_compressed)
        FROM timescaledb_information.chunks WHERE hypertable_schema = 'public' AND hypertable_name = :name""")
    return Standing(table.name, *(await connection.execute(query, {"name": table.name})).one())
