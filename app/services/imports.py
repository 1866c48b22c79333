"""Bringing files into the database, a transaction a batch; importing again changes nothing, and goes on where an import broke off."""

import asyncio
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from app.errors import AppError, BadInput
from app.services.import_job import ImportSummary, Job, Meter, Progress, go_on
from app.services.import_recording import import_recording
from app.services.import_timed import STORES, import_timed
from app.services.quarantine import opened
from app.sources.detect import LEVELS, Found, Said, detect_all
from app.sources.files import expand
from engine.schema import SeriesKey
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
    quarantine: Path | None = None,
    jobs: int = 1,
    on_progress: Callable[[Progress], None] = _silent,
) -> list[ImportSummary]:
    """Import files, folders and patterns, each in a transaction a batch; importing again changes nothing.

    Every file is looked at before the first is stored. A bad row, or (without `replace`) one that is stored with other values, ends
    the import; what came before it stays, and so do files before it. With `quarantine` bad rows are written there, and the rest
    goes in. Up to `jobs` series are imported at a time, the files of one in their order. When cancelled, the batch at hand is undone.
    """
    stop = threading.Event()
    length = None if interval is None else interval_us(interval)
    said = Said(format=format, venue=venue, instrument=instrument, interval_us=length, stream=stream, levels=levels)
    try:
        found = await asyncio.to_thread(lambda: detect_all(expand(paths), said))
        with opened(quarantine) as aside:
            job = Job(libpq_uri=libpq_uri, replace=replace, meter=Meter(found, on_progress), stop=stop, quarantine=aside, books={})
            return await asyncio.to_thread(_import_all, found, job, jobs)
    finally:
        stop.set()


def interval_us(text: str) -> int:
    """Return the length of bars as people write it [µs]."""
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadInput(f"interval: {error}") from error


# Series side by side, the files of each one after the other: a book goes on in the next file.
def _import_all(found: Sequence[Found], job: Job, jobs: int) -> list[ImportSummary]:
    chains: dict[SeriesKey, list[Found]] = {}
    for one in found:
        chains.setdefault(one.key, []).append(one)
    done: dict[str, ImportSummary] = {}
    with ThreadPoolExecutor(jobs) as pool:
        running = [pool.submit(_import_chain, chain, job, done) for chain in chains.values()]
    errors = [error for one in running if (error := one.exception()) is not None]
    if errors:
        raise _with_account(next((error for error in errors if not isinstance(error, InterruptedError)), errors[0]), len(done), len(found))
    return [done[one.source.label] for one in found]


def _import_chain(chain: Sequence[Found], job: Job, done: dict[str, ImportSummary]) -> None:
    try:
        for one in chain:
            go_on(job)
            done[one.source.label] = import_timed(one, job) if one.kind.data in STORES else import_recording(one, job)
    except BaseException:
        job.stop.set()
        raise


def _with_account(error: BaseException, done: int, total: int) -> BaseException:
    if total > 1 and isinstance(error, AppError):
        error.args = (f"{error}; {done} of {total} files are imported whole, what is stored of others stays: the same command goes on",)
    return error
