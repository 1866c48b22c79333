"""What can be followed: a run, a sweep, and jobs as they end."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from datetime import datetime
from typing import Annotated
from uuid import UUID

import strawberry

from app.api.context import Info
from app.api.ids import run_id, sweep_id
from app.api.jobs import Job
from app.api.pages import decode_cursor, encode_cursor
from app.api.runs import Run
from app.api.sweeps import Sweep
from app.api.types import BadInput, NotFound, field, followed
from app.db.models import RunKind
from app.errors import BadInput as BadInputError
from app.errors import NotFound as NotFoundError
from app.services.following import OVERLAP_S, Place

_ENDS = "ends"

argument = strawberry.argument
RunChangedResult = Annotated[Run | NotFound, strawberry.union("RunChangedResult", description="The run, or that there is none.")]
SweepChangedResult = Annotated[Sweep | NotFound, strawberry.union("SweepChangedResult", description="The sweep, or that there is none.")]


@strawberry.type(description="A job that ended.")
class JobEnd:
    """A run or a sweep in its final state."""

    cursor: str = field(description=f"Give it as `after` to go on from here; what ended up to {OVERLAP_S} s before may come again, by the same id.")
    job: Job = field(description="The job; `kind` tells a run from a sweep.")


JobEndedResult = Annotated[JobEnd | BadInput, strawberry.union("JobEndedResult", description="A job that ended, or what is wrong with the cursor.")]


@strawberry.type(description="What can be followed, over a WebSocket at the path of this endpoint, by the protocol graphql-transport-ws.")
class Subscription:
    """The subscriptions."""

    @followed("A run as it is now, and again as it changes, until it is over. Whoever was cut off asks again and hears the present state first.")
    async def run_changed(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="Its identifier.")],  # noqa: A002  the contract's name
    ) -> AsyncGenerator[RunChangedResult, None]:
        """Follow it."""
        try:
            async with aclosing(info.context.following.run(run_id(id), kind=RunKind.BACKTEST)) as states:
                async for run in states:
                    yield Run.of(run)
        except NotFoundError as error:
            yield NotFound.of(error)

    @followed("A sweep as it is now, and again as it changes, until it is over; likewise.")
    async def sweep_changed(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="Its identifier.")],  # noqa: A002  the contract's name
    ) -> AsyncGenerator[SweepChangedResult, None]:
        """Follow it."""
        try:
            async with aclosing(info.context.following.run(sweep_id(id), kind=RunKind.SWEEP)) as states:
                async for run in states:
                    yield Sweep.of(run)
        except NotFoundError as error:
            yield NotFound.of(error)

    @followed("Runs and sweeps as they end, of all users. A cursor is good for as long as what ended after it is kept.")
    async def job_ended(
        self, info: Info, after: Annotated[str | None, argument(description="A cursor to go on from; null: what ends from now on.")] = None
    ) -> AsyncGenerator[JobEndedResult, None]:
        """Follow them."""
        try:
            place = _place(after) if after is not None else None
        except BadInputError as error:
            yield BadInput.of(error)
            return
        async with aclosing(info.context.following.ends(place)) as ends:
            async for at, run in ends:
                yield JobEnd(cursor=encode_cursor(_ENDS, f"{at.at.isoformat()}/{at.id}"), job=Job.of(run))


def _place(cursor: str) -> Place:
    at, _, of = decode_cursor(_ENDS, cursor).partition("/")
    try:
        return Place(at=datetime.fromisoformat(at), id=UUID(of))
    except ValueError:
        raise BadInputError(f"after: expected the `cursor` of a job that ended, found {cursor[:80]!r}") from None
