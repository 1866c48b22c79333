"""What a finished run brought: its summary, its files, its fills page by page."""

import asyncio
import io
from collections import OrderedDict
from uuid import UUID

import polars as pl
from sqlalchemy import select

from app.db.models import Json, RunFile, RunState
from app.db.session import Sessions
from app.errors import Conflict, NotFound
from app.services import runs

FILLS = "fills.parquet"

_CACHE_BYTES = 64 << 20
_cache: OrderedDict[tuple[UUID, str], bytes] = OrderedDict()
# Files of runs never change, so there is nothing to invalidate; touched by the event loop only.


async def summary(sessions: Sessions, run_id: UUID) -> Json:
    """Return the summary of a finished run; Conflict if it is not done."""
    run = await runs.get(sessions, run_id, kind=None)
    if run.summary is None:
        raise Conflict(f"run {run_id} is {run.state} and has no result; a result is there once a run is done")
    return run.summary


async def file(sessions: Sessions, *, run_id: UUID, name: str) -> bytes:
    """Return one file of a finished run; NotFound lists the names there are, Conflict if the run is not done."""
    key = run_id, name
    if key in _cache:
        _cache.move_to_end(key)
        return _cache[key]
    async with sessions() as session:
        content = await session.scalar(select(RunFile.content).where(RunFile.run_id == run_id, RunFile.name == name))
    if content is None:
        raise await _missing(sessions, run_id, name)
    _remember(key, content)
    return content


async def fills(sessions: Sessions, *, run_id: UUID, offset: int, limit: int) -> tuple[pl.DataFrame, int]:
    """Return the fills from `offset` on, `limit` at most, in the order of the run, and how many there are in all."""
    content = await file(sessions, run_id=run_id, name=FILLS)
    return await asyncio.to_thread(_slice, content, offset, limit)


def _slice(parquet: bytes, offset: int, limit: int) -> tuple[pl.DataFrame, int]:
    rows = pl.scan_parquet(io.BytesIO(parquet))
    return rows.slice(offset, limit).collect(), rows.select(pl.len()).collect().item()


def _remember(key: tuple[UUID, str], content: bytes) -> None:
    if len(content) > _CACHE_BYTES // 4:
        return
    _cache[key] = content
    while sum(map(len, _cache.values())) > _CACHE_BYTES:
        _cache.popitem(last=False)


async def _missing(sessions: Sessions, run_id: UUID, name: str) -> Conflict | NotFound:
    run = await runs.get(sessions, run_id, kind=None)
    if run.state != RunState.DONE:
        return Conflict(f"run {run_id} is {run.state} and has no files; they are there once a run is done")
    async with sessions() as session:
        names = await session.scalars(select(RunFile.name).where(RunFile.run_id == run_id).order_by(RunFile.name))
    return NotFound(f"run {run_id} has no file {name!r}; it has {', '.join(names)}")
