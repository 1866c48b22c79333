"""Users and their roles: who there is, what each may do. Every change stands in the audit log, in the same transaction, and works at once."""

import re
from collections.abc import Sequence
from uuid import UUID

from sqlalchemy import func, select, text, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.accounts import NONE, AuditEntry, Role, SignIn, User
from app.db.models import Json
from app.db.session import Sessions
from app.errors import BadInput, Conflict, NotFound
from app.services import passwords

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}")
_ADMINS = text("SELECT pg_advisory_xact_lock(hashtext('usdc_arb admins'))")


async def create(sessions: Sessions, *, email: str, role: Role, password: str | None, by: str) -> User:
    """Make a user; BadInput where email or password cannot be one, Conflict where there is such a user. Without a password: a service account."""
    email = named(email)
    if password is not None:
        passwords.check(password, email=email)
    user = User(email=email, role=role, password=await passwords.hashed(password) if password is not None else NONE)
    try:
        async with sessions.begin() as session:
            session.add(user)
            await session.flush()
            await session.refresh(user)
            note(session, by, "user_created", email, role=role, **({} if password is not None else {"service": True}))
    except IntegrityError:
        raise Conflict(f"there is a user {email} already; `usdc-arb users list` shows all") from None
    return user


async def page(sessions: Sessions) -> Sequence[User]:
    """Return all users, by email."""
    async with sessions() as session:
        return (await session.scalars(select(User).order_by(User.email))).all()


async def set_role(sessions: Sessions, email: str, role: Role, *, by: str) -> User:
    """Give a user another role; NotFound, Conflict where nobody would be left who decides."""
    async with sessions.begin() as session:
        user = await _held(session, email)
        await _keep_an_admin(session, user, still=role == Role.ADMIN and not user.disabled)
        note(session, by, "role_set", user.email, before=user.role, after=role)
        user.role = role
        user.token_version += 1
    return user


async def set_disabled(sessions: Sessions, email: str, *, disabled: bool, by: str) -> User:
    """Shut a user out, or let them in again; NotFound, Conflict where nobody would be left who decides."""
    async with sessions.begin() as session:
        user = await _held(session, email)
        await _keep_an_admin(session, user, still=user.role == Role.ADMIN and not disabled)
        note(session, by, "user_disabled" if disabled else "user_enabled", user.email)
        user.disabled, user.failures, user.locked_until = disabled, 0, None
        user.token_version += 1
        await _end(session, user.id)
    return user


async def set_password(sessions: Sessions, email: str, password: str, *, by: str) -> User:
    """Give a user another password, which ends where they are signed in; NotFound, BadInput."""
    passwords.check(password, email=named(email))
    made = await passwords.hashed(password)
    async with sessions.begin() as session:
        user = await _held(session, email)
        note(session, by, "password_set", user.email)
        user.password, user.password_at, user.failures, user.locked_until = made, func.now(), 0, None
        user.token_version += 1
        await _end(session, user.id)
        await session.flush()
        await session.refresh(user)
    return user


async def end_sign_ins(sessions: Sessions, email: str, *, by: str) -> User:
    """End everything that a user is signed in to; NotFound."""
    async with sessions.begin() as session:
        user = await _held(session, email)
        note(session, by, "sign_ins_ended", user.email, count=await _end(session, user.id))
        user.token_version += 1
    return user


async def sign_ins(sessions: Sessions, user_id: UUID) -> Sequence[SignIn]:
    """Return where a user is signed in, the latest first."""
    async with sessions() as session:
        alive = (SignIn.user_id == user_id, SignIn.ended_at.is_(None), SignIn.expires_at > func.now())
        return (await session.scalars(select(SignIn).where(*alive).order_by(SignIn.refreshed_at.desc()))).all()


async def end_sign_in(sessions: Sessions, sign_in: UUID, *, by: str, user_id: UUID | None = None) -> SignIn:
    """End one thing that a user is signed in to; NotFound where there is none, or none of the user that is given."""
    theirs = (SignIn.user_id == user_id,) if user_id is not None else ()
    ended = update(SignIn).where(SignIn.id == sign_in, SignIn.ended_at.is_(None), *theirs).values(ended_at=func.now()).returning(SignIn)
    async with sessions.begin() as session:
        found = await session.scalar(ended)
        user = await session.get(User, found.user_id) if found is not None else None
        if found is None or user is None:
            raise NotFound(f"nobody is signed in as {sign_in}")
        note(session, by, "sign_in_ended", user.email, client=found.client)
    return found


async def audit(sessions: Sessions, *, first: int, before: int | None = None) -> Sequence[AuditEntry]:
    """Return what was done, the latest first; `before`: the entries before that one."""
    async with sessions() as session:
        asked = select(AuditEntry).order_by(AuditEntry.id.desc()).limit(first)
        return (await session.scalars(asked.where(AuditEntry.id < before) if before is not None else asked)).all()


def note(session: AsyncSession, actor: str, action: str, subject: str, **detail: object) -> None:
    """Write into the audit log, with whatever the transaction does."""
    found: Json = {name: str(value) if isinstance(value, Role) else value for name, value in detail.items()}
    session.add(AuditEntry(actor=actor, action=action, subject=subject, detail=found))


def named(email: str) -> str:
    """Return an email as it is stored; BadInput for what cannot be one."""
    found = email.strip().lower()
    if not _EMAIL.fullmatch(found):
        raise BadInput(f"email: expected an address such as ada@example.com, found {email[:80]!r}")
    return found


async def _held(session: AsyncSession, email: str) -> User:
    user = await session.scalar(select(User).where(User.email == named(email)).with_for_update())
    if user is None:
        raise NotFound(f"there is no user {named(email)}; `usdc-arb users list` shows all")
    return user


async def _keep_an_admin(session: AsyncSession, user: User, *, still: bool) -> None:
    # Under a lock: two admins who take it from each other at once would leave none.
    if still or user.role != Role.ADMIN or user.disabled:
        return
    await session.execute(_ADMINS)
    others = select(func.count()).select_from(User).where(User.role == Role.ADMIN, User.disabled.is_(False), User.id != user.id)
    if not await session.scalar(others):
        raise Conflict(f"{user.email} is the last admin: make another one first")


async def _end(session: AsyncSession, user_id: UUID) -> int:
    alive = (SignIn.user_id == user_id, SignIn.ended_at.is_(None))
    return len((await session.scalars(update(SignIn).where(*alive).values(ended_at=func.now()).returning(SignIn.id))).all())
