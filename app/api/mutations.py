"""What changes something: each mutation calls one service and answers with what became of it."""

import asyncio
from typing import Annotated

import strawberry

from app import log
from app.api.context import Context, Info
from app.api.ids import run_id
from app.api.inputs import SpecArgument
from app.api.runs import Run
from app.api.types import Conflict, InvalidSpec, NotFound, resolver
from app.errors import Conflict as ConflictError
from app.errors import NotFound as NotFoundError
from app.services import runs
from engine.errors import SpecError

_RING_SECONDS = 2.0
_log = log.get(__name__)

SubmitRunResult = Annotated[Run | InvalidSpec, strawberry.union("SubmitRunResult", description="The queued run, or why its spec cannot be run.")]
CancelRunResult = Annotated[
    Run | NotFound | Conflict, strawberry.union("CancelRunResult", description="The run that will stop, or why it cannot be stopped.")
]


@strawberry.type(description="What changes something.")
class Mutation:
    """The mutations."""

    @resolver("Queue a backtest. Ask for its `state` until that is final.")
    async def submit_run(self, info: Info, spec: SpecArgument) -> SubmitRunResult:
        """Submit, and ring for the workers."""
        try:
            parsed = spec.parse()
        except SpecError as error:
            return InvalidSpec.of(error)
        run = await runs.submit(info.context.sessions, spec=parsed, submitted_by=info.context.viewer.name)
        await _ring(info.context)
        return Run.of(run)

    @resolver("Cancel a run: a queued one at once, a running one within seconds.")
    async def cancel_run(
        self,
        info: Info,
        id: Annotated[strawberry.ID, strawberry.argument(description="The run's identifier.")],  # noqa: A002  the contract's name
    ) -> CancelRunResult:
        """Cancel, or say why not."""
        try:
            return Run.of(await runs.cancel(info.context.sessions, run_id(id)))
        except NotFoundError as error:
            return NotFound.of(error)
        except ConflictError as error:
            return Conflict.of(error)


async def _ring(context: Context) -> None:
    # The run is committed and workers look for rings that were not sent: what fails here costs seconds.
    try:
        async with asyncio.timeout(_RING_SECONDS):
            await context.ring()
    except Exception as error:  # noqa: BLE001  whatever it is, the run is queued
        _log.warning("the ring for a run was not sent, a worker will send it", error=repr(error))
