"""People as the schema shows them: users and their roles, where they are signed in, and what was done by whom."""

from datetime import datetime
from typing import Annotated, Self
from uuid import UUID

import strawberry
from strawberry.scalars import JSON

from app.api.context import Info, Viewer
from app.api.ids import key_id, sign_in_id
from app.api.pages import decode_cursor, encode_cursor, page_size
from app.api.types import BadInput, Conflict, Forbidden, NotFound, PageInfo, Role, field, resolver
from app.db import accounts as tables
from app.errors import BadInput as BadInputError
from app.errors import Conflict as ConflictError
from app.errors import Forbidden as ForbiddenError
from app.errors import NotFound as NotFoundError
from app.services import accounts, keys

_AUDIT = "audit"
_ADMIN = tables.Role.ADMIN
ENTRIES_A_PAGE = 200

argument = strawberry.argument
Email = Annotated[str, argument(description="The user's email.")]


@strawberry.type(description="Where a user is signed in.")
class SignIn:
    """A row of `sign_ins`."""

    id: strawberry.ID = field(description="Its identifier.")
    client: str = field(description="The address and the program that it came from.")
    created_at: datetime = field(description="When it began.")
    refreshed_at: datetime = field(description="When it was last gone on with.")
    expires_at: datetime = field(description="When it ends by itself.")

    @classmethod
    def of(cls, row: tables.SignIn) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(row, name) for name in ("client", "created_at", "refreshed_at", "expires_at")}
        return cls(id=strawberry.ID(str(row.id)), **plain)


@strawberry.type(description="Somebody with an account.")
class User:
    """A row of `users`."""

    user: strawberry.Private[tables.User]
    email: str = field(description="The name, which does not change.")
    role: Role = field(description="What the user may do.")
    disabled: bool = field(description="Whether the user is shut out.")
    created_at: datetime = field(description="Since when there is the account.")
    last_sign_in: datetime | None = field(description="When the user last gave the password; null: never.")
    password_at: datetime = field(description="Since when the password is the same.")
    locked_until: datetime | None = field(description="Until when no password is looked at, after several that were wrong; null: it is.")

    @classmethod
    def of(cls, user: tables.User) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(user, name) for name in ("email", "disabled", "created_at", "last_sign_in", "password_at", "locked_until")}
        return cls(user=user, role=Role(user.role), **plain)

    @resolver("Where the user is signed in, the latest first.")
    async def sign_ins(self, info: Info) -> list[SignIn]:
        """List them."""
        return [SignIn.of(one) for one in await accounts.sign_ins(info.context.sessions, self.user.id)]


@strawberry.type(description="What a program opens the API with, in the name of a user.")
class Key:
    """A row of `api_keys`."""

    id: strawberry.ID = field(description="Its identifier.")
    user: str = field(description="The email of the user in whose name it asks.")
    name: str = field(description="What it is for.")
    role: Role = field(description="How far it reaches; no further than its user at the moment.")
    created_at: datetime = field(description="When it was made.")
    expires_at: datetime = field(description="When it runs out.")
    used_at: datetime | None = field(description="When it was last used, to a minute; null: never.")

    @classmethod
    def of(cls, key: tables.ApiKey, user: tables.User) -> Self:
        """Return a row as the schema shows it."""
        plain = {name: getattr(key, name) for name in ("name", "created_at", "expires_at", "used_at")}
        return cls(id=strawberry.ID(str(key.id)), user=user.email, role=Role(key.role), **plain)


@strawberry.type(description="A key that was just made.")
class NewKey:
    """The one time that its text is shown."""

    key: Key = field(description="The key.")
    text: str = field(description="What opens the API, as `Authorization: Bearer TEXT`. It is kept as a hash, and shown this once.")


@strawberry.type(description="Something that was done, or tried.")
class AuditEntry:
    """A row of `audit`."""

    at: datetime = field(description="When.")
    actor: str = field(description="By whom: an email, or `local`, the holder of the API's own key.")
    action: str = field(
        description="user_created, role_set, user_disabled, user_enabled, password_set, password_changed, sign_ins_ended, sign_in_ended, signed_in, "
        "signed_out, sign_in_refused, refresh_token_came_twice, key_made, key_revoked."
    )
    subject: str = field(description="To whom or what.")
    detail: JSON = field(description="What else is known of it.")


@strawberry.type(description="An entry in the list.")
class AuditEdge:
    """An entry and its cursor."""

    cursor: str = field(description="Stands for this place in the list.")
    node: AuditEntry = field(description="The entry.")


