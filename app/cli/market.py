"""Market data from the command line: files into the database, and what is there."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path

from rich.table import Table

from app.cli import connection, output
from app.db.session import make_sessions
from app.ops import hardware
from app.services import imports, market, trade_bars
from app.services.import_job import ImportSummary, Progress
from app.services.market import InstrumentInfo
from app.services.tally import clock_advice
from app.settings import Settings
from app.sources.kinds import Data
from app.sources.names import check_instrument, check_interval, check_venue
from app.sources.read import BAD_ROWS
from engine.schema import US_PER_SECOND, SeriesKey
from engine.units import format_duration
from infra.sizing import BOX

Window = tuple[datetime | None, datetime | None]
"""From and to, where they are said."""

_OF_BARS = {"no trade": "no_trade", "missing": "missing"}
_OF_QUOTES = {"crossed": "crossed", "no price": "no_price"}
_OF_TRADES = {"no side": "no_side"}
_OF_POOLS = {"no liquidity": "no_liquidity"}
_OF_FUNDING = {"unpublished": "unpublished"}
_COLUMNS: Mapping[Data, Mapping[str, str]] = {
    "bars": _OF_BARS,
    "quotes": _OF_QUOTES,
    "quote_bars": _OF_QUOTES,
    "trades": _OF_TRADES,
    "pool": _OF_POOLS,
    "pool_bars": _OF_POOLS,
    "funding": _OF_FUNDING,
}
_SHOWN = frozenset({*(name for counts in _COLUMNS.values() for name in counts.values()), "least_delay_us"})


def import_files(
    files: Sequence[Path],
    *,
    data: Path | None,
    venue: str | None,
    instrument: str | None,
    interval: str | None,
    format_: str,
    stream: str,
    levels: int,
    replace: bool,
    quarantine: Path | None,
    as_json: bool,
) -> None:
    """Import files and print what became of each."""
    uri = connection.settings(data).libpq_uri
    with output.progress() as report:

        def told(progress: Progress) -> None:
            rows = f"{progress.rows:,} rows, {progress.rows_per_s:,.0f} rows/s in all"
            report(f"{Path(progress.path).name}: {rows}", progress.bytes_read / max(progress.bytes_total, 1))

        said = imports.import_files(
            uri,
            files,
            venue=venue,
            instrument=instrument,
            interval=interval,
            format=format_,
            stream=stream,
            levels=levels,
            replace=replace,
            quarantine=quarantine,
            jobs=_jobs(data),
            on_progress=told,
        )
        found = asyncio.run(said)
    if as_json:
        output.document({"imports": [asdict(one) for one in found], "quarantine": str(quarantine) if quarantine and quarantine.exists() else None})
    else:
        show_imports(found)
        if bad := sum(one.counts.get(BAD_ROWS, 0) for one in found):
            output.note(f"bad rows set aside in {quarantine}: {bad:,}; mend them in their files and import those again, or leave them out")


# As many series at a time as the plan of this machine has threads for.
def _jobs(data: Path | None) -> int:
    plan = hardware.planned(connection.data_folder(data), BOX)
    return max(plan.workers, plan.threads_per_run)


def make_bars(*, data: Path | None, venue: str, instrument: str, interval: str, window: Window, replace: bool, as_json: bool) -> None:
    """Make bars of stored trades and print what became of them."""
    uri = connection.settings(data).libpq_uri
    request = trade_bars.Request(
        key=SeriesKey(check_venue(venue), check_instrument(instrument)),
        interval_us=check_interval(imports.interval_us(interval)),
        start=window[0] and window[0].replace(tzinfo=UTC),
        end=window[1] and window[1].replace(tzinfo=UTC),
        replace=replace,
    )
    found = trade_bars.make_bars(uri, request)
    if as_json:
        output.document({"imports": [asdict(found)]})
    else:
        show_imports([found])


def show(*, data: Path | None, venue: str | None, as_json: bool) -> None:
    """Print the instruments and what there is of each."""
    found = asyncio.run(_instruments(connection.settings(data), venue))
    if as_json:
        output.document({"instruments": [_as_form(one) for one in found]})
        return
    rows = output.table("venue", "instrument", "data", "rows", "first", "last", numbers={"rows"})
    for one in found:
        for cover in one.coverage:
            rows.add_row(one.venue, one.name, str(cover.kind), f"{cover.count:,}", f"{cover.first:%Y-%m-%d %H:%M}", f"{cover.last:%Y-%m-%d %H:%M}")
    output.show(rows if found else "nothing is stored yet: usdc-arb data import FILES...")


def show_imports(found: Sequence[ImportSummary], what: str = "file") -> None:
    """Print what became of files, or of what else rows came from."""
    kinds = [[one for one in found if _COLUMNS[one.data] is counts] for counts in (_OF_BARS, _OF_QUOTES, _OF_TRADES, _OF_POOLS, _OF_FUNDING)]
    tables = [_table(of, _COLUMNS[of[0].data]) for of in kinds if of]
    total, new, seconds = (sum(values) for values in zip(*((one.rows_read, one.rows_new, one.seconds) for one in found), strict=True))
    many = f"{len(found)} {what}{'s' if len(found) > 1 else ''}"
    output.show(*tables, f"{many}, {total:,} rows, {new:,} of them new, in {seconds:.1f} s ({total / seconds:,.0f} rows/s)")
    for one in found:
        output.note(f"{one.path}: {one.why}{_aside(one)}")
        if advice := clock_advice(one.counts.get("least_delay_us")):
            output.note(f"{one.path}: {advice}")


def _table(found: Sequence[ImportSummary], counts: Mapping[str, str]) -> Table:
    numbers = {"rows", "new", "longest gap", *counts}
    rows = output.table("series", "rows", "new", *counts, "longest gap", "first", "last", numbers=numbers)
    for one in found:
        gap = _gap(one.longest_gap_us)
        said = (f"{count:,}" for count in (one.rows_read, one.rows_new, *(one.counts[name] for name in counts.values())))
        rows.add_row(f"{one.venue} {one.instrument}", *said, gap, f"{one.first:%Y-%m-%d %H:%M}", f"{one.last:%Y-%m-%d %H:%M}")
    return rows


# Of bars to the bar, of what is recorded to three digits.
def _gap(us: int) -> str:
    if us % US_PER_SECOND == 0:
        return format_duration(us) if us else ""
    return f"{us / US_PER_SECOND:.3g}s" if us > US_PER_SECOND else f"{us / 1_000:.3g}ms"


def _aside(one: ImportSummary) -> str:
    named = {name: count for name, count in one.counts.items() if name not in _SHOWN}
    return "; left aside: " + ", ".join(f"{count:,} {name}" for name, count in named.items()) if named else ""


async def _instruments(settings: Settings, venue: str | None) -> list[InstrumentInfo]:
    engine, sessions = make_sessions(settings.database_url, 1)
    try:
        return await market.list_instruments(sessions, venue=venue)
    finally:
        await engine.dispose()


def _as_form(info: InstrumentInfo) -> dict[str, object]:
    coverage = [
        {"data": c.data, "interval": format_duration(c.interval_us) if c.interval_us else None, "rows": c.count, "first": c.first, "last": c.last}
        for c in info.coverage
    ]
    return {"venue": info.venue, "instrument": info.name, "base": info.base, "quote": info.quote, "coverage": coverage}
