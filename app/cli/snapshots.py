"""`data snapshot`: days of series as files: made, listed, checked and removed."""

from dataclasses import asdict
from pathlib import Path

import typer

from app.cli import connection, output
from app.main.database import archive
from app.services import snapshot_removal, snapshots
from engine.units import format_duration


def build(*, data: Path | None, as_json: bool) -> None:
    """Build and say how many days were new."""
    with output.progress() as tell:
        found = snapshots.build(archive(connection.settings(data)), tell=tell)
    if as_json:
        output.document(asdict(found))
    elif found.days:
        output.show(f"{found.days:,} days had changed: {found.new:,} of them with other rows, {found.rows:,} in {found.bytes / 2**20:,.1f} MiB")
    else:
        output.show("no day has changed since it was built")


def show(*, data: Path | None, as_json: bool) -> None:
    """Print how the snapshots of each series stand."""
    found = snapshots.listed(archive(connection.settings(data)))
    if as_json:
        output.document({"series": [one._asdict() for one in found]})
        return
    numbers = {"days", "changed", "rows", "size", "older"}
    rows = output.table("venue", "instrument", "data", "days", "changed", "rows", "size", "older", "first", "last", numbers=numbers)
    for one in found:
        kind = one.data.replace("_", " ") + (f" of {format_duration(one.interval_us)}" if one.interval_us else "")
        counts = (f"{one.days:,}", f"{one.stale:,}", f"{one.rows:,}", f"{one.bytes / 2**20:,.1f} MiB", f"{one.older:,}")
        rows.add_row(one.venue, one.instrument, kind, *counts, f"{one.first}", f"{one.last}")
    output.show(rows if found else "nothing is stored yet: usdc-arb data import FILES...")


def verify(*, data: Path | None, as_json: bool) -> None:
    """Check every file; exit code 1 where one is damaged."""
    with output.progress() as tell:
        wrong = snapshots.verify(archive(connection.settings(data)), tell=tell)
    if as_json:
        output.document({"damaged": wrong})
    else:
        output.show(*wrong or ["every snapshot is what its hash says"])
    if wrong:
        raise typer.Exit(1)


def collect(*, data: Path | None, as_json: bool) -> None:
    """Remove what nobody can want and say how much it was."""
    found = snapshot_removal.collect(archive(connection.settings(data)))
    if as_json:
        output.document(asdict(found))
    else:
        output.show(f"{found.superseded:,} superseded versions and {found.unnamed:,} files that nothing names are gone")
