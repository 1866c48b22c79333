"""The HTTP application, built from what it is given."""

from collections.abc import Awaitable, Callable
from functools import partial

from redis.asyncio import Redis
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route, WebSocketRoute
from starlette.types import Lifespan

from app.api.auth import Authenticate
from app.api.budget import Budget
from app.api.context import Context, Viewer
from app.api.doors import Doors
from app.api.endpoint import Endpoint, graphql
from app.api.files import file
from app.api.guard import Limits
from app.api.health import Parts, healthz, metrics, readyz
from app.api.live import Live
from app.api.loaders import make_loaders
from app.api.metrics import make_metrics
from app.api.requests import Requests
from app.api.responses import refuse
from app.api.schema import make_schema
from app.db.session import Sessions
from app.services.admission import Limits as QueueLimits
from app.services.following import Following
from app.settings import Settings


def create_app(
    *,
    sessions: Sessions,
    redis: Redis,
    queue: str,
    settings: Settings,
    ring: Callable[[], Awaitable[object]],
    lifespan: Lifespan[Starlette] | None = None,
    limits: Limits | None = None,
    introspection: bool = False,
    run_memory: int = 0,
) -> Starlette:
    """Return the application; whoever made sessions and redis closes them, in `lifespan` for example.

    `queue` names the queue whose depth the metrics show. `ring` is awaited after each submitted run, so that a worker hears
    of it at once; where it fails the run stays queued, and workers find it themselves.
    `run_memory` is what a run may hold [bytes], and a sweep that needs more is asked about; 0: as much as there is.
    `introspection` shows the schema and suggests names in error messages, to holders of a token as everything else.
    """
    limits = limits or Limits()
    counted = make_metrics()
    parts = Parts(sessions=sessions, redis=redis, queue=queue)
    schema, prepare = make_schema(limits=limits, introspection=introspection)

    following = Following(sessions)
    room = QueueLimits(queued=settings.jobs_queued, queued_per_user=settings.jobs_queued_per_user)

    def context(viewer: Viewer) -> Context:
        return Context(
            viewer=viewer, sessions=sessions, ring=ring, loaders=make_loaders(sessions), following=following, run_memory=run_memory, limits=room
        )

    budget = Budget(requests=settings.api_requests_per_minute, cost=settings.api_cost_per_minute)
    endpoint = Endpoint(
        schema=schema,
        prepare=prepare,
        context=context,
        metrics=counted,
        limits=limits,
        budget=budget,
        trusted_only=settings.api_trusted_only,
        suggestions=introspection,
    )
    doors = Doors(settings=settings, sessions=sessions, redis=redis)
    closed = [Middleware(Authenticate, settings, sessions)]
    return Starlette(
        routes=[
            Route("/graphql", partial(graphql, endpoint), methods=["POST"], middleware=closed),
            WebSocketRoute("/graphql", Live(endpoint, settings, sessions)),
            *doors.routes(closed),
            Route("/runs/{id}/files/{name:path}", partial(file, sessions), methods=["GET"], middleware=closed),
            Route("/healthz", healthz),
            Route("/readyz", partial(readyz, parts)),
            Route("/metrics", partial(metrics, parts, counted)),
        ],
        middleware=[Middleware(Requests, counted)],
        exception_handlers={HTTPException: refuse},
        lifespan=lifespan,
    )
