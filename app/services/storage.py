"""What market data is kept in: the edition of TimescaleDB, what it does, and what is lost without it; and the upkeep that falls to us then."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from types import MappingProxyType

from sqlalchemy import delete, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db import hypertables, migrate, roles, standing
from app.db.hypertables import Edition, Lifecycle
from app.db.models import Run, RunState, SweepPart
from app.db.standing import Standing, Versions
from app.errors import Forbidden

UNFINISHED_KEPT = timedelta(days=30)
"""For how long the rows of a sweep that came to no result can be looked at."""

WITHOUT: Mapping[Edition, tuple[str, ...]] = MappingProxyType(
    {
        Edition.FULL: (),
        Edition.APACHE: (
            "no columnstore: rows take four to ten times the room, and long reads as much longer",
            "no continuous aggregates: candles of 5m, 1h and 1d are worked out from bars at every question",
            "no policies: `usdc-arb db maintain` lets go what is past its time, once a day from a timer",
        ),
        Edition.NONE: (
            "no chunks: one index a table, which is slow to write once it is larger than the database's memory; old rows are deleted, not dropped",
            "no columnstore: rows take four to ten times the room, and long reads as much longer",
            "no continuous aggregates: candles of 5m, 1h and 1d are worked out from bars at every question",
            "no policies: `usdc-arb db maintain` lets go what is past its time, once a day from a timer",
        ),
    }
)
"""What a database lacks, beside one with all of TimescaleDB; answers are the same in all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """How a database stands."""

    revision: str | None
    head: str
    versions: Versions
    edition: Edition
    tables: list[Standing]
    without: tuple[str, ...]


async def status(engine: AsyncEngine) -> Storage:
    """Return how the database stands; its tables where it is at the head."""
    async with engine.connect() as connection:
        revision, edition = await migrate.current(connection), await hypertables.edition(connection)
        return Storage(
            revision=revision,
            head=migrate.head(),
            versions=await standing.versions(connection),
            edition=edition,
            tables=await standing.tables(connection) if revision == migrate.head() else [],
            without=WITHOUT[edition],
        )


async def maintain(engine: AsyncEngine, lifecycle: Lifecycle) -> dict[str, int]:
    """Let go what is past its time, where no policy does; return how many chunks, or rows, of each table went. Commits each table.

    Rows of sweeps that were cancelled or failed are kept for a while, to be looked at; no policy knows of them.
    """
    ended = select(Run.id).where(Run.state.in_((RunState.CANCELLED, RunState.FAILED)), Run.finished_at < func.now() - UNFINISHED_KEPT)
    async with engine.begin() as connection:
        parts = await connection.execute(delete(SweepPart).where(SweepPart.run_id.in_(ended)))
    async with engine.connect() as connection:
        return await hypertables.maintain(connection, lifecycle) | ({SweepPart.__tablename__: parts.rowcount} if parts.rowcount else {})


async def make_roles(engine: AsyncEngine) -> tuple[str, ...]:
    """Make the roles with their rights and return their names; Forbidden where the connected role may not."""
    async with engine.begin() as connection:
        if not await roles.may_create(connection):
            raise Forbidden("DB_USER may not make roles: set DB_USER and DB_PASSWORD to a role with CREATEROLE that owns the tables, and do it again")
        await roles.make(connection)
    return roles.ROLES
