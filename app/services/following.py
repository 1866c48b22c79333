"""Runs as they change, for those who follow them: one look a moment at all that are followed, however many follow them."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import TypeVar
from uuid import UUID

import asyncpg  # type: ignore[import-untyped]
from sqlalchemy import func, select, tuple_
from sqlalchemy.exc import SQLAlchemyError

from app import log
from app.db.models import Run, RunKind, RunState
from app.db.session import Sessions
from app.services import runs

FINAL = (RunState.DONE, RunState.FAILED, RunState.CANCELLED)
OVERLAP_S = 30
"""An end counts from when its transaction began, and is seen when that is committed: for so long it may come after later ones."""

_SHOWN = (Run.state, Run.stage, Run.progress, Run.trials_done, Run.cancel_requested, Run.attempt, Run.crashes, Run.open_parts)
_AT_ONCE = 1_000  # rows of a statement
_KINDS = (RunKind.BACKTEST, RunKind.SWEEP)

_AWAY = (OSError, SQLAlchemyError, asyncpg.PostgresError, asyncpg.InterfaceError)

_T = TypeVar("_T")
_log = log.get(__name__)


@dataclass(frozen=True, slots=True, kw_only=True, order=True)
class Place:
    """Where a run lies among those that ended."""

    at: datetime
    id: UUID


@dataclass(slots=True, eq=False)
class _Follower:
    run_id: UUID
    mark: tuple[object, ...]
    found: Run | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    def tell(self, run: Run | None) -> None:
        self.found, self.mark = run, _mark(run) if run is not None else ()
        self.changed.set()

    async def next(self) -> Run | None:
        await self.changed.wait()
        self.changed.clear()
        return self.found


class Following:
    """Those who follow runs in this process. While the database is away they wait, and hear the present state when it is back."""

    def __init__(self, sessions: Sessions, *, every_s: float = 0.5) -> None:
        self._sessions, self._every_s = sessions, every_s
        self._followers: set[_Follower] = set()
        self._looking: asyncio.Task[None] | None = None

    async def run(self, run_id: UUID, *, kind: RunKind) -> AsyncGenerator[Run]:
        """Yield a run as it is, and again as it changes, until it is over or deleted; what changed twice in a moment comes once. NotFound."""
        run: Run | None = await runs.get(self._sessions, run_id, kind=kind)
        assert run is not None
        with self._follow(_Follower(run_id, _mark(run))) as follower:
            while run is not None:
                yield run
                run = None if run.state in FINAL else await follower.next()

    async def ends(self, after: Place | None) -> AsyncGenerator[tuple[Place, Run]]:
        """Yield backtests and sweeps as they end, those after a place first, none twice; without a place those that end from now on.

        In another call with a place that this one gave, what ended up to `OVERLAP_S` before may come again.
        """
        seen: dict[UUID, datetime] = {}
        if after is None:
            now = await self._now()
            seen = {place.id: place.at for place in await self._ended(now - timedelta(seconds=OVERLAP_S), until=now)}
        last = after.at if after is not None else now
        while True:
            places = await self._patiently(partial(self._ended, last - timedelta(seconds=OVERLAP_S)))
            fresh = [place for place in places if place.id not in seen and (after is None or place != after)]
            for part in (fresh[first : first + _AT_ONCE] for first in range(0, len(fresh), _AT_ONCE)):
                found = await self._patiently(partial(self._rows, [place.id for place in part]))
                for place in part:
                    seen[place.id], last = place.at, max(last, place.at)
                    if place.id in found:
                        yield place, found[place.id]
            seen = {run_id: at for run_id, at in seen.items() if at >= last - timedelta(seconds=2 * OVERLAP_S)}
            await asyncio.sleep(self._every_s)

    @contextmanager
    def _follow(self, follower: _Follower) -> Iterator[_Follower]:
        self._followers.add(follower)
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_again_and_again(), name="follow runs")
        try:
            yield follower
        finally:
            self._followers.discard(follower)

    async def _look_again_and_again(self) -> None:
        while self._followers:
            await asyncio.sleep(self._every_s)
            try:
                await self._look(list(self._followers))
            except _AWAY as error:
                _log.warning("those who follow runs wait for the database", error=repr(error))
            except Exception:  # noqa: BLE001  one look failed, and not all that follow
                _log.exception("a look at the runs that are followed failed")

    async def _look(self, followers: Sequence[_Follower]) -> None:
        ids = list({follower.run_id for follower in followers})
        marks: dict[UUID, tuple[object, ...]] = {}
        async with self._sessions() as session:
            for first in range(0, len(ids), _AT_ONCE):
                rows = await session.execute(select(Run.id, *_SHOWN).where(Run.id.in_(ids[first : first + _AT_ONCE])))
                marks |= {row[0]: tuple(row[1:]) for row in rows}
        behind = [follower for follower in followers if marks.get(follower.run_id, ()) != follower.mark]
        found = await self._rows(list({follower.run_id for follower in behind}))
        for follower in behind:
            follower.tell(found.get(follower.run_id))

    async def _rows(self, ids: Sequence[UUID]) -> dict[UUID, Run]:
        found: dict[UUID, Run] = {}
        for first in range(0, len(ids), _AT_ONCE):
            async with self._sessions() as session:
                found |= {run.id: run for run in await session.scalars(select(Run).where(Run.id.in_(ids[first : first + _AT_ONCE])))}
        return found

    async def _patiently(self, ask: Callable[[], Awaitable[_T]]) -> _T:
        while True:
            try:
                return await ask()
            except _AWAY as error:
                _log.warning("those who follow ends wait for the database", error=repr(error))
                await asyncio.sleep(self._every_s)

    async def _ended(self, since: datetime, *, until: datetime | None = None) -> list[Place]:
        # by pages: of a cursor of last month there may be many
        found: list[Place] = []
        bounds = [Run.finished_at >= since, Run.state.in_(FINAL), Run.kind.in_(_KINDS)] + ([Run.finished_at <= until] if until else [])
        async with self._sessions() as session:
            while True:
                further = [tuple_(Run.finished_at, Run.id) > (found[-1].at, found[-1].id)] if found else []
                asked = select(Run.finished_at, Run.id).where(*bounds, *further).order_by(Run.finished_at, Run.id).limit(_AT_ONCE)
                page = [Place(at=at, id=run_id) for at, run_id in await session.execute(asked) if at is not None]
                found += page
                if len(page) < _AT_ONCE:
                    return found

    async def _now(self) -> datetime:
        async with self._sessions() as session:
            now: datetime = (await session.execute(select(func.now()))).scalar_one()
        return now


def _mark(run: Run) -> tuple[object, ...]:
    return tuple(getattr(run, column.key) for column in _SHOWN)
