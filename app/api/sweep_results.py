"""The result of a sweep as the schema shows it: what a doubter asks, the statistics, the best trials in full."""

import json
from datetime import datetime
from typing import Self

import strawberry
from strawberry.scalars import JSON

from app.api.context import Info
from app.api.results import ResultFile
from app.api.types import field, resolver
from app.db import models

_BEST = "best/"


@strawberry.type(description="A question that a doubter asks of the best trial, and its answer.")
class TrustCheck:
    """One of the checks of `engine.report.trust`."""

    name: str = field(description="What it is about, in a word or two.")
    question: str = field(description="The question.")
    found: str = field(description="What was found.")
    wanted: str = field(description="What it takes.")
    is_passed: bool | None = field(description="The answer; null where it could not be worked out.")


@strawberry.type(description="One of the best trials, with the full result of its backtest.")
class BestTrial:
    """A trial that was run in full."""

    run: strawberry.Private[models.Run]
    trial: int = field(description="Its number, as in the rows.")
    rank: int = field(description="Its place, from 1.")

    @resolver("The summary of its backtest.")
    async def summary(self, info: Info) -> JSON:
        """Read it."""
        content = await info.context.loaders.contents.load((self.run.id, f"{_BEST}{self.trial}/summary.json"))
        return JSON(json.loads(content))

    @resolver("The files of its backtest: report, ledger, equity, manifest.")
    async def files(self, info: Info) -> list[ResultFile]:
        """List them by name."""
        names = await info.context.loaders.file_names.load(self.run.id)
        return [ResultFile.of(self.run, name) for name in names if name.startswith(f"{_BEST}{self.trial}/")]


@strawberry.type(description="What came out of a sweep.")
class SweepResult:
    """The summary of a sweep that is done."""

    run: strawberry.Private[models.Run]
    verdict: str = field(description="Whether the best is more than luck, in a sentence.")
    synthetic: bool = field(description="Whether any of the data was invented, not traded.")
    indicative: bool = field(description="Whether the data is too coarse for the numbers to be more than a hint.")
    numeraire: str = field(description="The currency that amounts are in.")
    start: datetime = field(description="Start of the window.")
    end: datetime = field(description="End of the window.")
    periods: int = field(description="How many days (hours, where runs are shorter than 30 days) the statistics are worked out on.")
    manifest_hash: str = field(description="Hash of all that the result depends on: equal hash, equal result.")

    @classmethod
    def of(cls, run: models.Run) -> Self:
        """Return the result of a sweep that is done."""
        summary = _summary(run)
        plain = {name: summary[name] for name in _PLAIN}
        plain |= {name: datetime.fromisoformat(summary[name]) for name in ("start", "end")}
        return cls(run=run, verdict=summary["headline"], **plain)

    @resolver("What a doubter asks of the best trial.")
    def checks(self) -> list[TrustCheck]:
        """Return them in the order of the report."""
        return [TrustCheck(**{name: row[name] for name in TrustCheck.__annotations__}) for row in _summary(self.run)["checks"]]

    @resolver("Deflated Sharpe ratio, probability of overfitting, bootstrap, stability, walk forward, and why one is missing: docs/statistics.md.")
    def statistics(self) -> JSON:
        """Return them by the names of their modules."""
        return JSON(_summary(self.run)["statistics"])

    @resolver("The trials that were run in full, best first.")
    def best(self) -> list[BestTrial]:
        """List them."""
        return [BestTrial(run=self.run, trial=trial, rank=rank) for rank, trial in enumerate(_summary(self.run)["best"], 1)]

    @resolver("All that the result depends on: sweep, data with their hashes, versions.")
    def manifest(self) -> JSON:
        """Return it as it was written."""
        return JSON(self.run.manifest)

    @resolver("The files of the result, those of the best trials apart.")
    async def files(self, info: Info) -> list[ResultFile]:
        """List them by name."""
        names = await info.context.loaders.file_names.load(self.run.id)
        return [ResultFile.of(self.run, name) for name in names if not name.startswith(_BEST)]


_PLAIN = ("synthetic", "indicative", "numeraire", "periods", "manifest_hash")


def _summary(run: models.Run) -> models.Json:
    assert run.summary is not None, "a sweep that is done has a summary"
    return run.summary
