"""The box with everything in it: servers, schema, API, worker; and how a signal ends what runs in the foreground."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from app.main import database
from app.ops.box.readiness import http_ok
from app.ops.box.record import Box
from app.ops.box.supervisor import Child, box

T = TypeVar("T")

WORKER_STOP_S = 30.0
"""For so long the worker may take to give back what is under way [s]."""


@asynccontextmanager
async def box_in(data: Path, *, api_port: int | None = None, db_port: int | None = None, redis_port: int | None = None) -> AsyncIterator[Box]:
    """Run the box in a data folder; it is ready inside, and stopped afterwards."""
    children = (
        Child(name="api", argv=_ours("serve"), ready=_api_is_ready, listens=True),
        Child(name="worker", argv=_ours("worker"), stop_seconds=WORKER_STOP_S),
    )
    async with box(data, migrate=database.upgrade, children=children, api_port=api_port, db_port=db_port, redis_port=redis_port) as found:
        yield found


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


async def _api_is_ready(it: Box) -> bool:
    return await http_ok(it.settings.api_host, it.settings.api_port, "/readyz")


def _ours(command: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "app.cli", command)
