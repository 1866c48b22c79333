"""Bringing files into the database: bars whole or not at all, quotes and trades batch by batch; importing again changes nothing."""

import asyncio
import itertools
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from app.errors import AppError, BadInput
from app.services.import_bars import import_bars
from app.services.import_job import ImportSummary, Job, Progress
from app.services.import_recording import import_recording
from app.sources.detect import LEVELS, Found, Said, detect_all
from app.sources.files import expand
from engine.units import parse_duration


def _silent(_: Progress) -> None:
    """Say nothing."""


async def import_files(
    libpq_uri: str,
    paths: Sequence[Path | str],
    *,
    venue: str | None = None,
    instrument: str | None = None,
    interval: str | None = None,
    format: str = "auto",  # noqa: A002  the option's name
    stream: str = "auto",
    levels: int = LEVELS,
    replace: bool = False,
    on_progress: Callable[[Progress], None] = _silent,
) -> list[ImportSummary]:
    """Import files, folders and patterns: bars in one transaction a file, quotes in one a batch; importing again changes nothing.

    Every file is looked at before the first is stored. A file of bars with a bad row, or (without `replace`) with a bar that is
    stored with other numbers, is refused whole; of quotes what came before stays. So do files before it; when cancelled, the
    bars of the file at hand are undone.
    """
    stop = threading.Event()
    said = Said(
        format=format,
        venue=venue,
        instrument=instrument,
        interval_us=None if interval is None else interval_us(interval),
        stream=stream,
        levels=levels,
    )
    try:
        found = await asyncio.to_thread(lambda: detect_all(expand(paths), said))
        job = _job(found, libpq_uri=libpq_uri, replace=replace, on_progress=on_progress, stop=stop)
        return await asyncio.to_thread(_import_all, found, job)
    finally:
        stop.set()


def interval_us(text: str) -> int:
    """Return the length of bars as people write it [µs]."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInput(f"interval: {error}") from error


def _job(found: Sequence[Found], *, libpq_uri: str, replace: bool, on_progress: Callable[[Progress], None], stop: threading.Event) -> Job:
    sizes = {one.source.path: one.source.path.stat().st_size for one in found}
    before = dict(zip(sizes, itertools.accumulate(sizes.values(), initial=0), strict=False))
    return Job(libpq_uri=libpq_uri, replace=replace, before=before, total=sum(sizes.values()), on_progress=on_progress, stop=stop, books={})


def _import_all(found: Sequence[Found], job: Job) -> list[ImportSummary]:
    done: list[ImportSummary] = []
    for one in found:
        try:
            done.append(import_bars(one, job) if one.kind.data == "bars" else import_recording(one, job))
        except AppError as error:
            if done:
                error.args = (f"{error}; before it, {len(done)} of {len(found)} were imported",)
            raise
    return done
