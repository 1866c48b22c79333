"""A result: tables, summary and manifest, and the files that they become."""

import io
import json
from dataclasses import dataclass

import polars as pl

from engine.config import Spec
from engine.report import render

TABLES = ("fills", "packages", "equity", "opportunities", "episodes", "transfers", "spread")
FILES = ("report.html", "summary.json", "manifest.json", *(f"{table}.parquet" for table in TABLES))
"""The files of a result."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What a backtest came to."""

    spec: Spec
    summary: dict[str, object]
    manifest: dict[str, object]
    fills: pl.DataFrame  # one row an order (engine.ledger.fills_table)
    packages: pl.DataFrame  # (engine.attribution.packages_table)
    equity: pl.DataFrame  # one row a tick: ts, equity, hold, excess [numeraire]
    opportunities: pl.DataFrame  # (engine.opportunities.opportunities_table)
    episodes: pl.DataFrame  # (engine.opportunities.episodes_table)
    transfers: pl.DataFrame  # (engine.ledger.transfers_table)
    spread: pl.DataFrame  # of the pair that matters most, what a chart shows (engine.spread.spread_table)

    def files(self) -> dict[str, bytes]:
        """Return the result as files: tables as Parquet, summary and manifest as JSON, the report as one HTML page."""
        tables: dict[str, pl.DataFrame] = {name: getattr(self, name) for name in TABLES}
        found = {f"{name}.parquet": _parquet(table) for name, table in tables.items()}
        found |= {"summary.json": _json(self.summary), "manifest.json": _json(self.manifest)}
        return found | {"report.html": render(self.summary, self.manifest, tables).encode()}


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def _json(form: dict[str, object]) -> bytes:
    return json.dumps(form, indent=2, sort_keys=True).encode() + b"\n"
