"""The composition root: settings and the hardware plan become sessions, pools, the API, the worker, the box."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path
from typing import Any, TypeVar

import uvicorn
from arq.connections import ArqRedis
from starlette.applications import Starlette

from app import log
from app.api.application import create_app
from app.db.migrate import upgrade
from app.db.session import Sessions, make_sessions
from app.errors import SettingsError
from app.jobs import outbox, queue, worker
from app.jobs.faults import SERVERS
from app.jobs.process import ChildOptions
from app.jobs.wire import LIBPQ_URI
from app.ops.box.readiness import http_ok
from app.ops.box.record import Box
from app.ops.box.supervisor import Child, box
from app.settings import Settings, load_settings

T = TypeVar("T")

GRACE_S = 10
"""For so long requests under way may go on when the API is to stop [s]."""

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Servers:
    """The database and the queue, connected."""

    sessions: Sessions
    redis: ArqRedis


@asynccontextmanager
async def connected(settings: Settings, *, pool_size: int) -> AsyncIterator[Servers]:
    """Hand out sessions and a queue, and close both afterwards; Unavailable where the queue does not answer."""
    engine, sessions = make_sessions(settings.database_url, pool_size)
    try:
        redis = await queue.connect(settings.redis)
        try:
            yield Servers(sessions=sessions, redis=redis)
        finally:
            await redis.aclose()
    finally:
        await engine.dispose()


def make_app(settings: Settings, servers: Servers) -> Starlette:
    """Return the API on these servers; each submitted run is rung for at once, and by a worker's relay if that fails."""

    async def ring() -> None:
        try:
            await outbox.relay(servers.sessions, servers.redis)
        except SERVERS as error:
            _log.warning("no ring yet, a worker will send it", error=repr(error))

    return create_app(sessions=servers.sessions, redis=servers.redis, settings=settings, queue=queue.QUEUE, ring=ring)


def serve() -> None:
    """Serve the API until SIGTERM or SIGINT, then let requests under way finish."""
    settings = load_settings()
    require_loopback(settings.api_host)
    log.configure(level=settings.log_level, style=settings.log_format, secrets=settings.secrets)
    asyncio.run(_serve(settings))


async def _serve(settings: Settings) -> None:
    async with connected(settings, pool_size=5) as servers:
        config = uvicorn.Config(
            make_app(settings, servers),
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=GRACE_S,
        )
        await uvicorn.Server(config).serve()


def supervise(task: Coroutine[Any, Any, T]) -> T:
    """Run a task to its end; a signal cancels it, so that what it started is stopped in order, and becomes the exit code 128 + number."""
    received: list[signal.Signals] = []

    async def cancellable() -> T:
        loop, current = asyncio.get_running_loop(), asyncio.current_task()
        assert current is not None

        def cancel(number: signal.Signals) -> None:
            received.append(number)
            current.cancel()

        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            loop.add_signal_handler(number, cancel, number)
        return await task

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        raise SystemExit(128 + received[0]) from None


@asynccontextmanager
async def box_in(data: Path, *, api_port: int | None = None, db_port: int | None = None, redis_port: int | None = None) -> AsyncIterator[Box]:
    """Run the box with everything in it: servers, schema, API, worker; ready inside."""
    children = (
        Child(name="api", argv=_ours("serve"), ready=lambda box: http_ok(box.settings.api_host, box.settings.api_port, "/readyz")),
        Child(name="worker", argv=_ours("worker"), stop_seconds=30.0),
    )
    async with box(data, migrate=migrate, children=children, api_port=api_port, db_port=db_port, redis_port=redis_port) as found:
        yield found


async def migrate(settings: Settings) -> None:
    """Bring the schema of a database up to date."""
    await upgrade(settings.database_url)


def _ours(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "app.cli", command)


def require_loopback(host: str) -> None:
    """Refuse to listen where others could ask: there are no accounts yet, and whoever has the key may do everything."""
    try:
        here = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        here = False
    if not here:
        raise SettingsError(
            f"API_HOST is {host!r}: expected an address of this machine alone, such as 127.0.0.1, since there are no accounts yet; "
            "to reach it from elsewhere use a tunnel: ssh -L 8000:127.0.0.1:8000 HOST"
        )


def work() -> None:
    """Compute queued runs until SIGTERM or SIGINT, then give back what is under way."""
    settings = load_settings()
    log.configure(level=settings.log_level, style=settings.log_format, secrets=settings.secrets)
    asyncio.run(_work(settings))


async def _work(settings: Settings) -> None:
    stop = worker.stop_on_signals()
    children = ChildOptions(environment={LIBPQ_URI: settings.libpq_uri}, threads=1, memory_bytes=0)
    async with connected(settings, pool_size=5) as servers:
        await worker.serve(servers.sessions, servers.redis, worker.WorkerOptions(slots=1, children=children), stop=stop)
