"""The result of a run as the schema shows it: numbers, where they came from, files, fills page by page."""

from datetime import datetime
from typing import Annotated, Self

import strawberry
from strawberry.scalars import JSON

from app.api.context import Info
from app.api.figures import (
    AttributionLine,
    CombinationLines,
    Counts,
    GuardEvent,
    LegLines,
    Metric,
    PerpetualFigures,
    SeriesQuality,
    SizePoint,
    Stop,
    StressCase,
    TradeBack,
    WalletBalance,
)
from app.api.fills import Fill, FillConnection, FillEdge
from app.api.pages import decode_cursor, encode_cursor, page_size
from app.api.types import PageInfo, field, resolver
from app.db import models
from app.errors import BadInput
from app.services import results

FILLS_A_PAGE = 500
_FILLS = "fills"


@strawberry.type(description="A file of the result, for download with the same token.")
class ResultFile:
    """Name and address of a file."""

    name: str = field(description="report.html, fills.parquet, equity.parquet and others.")
    path: str = field(description="Where to GET it on this server.")

    @classmethod
    def of(cls, run: models.Run, name: str) -> Self:
        """Return a file of a run or of a sweep."""
        return cls(name=name, path=f"/runs/{run.id}/files/{name}")


@strawberry.type(description="What came out of a run.")
class Result:
    """The summary of a run that is done."""

    run: strawberry.Private[models.Run]
    verdict: str = field(description="The outcome in one sentence.")
    synthetic: bool = field(description="Whether any of the data was invented, not traded.")
    indicative: bool = field(description="Whether the data is too coarse for the numbers to be more than a hint.")
    numeraire: str = field(description="The currency that equity and attribution are in.")
    comparison_currency: str = field(description="The currency in which edges were compared.")
    start: datetime = field(description="Start of the run's window.")
    end: datetime = field(description="End of the run's window.")
    equity_start: float = field(description="Equity at the start, in the numeraire.")
    equity_end: float = field(description="Equity at the end, in the numeraire.")
    excess: float = field(description="Change of equity beyond that of holding the starting balances, in the numeraire.")
    warnings: list[str] = field(description="What makes the numbers doubtful.")
    assumptions: list[str] = field(description="What the numbers take for granted.")
    manifest_hash: str = field(description="Hash of all that the result depends on: equal hash, equal result.")
    counts: Counts = field(description="How many of what the run saw and did.")

    @classmethod
    def of(cls, run: models.Run) -> Self:
        """Return the result of a run that is done."""
        summary = _summary(run)
        plain = {name: summary[name] for name in _PLAIN}
        plain |= {name: datetime.fromisoformat(summary[name]) for name in ("start", "end")}
        counts = Counts(**{name: summary["counts"].get(name, 0) for name in Counts.__annotations__})
        return cls(run=run, counts=counts, **plain)

    @resolver("The numbers that the run is judged by.")
    def metrics(self) -> list[Metric]:
        """Return them in the engine's order."""
        return [Metric(name=name, value=value) for name, value in _summary(self.run)["metrics"].items()]

    @resolver("What the change of equity consists of; the lines sum to it.")
    def attribution(self) -> list[AttributionLine]:
        """Return the lines in the engine's order."""
        return [AttributionLine(line=a["line"], amount=a["amount"]) for a in _summary(self.run)["attribution"]]

    @resolver("What trading back to the starting balances would bring; null for a result of an earlier version.")
    def trade_back(self) -> TradeBack | None:
        """Return the summary's `trade_back`."""
        found = _summary(self.run).get("trade_back")
        return TradeBack(**found) if found else None

    @resolver("What it would have come to under worse conditions; those that would change nothing are left out.")
    def stress(self) -> list[StressCase]:
        """Return them in the engine's order."""
        return StressCase.all_of(_summary(self.run).get("stress", {}))

    @resolver("What the packages of each combination of legs brought, those that mattered most first, 20 at most.")
    def combinations(self) -> list[CombinationLines]:
        """Return the summary's `combinations`."""
        return [CombinationLines(**row) for row in _summary(self.run).get("combinations", [])]

    @resolver("What the orders on each leg brought, by venue, then instrument.")
    def legs(self) -> list[LegLines]:
        """Return the summary's `legs`."""
        return [LegLines(**row) for row in _summary(self.run).get("legs", [])]

    @resolver("What came of the position in a perpetual; null for a run without one.")
    def perpetual(self) -> PerpetualFigures | None:
        """Return the summary's `perpetual`."""
        found = _summary(self.run).get("perpetual")
        return PerpetualFigures(**found) if found else None

    @resolver("What it would come to at half to many times its size, until more brings no more; empty for a run that sent nothing.")
    def capacity(self) -> list[SizePoint]:
        """Return the summary's `capacity`, by size."""
        return [SizePoint(**row) for row in _summary(self.run).get("capacity", [])]

    @resolver("Limits that stopped trading for good.")
    def stops(self) -> list[Stop]:
        """Return the summary's `stops`."""
        return [Stop(at=datetime.fromisoformat(row["at"]), why=row["why"]) for row in _summary(self.run).get("stops", [])]

    @resolver("When guarded stablecoins left their peg and came back, by time.")
    def guard(self) -> list[GuardEvent]:
        """Return the summary's `guard`."""
        rows = _summary(self.run).get("guard", [])
        return [GuardEvent(at=datetime.fromisoformat(row["at"]), currency=row["currency"], state=row["state"]) for row in rows]

    @resolver("Every wallet at the start and at the end, by venue, then currency.")
    def balances(self) -> list[WalletBalance]:
        """Return the summary's `balances`."""
        return [WalletBalance.of(row) for row in _summary(self.run).get("balances", [])]

    @resolver("What the data was like, series by series.")
    def quality(self) -> list[SeriesQuality]:
        """Return them by venue, then instrument."""
        return [SeriesQuality.of(row) for row in _summary(self.run)["quality"]]

    @resolver("All that the result depends on: spec, data with their hashes, versions.")
    def manifest(self) -> JSON:
        """Return it as it was written."""
        return JSON(self.run.manifest)

    @resolver("The files of the result.")
    async def files(self, info: Info) -> list[ResultFile]:
        """List them by name."""
        names = await info.context.loaders.file_names.load(self.run.id)
        return [ResultFile.of(self.run, name) for name in names]

    @resolver("The orders and what became of them, page by page, in the order in which they were sent.")
    async def fills(
        self,
        info: Info,
        first: Annotated[int, strawberry.argument(description=f"Most fills to return, 1 to {FILLS_A_PAGE}.")] = 100,
        after: Annotated[str | None, strawberry.argument(description="The cursor after which the page begins.")] = None,
    ) -> FillConnection:
        """Read one page."""
        offset = _place(after) + 1 if after else 0
        frame, total = await results.fills(info.context.sessions, run_id=self.run.id, offset=offset, limit=page_size(first, FILLS_A_PAGE))
        rows = enumerate(frame.iter_rows(named=True), offset)
        edges = [FillEdge(cursor=encode_cursor(_FILLS, place), node=Fill.of(row)) for place, row in rows]
        place_of_page = PageInfo.of([e.cursor for e in edges], before=offset > 0, more=offset + len(edges) < total)
        return FillConnection(edges=edges, page_info=place_of_page, total_count=total)


_PLAIN = (
    "verdict",
    "synthetic",
    "indicative",
    "numeraire",
    "comparison_currency",
    "equity_start",
    "equity_end",
    "excess",
    "warnings",
    "assumptions",
    "manifest_hash",
)


def _summary(run: models.Run) -> models.Json:
    assert run.summary is not None, "a run that is done has a summary"
    return run.summary


def _place(cursor: str) -> int:
    key = decode_cursor(_FILLS, cursor)
    if not key.isdecimal():
        raise BadInput(f"after: expected a cursor of this list, found {cursor[:80]!r}")
    return int(key)