@strawberry.type(description="A page of the audit log, the latest first.")
class AuditConnection:
    """A page of entries."""

    edges: list[AuditEdge] = field(description="The entries with their cursors.")
    page_info: PageInfo = field(description="Whether and where the list goes on.")


AuditResult = Annotated[AuditConnection | BadInput, strawberry.union("AuditResult", description="The page, or what is wrong with what was asked.")]
CreateUserResult = Annotated[User | BadInput | Conflict, strawberry.union("CreateUserResult", description="The new user, or why there is none.")]
UserResult = Annotated[User | NotFound | Conflict, strawberry.union("UserResult", description="The user as it is now, or why nothing was changed.")]
PasswordResult = Annotated[User | NotFound | BadInput, strawberry.union("PasswordResult", description="The user, or why the password is as it was.")]

KeyResult = Annotated[NewKey | NotFound | BadInput | Forbidden, strawberry.union("KeyResult", description="The new key, or why there is none.")]
RevokeKeyResult = Annotated[Key | NotFound, strawberry.union("RevokeKeyResult", description="The key that opens nothing now, or that there is none.")]

EndSignInResult = Annotated[SignIn | NotFound, strawberry.union("EndSignInResult", description="What has ended, or that there is none.")]


@strawberry.type
class PeopleQueries:
    """Queries of the root that are about people."""

    @resolver("All users, by email. For admins.", needs=_ADMIN)
    async def users(self, info: Info) -> list[User]:
        """List them."""
        return [User.of(user) for user in await accounts.page(info.context.sessions)]

    @resolver("Where the viewer is signed in, the latest first; nowhere, with a key or a token of the machine's operator.")
    async def sign_ins(self, info: Info) -> list[SignIn]:
        """List them."""
        viewer = info.context.viewer
        return [SignIn.of(one) for one in await accounts.sign_ins(info.context.sessions, viewer.user_id)] if viewer.user_id else []

    @resolver("The keys that open something, by user and name: the viewer's own, and all to an admin.")
    async def keys(self, info: Info) -> list[Key]:
        """List them."""
        return [Key.of(key, user) for key, user in await keys.page(info.context.sessions, user_id=_own(info))]

    @resolver("What was done by whom, the latest first. For admins.", needs=_ADMIN)
    async def audit(
        self,
        info: Info,
        first: Annotated[int, argument(description=f"Most entries to return, 1 to {ENTRIES_A_PAGE}.")] = 50,
        after: Annotated[str | None, argument(description="The cursor after which the page begins.")] = None,
    ) -> AuditResult:
        """Read one page."""
        try:
            limit, before = page_size(first, ENTRIES_A_PAGE), int(decode_cursor(_AUDIT, after)) if after else None
        except (BadInputError, ValueError) as error:
            return BadInput.of(error if isinstance(error, BadInputError) else BadInputError("after: expected a cursor of this list"))
        rows = await accounts.audit(info.context.sessions, first=limit + 1, before=before)
        edges = [AuditEdge(cursor=encode_cursor(_AUDIT, row.id), node=_entry(row)) for row in rows[:limit]]
        page = PageInfo.of([edge.cursor for edge in edges], before=after is not None, more=len(rows) > limit)
        return AuditConnection(edges=edges, page_info=page)


