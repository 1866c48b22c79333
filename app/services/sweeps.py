"""Sweeps as their users see them: submit, how large one is, its rows on the way and at the end, ranked, and laid out over two parameters."""

import asyncio
import io
import itertools
from dataclasses import dataclass
from uuid import UUID

import polars as pl
from sqlalchemy import select

from app.db import adbc
from app.db.ids import new_id
from app.db.models import Run, RunKind, RunState, SweepPart
from app.db.session import Sessions
from app.errors import BadInput, Conflict
from app.services import market, results, runs
from app.services.admission import Limits
from app.services.wanted import Reach, reaches
from engine.report.trials import Cells, best_first, grid
from engine.sweep import PERIODS, Estimate, Sweep, estimate

TRIALS = "trials.parquet"

PART_S, LEAST_TRIALS, MOST_PARTS = 20.0, 16, 256
"""About how long a part takes, how many trials it has at least, and how many parts there are at most."""

MANY, LONG_S = 100_000, 600.0
"""Trials and seconds beyond which nobody may have meant it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Some rows of a sweep, best first, and how many there are so far."""

    frame: pl.DataFrame
    total: int


async def submit(
    sessions: Sessions, *, sweep: Sweep, submitted_by: str, parts: int = 1, wish: runs.Wish = runs.NO_WISH, limits: Limits = runs.NO_LIMITS
) -> Run:
    """Queue a sweep; commits it with its parts and the rings that they are owed. QueueFull where there is no room."""
    asked = {
        "created_by": submitted_by,
        "name": sweep.name,
        "strategy": sweep.spec.strategy.kind,
        "spec": sweep.canonical(),
        "spec_hash": sweep.hash(),
        "trials_done": 0,
    }
    ids = sorted(new_id() for _ in range(parts)) if parts > 1 else []  # by which they are taken in order
    bounds = itertools.pairwise(sweep.most_trials * at // parts for at in range(parts + 1))
    pieces = [
        Run(**asked, id=id_, kind=RunKind.PART, part_first=first, trials=after - first) for id_, (first, after) in zip(ids, bounds, strict=False)
    ]
    run = Run(**asked, kind=RunKind.SWEEP, trials=sweep.most_trials, open_parts=len(pieces))
    return await runs.enqueue(sessions, run, wish=wish, limits=limits, in_parts=pieces)


def parts_of(found: Estimate) -> int:
    """Return in how many parts a sweep is computed: some seconds each, so that many workers can take part and a lost one costs little."""
    return max(1, min(MOST_PARTS, int(found.seconds / PART_S), found.trials // LEAST_TRIALS))


async def measure(sessions: Sessions, sweep: Sweep, *, threads: int | None = None) -> Estimate:
    """Return about how long a sweep takes and how much memory, by what is stored of its series."""
    known = {(info.key, cover.kind): cover for info in await market.list_instruments(sessions) for cover in info.coverage}
    wanted = reaches(sweep.spec)
    rows = sum(_rows_within(known[key, reach.kind], reach) for key, reach in wanted.items() if (key, reach.kind) in known)
    return await asyncio.to_thread(estimate, sweep, rows, threads=threads)


def is_large(found: Estimate, *, memory_bytes: float) -> bool:
    """Tell whether a sweep is so much that somebody should be asked; `memory_bytes` is what it may hold, 0: as much as there is."""
    return found.trials > MANY or found.seconds > LONG_S or 0 < memory_bytes < found.memory_bytes


def done(libpq_uri: str, run_id: str, *, made_from: str) -> pl.DataFrame | None:
    """Return the rows that are kept of a sweep on just this data, by just this code; None where there are none; blocks."""
    query = "SELECT rows FROM sweep_parts WHERE run_id = $1::uuid AND made_from = $2"
    with adbc.transaction(libpq_uri) as cursor:
        cursor.execute(query, (run_id, made_from))
        parts = [row[0] for row in cursor.fetchall()]
    return pl.concat([pl.read_parquet(io.BytesIO(part)) for part in parts]) if parts else None


async def rows(sessions: Sessions, run: Run, *, by: str | None = None, offset: int, limit: int) -> Rows:
    """Return rows from `offset` on, `limit` at most, from best to worst by a figure; of a sweep on its way, those that are done."""
    ranked = await _ranked(sessions, run, by)
    return Rows(frame=ranked.slice(offset, limit), total=ranked.height)


async def heat(sessions: Sessions, run: Run, *, across: str | None, down: str | None, by: str | None = None) -> Cells:
    """Return a figure over two parameters [the first two that vary]; Conflict where no trial is done yet."""
    ranked = await _ranked(sessions, run, by)
    if ranked.is_empty():
        raise Conflict(f"sweep {run.id} is {run.state} and no trial of it is done; ask again when some are")
    paths = [parameter["path"] for parameter in run.spec["parameters"]]
    for path in filter(None, (across, down)):
        if path not in paths:
            raise BadInput(f"expected a parameter of the sweep, one of {', '.join(paths)}, found {path!r}")
    varying = [path for path in paths if ranked[path].n_unique() > 1] or paths[:1]
    across = across or next((path for path in varying if path != down), paths[0])
    down = down or next((path for path in varying if path != across), None)
    return grid(ranked, by or run.spec["rank_by"], down=down, across=across, others=[path for path in paths if path not in {down, across}])


async def _ranked(sessions: Sessions, run: Run, by: str | None) -> pl.DataFrame:
    found = await _table(sessions, run)
    name = by or run.spec["rank_by"]
    if found is None:
        return pl.DataFrame()
    if name not in found.columns or not found.schema[name].is_numeric():
        raise BadInput(f"expected a figure of a row, such as excess or sharpe, found {name!r}")
    return await asyncio.to_thread(best_first, found, name)


async def _table(sessions: Sessions, run: Run) -> pl.DataFrame | None:
    if run.state == RunState.DONE:
        content = await results.file(sessions, run_id=run.id, name=TRIALS)
        return await asyncio.to_thread(pl.read_parquet, io.BytesIO(content))
    parts = await _parts(sessions, run.id)
    if not parts:
        return None
    return await asyncio.to_thread(lambda: pl.concat([pl.read_parquet(io.BytesIO(part)) for part in parts]).drop(PERIODS).unique("trial"))


async def _parts(sessions: Sessions, run_id: UUID) -> list[bytes]:
    # those of the newest data and code alone: an import may have come between two attempts
    newest = select(SweepPart.made_from).where(SweepPart.run_id == run_id).order_by(SweepPart.stored_at.desc()).limit(1).scalar_subquery()
    async with sessions() as session:
        return list(await session.scalars(select(SweepPart.rows).where(SweepPart.run_id == run_id, SweepPart.made_from == newest)))


def _rows_within(cover: market.Coverage, reach: Reach) -> int:
    # as if they lay evenly
    span = (cover.last - cover.first).total_seconds()
    shared = (min(cover.last, reach.end) - max(cover.first, reach.start)).total_seconds()
    return round(cover.count * min(max(shared / span, 0.0), 1.0)) if span > 0 else cover.count
