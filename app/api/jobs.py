"""Jobs as an operator sees them: what waits, who works, whose share is what, and what happened to one."""

from datetime import datetime
from enum import Enum
from typing import Self

import strawberry
from strawberry.scalars import JSON

from app.api.context import Info
from app.api.runs import Priority, RunError, RunState
from app.api.scalars import Count
from app.api.types import field, resolver
from app.db import jobs as tables
from app.db import models
from app.services import board, runs, schedules
from app.services import workers as presence


@strawberry.enum(description="What a job computes.")
class JobKind(Enum):
    """The kinds of `app.db.models.RunKind`."""

    BACKTEST = strawberry.enum_value("backtest", description="A backtest.")
    SWEEP = strawberry.enum_value("sweep", description="A sweep, or what is left to do of one after its parts.")
    PART = strawberry.enum_value("part", description="Some trials of a sweep.")


@strawberry.type(description="Something out of the ordinary that happened to a job.")
class JobEvent:
    """A row of `run_events`."""

    at: datetime = field(description="When.")
    attempt: int = field(description="At which attempt, from 0.")
    event: str = field(description="lost (its worker stopped answering), crashed, given_back, poisoned, expired (its deadline), retried.")
    reason: str = field(description="Why, in words.")


@strawberry.type(description="A run, a sweep or a part of one, as the queue has it.")
class Job:
    """A row of `runs`."""

    run: strawberry.Private[models.Run]
    id: strawberry.ID = field(description="Its identifier, the same as of the run or the sweep.")
    kind: JobKind = field(description="What it computes.")
    name: str = field(description="The name in its spec.")
    state: RunState = field(description="Where it stands.")
    stage: str | None = field(description="What its worker does, or did last.")
    progress: float = field(description="How much of the work is done, 0 to 1.")
    created_by: str = field(description="Who submitted it.")
    created_at: datetime = field(description="When it was submitted.")
    started_at: datetime | None = field(description="When a worker first took it.")
    finished_at: datetime | None = field(description="When it came to its final state.")
    priority: Priority = field(description="Before which of the same user it is to run.")
    deadline_at: datetime | None = field(description="After which nobody wants it.")
    worker: str | None = field(description="Who computes it, or did last.")
    lease_until: datetime | None = field(description="Until when it stays with a worker of which nothing is heard.")
    attempt: int = field(description="At which attempt it is, from 0.")
    crashes: int = field(description="How often it broke or lost its worker since it was queued by hand.")
    open_parts: int = field(description="Of a sweep in parts: how many are not done.")
    parent_id: strawberry.ID | None = field(description="Of a part: its sweep.")

    @classmethod
    def of(cls, run: models.Run) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(run, name) for name in _PLAIN}
        return cls(
            run=run,
            id=strawberry.ID(str(run.id)),
            kind=JobKind(run.kind),
            state=RunState(run.state),
            priority=Priority[models.Priority(run.priority).name],
            parent_id=strawberry.ID(str(run.parent_id)) if run.parent_id else None,
            **plain,
        )

    @resolver("Why it failed; null unless it did.")
    def error(self) -> RunError | None:
        """Return code and message."""
        code = self.run.error_code
        return RunError(code=code, message=self.run.error_message or "") if code else None

    @resolver("What happened to it out of the ordinary, in order.")
    async def events(self, info: Info) -> list[JobEvent]:
        """Read them."""
        found = await runs.events(info.context.sessions, self.run.id)
        return [JobEvent(at=one.at, attempt=one.attempt, event=one.event, reason=one.reason) for one in found]


@strawberry.type(description="A worker that is up.")
class Worker:
    """A row of `workers`."""

    name: str = field(description="Its machine, process and a few letters of its own.")
    slots: int = field(description="How many jobs it computes at once.")
    busy: int = field(description="How many it does.")
    children_bytes: Count = field(description="Memory that its computing processes hold.")
    draining: bool = field(description="Whether it ends what it has and takes nothing more.")
    version: str = field(description="Which version of the code it runs.")
    started_at: datetime = field(description="When it came up.")
    seen_at: datetime = field(description="When it last said that it is there.")

    @classmethod
    def of(cls, row: tables.WorkerRow) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(row, name) for name in ("name", "slots", "busy", "draining", "version", "started_at", "seen_at")}
        return cls(children_bytes=Count(row.children_bytes), **plain)


@strawberry.type(description="A user's share of the workers.")
class Share:
    """A row of `shares`."""

    user: str = field(description="Whose it is.")
    weight: float = field(description="How many turns this user gets where another of weight 1 gets one.")
    max_running: int | None = field(description="How many jobs of this user may be under way; null: JOBS_RUNNING_PER_USER.")
    max_queued: int | None = field(description="How many may wait; null: JOBS_QUEUED_PER_USER.")

    @classmethod
    def of(cls, row: tables.Share) -> Self:
        """Return a row as the schema shows it."""
        return cls(user=row.name, weight=row.weight, max_running=row.max_running, max_queued=row.max_queued)


@strawberry.type(description="A user in the queue.")
class Standing:
    """A share, and what it comes to now."""

    share: Share = field(description="Weight and limits.")
    queued: Count = field(description="How many jobs wait.")
    running: Count = field(description="How many are under way.")


@strawberry.type(description="A task of upkeep, which workers do at its times.")
class Schedule:
    """A row of `schedules`."""

    name: str = field(description="Its name.")
    due_at: datetime = field(description="When it is due next.")
    worker: str | None = field(description="Who does it, or did last.")
    begun_at: datetime | None = field(description="When it was begun last.")
    ended_at: datetime | None = field(description="When it ended last.")
    error: str | None = field(description="Why it failed the last time; null where it did not.")
    report: JSON | None = field(description="What it found the last time.")
    missed: Count = field(description="How many of its times passed while no worker was up; it was done once for all of them.")
    missed_at: datetime | None = field(description="The last of these.")

    @classmethod
    def of(cls, row: tables.Schedule) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(row, name) for name in ("name", "due_at", "worker", "begun_at", "ended_at", "error", "missed_at")}
        return cls(report=None if row.report is None else JSON(row.report), missed=Count(row.missed), **plain)


@strawberry.type(description="The queue as a whole.")
class Queue:
    """Numbers, workers, shares."""

    numbers: strawberry.Private[board.Numbers]
    queued: Count = field(description="How many jobs wait.")
    oldest_s: float = field(description="How long the oldest of them has waited.")
    outbox_s: float = field(description="How long the oldest ring has not been sent.")

    @classmethod
    def of(cls, found: board.Numbers) -> Self:
        """Return what was read as the schema shows it."""
        return cls(numbers=found, queued=Count(found.queued), oldest_s=found.oldest_s, outbox_s=found.outbox_s)

    @resolver("The workers that are up, by name.")
    async def workers(self, info: Info) -> list[Worker]:
        """List them."""
        return [Worker.of(row) for row in await presence.present(info.context.sessions)]

    @resolver("Everybody who ever submitted, by name.")
    async def users(self, info: Info) -> list[Standing]:
        """List them."""
        found = await board.standings(info.context.sessions)
        return [Standing(share=Share.of(one.share), queued=Count(one.queued), running=Count(one.running)) for one in found]

    @resolver("The tasks of upkeep, by name.")
    async def schedules(self, info: Info) -> list[Schedule]:
        """List them."""
        return [Schedule.of(row) for row in await schedules.every(info.context.sessions)]


_PLAIN = (
    *("name", "stage", "progress", "created_by", "created_at", "started_at", "finished_at", "deadline_at"),
    *("worker", "lease_until", "attempt", "crashes", "open_parts"),
)
