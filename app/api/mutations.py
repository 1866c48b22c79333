"""What changes something: each mutation calls one service and answers with what became of it."""

import asyncio
from dataclasses import replace
from typing import Annotated
from uuid import UUID

import strawberry

from app import log
from app.api.context import Context, Info
from app.api.ids import run_id, sweep_id
from app.api.inputs import RequestKey, SpecArgument, SweepArgument, WishArgument, WishInput
from app.api.jobs import Share, Worker
from app.api.people import PeopleMutations
from app.api.runs import Run
from app.api.sweeps import SubmitSweepResult, Sweep, checked, too_large
from app.api.types import BadInput, Conflict, Forbidden, InvalidSpec, NotFound, QueueFull, resolver
from app.db.accounts import Role
from app.db.models import RunKind
from app.errors import BadInput as BadInputError
from app.errors import Conflict as ConflictError
from app.errors import Forbidden as ForbiddenError
from app.errors import NotFound as NotFoundError
from app.errors import QueueFull as QueueFullError
from app.services import board, runs, sweeps, workers
from engine import sweep as engine_sweep
from engine.errors import SpecError

_RING_SECONDS = 2.0
_log = log.get(__name__)

SubmitRunResult = Annotated[
    Run | InvalidSpec | BadInput | Conflict | QueueFull, strawberry.union("SubmitRunResult", description="The queued run, or why it is not queued.")
]
DrainResult = Annotated[Worker | NotFound, strawberry.union("DrainResult", description="The worker, or that there is none.")]
ShareResult = Annotated[Share | BadInput, strawberry.union("ShareResult", description="The share, or why it cannot be.")]
RetryResult = Annotated[
    Run | Sweep | NotFound | Conflict | QueueFull | Forbidden,
    strawberry.union("RetryResult", description="What is queued again, or why it is not."),
]
CancelSweepResult = Annotated[
    Sweep | NotFound | Conflict | Forbidden,
    strawberry.union("CancelSweepResult", description="The sweep that will stop, or why it cannot be stopped."),
]
CancelRunResult = Annotated[
    Run | NotFound | Conflict | Forbidden, strawberry.union("CancelRunResult", description="The run that will stop, or why it cannot be stopped.")
]


