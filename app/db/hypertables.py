"""Which tables are hypertables where TimescaleDB is there, and how long their rows are kept: what every database is made to agree with.

`reconcile` asks what the server has and does the best that is possible:

full     the extension with its timescale licence: hypertables, columnstore, policies, continuous aggregates
apache   the extension of Debian and of CloudNativePG: hypertables; `maintain` drops what is past its time
none     plain tables of the same columns; `maintain` deletes what is past its time

Every statement of the application is the same in all three. Whoever adds a table of market data adds a line to `TABLES`, and one to the
streams of `infra.sizing`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from app.db import candles

DAY_HOURS = 24
BATCH = 50_000
"""Rows that are deleted in one transaction."""


class Edition(StrEnum):
    """What of TimescaleDB a database has."""

    FULL = "full"
    APACHE = "apache"
    NONE = "none"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hypertable:
    """A table of series: the column of its time, and what the rows of a series are in order of. All of the primary key is in one of them."""

    name: str
    time: str
    order: tuple[str, ...]
    segment: tuple[str, ...] = ("instrument_id", "interval_us")


TABLES = (
    Hypertable(name="bars", time="ts", order=("ts",)),
    Hypertable(name="quotes", time="at", order=("at", "seq")),
    Hypertable(name="trades", time="at", order=("at", "seq"), segment=("instrument_id",)),
    Hypertable(name="pool_states", time="at", order=("at", "seq")),
    Hypertable(name="funding_rates", time="ts", order=("ts",), segment=("instrument_id",)),
)
_CHUNKS = MappingProxyType(
    {"bars": 7 * DAY_HOURS, "quotes": DAY_HOURS, "trades": DAY_HOURS, "pool_states": 7 * DAY_HOURS, "funding_rates": 28 * DAY_HOURS}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Lifecycle:
    """How rows live: how long chunks are, when they are compressed, when they go."""

    chunk_hours: Mapping[str, int] = field(default_factory=lambda: _CHUNKS)
    columnstore_days: int = 14
    """Days after which a chunk is laid out by columns, where that is possible."""
    keep_days: Mapping[str, int] = field(default_factory=dict)
    """Days for which the rows of a table are kept; for ever where nothing is said."""

    @property
    def refresh_days(self) -> int | None:
        """How far back candles are worked out anew: everything, or up to a day before bars go, lest those of bars that are gone go too."""
        kept = self.keep_days.get("bars")
        return None if kept is None else kept - 1


async def edition(connection: AsyncConnection) -> Edition:
    """Return what the server has for this database, whether it is in use here already or not."""
    if (licence := await _licence(connection)) is None:
        return Edition.NONE
    return Edition.FULL if licence == "timescale" else Edition.APACHE


async def reconcile(connection: AsyncConnection, lifecycle: Lifecycle) -> Edition:
    """Make hypertables, columnstore, policies and candles what `lifecycle` says, as far as the server can; twice changes nothing. Commits."""
    if await _preloaded(connection):
        await connection.exec_driver_sql("CREATE EXTENSION IF NOT EXISTS timescaledb")
        await connection.commit()
    found = await edition(connection)
    for table in TABLES:
        if found is not Edition.NONE:
            await make_hypertable(connection, table, lifecycle)
        if found is Edition.FULL:
            await _set_policies(connection, table, lifecycle)
        await connection.commit()
    await candles.reconcile(connection, continuous=found is Edition.FULL, refresh_days=lifecycle.refresh_days)
    await connection.commit()
    return found


async def make_hypertable(connection: AsyncConnection, table: Hypertable, lifecycle: Lifecycle) -> None:
    """Turn a table, with the rows that it has, into a hypertable; of one that is a hypertable set the length of the chunks to come."""
    hours = lifecycle.chunk_hours[table.name]
    if await _is_hypertable(connection, table):
        await connection.exec_driver_sql(f"SELECT set_chunk_time_interval('{table.name}', interval '{hours:d} hours')")
        return
    by = f"by_range('{table.time}', interval '{hours:d} hours')"
    await connection.exec_driver_sql(f"SELECT create_hypertable('{table.name}', {by}, create_default_indexes => false, migrate_data => true)")


async def maintain(connection: AsyncConnection, lifecycle: Lifecycle) -> dict[str, int]:
    """Do what policies would, where there are none: let go what is past its time; return how many chunks, or rows, of each table went.

    Commits, rows every `BATCH`: nobody waits long, and what was done stays where it is broken off.
    """
    found, gone = await edition(connection), {}
    for table in TABLES if found is not Edition.FULL else ():
        if (days := lifecycle.keep_days.get(table.name)) is not None:
            gone[table.name] = await _let_go(connection, table, days, in_chunks=found is Edition.APACHE)
            await connection.commit()
    return gone


async def _let_go(connection: AsyncConnection, table: Hypertable, days: int, *, in_chunks: bool) -> int:
    before = f"now() - interval '{days:d} days'"
    if in_chunks:
        return len((await connection.exec_driver_sql(f"SELECT drop_chunks('{table.name}', {before})")).all())
    gone, series = 0, await _next(connection, table, None)
    while series is not None:
        while count := await _delete(connection, table, series, before):
            gone += count
            await connection.commit()
        series = await _next(connection, table, series)
    return gone


# Series by series, as the primary key goes: by time alone every batch would read the whole table.
async def _next(connection: AsyncConnection, table: Hypertable, last: Sequence[int] | None) -> Sequence[int] | None:
    key = ", ".join(table.segment)
    after = "" if last is None else f"WHERE ({key}) > ({', '.join(f'{value:d}' for value in last)})"
    return (await connection.exec_driver_sql(f"SELECT {key} FROM {table.name} {after} ORDER BY {key} LIMIT 1")).one_or_none()  # noqa: S608


async def _delete(connection: AsyncConnection, table: Hypertable, series: Sequence[int], before: str) -> int:
    where = " AND ".join(f"{name} = {value:d}" for name, value in zip(table.segment, series, strict=True))
    oldest = f"SELECT ctid FROM {table.name} WHERE {where} AND {table.time} < {before} ORDER BY {', '.join(table.order)} LIMIT {BATCH:d}"  # noqa: S608
    return (await connection.exec_driver_sql(f"DELETE FROM {table.name} WHERE ctid = ANY(ARRAY({oldest}))")).rowcount  # noqa: S608


# Policies are removed, then added: their terms cannot be changed, and some versions add one by themselves.
async def _set_policies(connection: AsyncConnection, table: Hypertable, lifecycle: Lifecycle) -> None:
    columnstore = f"segmentby = '{', '.join(table.segment)}', timescaledb.orderby = '{', '.join(table.order)}'"
    if not await _has_columnstore(connection, table):
        await connection.exec_driver_sql(f"ALTER TABLE {table.name} SET (timescaledb.enable_columnstore, timescaledb.{columnstore})")
    await connection.exec_driver_sql(f"CALL remove_columnstore_policy('{table.name}', if_exists => true)")
    await connection.exec_driver_sql(f"CALL add_columnstore_policy('{table.name}', after => interval '{lifecycle.columnstore_days:d} days')")
    await connection.exec_driver_sql(f"SELECT remove_retention_policy('{table.name}', if_exists => true)")
    if (days := lifecycle.keep_days.get(table.name)) is not None:
        await connection.exec_driver_sql(f"SELECT add_retention_policy('{table.name}', drop_after => interval '{days:d} days')")


# The loader has this setting before the extension is made; which libraries are preloaded only few may ask.
async def _preloaded(connection: AsyncConnection) -> bool:
    query = """
        SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'timescaledb')
               AND current_setting('timescaledb.max_background_workers', true) IS NOT NULL"""
    return bool(await connection.scalar(text(query)))


async def _licence(connection: AsyncConnection) -> str | None:
    query = "SELECT current_setting('timescaledb.license', true) FROM pg_extension WHERE extname = 'timescaledb'"
    found: str | None = await connection.scalar(text(query))
    return found


async def _is_hypertable(connection: AsyncConnection, table: Hypertable) -> bool:
    query = text("SELECT EXISTS (SELECT FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' AND hypertable_name = :name)")
    return bool(await connection.scalar(query, {"name": table.name}))


async def _has_columnstore(connection: AsyncConnection, table: Hypertable) -> bool:
    query = text("SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_schema = 'public' AND hypertable_name = :name")
    return bool(await connection.scalar(query, {"name": table.name}))