@strawberry.type
class PeopleMutations:
    """Mutations of the root that are about people."""

    @resolver("Make a user. For admins.", needs=_ADMIN)
    async def create_user(
        self,
        info: Info,
        email: Annotated[str, argument(description="The email, which is the user's name and does not change.")],
        role: Annotated[Role, argument(description="What the user may do.")],
        password: Annotated[
            str | None,
            argument(description="The first password: 12 characters or more, hard to guess; null: a service account, with keys alone."),
        ] = None,
    ) -> CreateUserResult:
        """Make it."""
        try:
            made = await accounts.create(info.context.sessions, email=email, role=_stored(role), password=password, by=info.context.viewer.name)
        except BadInputError as error:
            return BadInput.of(error)
        except ConflictError as error:
            return Conflict.of(error)
        return User.of(made)

    @resolver("Give a user another role, at once. For admins.", needs=_ADMIN)
    async def set_role(
        self, info: Info, email: Email, role: Annotated[Role, argument(description="What the user may do from now on.")]
    ) -> UserResult:
        """Set it."""
        try:
            return User.of(await accounts.set_role(info.context.sessions, email, _stored(role), by=info.context.viewer.name))
        except (NotFoundError, BadInputError) as error:
            return NotFound.of(error)
        except ConflictError as error:
            return Conflict.of(error)

    @resolver("Shut a user out at once, or let them in again. For admins.", needs=_ADMIN)
    async def set_disabled(
        self, info: Info, email: Email, disabled: Annotated[bool, argument(description="False: the user may sign in again.")] = True
    ) -> UserResult:
        """Set it."""
        try:
            return User.of(await accounts.set_disabled(info.context.sessions, email, disabled=disabled, by=info.context.viewer.name))
        except (NotFoundError, BadInputError) as error:
            return NotFound.of(error)
        except ConflictError as error:
            return Conflict.of(error)

    @resolver("Give a user another password, which ends all that they are signed in to. For admins.", needs=_ADMIN)
    async def set_password(
        self, info: Info, email: Email, password: Annotated[str, argument(description="The new one: 12 characters or more, hard to guess.")]
    ) -> PasswordResult:
        """Set it."""
        try:
            return User.of(await accounts.set_password(info.context.sessions, email, password, by=info.context.viewer.name))
        except NotFoundError as error:
            return NotFound.of(error)
        except BadInputError as error:
            return BadInput.of(error)

    @resolver("End all that a user is signed in to. For admins.", needs=_ADMIN)
    async def end_sign_ins(self, info: Info, email: Email) -> UserResult:
        """End them."""
        try:
            return User.of(await accounts.end_sign_ins(info.context.sessions, email, by=info.context.viewer.name))
        except (NotFoundError, BadInputError) as error:
            return NotFound.of(error)

    @resolver("End one thing that somebody is signed in to: of one's own, and as an admin of anybody's.", needs=tables.Role.VIEWER)
    async def end_sign_in(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="Its identifier.")],  # noqa: A002  the contract's name
    ) -> EndSignInResult:
        """End it."""
        try:
            ended = await accounts.end_sign_in(info.context.sessions, sign_in_id(id), by=info.context.viewer.name, user_id=_own(info))
        except NotFoundError as error:
            return NotFound.of(error)
        return SignIn.of(ended)

    @resolver("Make a key for a program: in one's own name, and as an admin in anybody's.", needs=tables.Role.VIEWER)
    async def create_key(
        self,
        info: Info,
        name: Annotated[str, argument(description="What it is for.")],
        role: Annotated[Role, argument(description="How far it reaches: no further than its user.")],
        days: Annotated[int, argument(description=f"For how long it opens anything, 1 to {keys.LONGEST_DAYS}.")] = 90,
        user: Annotated[str | None, argument(description="In whose name it asks, by email; null: the viewer's.")] = None,
    ) -> KeyResult:
        """Make it."""
        viewer = info.context.viewer
        try:
            _hold_to_own(viewer, _stored(role), user)
            made = await keys.create(info.context.sessions, email=user or viewer.name, name=name, role=_stored(role), days=days, by=viewer.name)
        except NotFoundError as error:
            return NotFound.of(error)
        except BadInputError as error:
            return BadInput.of(error)
        except ForbiddenError as error:
            return Forbidden.of(error)
        return NewKey(key=Key.of(made.key, made.user), text=made.text)

    @resolver("Have a key open nothing from now on: one's own, and as an admin anybody's.", needs=tables.Role.VIEWER)
    async def revoke_key(
        self,
        info: Info,
        id: Annotated[strawberry.ID, argument(description="The key's identifier.")],  # noqa: A002  the contract's name
    ) -> RevokeKeyResult:
        """Revoke it."""
        try:
            return Key.of(*await keys.revoke(info.context.sessions, key_id(id), by=info.context.viewer.name, user_id=_own(info)))
        except NotFoundError as error:
            return NotFound.of(error)


def _hold_to_own(viewer: Viewer, role: tables.Role, user: str | None) -> None:
    if viewer.by_key:
        raise ForbiddenError("a key makes no keys: sign in")
    if user is not None and user.strip().lower() != viewer.name and not viewer.may(_ADMIN):
        raise ForbiddenError(f"a key in somebody else's name needs the role admin, and {viewer.name} is {viewer.role}")
    if not viewer.may(role):
        raise ForbiddenError(f"{viewer.name} is {viewer.role}, and cannot make a key that is {role}")


def _own(info: Info) -> UUID | None:
    # Of whom a viewer sees and revokes keys: an admin, of all. Who has no account here is an admin.
    viewer = info.context.viewer
    return None if viewer.may(_ADMIN) else viewer.user_id


def _stored(role: Role) -> tables.Role:
    return tables.Role(str(role.value))


def _entry(row: tables.AuditEntry) -> AuditEntry:
    return AuditEntry(at=row.at, actor=row.actor, action=row.action, subject=row.subject, detail=JSON(row.detail))
