"""Keep one program running: start it, start it again with growing pauses when it ends, stop it."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from app import log
from app.errors import AppError
from app.ops.box import logs
from app.ops.box.process import Process

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 10.0
_STEADY = 30.0  # whoever ran that long starts with the first pause again

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A program that has to run as long as the box does.

    `ready` waits for the first start, with the length that the log had before it; later starts are not waited for.
    """

    name: str
    log: Path
    launch: Callable[[], Process]
    ready: Callable[[Process, int], Awaitable[None]]
    stop: Callable[[Process], Awaitable[None]]


@asynccontextmanager
async def running(service: Service) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Run the service inside; await what this yields to know that it is ready, or why not: from then on it is kept running."""
    began = logs.size(service.log)
    current = [service.launch()]
    keepers: list[asyncio.Task[None]] = []

    async def ready() -> None:
        await service.ready(current[0], began)
        keepers.append(asyncio.create_task(_keep(service, current), name=f"keep {service.name}"))

    try:
        yield ready
    finally:
        for keeper in keepers:
            keeper.cancel()
        await asyncio.gather(*keepers, return_exceptions=True)
        await service.stop(current[0])


async def _keep(service: Service, current: list[Process]) -> None:
    pause = _FIRST_PAUSE
    while True:
        began = time.monotonic()
        code = await current[0].wait()
        if time.monotonic() - began > _STEADY:
            pause = _FIRST_PAUSE
        _log.warning("ended, will be started again", service=service.name, code=code, pause_s=pause)
        current[0].kill()  # what is left of its session
        current[0], pause = await _again(service, pause)


async def _again(service: Service, pause: float) -> tuple[Process, float]:
    while True:
        await asyncio.sleep(pause)
        pause = min(2 * pause, _LONGEST_PAUSE)
        try:
            return service.launch(), pause
        except (AppError, OSError) as error:
            _log.error("cannot be started, will be tried again", service=service.name, error=str(error), pause_s=pause)
