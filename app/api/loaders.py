"""Loaders: what the edges of one request ask for one by one, read in one statement."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from sqlalchemy import select, tuple_
from strawberry.dataloader import DataLoader

from app.db.models import RunFile
from app.db.session import Sessions
from app.services import market, quality
from app.sources.kinds import Kind
from engine.schema import SeriesKey

SeriesDays = tuple[SeriesKey, Kind, date, date]


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaders:
    """One request's loaders; they remember what they read, and so must not outlive it."""

    instruments: DataLoader[str, list[market.InstrumentInfo]]
    """By the venue's name."""
    days: DataLoader[SeriesDays, list[quality.Day]]
    """How good they are, by the series and the first and last day."""
    file_names: DataLoader[UUID, list[str]]
    """By the run's identifier."""
    contents: DataLoader[tuple[UUID, str], bytes]
    """Of files, by the run's identifier and their name."""


def make_loaders(sessions: Sessions) -> Loaders:
    """Return the loaders of one request."""

    async def instruments(venues: list[str]) -> Sequence[list[market.InstrumentInfo]]:
        found = await market.list_instruments(sessions, venue=venues[0] if len(venues) == 1 else None)
        return [[i for i in found if i.venue == venue] for venue in venues]

    async def days(wanted: list[SeriesDays]) -> Sequence[list[quality.Day]]:
        keys, ends = {key for key, *_ in wanted}, [(first, last) for *_, first, last in wanted]
        found = await quality.days(
            sessions,
            venues={key.venue for key in keys},
            instruments={key.instrument for key in keys},
            first=min(first for first, _ in ends),
            last=max(last for _, last in ends),
        )
        return [[one for one in found if (one.key, one.kind) == (key, kind) and first <= one.day <= last] for key, kind, first, last in wanted]

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

    return Loaders(instruments=DataLoader(instruments), days=DataLoader(days), file_names=DataLoader(file_names), contents=DataLoader(contents))
