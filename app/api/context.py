"""What a resolver gets: who asks, and the things that the request may use."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from uuid import UUID

import strawberry

from app.api.loaders import Loaders
from app.db.accounts import Role
from app.db.session import Sessions
from app.services.admission import Limits
from app.services.following import Following


@dataclass(frozen=True, slots=True, kw_only=True)
class Viewer:
    """Who asks."""

    name: str
    role: Role
    user_id: UUID | None = None
    """Of an account; None: whoever holds the API's own key, or a token of the machine's operator."""
    by_key: bool = False
    """Whether it is a program with a user's key, which makes no keys of its own."""

    def may(self, role: Role) -> bool:
        """Tell whether the viewer may do what a role may."""
        return self.role.includes(role)


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
