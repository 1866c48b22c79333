"""Runs as the schema shows them: what was asked for, how far it is, what came out."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry
from strawberry.scalars import JSON

from app.api.pages import encode_cursor
from app.api.results import Result
from app.api.types import PageInfo, field, resolver
from app.db import models
from app.services import runs

RUNS = "runs"


@strawberry.enum(description="Where a run stands; done, failed and cancelled are final.")
class RunState(Enum):
    """The states of `app.db.models.RunState`."""

    QUEUED = strawberry.enum_value("queued", description="Waits for a worker.")
    RUNNING = strawberry.enum_value("running", description="A worker computes it.")
    DONE = strawberry.enum_value("done", description="It has a result.")
    FAILED = strawberry.enum_value("failed", description="It has an error, and no result.")
    CANCELLED = strawberry.enum_value("cancelled", description="Somebody cancelled it.")


@strawberry.enum(description="Which of their own runs somebody wants first; between users it counts for nothing.")
class Priority(Enum):
    """The priorities of `app.db.models.Priority`."""

    LOW = strawberry.enum_value("low", description="After all others of the same user.")
    NORMAL = strawberry.enum_value("normal", description="In the order of submission.")
    HIGH = strawberry.enum_value("high", description="Before all others of the same user.")


@strawberry.type(description="Why a run failed.")
class RunError:
    """Code and message of a failed run."""

    code: str = field(description="The kind of failure in capitals: INVALID_DATA, OUT_OF_MEMORY, POISONED, TIMEOUT, DEADLINE.")
    message: str = field(description="What was expected, what was found, and what to do.")


@strawberry.type(description="A backtest that was asked for.")
class Run:
    """A row of `runs`."""

    run: strawberry.Private[models.Run]
    id: strawberry.ID = field(description="Its identifier, a UUID of version 7.")
    name: str = field(description="The name in its spec.")
    strategy: str = field(description="The kind of strategy, as its spec says: spatial, triangular, peg, basis or dex_cex.")
    state: RunState = field(description="Where it stands.")
    stage: str | None = field(description="What the worker does at the moment, or did last; null before it started.")
    progress: float = field(description="How much of the work is done, 0 to 1.")
    cancel_requested: bool = field(description="Whether somebody asked to cancel it; a running one stops within seconds.")
    created_at: datetime = field(description="When it was submitted.")
    created_by: str = field(description="Who submitted it.")
    started_at: datetime | None = field(description="When a worker first took it.")
    finished_at: datetime | None = field(description="When it came to its final state.")
    spec_hash: str = field(description="Hash of the spec: equal hash, equal spec.")
    priority: Priority = field(description="Before which of the same user it is to run.")
    deadline_at: datetime | None = field(description="After which nobody wants it; null where no deadline was given.")

    @classmethod
    def of(cls, run: models.Run) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(run, name) for name in _PLAIN}
        plain["priority"] = Priority[models.Priority(run.priority).name]
        return cls(run=run, id=strawberry.ID(str(run.id)), state=RunState(run.state), **plain)

    @resolver("The spec in its canonical form, every default spelt out.")
    def spec(self) -> JSON:
        """Return it as it was stored."""
        return JSON(self.run.spec)

    @resolver("Why it failed; null unless it did.")
    def error(self) -> RunError | None:
        """Return code and message."""
        code = self.run.error_code
        return RunError(code=code, message=self.run.error_message or "") if code else None

    @resolver("What came out; null until it is done.")
    def result(self) -> Result | None:
        """Return the summary."""
        return Result.of(self.run) if self.run.state == models.RunState.DONE else None


@strawberry.type(description="A run in its list.")
class RunEdge:
    """A run and its cursor."""

    cursor: str = field(description="Stands for this place in the list.")
    node: Run = field(description="The run.")


@strawberry.type(description="A page of runs, newest first.")
class RunConnection:
    """A page of runs."""

    edges: list[RunEdge] = field(description="The runs with their cursors.")
    page_info: PageInfo = field(description="Whether and where the list goes on.")

    @classmethod
    def of(cls, page: runs.Page, *, after: str | None) -> Self:
        """Return a page as the schema shows it."""
        edges = [RunEdge(cursor=encode_cursor(RUNS, run.id), node=Run.of(run)) for run in page.runs]
        return cls(edges=edges, page_info=PageInfo.of([e.cursor for e in edges], before=after is not None, more=page.more))


_PLAIN = (
    "name",
    "strategy",
    "stage",
    "progress",
    "cancel_requested",
    "created_at",
    "created_by",
    "started_at",
    "finished_at",
    "spec_hash",
    "deadline_at",
)
