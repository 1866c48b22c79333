"""The API: `usdc-arb serve`."""

import asyncio
import os
import socket
import stat
from ipaddress import ip_address

import uvicorn
from starlette.applications import Starlette

from app import log
from app.api.application import create_app
from app.api.guard import Limits
from app.jobs import outbox, queue
from app.jobs.faults import SERVERS
from app.main.servers import Servers, connected
from app.ops import hardware
from app.settings import Settings, load_settings
from infra.sizing import BOX, Plan

GRACE_S = 10
"""For so long requests under way may go on when the API is to stop [s]."""

_log = log.get(__name__)


def serve() -> None:
    """Serve the API until SIGTERM or SIGINT, then let requests under way finish."""
    settings = load_settings()
    log.configure(level=settings.log_level, style=settings.log_format, secrets=settings.secrets)
    if not is_local(settings.api_host):
        _log.warning("others can reach this address, and passwords go over it: let a proxy with TLS stand before it", address=settings.api_host)
    asyncio.run(_serve(settings, hardware.planned(settings.usdc_arb_data, BOX)))


def make_app(settings: Settings, servers: Servers, *, run_memory: int = 0) -> Starlette:
    """Return the API on these servers; each submitted run is rung for at once, and by a worker's relay where that fails."""

    async def ring() -> None:
        try:
            await outbox.relay(servers.sessions, servers.redis)
        except SERVERS as error:
            _log.warning("no ring yet, a worker will send it", error=repr(error))

    # Introspection is for tools of developers, who sit at this machine.
    return create_app(
        sessions=servers.sessions,
        redis=servers.redis,
        settings=settings,
        queue=queue.QUEUE,
        ring=ring,
        introspection=is_local(settings.api_host),
        run_memory=run_memory,
    )


def is_local(host: str) -> bool:
    """Tell whether nobody but this machine can reach an address."""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


async def _serve(settings: Settings, plan: Plan) -> None:
    async with connected(settings, pool_size=plan.pool_size) as servers:
        config = uvicorn.Config(
            make_app(settings, servers, run_memory=plan.memory_per_run),
            host=settings.api_host,
            port=settings.api_port,
            log_config=None,
            access_log=False,
            loop="asyncio",  # whatever else is installed
            server_header=False,
            ws_max_size=Limits().body_bytes,
            timeout_graceful_shutdown=GRACE_S,
        )
        await uvicorn.Server(config).serve(sockets=inherited())


def inherited() -> list[socket.socket] | None:
    """Return the listening socket that is our standard input, if a supervisor handed us one: it holds the port while we start again."""
    if not stat.S_ISSOCK(os.fstat(0).st_mode):
        return None
    found = socket.socket(fileno=os.dup(0))
    return [found] if found.getsockopt(socket.SOL_SOCKET, socket.SO_ACCEPTCONN) else None
