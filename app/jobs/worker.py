"""The worker: hears rings, claims runs in turn, has children compute them, and keeps the queue of record in order.

A ring says that there is something to do, no more: whoever answers it takes the run whose turn it is, and goes on with the next until there
is none.

Four rules against what arq does when things go wrong: no hooks (one that raises ends it); runs are tasks of our own, so
that losing the queue server ends arq's loop and no run; a ring leaves the queue as soon as it is answered; and
a free slot looks for itself now and then, whatever stands in the queue.
"""

import asyncio
import os
import secrets
import signal
import socket
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar
from uuid import UUID

import orjson
from arq.connections import ArqRedis
from arq.worker import Retry, Worker, func

from app import log
from app.db.session import Sessions
from app.jobs import outbox
from app.jobs.chores import Chore, do_next
from app.jobs.execution import Rules, attend
from app.jobs.faults import SERVERS
from app.jobs.pool import Pool
from app.jobs.process import Child, ChildOptions
from app.jobs.queue import EXECUTE, QUEUE, Ring, dumps, forget
from app.services import leases, schedules, workers
from app.version import code_version

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
    poll_s: float = 0.02
    """How often the queue is asked for rings."""
    relay_s: float = 0.2
    """How often the outbox is asked for rings to send."""
    reap_s: float = 5.0
    """How often expired leases and deadlines are looked for."""
    tell_s: float = 5.0
    """How often a worker says that it is there, and asks whether it is to be drained."""
    most_running: int | None = None
    """How many runs of one user may be under way, on all workers together, where their share says nothing else."""
    sweep_s: float = 10.0
    """How often lost rings are looked for, and a free slot looks for a run without a ring."""
    ring_again_s: float = 20.0
    """How long after it was sent a ring may be lost."""
    retry_s: float = 1.0
    """How long after the queue server was lost it is tried again."""
    chores: Mapping[str, Chore] = field(default_factory=dict)
    """Tasks of upkeep by their names."""
    chores_s: float = 30.0
    """How often it is looked whether one is due."""
    patience_s: float = 2.0
    """For how long the queue server may say nothing while a run waits for it; upkeep waits ten times as long."""
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
                await desk.leave()
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
    _attended: set[UUID] = field(default_factory=set)
    _draining: asyncio.Event = field(default_factory=asyncio.Event)
    _ears: set[Worker] = field(default_factory=set)

    async def keep(self) -> None:
        """Listen, relay, sweep and reap until the worker is to stop."""
        options = self.options
        async with asyncio.TaskGroup() as group:
            group.create_task(self._listen())
            group.create_task(self._every(options.relay_s, lambda: outbox.relay(self.sessions, self.redis)))
            group.create_task(self._every(options.sweep_s, lambda: outbox.sweep(self.sessions, self.redis, older_than_s=options.ring_again_s)))
            group.create_task(self._every(options.sweep_s, self._look))
            group.create_task(self._every(options.reap_s, self._reap))
            group.create_task(self._every(options.tell_s, self._tell))
            group.create_task(self._keep_house())

    async def execute(self, ctx: dict[Any, Any], run_id: str, attempt: int) -> None:
        """Answer a ring. Duplicates, and rings of attempts that are over, find nothing to claim."""
        task = self._begin((UUID(run_id), attempt))
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

    async def leave(self) -> None:
        """Say that the worker is no longer there."""
        try:
            async with asyncio.timeout(self.options.tell_s):
                await workers.leave(self.sessions, self.options.name)
        except SERVERS as error:
            _log.warning("nobody was told that the worker stopped", error=repr(error))

    def _begin(self, ring: Ring | None) -> asyncio.Task[bool]:
        task = asyncio.create_task(self._answer(ring), name=f"ring {ring}")
        self._under_way.add(task)
        task.add_done_callback(self._done)
        return task

    async def _look(self) -> None:
        # Whatever became of the rings: a slot that is free looks for itself now and then.
        if not self._closed and len(self._under_way) < self.options.slots:
            self._begin(None)

    async def _answer(self, ring: Ring | None) -> bool:
        # False: nobody looked whether there is something to claim, so the ring must stay.
        while child := await _unless(self.stop, self.pool.borrow()):
            try:
                if self._closed:
                    break
                if not await self._turn(child, ring):
                    return True
            finally:
                self.pool.give_back(child)
            ring = None
        return ring is None

    @property
    def _closed(self) -> bool:
        return self.stop.is_set() or self._draining.is_set()

    async def _turn(self, child: Child, ring: Ring | None) -> bool:
        # One run after a ring, or without one: its own ring then stands for nothing more.
        options = self.options
        claim = await leases.claim(self.sessions, worker=options.name, lease_s=options.rules.lease_s, most_running=options.most_running)
        if answered := ring or (claim and (claim.run_id, claim.attempt)):
            await self._forget(answered)
        if claim:
            self._attended.add(claim.run_id)
            try:
                with log.bound_contextvars(run_id=str(claim.run_id), attempt=claim.attempt):
                    await attend(self.sessions, claim, child, rules=options.rules, leave=self.stop)
            finally:
                self._attended.discard(claim.run_id)
        return claim is not None

    async def _forget(self, ring: Ring) -> None:
        try:
            async with asyncio.timeout(self.options.patience_s):
                await forget(self.redis, *ring)
        except SERVERS as error:
            _log.warning("a ring stays in the queue", error=repr(error))

    def _done(self, task: asyncio.Task[bool]) -> None:
        self._under_way.discard(task)
        if not task.cancelled() and (error := task.exception()):
            _log.error("run left in its lease", ring=task.get_name(), exc_info=error)

    async def _listen(self) -> None:
        while not self.stop.is_set():
            ear = self._ear()
            self._ears.add(ear)
            try:
                await _unless(self.stop, ear.async_run())
            except SERVERS as error:
                _log.warning("queue server lost", error=repr(error), again_in_s=self.options.retry_s)
                await self._pause(self.options.retry_s)
            finally:
                self._ears.discard(ear)
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

    async def _tell(self) -> None:
        options = self.options
        busy = len(self._attended)
        state = workers.State(slots=options.slots, busy=busy, children_bytes=self.pool.held_bytes, version=code_version())
        draining = await workers.tell(self.sessions, options.name, state)
        if draining != self._draining.is_set():
            _log.info("worker drains" if draining else "worker takes runs again")
            self._draining.set() if draining else self._draining.clear()
            for ear in self._ears:
                ear.allow_pick_jobs = not draining

    async def _reap(self) -> None:
        for run_id in await leases.expire(self.sessions):
            _log.warning("deadline passed", run_id=str(run_id))
        for run_id, state in (await leases.reap(self.sessions, max_crashes=self.options.rules.max_crashes)).items():
            _log.warning("lease ran out", run_id=str(run_id), now=state)

    async def _keep_house(self) -> None:
        options, known = self.options, False
        while options.chores and not self.stop.is_set():
            try:
                if not known:
                    await schedules.register(self.sessions, {name: chore.cadence for name, chore in options.chores.items()})
                    known = True
                if await do_next(self.sessions, options.chores, worker=options.name, stop=self.stop):
                    continue
            except SERVERS as error:
                _log.warning("a task waits for the database", error=repr(error))
            await self._pause(options.chores_s)

    async def _every(self, seconds: float, work: Callable[[], Awaitable[object]]) -> None:
        while not self.stop.is_set():
            try:
                async with asyncio.timeout(10 * self.options.patience_s):
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
