"""Loaders: what the edges of one request ask for one by one, read in one statement."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import select, tuple_
from strawberry.dataloader import DataLoader

from app.db.models import RunFile
from app.db.session import Sessions
from app.services import market


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaders:
    """One request's loaders; they remember what they read, and so must not outlive it."""

    instruments: DataLoader[str, list[market.InstrumentInfo]]
    """By the venue's name."""
    file_names: DataLoader[UUID, list[str]]
    """By the run's identifier."""
    contents: DataLoader[tuple[UUID, str], bytes]
    """Of files, by the run's identifier and their name."""


def make_loaders(sessions: Sessions) -> Loaders:
    """Return the loaders of one request."""

    async def instruments(venues: list[str]) -> Sequence[list[market.InstrumentInfo]]:
        found = await market.list_instruments(sessions, venue=venues[0] if len(venues) == 1 else None)
        return [[i for i in found if i.venue == venue] for venue in venues]

    async def file_names(runs: list[UUID]) -> Sequence[list[str]]:
        names: dict[UUID, list[str]] = defaultdict(list)
        async with sessions() as session:
            rows = select(RunFile.run_id, RunFile.name).where(RunFile.run_id.in_(runs)).order_by(RunFile.name)
            for run, name in await session.execute(rows):
                names[run].append(name)
        return [names[run] for run in runs]

    async def contents(files: list[tuple[UUID, str]]) -> Sequence[bytes]:
        async with sessions() as session:
            rows = select(RunFile.run_id, RunFile.name, RunFile.content).where(tuple_(RunFile.run_id, RunFile.name).in_(files))
            found = {(run, name): content for run, name, content in await session.execute(rows)}
        return [found[file] for file in files]

    return Loaders(instruments=DataLoader(instruments), file_names=DataLoader(file_names), contents=DataLoader(contents))
