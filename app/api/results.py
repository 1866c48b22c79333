"""The result of a run as the schema shows it: numbers, attribution, data quality, fills page by page."""

from collections.abc import Mapping
from datetime import datetime
from enum import Enum
from typing import Annotated, Any, Self

import strawberry
from strawberry.scalars import JSON

from app.api.context import Info
from app.api.pages import decode_cursor, encode_cursor, page_size
from app.api.scalars import Amount, amount
from app.api.types import PageInfo, field, resolver
from app.db import models
from app.errors import BadInput
from app.services import results

FILLS_A_PAGE = 500
_FILLS = "fills"


@strawberry.enum(description="The direction of an order.")
class Side(Enum):
    """Buy or sell."""

    BUY = strawberry.enum_value("buy", description="Base currency comes in, quote currency goes out.")
    SELL = strawberry.enum_value("sell", description="Base currency goes out, quote currency comes in.")


@strawberry.enum(description="What became of an order.")
class Outcome(Enum):
    """How an order ended."""

    FILLED = strawberry.enum_value("filled", description="The whole quantity was traded.")
    PARTIAL = strawberry.enum_value("partial", description="A part of it was traded.")
    LIMIT = strawberry.enum_value("limit", description="Nothing was traded: the price had moved past the limit.")
    VOLUME = strawberry.enum_value("volume", description="Nothing was traded: our share of the bar's volume was less than a lot.")
    NO_TRADE = strawberry.enum_value("no_trade", description="Nothing was traded: no bar with volume came in time.")
    OPEN = strawberry.enum_value("open", description="The run ended first.")


@strawberry.type(description="One number that the run is judged by; docs/model.md says what each means.")
class Metric:
    """A metric by its name."""

    name: str = field(description="Its name, with its unit where it has one: `max_drawdown_bps`.")
    value: float | None = field(description="Its value; null where it is not defined, such as a ratio without trades.")


@strawberry.type(description="One line of the explanation of the change of equity; the lines sum to it.")
class AttributionLine:
    """A line of the attribution."""

    line: str = field(description="gross, slippage, leg_misses, fees, peg, inventory or hold.")
    amount: float = field(description="Its part of the change, in the numeraire.")


@strawberry.type(description="How many of what the run saw and did.")
class Counts:
    """Opportunities, packages, orders, and what was dropped for which reason."""

    opportunities: int = field(description="Instants at which a pair's edge reached the threshold.")
    episodes: int = field(description="Unbroken stretches of such instants.")
    packages: int = field(description="Pairs of orders that were sent.")
    fills: int = field(description="Orders that traded.")
    partial: int = field(description="Orders that traded a part of their quantity.")
    missed: int = field(description="Orders that traded nothing, for the three reasons that follow.")
    missed_limit: int = field(description="Orders that missed because the price had moved past their limit.")
    missed_volume: int = field(description="Orders that missed because our share of the bar's volume was less than a lot.")
    missed_no_trade: int = field(description="Orders that missed because no bar with volume came in time.")
    open: int = field(description="Orders still under way when the run ended.")
    dropped_cool_down: int = field(description="Opportunities passed over within the cool-down after a package.")
    dropped_no_volume: int = field(description="Opportunities passed over because the last bar had too little volume.")
    dropped_no_funds: int = field(description="Opportunities passed over because a wallet was empty.")
    dropped_below_minimum: int = field(description="Opportunities passed over because the order would have been below the least notional.")


@strawberry.type(description="What the data of one series was like in the run's window.")
class SeriesQuality:
    """Bars, gaps and ends of a series."""

    venue: str = field(description="The venue's name.")
    instrument: str = field(description="The instrument's name, BASE/QUOTE.")
    bars: int = field(description="Bars read.")
    no_trade: int = field(description="Bars without volume, which carry the last price and are never traded on.")
    missing: int = field(description="Intervals of the window without a bar.")
    longest_gap_s: float = field(description="The longest stretch without a traded bar, in seconds, the window's ends included.")
    wicks: int = field(description="Bars whose high or low lies over 500 bps beyond both open and close.")
    first: datetime | None = field(description="Open time of the first bar; null where there is none.")
    last: datetime | None = field(description="Open time of the last bar; null where there is none.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return a row of the summary's `quality`."""
        times = {name: _instant(row[name]) for name in ("first", "last")}
        return cls(**{name: row[name] for name in cls.__annotations__} | times)


@strawberry.type(description="One order and what became of it; a package has two.")
class Fill:
    """A row of fills.parquet, whose names it has."""

    order: int = field(description="Number of the order, from 0.")
    package: int = field(description="Number of the package that it belongs to.")
    decided: datetime = field(description="When it was decided.")
    arrival: datetime = field(description="When it reached the venue.")
    recorded: datetime | None = field(description="When its outcome was known; null while it is open.")
    venue: str = field(description="The venue's name.")
    instrument: str = field(description="The instrument's name, BASE/QUOTE.")
    side: Side = field(description="Buy or sell.")
    planned: Amount = field(description="Quantity that was ordered, in base currency.")
    filled: Amount = field(description="Quantity that was traded, in base currency.")
    decision_price: float = field(description="The price seen when it was decided, in quote per base.")
    limit_price: float = field(description="The worst price that was allowed, in quote per base.")
    price: float | None = field(description="The price traded at, in quote per base; null where nothing was.")
    flow: Amount = field(description="What changed hands in quote currency, before the fee: into the wallet on a sale, out of it on a purchase.")
    fee: Amount = field(description="The venue's fee, in quote currency.")
    outcome: Outcome = field(description="What became of it.")
    edge_bps: float = field(description="The package's edge after fees when it was decided, in basis points.")

    @classmethod
    def of(cls, row: Mapping[str, Any]) -> Self:
        """Return a row of the frame of fills."""
        exact = {name: amount(row[name]) for name in ("planned", "filled", "flow", "fee")}
        kinds = {"side": Side(row["side"]), "outcome": Outcome(row["outcome"])}
        return cls(**{name: row[name] for name in cls.__annotations__} | exact | kinds)


@strawberry.type(description="A fill in its list.")
class FillEdge:
    """A fill and its cursor."""

    cursor: str = field(description="Stands for this place in the list.")
    node: Fill = field(description="The fill.")


@strawberry.type(description="A page of fills in the order in which they were sent.")
class FillConnection:
    """A page of fills."""

    edges: list[FillEdge] = field(description="The fills with their cursors.")
    page_info: PageInfo = field(description="Whether and where the list goes on.")
    total_count: int = field(description="Number of fills in the whole list.")


@strawberry.type(description="A file of the result, for download with the same token.")
class ResultFile:
    """Name and address of a file."""

    name: str = field(description="report.html, fills.parquet, equity.parquet and others.")
    path: str = field(description="Where to GET it on this server.")


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
        counts = Counts(**{name: summary["counts"][name] for name in Counts.__annotations__})
        return cls(run=run, counts=counts, **plain)

    @resolver("The numbers that the run is judged by.")
    def metrics(self) -> list[Metric]:
        """Return them in the engine's order."""
        return [Metric(name=name, value=value) for name, value in _summary(self.run)["metrics"].items()]

    @resolver("What the change of equity consists of; the lines sum to it.")
    def attribution(self) -> list[AttributionLine]:
        """Return the lines in the engine's order."""
        return [AttributionLine(line=a["line"], amount=a["amount"]) for a in _summary(self.run)["attribution"]]

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
        return [ResultFile(name=name, path=f"/runs/{self.run.id}/files/{name}") for name in names]

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


def _instant(text: str | None) -> datetime | None:
    return datetime.fromisoformat(text) if text else None
