"""What a resolver gets: who asks, and the things that the request may use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from enum import Enum

import strawberry

from app.api.loaders import Loaders
from app.db.session import Sessions
from app.services.admission import Limits
from app.services.following import Following


@strawberry.enum(description="What a viewer may do; each role includes those before it.")
class Role(Enum):
    """What a viewer may do."""

    VIEWER = strawberry.enum_value("viewer", description="Reads.")
    ANALYST = strawberry.enum_value("analyst", description="Submits and cancels runs.")
    OPERATOR = strawberry.enum_value("operator", description="Maintains the installation.")
    ADMIN = strawberry.enum_value("admin", description="Decides who may do what.")


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks."""

    name: str
    role: Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """One request's viewer, its loaders, what it reaches outside (database, doorbell of the queue), and how much a run may hold."""

    viewer: Viewer
    sessions: Sessions
    ring: Callable[[], Awaitable[object]]
    loaders: Loaders
    following: Following
    run_memory: int
    """What a run may hold [bytes]; 0: as much as there is."""
    limits: Limits
    """How many runs may wait."""


Info = strawberry.Info[Context, None]
