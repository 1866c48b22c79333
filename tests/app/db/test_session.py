"""Sessions: one transaction a block, rows that outlive it, connections that outlive a restart."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import URL, func, select, text
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from sqlalchemy.ext.asyncio import AsyncEngine

from app.db.models import Import, Run, RunState, Venue
from app.db.session import Sessions, make_sessions


async def fail_after_writing(sessions: Sessions) -> None:
    """Write a row, then raise."""
    async with sessions.begin() as session:
        session.add(Venue(name="coinbase"))
        await session.flush()
        raise ZeroDivisionError


async def test_a_block_commits_whole_or_not_at_all(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        session.add(Venue(name="kraken"))
    with pytest.raises(ZeroDivisionError):
        await fail_after_writing(sessions)
    async with sessions() as session:
        assert list(await session.scalars(select(Venue.name))) == ["kraken"]


async def test_rows_can_be_read_after_their_session_and_have_the_defaults_of_the_tables(sessions: Sessions) -> None:
    async with sessions.begin() as session:
        run = Run(created_by="me", name="n", strategy="spatial", spec={"a": [1]}, spec_hash="h", summary=None)
        session.add(run)
        await session.flush()
        await session.refresh(run)
    assert (run.state, run.progress, run.attempt, run.fence, run.cancel_requested) == (RunState.QUEUED, 0.0, 0, 0, False)
    assert run.id.version == 7
    assert run.created_at.tzinfo is not None
    async with sessions() as session:
        assert await session.scalar(select(func.count()).where(Run.summary.is_(None))) == 1, "None is NULL, not the JSON null"


@asynccontextmanager
async def pool(url: URL, size: int) -> AsyncIterator[tuple[AsyncEngine, Sessions]]:
    """Yield a pool of its own."""
    engine, sessions = make_sessions(url, size)
    try:
        yield engine, sessions
    finally:
        await engine.dispose()


async def test_an_idle_connection_that_was_cut_is_replaced(database_url: URL, sessions: Sessions) -> None:
    async with pool(database_url, 1) as (_, cut):
        async with cut() as session:
            pid = await session.scalar(text("SELECT pg_backend_pid()"))
        async with sessions() as session:
            assert await session.scalar(text("SELECT pg_terminate_backend(:pid, 5000)"), {"pid": pid})
        async with cut() as session:
            assert await session.scalar(text("SELECT pg_backend_pid()")) != pid


async def test_the_pool_is_as_large_as_it_was_asked_to_be(database_url: URL) -> None:
    async with pool(database_url, 2) as (engine, small), small() as one, small() as two, small() as three:
        engine.pool._timeout = 0.1  # type: ignore[attr-defined]
        await one.scalar(text("SELECT 1"))
        await two.scalar(text("SELECT 1"))
        with pytest.raises(PoolTimeoutError):
            await three.scalar(text("SELECT 1"))


async def test_an_import_without_detail_has_an_empty_one(sessions: Sessions) -> None:
    assert Import.__table__.c.detail.server_default is not None
    async with sessions() as session:
        assert await session.scalar(text("SELECT column_default FROM information_schema.columns WHERE column_name = 'detail'")) == "'{}'::jsonb"
