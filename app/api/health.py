"""How the API is: alive, ready, and in numbers. None of it asks for a token, and none of it tells a secret."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import TypeVar

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from redis.asyncio import Redis
from sqlalchemy import func, select
from starlette.requests import Request
from starlette.responses import Response

from app import log
from app.api.metrics import Metrics
from app.api.responses import json_response
from app.db import migrate, quality
from app.db.models import Run, RunState
from app.db.session import Sessions
from app.services import board
from app.services.findings import Grade
from app.version import code_version

T = TypeVar("T")
_log = log.get(__name__)

GRADES = (*Grade, "unchecked")
"""Grades of days; the last are those that changed since they were looked at."""

PART_SECONDS = 2.0
"""How long a part may take to answer before it counts as away."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """What the API depends on."""

    sessions: Sessions
    redis: Redis
    queue: str
    """Name of the sorted set that holds the jobs."""


async def healthz(_request: Request) -> Response:
    """Say that the process lives, and which it is; asks nobody."""
    return json_response({"status": "ok", "version": code_version(), "schema": migrate.head()})


async def readyz(parts: Parts, _request: Request) -> Response:
    """Say whether requests can be served, and which part fails if not: 503."""
    checks = {"database": lambda: _schema(parts), "queue": lambda: _ping(parts)}
    found = dict(zip(checks, await asyncio.gather(*map(_timed, checks.values())), strict=True))
    ready = all(state == "ok" for state in found.values())
    return json_response({"ready": ready, "parts": found}, status=200 if ready else 503, headers={} if ready else {"Retry-After": "5"})


async def metrics(parts: Parts, counted: Metrics, _request: Request) -> Response:
    """Return what was counted, and the runs and the queue as they are now; what does not answer is left out."""
    asked = (_or_none(lambda: _runs(parts)), _or_none(lambda: _days(parts)), _or_none(lambda: _depth(parts)))
    jobs = _or_none(lambda: board.numbers(parts.sessions))
    runs, days, depth, found = await asyncio.gather(*asked, jobs)
    counted.jobs.show(found)
    counted.up.labels("database").set(runs is not None)
    counted.up.labels("queue").set(depth is not None)
    counted.runs.clear()
    counted.days.clear()
    counted.queue.clear()
    for state in RunState if runs is not None else ():
        counted.runs.labels(state.value).set((runs or {}).get(state.value, 0))
    for grade in GRADES if days is not None else ():
        counted.days.labels(grade).set((days or {}).get(grade, 0))
    if depth is not None:
        counted.queue.labels(parts.queue).set(depth)
    return Response(generate_latest(counted.registry), headers={"Content-Type": CONTENT_TYPE_LATEST})


async def _timed(check: Callable[[], Awaitable[str]]) -> str:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await check()
    except TimeoutError:
        return f"no answer within {PART_SECONDS:g} s"
    except Exception as error:  # noqa: BLE001  whatever it is, the part is not ready; messages may hold addresses
        return f"fails with {type(error).__name__}"


async def _or_none(ask: Callable[[], Awaitable[T]]) -> T | None:
    try:
        async with asyncio.timeout(PART_SECONDS):
            return await ask()
    except Exception as error:  # noqa: BLE001  a scrape answers with what there is
        _log.warning("a scrape goes without a part", error=repr(error))
        return None


async def _schema(parts: Parts) -> str:
    async with parts.sessions() as session:
        found = await migrate.current(await session.connection())
    expected = migrate.head()
    return "ok" if found == expected else f"the schema is at {found}, this code expects {expected}: migrate"


async def _ping(parts: Parts) -> str:
    await parts.redis.ping()
    return "ok"


async def _runs(parts: Parts) -> Mapping[str, int]:
    async with parts.sessions() as session:
        rows = await session.execute(select(Run.state, func.count()).group_by(Run.state))
        return {str(state): int(count) for state, count in rows}


async def _days(parts: Parts) -> Mapping[str, int]:
    async with parts.sessions() as session:
        return await quality.grades(session)


async def _depth(parts: Parts) -> int:
    return int(await parts.redis.zcard(parts.queue))
