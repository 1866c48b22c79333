"""Tasks of upkeep as a worker does them, at their times, beside its runs."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from app import log
from app.db.models import Json
from app.db.session import Sessions
from app.services import schedules
from app.services.schedules import Cadence, Turn

_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Chore:
    """A task and how often it is due; it returns what is worth knowing of it."""

    cadence: Cadence
    work: Callable[[], Awaitable[Json]]


async def do_next(sessions: Sessions, chores: Mapping[str, Chore], *, worker: str, stop: asyncio.Event) -> bool:
    """Do a task that is due, unless another worker does; say which of its times were missed. False where none is due."""
    turn = await schedules.claim(sessions, chores, worker=worker)
    if turn is None:
        return False
    work, leaving = asyncio.ensure_future(chores[turn.name].work()), asyncio.create_task(stop.wait())
    try:
        await asyncio.wait({work, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)
            await schedules.give_back(sessions, turn)
        else:
            await _end(sessions, turn, chores[turn.name].cadence, work)
    finally:
        leaving.cancel()
    return True


async def _end(sessions: Sessions, turn: Turn, cadence: Cadence, work: asyncio.Future[Json]) -> None:
    failure = work.exception()
    if failure is not None:
        _log.error("task failed", task=turn.name, exc_info=failure)
    said = None if failure is None else f"{type(failure).__name__}: {failure}"[:2_000]
    skipped = await schedules.end(sessions, turn, cadence, report=work.result() if failure is None else None, error=said)
    if skipped is None:
        _log.warning("task took longer than its lease, and another worker has it", task=turn.name)
    elif skipped:
        _log.warning("task was missed while no worker was up", task=turn.name, times=[f"{at:%Y-%m-%d %H:%M}" for at in skipped])
    else:
        _log.info("task done", task=turn.name, failed=failure is not None)
