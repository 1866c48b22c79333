"""A result: tables, summary and manifest, and the files that they become."""

import io
import json
from dataclasses import dataclass

import polars as pl

from engine.config import Spec
from engine.report import render

TABLES = ("fills", "packages", "equity", "opportunities", "transfers")
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
    transfers: pl.DataFrame  # (engine.ledger.transfers_table)

    def files(self) -> dict[str, bytes]:
        """Return the result as files: tables as Parquet, summary and manifest as JSON, the report as one HTML page."""
        found = {f"{table}.parquet": _parquet(getattr(self, table)) for table in TABLES}
        found |= {"summary.json": _json(self.summary), "manifest.json": _json(self.manifest)}
        page = render(self.summary, self.manifest, equity=self.equity, packages=self.packages, transfers=self.transfers)
        return found | {"report.html": page.encode()}


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.write_parquet(buffer)
    return buffer.getvalue()


def _json(form: dict[str, object]) -> bytes:
    return json.dumps(form, indent=2, sort_keys=True).encode() + b"\n"
