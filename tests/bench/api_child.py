"""The servers of `bench_api`, each in a process of its own: `python -m tests.bench.api_child api|bare`, which serves on the socket at its stdin.

`api` is the application as it runs in earnest, with authentication, guard and metrics on and budgets that nothing here reaches. `bare` is a Starlette
route for each question, which asks the same of the database through asyncpg and encodes the answer with orjson, byte for byte the same.
"""

import asyncio
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import asyncpg
import orjson
import uvicorn
from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app import log
from app.api.application import create_app
from app.db.session import make_sessions
from app.settings import LogFormat, LogLevel, Settings, load_settings

POOL = 5
LIST = """
    SELECT id, name, state, created_at, created_by, summary -> 'metrics' AS metrics
    FROM runs WHERE kind = 'backtest' ORDER BY created_at DESC, id LIMIT $1"""
SERIES = "SELECT ts, open, high, low, close, volume FROM bars WHERE instrument_id = $1 AND interval_us = $2 AND ts >= $3 AND ts < $4 ORDER BY ts"
ONE = "SELECT id, name, state, created_at, created_by, progress, spec_hash FROM runs WHERE id = $1"


def api(settings: Settings) -> Starlette:
    """Return the application."""
    _, sessions = make_sessions(settings.database_url, POOL)
    redis = Redis(host=settings.redis_host, port=settings.redis_port, password=settings.redis_password.get_secret_value())
    unlimited = settings.model_copy(update={"api_requests_per_minute": 10**12, "api_cost_per_minute": 10**15})
    return create_app(sessions=sessions, redis=redis, queue="bench", settings=unlimited, ring=redis.ping)


def bare(settings: Settings) -> Starlette:
    """Return the routes that do no more than they must."""
    pools: list[asyncpg.Pool] = []

    @asynccontextmanager
    async def lifespan(_app: Starlette) -> AsyncIterator[None]:
        pools.append(await asyncpg.create_pool(settings.libpq_uri, min_size=POOL, max_size=POOL))
        yield
        await pools[0].close()

    async def listed(_request: Request) -> Response:
        rows = await pools[0].fetch(LIST, 100)
        edges = [{"node": _run(row) | {"result": {"metrics": _metrics(row["metrics"])}}} for row in rows]
        return _json({"data": {"runs": {"edges": edges}}})

    async def series(request: Request) -> Response:
        asked = request.query_params
        ends = [datetime.fromisoformat(asked[name]) for name in ("start", "end")]
        rows = await pools[0].fetch(SERIES, int(asked["instrument"]), 60_000_000, *ends)
        ts, *values = zip(*rows, strict=True)
        columns: dict[str, Any] = {"ts": [round(one.timestamp() * 1e3) for one in ts]}
        columns |= dict(zip(("open", "high", "low", "close", "volume"), values, strict=True))
        return _json({"data": {"bars": {"points": len(rows), "columns": columns}}})

    async def one(request: Request) -> Response:
        row = await pools[0].fetchrow(ONE, request.query_params["id"])
        return _json({"data": {"run": _run(row) | {"progress": row["progress"], "specHash": row["spec_hash"]}}})

    return Starlette(routes=[Route("/list", listed), Route("/series", series), Route("/one", one)], lifespan=lifespan)


def _run(row: Any) -> dict[str, Any]:
    created = row["created_at"].isoformat().replace("+00:00", "Z")
    return {"id": str(row["id"]), "name": row["name"], "state": row["state"].upper(), "createdAt": created, "createdBy": row["created_by"]}


def _metrics(text: str) -> list[dict[str, Any]]:
    return [{"name": name, "value": None if value is None else float(value)} for name, value in orjson.loads(text).items()]


def _json(body: object) -> Response:
    return Response(orjson.dumps(body), media_type="application/json")


def main(kind: str) -> None:
    """Serve until the parent ends the process."""
    settings = load_settings(env_file=None)
    log.configure(level=LogLevel.WARNING, style=LogFormat.JSON, secrets=settings.secrets)
    app = api(settings) if kind == "api" else bare(settings)
    config = uvicorn.Config(app, log_config=None, access_log=False, loop="asyncio", server_header=False)
    asyncio.run(uvicorn.Server(config).serve(sockets=[socket.socket(fileno=0)]))


if __name__ == "__main__":
    main(sys.argv[1])
