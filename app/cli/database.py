"""`db status` and `db maintain`: what market data is kept in, and the upkeep of old rows."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncEngine

from app.cli import connection, output
from app.db.hypertables import Edition
from app.db.session import make_sessions
from app.db.standing import Standing
from app.main.database import lifecycle
from app.services import storage
from app.services.storage import Storage
from app.settings import Settings
from engine.units import format_duration

T = TypeVar("T")

_EDITIONS = {Edition.FULL: "all of it", Edition.APACHE: "the Apache edition", Edition.NONE: "not in this database"}


def show_status(*, data: Path | None, as_json: bool) -> None:
    """Print how the database stands."""
    settings = connection.settings(data)
    found = asyncio.run(_on(settings, storage.status))
    kept = lifecycle(settings).keep_days
    if as_json:
        output.document(_form(found, kept))
        return
    rows = output.table("table", "rows, about", "size", "chunks", "of", "by columns", "kept", numbers={"rows, about", "size", "chunks", "by columns"})
    for one in found.tables:
        chunks = (f"{one.chunks:,}", format_duration(one.chunk // timedelta(microseconds=1)), f"{one.compressed:,}") if one.chunk else ("", "", "")
        rows.add_row(
            one.name, f"{one.rows:,}", f"{one.bytes / 2**20:,.1f} MiB", *chunks, f"{kept[one.name]} days" if one.name in kept else "for ever"
        )
    output.show(*_versions(found), "", *([rows] if found.tables else []), *(f"  {line}" for line in found.without))


def maintain(*, data: Path | None, as_json: bool) -> None:
    """Let old rows go and say how many went."""
    settings = connection.settings(data)
    chosen = lifecycle(settings)
    gone = asyncio.run(_on(settings, lambda engine: storage.maintain(engine, chosen)))
    if as_json:
        output.document({"gone": gone})
    else:
        said = [f"{name}: {count:,} let go" for name, count in gone.items()]
        if not chosen.keep_days:
            said.append("all market data is kept for ever: BARS_KEEP_DAYS, QUOTES_KEEP_DAYS and so on say otherwise")
        output.show(*(said or ["the database's own policies see to it"]))


def make_roles(*, data: Path | None, as_json: bool) -> None:
    """Make the roles and say how they are used."""
    made = asyncio.run(_on(connection.settings(data), storage.make_roles))
    if as_json:
        output.document({"roles": made})
    else:
        output.show(f"{', '.join(made)} are there; a login of one: CREATE ROLE name LOGIN PASSWORD '…' IN ROLE {made[0]}")


def _versions(found: Storage) -> list[str]:
    at = "which is what this version needs" if found.revision == found.head else f"this version needs {found.head}: usdc-arb db upgrade"
    extension = found.versions.extension
    lines = [
        f"PostgreSQL {found.versions.server}, schema {found.revision or 'nothing yet'}, {at}",
        f"TimescaleDB {extension or ''}: {_EDITIONS[found.edition]}".replace(" :", ":"),
    ]
    if extension and found.versions.library != extension:
        lines.append(f"the server's files are of TimescaleDB {found.versions.library}: ALTER EXTENSION timescaledb UPDATE, in a new session")
    return lines


def _form(found: Storage, kept: Mapping[str, int]) -> dict[str, object]:
    tables = [_table(one) for one in found.tables]
    return {
        "revision": found.revision,
        "head": found.head,
        **found.versions._asdict(),
        "edition": found.edition,
        "tables": tables,
        "kept_days": kept,
        "without": found.without,
    }


def _table(one: Standing) -> dict[str, object]:
    form = one._asdict() | {"chunk": one.chunk and format_duration(one.chunk // timedelta(microseconds=1))}
    return {"rows_estimated" if name == "rows" else name: value for name, value in form.items()}


async def _on(settings: Settings, work: Callable[[AsyncEngine], Awaitable[T]]) -> T:
    engine, _ = make_sessions(settings.database_url, 1)
    try:
        return await work(engine)
    finally:
        await engine.dispose()
