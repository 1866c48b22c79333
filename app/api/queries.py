"""What can be asked: each query calls one service."""

from datetime import datetime
from typing import Annotated

import strawberry
from strawberry.scalars import JSON

from app.api.comparison import CompareResult, Comparison
from app.api.context import Info
from app.api.ids import run_id, sweep_id
from app.api.inputs import SpecArgument, SweepArgument
from app.api.jobs import Job, Queue
from app.api.markets import BarSeries, Instrument, MarketInput, SpreadSeries, Venue, columns
from app.api.pages import decode_cursor, page_size
from app.api.people import PeopleQueries
from app.api.runs import RUNS, Run, RunConnection, RunState
from app.api.scalars import Interval
from app.api.specs import SpecCheck, Strategy, ValidSpec
from app.api.sweeps import SWEEPS, Sweep, SweepCheck, SweepConnection, SweepEstimate, ValidSweep, checked
from app.api.types import BadInput, InvalidSpec, NotFound, Role, Viewer, resolver
from app.db import models
from app.errors import BadInput as BadInputError
from app.errors import NotFound as NotFoundError
from app.services import board, comparison, market, runs, spread, sweeps
from engine.config import json_schema
from engine.errors import SpecError
from engine.schema import SYNTHETIC_PREFIX
from engine.sweep import Sweep as EngineSweep
from engine.sweep import json_schema as sweep_json_schema

RUNS_A_PAGE = 100
POINTS = 10_000

BarsResult = Annotated[BarSeries | NotFound | BadInput, strawberry.union("BarsResult", description="The bars, or why there are none to show.")]
SpreadResult = Annotated[
    SpreadSeries | NotFound | BadInput, strawberry.union("SpreadResult", description="The spread, or why there is none to show.")
]
argument = strawberry.argument


