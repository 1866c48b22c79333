"""What all parts of the schema share: who asks, errors that a client can act on, and pages of lists."""

from collections.abc import Awaitable, Callable
from enum import Enum
from typing import Self, TypeVar, cast

import strawberry
from strawberry.extensions import FieldExtension

from app.api.context import Info
from app.db import accounts
from app.errors import Forbidden as ForbiddenError
from app.errors import QueueFull as QueueFullError
from app.errors import answer
from engine.errors import Problem as EngineProblem
from engine.errors import SpecError

field = strawberry.field
_Resolver = TypeVar("_Resolver", bound=Callable[..., object])


class Needs(FieldExtension):
    """The role that a field needs; without one every viewer may ask."""

    def __init__(self, role: accounts.Role) -> None:
        self.role = role

    def resolve(self, next_: Callable[..., object], source: object, info: Info, **given: object) -> object:
        """Refuse, or go on."""
        self._hold(info)
        return next_(source, info, **given)

    async def resolve_async(self, next_: Callable[..., Awaitable[object]], source: object, info: Info, **given: object) -> object:
        """Refuse, or go on."""
        self._hold(info)
        return await next_(source, info, **given)

    def _hold(self, info: Info) -> None:
        viewer = info.context.viewer
        if not viewer.may(self.role):
            raise ForbiddenError(f"{info.field_name} needs the role {self.role}, and {viewer.name} is {viewer.role}; ask an admin")


def resolver(description: str, *, needs: accounts.Role | None = None) -> Callable[[_Resolver], _Resolver]:
    """Return the decorator that makes a method a field; Strawberry's own has no type that a checker can follow."""
    return cast(Callable[[_Resolver], _Resolver], strawberry.field(description=description, extensions=[Needs(needs)] if needs else []))


def followed(description: str) -> Callable[[_Resolver], _Resolver]:
    """Return the decorator that makes a method a subscription; likewise."""
    return cast(Callable[[_Resolver], _Resolver], strawberry.subscription(description=description))


@strawberry.enum(description="What a viewer may do; each role includes those before it.")
class Role(Enum):
    """The roles of `app.db.accounts.Role`."""

    VIEWER = strawberry.enum_value("viewer", description="Reads.")
    ANALYST = strawberry.enum_value("analyst", description="Submits runs and sweeps, and cancels their own.")
    OPERATOR = strawberry.enum_value("operator", description="Maintains the installation: workers, shares, jobs of others.")
    ADMIN = strawberry.enum_value("admin", description="Decides who may do what.")


@strawberry.type(description="Who asks.")
class Viewer:
    """The holder of the token."""

    name: str = field(description="The name that stands in `createdBy` of what the viewer makes.")
    role: Role = field(description="What the viewer may do.")


@strawberry.interface(name="Error", description="A refusal that a client can act on, as a member of a field's union.")
class Refusal:
    """The common part of refusals."""

    code: str = field(description="The kind of refusal in capitals, the same that the command line shows: NOT_FOUND.")
    message: str = field(description="What was expected, what was found, and what to do.")

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return the refusal that an expected error stands for."""
        return cls(code=answer(error).code, message=str(error))


@strawberry.type(description="What was asked for does not exist.")
class NotFound(Refusal):
    """No such run, venue or instrument."""


@strawberry.type(description="Not for this viewer: somebody else's run, and the role does not reach so far.")
class Forbidden(Refusal):
    """For others."""


@strawberry.type(description="Right in itself, but not in the present state: a run that is over cannot be cancelled.")
class Conflict(Refusal):
    """Too late, or not yet."""


@strawberry.type(description="An argument that cannot be right.")
class BadInput(Refusal):
    """A value out of range, an end before its start."""


@strawberry.type(description="As many runs wait as may: nothing was queued, and the message says how long that will last.")
class QueueFull(Refusal):
    """No room."""

    retry_after_s: float | None = field(description="After how many seconds there will be room, at the present pace; null where nobody knows.")

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return the refusal for want of room."""
        assert isinstance(error, QueueFullError)
        return cls(code=answer(error).code, message=str(error), retry_after_s=error.retry_after_s)


@strawberry.type(description="One thing that is wrong with a spec.")
class Problem:
    """Where, and what to do."""

    path: str = field(description="Where, as a dotted path into the spec: `venues.kraken.fee_bps`; empty for the whole.")
    message: str = field(description="What was expected, what was found, and what to do.")

    @classmethod
    def of(cls, problem: EngineProblem) -> "Problem":
        """Return the engine's problem."""
        return cls(path=problem.path, message=problem.message)


@strawberry.type(description="A spec that cannot be run, with every problem found in it.")
class InvalidSpec(Refusal):
    """A spec's problems."""

    problems: list[Problem] = field(description="All that is wrong, in the order of the spec.")

    @classmethod
    def of(cls, error: Exception) -> Self:
        """Return the refusal of a spec."""
        assert isinstance(error, SpecError)
        return cls(code=answer(error).code, message=str(error), problems=[Problem.of(p) for p in error.problems])


@strawberry.type(description="Where a page lies in its list, by the Relay cursor connections specification.")
class PageInfo:
    """Whether and where the list goes on."""

    has_next_page: bool = field(description="Whether items follow this page.")
    has_previous_page: bool = field(description="Whether items lie before this page.")
    start_cursor: str | None = field(description="The cursor of the page's first item; null where the page is empty.")
    end_cursor: str | None = field(description="Give it as `after` to get the next page; null where the page is empty.")

    @classmethod
    def of(cls, cursors: list[str], *, before: bool, more: bool) -> Self:
        """Return where a page with these cursors lies."""
        ends = {"start_cursor": cursors[0], "end_cursor": cursors[-1]} if cursors else {"start_cursor": None, "end_cursor": None}
        return cls(has_next_page=more, has_previous_page=before, **ends)
