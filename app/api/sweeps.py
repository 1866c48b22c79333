"""Sweeps as the schema shows them: what was asked for, how far one is, its rows so far."""

from datetime import datetime
from typing import Annotated, Self

import strawberry
from strawberry.scalars import JSON

from app.api.context import Info
from app.api.inputs import SweepArgument
from app.api.pages import decode_cursor, encode_cursor, page_size
from app.api.runs import RunError, RunState
from app.api.scalars import Count
from app.api.sweep_results import SweepResult
from app.api.sweep_rows import SWEEP_ROWS, Heat, SweepRows
from app.api.types import BadInput, Conflict, InvalidSpec, PageInfo, QueueFull, Refusal, field, resolver
from app.db import models
from app.errors import BadInput as BadInputError
from app.errors import Conflict as ConflictError
from app.services import runs, sweeps
from engine import sweep as engine_sweep
from engine.errors import SpecError, StatisticsError

SWEEPS = "sweeps"
ROWS_A_PAGE = 1_000

argument = strawberry.argument
RowsResult = Annotated[SweepRows | BadInput, strawberry.union("SweepRowsResult", description="The rows, or why there are none to show.")]
HeatResult = Annotated[Heat | BadInput | Conflict, strawberry.union("HeatResult", description="The cells, or why there are none to show.")]


@strawberry.type(description="Many backtests of one spec, that was asked for.")
class Sweep:
    """A row of `runs` whose kind is sweep."""

    run: strawberry.Private[models.Run]
    id: strawberry.ID = field(description="Its identifier, a UUID of version 7.")
    name: str = field(description="The name in its file.")
    strategy: str = field(description="The kind of strategy of its spec.")
    state: RunState = field(description="Where it stands.")
    stage: str | None = field(description="What the worker does at the moment, or did last; null before it started.")
    progress: float = field(description="How much of the work is done, 0 to 1.")
    trials: Count = field(description="How many sets of values it has, at most until it is done: equal ones count once.")
    trials_done: Count = field(description="Of how many there are rows.")
    eta_s: float | None = field(description="For how long its trials will go on, by their speed so far; null where nobody knows.")
    cancel_requested: bool = field(description="Whether somebody asked to cancel it; a running one stops within seconds.")
    created_at: datetime = field(description="When it was submitted.")
    created_by: str = field(description="Who submitted it.")
    started_at: datetime | None = field(description="When a worker first took it.")
    finished_at: datetime | None = field(description="When it came to its final state.")
    sweep_hash: str = field(description="Hash of what was asked for: equal hash, equal sweep.")
    rank_by: str = field(description="The figure that trials are compared by, highest first.")
    parameters: list[str] = field(description="The paths of what varies.")

    @classmethod
    def of(cls, run: models.Run) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(run, name) for name in _PLAIN}
        plain |= {"trials": Count(run.trials or 0), "trials_done": Count(run.trials_done or 0), "sweep_hash": run.spec_hash}
        plain |= {"rank_by": run.spec["rank_by"], "parameters": [parameter["path"] for parameter in run.spec["parameters"]]}
        return cls(run=run, id=strawberry.ID(str(run.id)), state=RunState(run.state), **plain)

    @resolver("The sweep in its canonical form, every default spelt out.")
    def sweep(self) -> JSON:
        """Return it as it was stored."""
        return JSON(self.run.spec)

    @resolver("Why it failed; null unless it did.")
    def error(self) -> RunError | None:
        """Return code and message."""
        code = self.run.error_code
        return RunError(code=code, message=self.run.error_message or "") if code else None

    @resolver("The rows of trials as columns, best first, page by page; of a sweep on its way, or one that was cancelled, those that are done.")
    async def rows(
        self,
        info: Info,
        first: Annotated[int, argument(description=f"Most rows to return, 1 to {ROWS_A_PAGE}.")] = 100,
        after: Annotated[str | None, argument(description="The cursor after which the page begins.")] = None,
        by: Annotated[str | None, argument(description="The figure to rank by; null: `rankBy`.")] = None,
    ) -> RowsResult:
        """Read one page."""
        try:
            limit, offset = page_size(first, ROWS_A_PAGE), int(decode_cursor(SWEEP_ROWS, after)) if after else 0
            return SweepRows.of(await sweeps.rows(info.context.sessions, self.run, by=by, offset=offset, limit=limit), offset=offset)
        except (BadInputError, ValueError) as error:
            return BadInput.of(error if isinstance(error, BadInputError) else BadInputError("after: expected a cursor of this list"))

    @resolver("A figure over two parameters, the others as in the best trial where there are trials for it, else the best over all of them.")
    async def heat(
        self,
        info: Info,
        across: Annotated[str | None, argument(description="The path of a parameter; null: the first that varies.")] = None,
        down: Annotated[str | None, argument(description="The path of another; null: the next that varies.")] = None,
        by: Annotated[str | None, argument(description="The figure; null: `rankBy`.")] = None,
    ) -> HeatResult:
        """Lay the trials out."""
        try:
            return Heat.of(await sweeps.heat(info.context.sessions, self.run, across=across, down=down, by=by))
        except BadInputError as error:
            return BadInput.of(error)
        except ConflictError as error:
            return Conflict.of(error)

    @resolver("What came out; null until it is done.")
    def result(self) -> SweepResult | None:
        """Return the summary."""
        return SweepResult.of(self.run) if self.run.state == models.RunState.DONE else None


