"""A result of a sweep, and the files that it becomes."""

import io
import json
from dataclasses import asdict, dataclass

import polars as pl

from engine import manifest as manifests
from engine.arrays import Floats, Int64s
from engine.report import render_sweep
from engine.report.sweep import Kept
from engine.report.trials import best_first
from engine.report.trust import checks, headline
from engine.result import TABLES, Result
from engine.summary import is_indicative, is_synthetic
from engine.sweep.spec import Sweep

SNAPSHOTS = "snapshots"
"""In a manifest the files that the data was read from, which do not count for its hash: the rows in them do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SweepResult:
    """What a sweep came to."""

    sweep: Sweep
    trials: pl.DataFrame  # one row a trial, by ordinal: `trial`, its values, then its figures (engine.sweep.rows.columns)
    judged: Int64s  # (J,) the trials that are judged: all, or the best 20,000
    periods: Floats  # (T, J) change of the excess of each of them (column) in each period [numeraire]
    period_us: int
    best: tuple[tuple[int, Result], ...]  # (trial, result), best first
    statistics: dict[str, object]
    manifest: dict[str, object]

    @property
    def summary(self) -> dict[str, object]:
        """What is said about it as a whole, as JSON values."""
        return {
            "name": self.sweep.name,
            "parameters": [parameter.path for parameter in self.sweep.parameters],
            "numeraire": self.sweep.spec.numeraire,
            "start": self.sweep.spec.canonical()["start"],
            "end": self.sweep.spec.canonical()["end"],
            "synthetic": is_synthetic(self.sweep.spec),
            "indicative": is_indicative(self.sweep.spec),
            "design": self.sweep.design,
            "trials": self.trials.height,
            "rank_by": self.sweep.rank_by,
            "best": [trial for trial, _ in self.best],
            "warnings": self.best[0][1].summary["warnings"] if self.best else [],  # of the very best
            "periods": len(self.periods),
            "period_us": self.period_us,
            "statistics": self.statistics,
            **self._trust(),
            "manifest_hash": manifests.digest({name: value for name, value in self.manifest.items() if name != SNAPSHOTS}),
        }

    def _trust(self) -> dict[str, object]:
        ranked = best_first(self.trials, self.sweep.rank_by)
        found = checks(ranked, self.statistics)
        return {"headline": headline(ranked, found), "checks": [asdict(check) for check in found]}

    def _kept(self) -> list[Kept]:
        return [Kept(trial=trial, summary=result.summary, tables={name: getattr(result, name) for name in TABLES}) for trial, result in self.best]

    def files(self) -> dict[str, bytes]:
        """Return the result as files: rows and periods as Parquet, summary and manifest as JSON, a page, and each of the best below `best/`."""
        by_trial = pl.DataFrame({"trial": self.judged, "change": pl.Series(self.periods.T.tolist(), dtype=pl.List(pl.Float64))})
        found = {"trials.parquet": _parquet(self.trials), "periods.parquet": _parquet(by_trial)}
        found |= {"summary.json": _json(self.summary), "manifest.json": _json(self.manifest)}
        found["report.html"] = render_sweep(self.summary, self.manifest, self.trials, kept=self._kept()).encode()
        return found | {f"best/{trial}/{name}": content for trial, result in self.best for name, content in result.files().items()}


def _parquet(table: pl.DataFrame) -> bytes:
    buffer = io.BytesIO()
    table.rechunk().write_parquet(buffer)  # or how its rows came in would show
    return buffer.getvalue()


def _json(form: dict[str, object]) -> bytes:
    return json.dumps(form, indent=2, sort_keys=True).encode() + b"\n"