@strawberry.type(description="What can be asked.")
class Query(PeopleQueries):
    """The queries."""

    @resolver("Who asks, by the token of the request.")
    def viewer(self, info: Info) -> Viewer:
        """Return the request's viewer."""
        return Viewer(name=info.context.viewer.name, role=Role(info.context.viewer.role.value))

    @resolver("All venues of which data is stored, by name.")
    async def venues(self, info: Info) -> list[Venue]:
        """List them."""
        return [Venue(name=name) for name in await market.list_venues(info.context.sessions)]

    @resolver("The instruments of which data is stored, by venue, then name.")
    async def instruments(
        self, info: Info, venue: Annotated[str | None, argument(description="Only those of this venue.")] = None
    ) -> list[Instrument]:
        """List them."""
        return [Instrument.of(i) for i in await market.list_instruments(info.context.sessions, venue=venue)]

    @resolver("The bars of an instrument as columns.")
    async def bars(
        self,
        info: Info,
        venue: Annotated[str, argument(description="The venue's name.")],
        instrument: Annotated[str, argument(description="The instrument's name, BASE/QUOTE.")],
        interval: Annotated[Interval, argument(description="Length of the bars: one of the instrument's `coverage`, or 5m, 1h or 1d of finer ones.")],
        start: Annotated[datetime, argument(description="The earliest open time.")],
        end: Annotated[datetime, argument(description="The time before which bars open.")],
        max_points: Annotated[int, argument(description=f"Most points to return, 1 to {POINTS}.")] = 1_000,
    ) -> BarsResult:
        """Read and, where there are too many, thin out."""
        try:
            points = page_size(max_points, POINTS, name="maxPoints")
            frame = await market.bars(
                info.context.sessions, venue=venue, instrument=instrument, interval_us=interval, start=start, end=end, max_points=points
            )
        except NotFoundError as error:
            return NotFound.of(error)
        except BadInputError as error:
            return BadInput.of(error)
        return BarSeries(
            venue=venue,
            instrument=instrument,
            interval=interval,
            synthetic=venue.startswith(SYNTHETIC_PREFIX),
            points=frame.height,
            columns=columns(frame),
        )

    @resolver("How much dearer one market is than another, as columns.")
    async def spread(
        self,
        info: Info,
        market: Annotated[MarketInput, argument(description="The market whose price the spread is a share of.")],
        other: Annotated[MarketInput, argument(description="The other, of the same base currency.")],
        interval: Annotated[Interval, argument(description="Length of the bars, one that is stored of both.")],
        start: Annotated[datetime, argument(description="The earliest open time.")],
        end: Annotated[datetime, argument(description="The time before which bars open.")],
        max_points: Annotated[int, argument(description=f"Most points to return, 1 to {POINTS}.")] = 1_000,
    ) -> SpreadResult:
        """Read it, thinned out by the database."""
        try:
            found = await spread.spread(
                info.context.sessions,
                one=market.key(),
                other=other.key(),
                interval_us=interval,
                start=start,
                end=end,
                max_points=page_size(max_points, POINTS, name="maxPoints"),
            )
        except NotFoundError as error:
            return NotFound.of(error)
        except BadInputError as error:
            return BadInput.of(error)
        return SpreadSeries.of(found, interval=interval, venues=(market.venue, other.venue))

    @resolver("Runs beside each other: where their specs differ, and what came of that.")
    async def compare(
        self, info: Info, ids: Annotated[list[strawberry.ID], argument(description=f"The identifiers of 2 to {comparison.MOST} runs.")]
    ) -> CompareResult:
        """Read them."""
        try:
            return Comparison.of(await comparison.compare(info.context.sessions, [run_id(one) for one in ids]))
        except NotFoundError as error:
            return NotFound.of(error)
        except BadInputError as error:
            return BadInput.of(error)

    @resolver("The kinds of strategies, each with the schema of its table in a spec.")
    def strategies(self) -> list[Strategy]:
        """Return the engine's."""
        return Strategy.all()

    @resolver("A run by its identifier; null where there is none.")
    async def run(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The run's identifier.")],  # noqa: A002  the contract's name
    ) -> Run | None:
        """Read it."""
        try:
            return Run.of(await runs.get(info.context.sessions, run_id(id)))
        except NotFoundError:
            return None

    @resolver("Runs, newest first, page by page.")
    async def runs(
        self,
        info: Info,
        first: Annotated[int, argument(description=f"Most runs to return, 1 to {RUNS_A_PAGE}.")] = 20,
        after: Annotated[str | None, argument(description="The cursor after which the page begins.")] = None,
        state: Annotated[RunState | None, argument(description="Only runs in this state.")] = None,
    ) -> RunConnection:
        """Read one page."""
        page = await runs.page(
            info.context.sessions,
            first=page_size(first, RUNS_A_PAGE),
            after=run_id(decode_cursor(RUNS, after)) if after else None,
            state=models.RunState[state.name] if state else None,
        )
        return RunConnection.of(page, after=after)

    @resolver("A sweep by its identifier; null where there is none.")
    async def sweep(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The sweep's identifier.")],  # noqa: A002  the contract's name
    ) -> Sweep | None:
        """Read it."""
        try:
            return Sweep.of(await runs.get(info.context.sessions, sweep_id(id), kind=models.RunKind.SWEEP))
        except NotFoundError:
            return None

    @resolver("Sweeps, newest first, page by page.")
    async def sweeps(
        self,
        info: Info,
        first: Annotated[int, argument(description=f"Most sweeps to return, 1 to {RUNS_A_PAGE}.")] = 20,
        after: Annotated[str | None, argument(description="The cursor after which the page begins.")] = None,
        state: Annotated[RunState | None, argument(description="Only sweeps in this state.")] = None,
    ) -> SweepConnection:
        """Read one page."""
        page = await runs.page(
            info.context.sessions,
            first=page_size(first, RUNS_A_PAGE),
            after=sweep_id(decode_cursor(SWEEPS, after)) if after else None,
            state=models.RunState[state.name] if state else None,
            kind=models.RunKind.SWEEP,
        )
        return SweepConnection.of(page, after=after)

    @resolver("Jobs of all kinds, newest first: runs, sweeps and their parts.")
    async def jobs(
        self,
        info: Info,
        first: Annotated[int, argument(description=f"Most jobs to return, 1 to {RUNS_A_PAGE}.")] = 20,
        state: Annotated[RunState | None, argument(description="Only jobs in this state.")] = None,
    ) -> list[Job]:
        """Read the newest."""
        wanted = models.RunState[state.name] if state else None
        return [Job.of(run) for run in await board.newest(info.context.sessions, first=page_size(first, RUNS_A_PAGE), state=wanted)]

    @resolver("A job by its identifier, of any kind; null where there is none.")
    async def job(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The identifier of a run, a sweep or a part.")],  # noqa: A002  the contract's name
    ) -> Job | None:
        """Read it."""
        try:
            return Job.of(await runs.get(info.context.sessions, run_id(id), kind=None))
        except NotFoundError:
            return None

    @resolver("The queue: how much waits, who works, whose share is what.")
    async def queue(self, info: Info) -> Queue:
        """Read the numbers."""
        return Queue.of(await board.numbers(info.context.sessions))

    @resolver("The JSON Schema of a sweep.")
    def sweep_schema(self) -> JSON:
        """Return the engine's."""
        return JSON(sweep_json_schema())

    @resolver("Check a sweep as `submitSweep` does, say how much it is, and queue nothing.")
    async def validate_sweep(self, info: Info, sweep: SweepArgument) -> SweepCheck:
        """Parse and measure it."""
        found = await checked(sweep)
        if not isinstance(found, EngineSweep):
            return found
        measured = SweepEstimate.of(await sweeps.measure(info.context.sessions, found))
        return ValidSweep(sweep=JSON(found.canonical()), hash=found.hash(), estimate=measured, warnings=found.spec.warnings())

    @resolver("The JSON Schema of a spec.")
    def spec_schema(self) -> JSON:
        """Return the engine's."""
        return JSON(json_schema())

    @resolver("Check a spec as `submitRun` does, and queue nothing.")
    def validate_spec(self, spec: SpecArgument) -> SpecCheck:
        """Parse it."""
        try:
            return ValidSpec.of(spec.parse())
        except SpecError as error:
            return InvalidSpec.of(error)
