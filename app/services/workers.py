"""Workers as they say that they are there, and as an operator drains them."""

from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert

from app.db.jobs import WorkerRow
from app.db.session import Sessions
from app.errors import NotFound

SILENT = timedelta(seconds=30)
"""A worker of which nothing is heard for so long counts as gone."""
_REMEMBERED = timedelta(days=1)


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """How a worker is."""

    slots: int
    busy: int
    children_bytes: int
    version: str


async def tell(sessions: Sessions, name: str, state: State) -> bool:
    """Write that a worker is there and how it is, and return whether it is to be drained; commits."""
    values = {"slots": state.slots, "busy": state.busy, "children_bytes": state.children_bytes, "version": state.version}
    put = insert(WorkerRow).values(name=name, **values)
    put = put.on_conflict_do_update(index_elements=["name"], set_={**values, "seen_at": func.now(), "stopped_at": None})
    async with sessions.begin() as session:
        return bool(await session.scalar(put.returning(WorkerRow.draining)))


async def leave(sessions: Sessions, name: str) -> None:
    """Write that a worker has stopped, and forget those that are long gone; commits."""
    async with sessions.begin() as session:
        await session.execute(update(WorkerRow).where(WorkerRow.name == name).values(stopped_at=func.now(), busy=0, children_bytes=0))
        await session.execute(delete(WorkerRow).where(WorkerRow.seen_at < func.now() - _REMEMBERED))


async def present(sessions: Sessions) -> list[WorkerRow]:
    """Return the workers that are up, by name."""
    async with sessions() as session:
        return list(await session.scalars(select(WorkerRow).where(is_present()).order_by(WorkerRow.name)))


def is_present() -> ColumnElement[bool]:
    """Tell whether a worker is up."""
    return WorkerRow.stopped_at.is_(None) & (WorkerRow.seen_at > func.now() - SILENT)


async def drain(sessions: Sessions, name: str, *, draining: bool = True) -> WorkerRow:
    """Have a worker take no more runs, or take them again; commits. What it has under way goes on. NotFound if there is none."""
    asked = update(WorkerRow).where(WorkerRow.name == name, is_present()).values(draining=draining).returning(WorkerRow)
    async with sessions.begin() as session:
        found = await session.scalar(asked)
    if found is None:
        names = ", ".join(worker.name for worker in await present(sessions)) or "none"
        raise NotFound(f"there is no worker {name!r} up; there is {names}")
    return found
