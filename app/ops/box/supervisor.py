"""The box: PostgreSQL, the queue, then the application's own processes, all of them alive as long as we are."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from app.errors import Unavailable
from app.ops import hardware
from app.ops.box import binaries, credentials, disk, folder, identity, leftovers, logs, postgres, readiness, record, valkey
from app.ops.box.ports import Wanted, claim
from app.ops.box.postgres import Postgres
from app.ops.box.process import Process, start
from app.ops.box.record import Box, Ports
from app.ops.box.service import Service, running
from app.ops.box.valkey import Valkey
from app.settings import Settings
from infra.sizing import BOX

API_PORT = 8000
_TAKEN = "Address already in use"  # as the servers say it
_TRIM_EVERY = 60.0
_READY_SECONDS = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Child:
    """A program of ours that runs in the box; `ready` tells whether it does its work yet (none: as soon as it runs)."""

    name: str
    argv: Sequence[str]
    ready: Callable[[Box], Awaitable[bool]] | None = None
    stop_seconds: float = 15.0
    listens: bool = False
    """Whether its standard input is the socket that listens on the API's port: no other program can take that in between."""


@asynccontextmanager
async def servers(data: Path, *, db_port: int | None = None, redis_port: int | None = None, api_port: int | None = None) -> AsyncIterator[Box]:
    """Run PostgreSQL and the queue in the data folder inside; a port that is None is chosen."""
    wanted = (
        Wanted(purpose="the database (--db-port)", default=postgres.PORT, asked=db_port),
        Wanted(purpose="the queue (--redis-port)", default=valkey.PORT, asked=redis_port),
        Wanted(purpose="the API (--api-port)", default=API_PORT, asked=api_port),
    )
    async with AsyncExitStack() as stack:
        with disk.explained(folder.at(data).root):
            box = await _start_servers(stack, data, *wanted)
        yield box


@asynccontextmanager
async def box(
    data: Path,
    *,
    migrate: Callable[[Settings], Awaitable[None]],
    children: Sequence[Child],
    api_port: int | None = None,
    db_port: int | None = None,
    redis_port: int | None = None,
) -> AsyncIterator[Box]:
    """Run the servers, then `migrate`, then the children, inside; others find the box by its folder once it is ready."""
    async with servers(data, db_port=db_port, redis_port=redis_port, api_port=api_port) as it, AsyncExitStack() as stack:
        with disk.explained(it.folder.root):
            await migrate(it.settings)
            waits = [await stack.enter_async_context(running(_service(it, child))) for child in children]
            await asyncio.gather(*(wait() for wait in waits))
            stack.callback(record.withdraw, it)
            record.publish(it)
        yield it


async def _start_servers(stack: AsyncExitStack, data: Path, db: Wanted, redis: Wanted, api: Wanted) -> Box:
    where = stack.enter_context(folder.held(data))
    leftovers.end(where.root)
    stack.enter_context(leftovers.watched(where))
    found = binaries.find()
    where.record.unlink(missing_ok=True)
    await stack.enter_async_context(_trimming(where.logs))
    sizes = hardware.planned(where.root, BOX)
    known = credentials.load(where)
    listener = stack.enter_context(api.reserved())
    queue = Valkey(binaries=found, folder=where, credentials=known, maxmemory=sizes.queue_maxmemory)
    redis_port = await run_on_a_port(stack, redis, partial(valkey.service, queue))
    database = Postgres(binaries=found, folder=where, identity=await identity.choose(found.postgres, where.root), settings=sizes.postgres)
    await postgres.prepare(database, known)
    db_port = await run_on_a_port(stack, db, partial(postgres.service, database))
    ports = Ports(api=listener.getsockname()[1], db=db_port, redis=redis_port)
    return replace(record.describe(where, known, sizes, ports), listener=listener)


async def run_on_a_port(stack: AsyncExitStack, wanted: Wanted, service: Callable[[int], Service]) -> int:
    """Run a service on the best port that it gets, until the stack is closed; return the port."""
    for port in wanted.candidates():
        async with AsyncExitStack() as attempt:
            if not attempt.enter_context(claim(port)):
                continue  # of another box, whose server is being started again
            wait = await attempt.enter_async_context(running(service(port)))
            try:
                await wait()
            except Unavailable as error:
                if _TAKEN not in str(error):
                    raise
                continue  # somebody was faster
            stack.push_async_exit(attempt.pop_all())
            return port
    raise wanted.taken(wanted.asked or wanted.default)


def _service(it: Box, child: Child) -> Service:
    log = it.folder.logs / f"{child.name}.log"

    async def ready(process: Process, began: int) -> None:
        if child.ready is not None:
            await readiness.until(partial(child.ready, it), process=process, log=log, began=began, seconds=_READY_SECONDS)

    async def stop(process: Process) -> None:
        await process.stop((signal.SIGTERM, child.stop_seconds))

    def launch() -> Process:
        environment = {**os.environ, **it.variables, **leftovers.marks(it.folder)}
        with logs.opened(log) as output:
            stdin = it.listener if child.listens else None
            return start(child.name, child.argv, environment=environment, stdin=stdin, output=output)

    return Service(name=child.name, log=log, launch=launch, ready=ready, stop=stop)


@asynccontextmanager
async def _trimming(folder_of_logs: Path) -> AsyncIterator[None]:
    async def again_and_again() -> None:
        while True:
            with suppress(OSError):  # a full disk: the next time, then
                logs.trim(folder_of_logs)
            await asyncio.sleep(_TRIM_EVERY)

    task = asyncio.create_task(again_and_again(), name="trim logs")
    try:
        yield
    finally:
        task.cancel()