@strawberry.type(description="A sweep in its list.")
class SweepEdge:
    """A sweep and its cursor."""

    cursor: str = field(description="Stands for this place in the list.")
    node: Sweep = field(description="The sweep.")


@strawberry.type(description="A page of sweeps, newest first.")
class SweepConnection:
    """A page of sweeps."""

    edges: list[SweepEdge] = field(description="The sweeps with their cursors.")
    page_info: PageInfo = field(description="Whether and where the list goes on.")

    @classmethod
    def of(cls, page: runs.Page, *, after: str | None) -> Self:
        """Return a page as the schema shows it."""
        edges = [SweepEdge(cursor=encode_cursor(SWEEPS, run.id), node=Sweep.of(run)) for run in page.runs]
        return cls(edges=edges, page_info=PageInfo.of([e.cursor for e in edges], before=after is not None, more=page.more))


@strawberry.type(description="About how much a sweep is, by what is stored of its series; nobody should count on a factor of three.")
class SweepEstimate:
    """The engine's estimate."""

    trials: Count = field(description="How many sets of values, at most.")
    panels: Count = field(description="How often the data is read and aligned.")
    seconds: float = field(description="How long it takes.")
    memory_bytes: Count = field(description="How much memory it takes.")

    @classmethod
    def of(cls, found: engine_sweep.Estimate) -> Self:
        """Return the engine's estimate as the schema shows it."""
        return cls(trials=Count(found.trials), panels=Count(found.panels), seconds=found.seconds, memory_bytes=Count(found.memory_bytes))


@strawberry.type(description="A sweep so large that somebody may not have meant it: submit it again with `large`, or take fewer trials.")
class TooLarge(Refusal):
    """A sweep of a million sets by mistake."""

    estimate: SweepEstimate = field(description="How much it would be.")


def too_large(found: engine_sweep.Estimate, memory_bytes: int) -> TooLarge:
    """Return the question whether a large sweep is meant."""
    held = f", of the {memory_bytes / 2**30:.1f} GiB that a run may hold" if memory_bytes else ""
    message = f"{found}{held}: submit it with large: true if that is meant, or take fewer trials"
    return TooLarge(code="TOO_LARGE", message=message, estimate=SweepEstimate.of(found))


@strawberry.type(description="A sweep that can be run, if the data is there.")
class ValidSweep:
    """A sweep in its canonical form."""

    sweep: JSON = field(description="The sweep in its canonical form, every default spelt out.")
    hash: str = field(description="Hash of the canonical form: equal hash, equal sweep.")
    estimate: SweepEstimate = field(description="How much it is.")
    warnings: list[str] = field(description="What was set to migrate its spec, and values that look like mistakes.")


SweepCheck = Annotated[
    ValidSweep | InvalidSpec | BadInput, strawberry.union("SweepCheck", description="A sweep that can be run, or what is wrong with it.")
]
SubmitSweepResult = Annotated[
    Sweep | InvalidSpec | BadInput | Conflict | TooLarge | QueueFull,
    strawberry.union("SubmitSweepResult", description="The queued sweep, or why it is not queued."),
]


async def checked(sweep: SweepArgument) -> engine_sweep.Sweep | InvalidSpec | BadInput:
    """Return a sweep whose every value its field takes, or the refusal."""
    try:
        found = sweep.parse()
        engine_sweep.check(found)
    except SpecError as error:
        return InvalidSpec.of(error)
    except StatisticsError as error:
        return BadInput.of(error)
    return found


_PLAIN = (
    *("name", "strategy", "stage", "progress", "eta_s", "cancel_requested"),
    *("created_at", "created_by", "started_at", "finished_at"),
)