@strawberry.type(description="What changes something.")
class Mutation(PeopleMutations):
    """The mutations."""

    @resolver("Queue a backtest. Ask for its `state` until that is final.", needs=Role.ANALYST)
    async def submit_run(self, info: Info, spec: SpecArgument, wish: WishArgument = None, request_key: RequestKey = None) -> SubmitRunResult:
        """Submit, and ring for the workers."""
        context = info.context
        try:
            run = await runs.submit(
                context.sessions, spec=spec.parse(), submitted_by=context.viewer.name, wish=_wish(wish, request_key), limits=context.limits
            )
        except SpecError as error:
            return InvalidSpec.of(error)
        except BadInputError as error:
            return BadInput.of(error)
        except ConflictError as error:
            return Conflict.of(error)
        except QueueFullError as error:
            return QueueFull.of(error)
        await _ring(context)
        return Run.of(run)

    @resolver("Queue a run or a sweep again that failed or was cancelled. A sweep goes on with the rows that it has.", needs=Role.ANALYST)
    async def retry(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The identifier of a run or a sweep.")],  # noqa: A002  the contract's name
    ) -> RetryResult:
        """Queue it, and ring."""
        context = info.context
        try:
            run = await runs.retry(context.sessions, await _theirs(context, run_id(id)), by=context.viewer.name, limits=context.limits)
        except NotFoundError as error:
            return NotFound.of(error)
        except ConflictError as error:
            return Conflict.of(error)
        except ForbiddenError as error:
            return Forbidden.of(error)
        except QueueFullError as error:
            return QueueFull.of(error)
        await _ring(context)
        return Sweep.of(run) if run.kind == RunKind.SWEEP else Run.of(run)

    @resolver("Cancel a run: a queued one at once, a running one within seconds.", needs=Role.ANALYST)
    async def cancel_run(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The run's identifier.")],  # noqa: A002  the contract's name
    ) -> CancelRunResult:
        """Cancel, or say why not."""
        try:
            return Run.of(await runs.cancel(info.context.sessions, await _theirs(info.context, run_id(id))))
        except NotFoundError as error:
            return NotFound.of(error)
        except ConflictError as error:
            return Conflict.of(error)
        except ForbiddenError as error:
            return Forbidden.of(error)

    @resolver("Have a worker end what it has and take nothing more, or take jobs again.", needs=Role.OPERATOR)
    async def drain_worker(
        self,
        info: Info,
        name: Annotated[str, strawberry.argument(description="The worker's name.")],
        draining: Annotated[bool, strawberry.argument(description="False: it may take jobs again.")] = True,
    ) -> DrainResult:
        """Ask it; it hears within seconds."""
        try:
            return Worker.of(await workers.drain(info.context.sessions, name, draining=draining))
        except NotFoundError as error:
            return NotFound.of(error)

    @resolver("Set a user's share of the workers.", needs=Role.OPERATOR)
    async def set_share(
        self,
        info: Info,
        user: Annotated[str, strawberry.argument(description="Whose.")],
        weight: Annotated[float, strawberry.argument(description="How many turns where another of weight 1 gets one.")] = 1.0,
        max_running: Annotated[int | None, strawberry.argument(description="How many jobs may be under way; null: as everybody's.")] = None,
        max_queued: Annotated[int | None, strawberry.argument(description="How many may wait; null: as everybody's.")] = None,
    ) -> ShareResult:
        """Set it."""
        try:
            return Share.of(await board.set_share(info.context.sessions, user, weight=weight, max_running=max_running, max_queued=max_queued))
        except BadInputError as error:
            return BadInput.of(error)

    @resolver("Queue a sweep. Ask for its `state` until that is final; its rows can be read on the way.", needs=Role.ANALYST)
    async def submit_sweep(
        self,
        info: Info,
        sweep: SweepArgument,
        large: Annotated[bool, strawberry.argument(description="Whether it is meant, however large it is.")] = False,
        wish: WishArgument = None,
        request_key: RequestKey = None,
    ) -> SubmitSweepResult:
        """Submit, and ring for the workers; ask where it is large."""
        found = await checked(sweep)
        if not isinstance(found, engine_sweep.Sweep):
            return found
        context = info.context
        measured = await sweeps.measure(context.sessions, found)
        if sweeps.is_large(measured, memory_bytes=context.run_memory) and not large:
            return too_large(measured, context.run_memory)
        try:
            run = await sweeps.submit(
                context.sessions,
                sweep=found,
                submitted_by=context.viewer.name,
                parts=sweeps.parts_of(measured),
                wish=_wish(wish, request_key),
                limits=context.limits,
            )
        except BadInputError as error:
            return BadInput.of(error)
        except ConflictError as error:
            return Conflict.of(error)
        except QueueFullError as error:
            return QueueFull.of(error)
        await _ring(context)
        return Sweep.of(run)

    @resolver("Cancel a sweep: a queued one at once, a running one within seconds. Rows that are done stay readable.", needs=Role.ANALYST)
    async def cancel_sweep(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The sweep's identifier.")],  # noqa: A002  the contract's name
    ) -> CancelSweepResult:
        """Cancel, or say why not."""
        try:
            return Sweep.of(await runs.cancel(info.context.sessions, await _theirs(info.context, sweep_id(id)), kind=RunKind.SWEEP))
        except NotFoundError as error:
            return NotFound.of(error)
        except ConflictError as error:
            return Conflict.of(error)
        except ForbiddenError as error:
            return Forbidden.of(error)


async def _theirs(context: Context, job_id: UUID) -> UUID:
    # Whoever submitted a job decides over it, and operators over all.
    if not context.viewer.may(Role.OPERATOR):
        owner = await runs.owner(context.sessions, job_id)
        if owner not in {None, context.viewer.name}:
            raise ForbiddenError(f"{job_id} is {owner}'s: they decide over it, or an operator")
    return job_id


def _wish(asked: WishInput | None, request_key: str | None) -> runs.Wish:
    return replace(asked.parse() if asked else runs.NO_WISH, request_key=request_key)


async def _ring(context: Context) -> None:
    # The run is committed and workers look for rings that were not sent: what fails here costs seconds.
    try:
        async with asyncio.timeout(_RING_SECONDS):
            await context.ring()
    except Exception as error:  # noqa: BLE001  whatever it is, the run is queued
        _log.warning("the ring for a run was not sent, a worker will send it", error=repr(error))
