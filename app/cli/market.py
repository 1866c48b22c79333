"""Market data from the command line: files into the database, and what is there."""

import asyncio
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from app.cli import connection, output
from app.db.session import make_sessions
from app.services import imports, market
from app.services.imports import ImportSummary, Progress
from app.services.market import InstrumentInfo
from app.settings import Settings
from engine.units import format_duration


def import_files(
    files: Sequence[Path],
    *,
    data: Path | None,
    venue: str | None,
    instrument: str | None,
    interval: str | None,
    format_: str,
    replace: bool,
    as_json: bool,
) -> None:
    """Import files and print what became of each."""
    uri = connection.settings(data).libpq_uri
    with output.progress() as report:

        def told(progress: Progress) -> None:
            report(f"{Path(progress.path).name}: {progress.rows:,} rows", progress.bytes_read / max(progress.bytes_total, 1))

        said = imports.import_files(
            uri, files, venue=venue, instrument=instrument, interval=interval, format=format_, replace=replace, on_progress=told
        )
        found = asyncio.run(said)
    if as_json:
        output.document({"imports": [asdict(one) for one in found]})
    else:
        _show_imports(found)


def show(*, data: Path | None, venue: str | None, as_json: bool) -> None:
    """Print the instruments and what bars there are of each."""
    found = asyncio.run(_instruments(connection.settings(data), venue))
    if as_json:
        output.document({"instruments": [_as_form(one) for one in found]})
        return
    rows = output.table("venue", "instrument", "interval", "bars", "first", "last", numbers={"bars"})
    for one in found:
        for cover in one.coverage:
            interval = format_duration(cover.interval_us)
            rows.add_row(one.venue, one.name, interval, f"{cover.count:,}", f"{cover.first:%Y-%m-%d %H:%M}", f"{cover.last:%Y-%m-%d %H:%M}")
    output.show(rows if found else "nothing is stored yet: usdc-arb data import FILES...")


def _show_imports(found: Sequence[ImportSummary]) -> None:
    names = {"bars", "new", "no trade", "missing", "longest gap"}
    rows = output.table("series", "bars", "new", "no trade", "missing", "longest gap", "first", "last", numbers=names)
    for one in found:
        gap = format_duration(one.longest_gap_us) if one.longest_gap_us else ""
        counts = (f"{count:,}" for count in (one.rows_read, one.rows_new, one.no_trade, one.missing))
        rows.add_row(f"{one.venue} {one.instrument}", *counts, gap, f"{one.first:%Y-%m-%d %H:%M}", f"{one.last:%Y-%m-%d %H:%M}")
    total, new, seconds = (sum(values) for values in zip(*((one.rows_read, one.rows_new, one.seconds) for one in found), strict=True))
    output.show(rows, f"{len(found)} files, {total:,} bars, {new:,} of them new, in {seconds:.1f} s ({total / seconds:,.0f} bars/s)")
    for one in found:
        output.note(f"{one.path}: {one.why}")


async def _instruments(settings: Settings, venue: str | None) -> list[InstrumentInfo]:
    engine, sessions = make_sessions(settings.database_url, 1)
    try:
        return await market.list_instruments(sessions, venue=venue)
    finally:
        await engine.dispose()


def _as_form(info: InstrumentInfo) -> dict[str, object]:
    coverage = [{"interval": format_duration(c.interval_us), "bars": c.count, "first": c.first, "last": c.last} for c in info.coverage]
    return {"venue": info.venue, "instrument": info.name, "base": info.base, "quote": info.quote, "coverage": coverage}
