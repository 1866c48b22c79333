"""The worker: hears rings, claims runs, has children compute them, and keeps the queue of record in order.

Three rules against what arq does when things go wrong: no hooks (one that raises ends it); runs are tasks of our own, so
that losing the queue server ends arq's loop and no run; and a ring leaves the queue as soon as its run is claimed.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import orjson
from arq.connections import ArqRedis
from arq.worker import Retry, Worker, func

from app import log
from app.db.session import Sessions
from app.jobs import outbox
from app.jobs.execution import Rules, attend
from app.jobs.faults import SERVERS
from app.jobs.pool import Pool
from app.jobs.process import Child, ChildOptions
from app.jobs.queue import EXECUTE, QUEUE, dumps, forget
from app.services import leases

T = TypeVar("T")

_log = log.get(__name__)


def _unique_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{secrets.token_hex(2)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class WorkerOptions:
    """A worker: how many runs at once, in what children, by which rules; times in seconds."""

    slots: int
    children: ChildOptions
    rules: Rules = field(default_factory=Rules)
    name: str = field(default_factory=_unique_name)
    poll_s: float = 0.1
    """How often the queue is asked for rings."""
    relay_s: float = 0.2
    """How often the outbox is asked for rings to send."""
    reap_s: float = 5.0
    """How often expired leases are looked for."""
    sweep_s: float = 10.0
    """How often lost rings are looked for."""
    ring_again_s: float = 20.0
    """How long after it was sent a ring may be lost."""
    retry_s: float = 1.0
    """How long after the queue server was lost it is tried again."""
    drain_s: float = 20.0
    """How long giving back runs may take."""


async def serve(sessions: Sessions, redis: ArqRedis, options: WorkerOptions, *, stop: asyncio.Event) -> None:
    """Work until `stop` is set, then give back what is under way; sessions and redis stay the caller's."""
    with log.bound_contextvars(worker=options.name):
        async with Pool(options.children, size=options.slots) as pool:
            desk = Desk(sessions=sessions, redis=redis, options=options, pool=pool, stop=stop)
            _log.info("worker started", slots=options.slots)
            try:
                await desk.keep()
            finally:
                stop.set()
                await desk.drain()
    _log.info("worker stopped", worker=options.name)


def stop_on_signals() -> asyncio.Event:
    """Return an event that SIGTERM and SIGINT set; to be called in the running loop."""
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    return stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Desk:
    """What a worker has at hand, and the runs that are under way at it."""

    sessions: Sessions
    redis: ArqRedis
    options: WorkerOptions
    pool: Pool
    stop: asyncio.Event
    _under_way: set[asyncio.Task[bool]] = field(default_factory=set)

    async def keep(self) -> None:
        """Listen, relay, sweep and reap until the worker is to stop."""
        options = self.options
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._every(options.relay_s, lambda: outbox.relay(self.sessions, self.redis)))
            group.create_task(self._every(options.sweep_s, lambda: outbox.sweep(self.sessions, self.redis, older_than_s=options.ring_again_s)))
            group.create_task(self._every(options.reap_s, self._reap))

    async def execute(self, ctx: dict[Any, Any], run_id: str, attempt: int) -> None:
        """Answer a ring. Duplicates, and rings of attempts that are over, find nothing to claim."""
        task = asyncio.create_task(self._answer(UUID(run_id), attempt), name=f"{run_id}:{attempt}")
        self._under_way.add(task)
        task.add_done_callback(self._done)
        await asyncio.wait({task})  # cancelling arq's job leaves the run alone
        if task.cancelled() or task.exception() or not task.result():
            await self._pause(self.options.retry_s)
            raise Retry

    async def drain(self) -> None:
        """Wait until the runs under way are given back; they see `stop` by themselves."""
        if self._under_way:
            _, late = await asyncio.wait(self._under_way, timeout=self.options.drain_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _answer(self, run_id: UUID, attempt: int) -> bool:
        # False: nobody looked whether there is something to claim, so the ring must stay.
        with log.bound_contextvars(run_id=str(run_id), attempt=attempt):
            child = await _unless(self.stop, self.pool.borrow())
            if child is None:
                return False
            try:
                return await self._claim(run_id, attempt, child)
            finally:
                self.pool.give_back(child)

    async def _claim(self, run_id: UUID, attempt: int, child: Child) -> bool:
        if self.stop.is_set():
            return False
        rules, name = self.options.rules, self.options.name
        claim = await leases.claim(self.sessions, run_id=run_id, attempt=attempt, worker=name, lease_s=rules.lease_s)
        try:
            await forget(self.redis, run_id, attempt)
        except SERVERS as error:
            _log.warning("a ring stays in the queue", error=repr(error))
        if claim:
            await attend(self.sessions, claim, child, rules=rules, leave=self.stop)
        return True

    def _done(self, task: asyncio.Task[bool]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("run left in its lease", ring=task.get_name(), exc_info=error)

    async def _listen(self) -> None:
        while not self.stop.is_set():
            ear = self._ear()
            try:
                await _unless(self.stop, ear.async_run())
            except SERVERS as error:
                _log.warning("queue server lost", error=repr(error), again_in_s=self.options.retry_s)
                await self._pause(self.options.retry_s)
            finally:
                await _hang_up(ear)

    def _ear(self) -> Worker:
        # No time limit of arq's: a job's lock then lives for 10 s, and not for as long as the longest run may take.
        return Worker(
            functions=[func(self.execute, name=EXECUTE, max_tries=1_000_000)],
            redis_pool=self.redis,
            queue_name=QUEUE,
            handle_signals=False,
            max_jobs=self.options.slots,
            job_timeout=None,  # type: ignore[arg-type]  # asyncio.wait_for takes it, the annotation forgets it
            keep_result=0,
            poll_delay=self.options.poll_s,
            health_check_key=f"{QUEUE}:health:{self.options.name}",
            health_check_interval=10,
            job_serializer=dumps,
            job_deserializer=orjson.loads,
            log_results=False,
        )

    async def _reap(self) -> None:
        for run_id, state in (await leases.reap(self.sessions, max_crashes=self.options.rules.max_crashes)).items():
            _log.warning("lease ran out", run_id=str(run_id), now=state)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while not self.stop.is_set():
            try:
                await work()
            except SERVERS as error:
                _log.warning("upkeep failed, tried again", error=repr(error))
            await self._pause(seconds)

    async def _pause(self, seconds: float) -> None:
        await _unless(self.stop, asyncio.sleep(seconds))


async def _unless(stop: asyncio.Event, wanted: Coroutine[Any, Any, T]) -> T | None:
    work, stopped = asyncio.create_task(wanted), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, stopped}, return_when=asyncio.FIRST_COMPLETED)
        return work.result() if work.done() else None
    finally:
        stopped.cancel()
        work.cancel()
        await asyncio.gather(work, return_exceptions=True)


async def _hang_up(ear: Worker) -> None:
    # Not `Worker.close`, which talks to the queue server, and would close the connections that are not its own.
    for task in ear.tasks.values():
        task.cancel()
    await asyncio.gather(*ear.tasks.values(), return_exceptions=True)
