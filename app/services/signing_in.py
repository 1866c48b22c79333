"""Signing in: a password against a chain of refresh tokens, each good once, and who somebody is who holds an access token.

Attempts are counted before the password is looked at, so that many at once are no way around the lock: after `FREE` wrong ones an account is shut
for half a minute, after each further one for twice as long, up to an hour. Whoever it is hears the same sentence.
A refresh token that comes a second time was stolen, or its owner's was: the whole chain ends.
"""

import base64
import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import Interval, case, cast, func, literal, or_, select, update
from sqlalchemy.ext.asyncio import AsyncSession

from app.db.accounts import NONE, Role, SignIn, User
from app.db.ids import new_id
from app.db.session import Sessions
from app.errors import BadInput, Forbidden
from app.services import passwords
from app.services.accounts import named, note

FREE: Final = 5
LIFE: Final = timedelta(days=30)
"""Of a chain of refresh tokens."""
IDLE: Final = timedelta(days=14)
"""For so long a refresh token is good."""

_BYTES = 32
_SAID = 120  # characters of what a client says of itself
_REFUSED = "email or password are not right, or the account is shut for now: after several wrong ones it is, for a while"


@dataclass(frozen=True, slots=True, kw_only=True)
class SignedIn:
    """A user, the chain that was begun or went on, and its next refresh token."""

    user: User
    sign_in: UUID
    refresh: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Who holds an access token."""

    user_id: UUID
    email: str
    role: Role


async def sign_in(sessions: Sessions, *, email: str, password: str, client: str) -> SignedIn:
    """Return who signed in; Forbidden where that cannot be, without saying why, Unavailable where too many do at once."""
    user = await _attempt(sessions, email)
    right = await passwords.matches(password, user.password if user is not None and user.password != NONE else None)
    async with sessions.begin() as session:
        if user is None or not right or user.disabled:
            note(session, email.strip().lower()[:_SAID], "sign_in_refused", email.strip().lower()[:_SAID], client=client[:_SAID])
        else:
            await _welcome(session, user, password)
            made = _made(user.id, client)
            session.add(made.row)
            await session.flush()
            note(session, user.email, "signed_in", user.email, client=client[:_SAID])
            return SignedIn(user=user, sign_in=made.row.id, refresh=made.token)
    raise Forbidden(_REFUSED)


async def refresh(sessions: Sessions, token: str) -> SignedIn:
    """Return the next tokens of a chain; Forbidden where the token is none, is used up, or its chain or user is at an end."""
    sign_in_id, chain, current = _opened(token)
    async with sessions.begin() as session:
        good = (SignIn.id == sign_in_id, SignIn.ended_at.is_(None), SignIn.expires_at > func.now(), SignIn.refreshed_at > func.now() - IDLE)
        row = await session.scalar(select(SignIn).where(*good).with_for_update())
        user = await session.get(User, row.user_id) if row is not None else None
        if row is not None and user is not None and not user.disabled and hmac.compare_digest(row.chain, _hash(chain)):
            if hmac.compare_digest(row.current, _hash(current)):
                fresh = secrets.token_bytes(_BYTES)
                row.current, row.refreshed_at = _hash(fresh), func.now()
                return SignedIn(user=user, sign_in=row.id, refresh=_token(row.id, chain, fresh))
            row.ended_at = func.now()
            note(session, user.email, "refresh_token_came_twice", user.email, client=row.client)
    raise Forbidden("the refresh token is not good, or was used before; sign in again")


async def sign_out(sessions: Sessions, token: str) -> None:
    """End the chain of a refresh token, if it is one."""
    sign_in_id, chain, _ = _opened(token)
    async with sessions.begin() as session:
        ended = update(SignIn).where(SignIn.id == sign_in_id, SignIn.chain == _hash(chain), SignIn.ended_at.is_(None)).values(ended_at=func.now())
        user_id = await session.scalar(ended.returning(SignIn.user_id))
        if user_id is not None:
            user = await session.get(User, user_id)
            assert user is not None
            note(session, user.email, "signed_out", user.email)


async def change_password(sessions: Sessions, *, user_id: UUID, old: str, new: str) -> None:
    """Give a user another password, by themselves; what they are signed in to ends. Forbidden where the old one is wrong, BadInput."""
    async with sessions() as session:
        user = await session.get(User, user_id)
    assert user is not None
    passwords.check(new, email=user.email)
    if await _attempt(sessions, user.email) is None or not await passwords.matches(old, user.password):
        raise Forbidden("the old password is not right, or the account is shut for now")
    made = await passwords.hashed(new)
    async with sessions.begin() as session:
        changed = {"password": made, "password_at": func.now(), "failures": 0, "locked_until": None, "token_version": User.token_version + 1}
        await session.execute(update(User).where(User.id == user_id).values(changed))
        await session.execute(update(SignIn).where(SignIn.user_id == user_id, SignIn.ended_at.is_(None)).values(ended_at=func.now()))
        note(session, user.email, "password_changed", user.email)


async def known(sessions: Sessions, *, sign_in: UUID, version: int) -> Known | None:
    """Return who is signed in there; None where that ended, or the user was disabled or given another role or password since."""
    alive = (SignIn.id == sign_in, SignIn.ended_at.is_(None), SignIn.expires_at > func.now())
    asked = select(User.id, User.email, User.role).join(SignIn, SignIn.user_id == User.id)
    async with sessions() as session:
        found = (await session.execute(asked.where(*alive, User.disabled.is_(False), User.token_version == version))).one_or_none()
    return Known(user_id=found.id, email=found.email, role=Role(found.role)) if found is not None else None


async def _attempt(sessions: Sessions, email: str) -> User | None:
    # Counted whatever comes of it; none is returned of an account that is shut, or that is not there.
    try:
        wanted = named(email)
    except BadInput:
        return None
    count = User.failures + 1
    pause = cast(literal(30) * func.power(2, count - FREE) * cast(literal("1 second"), Interval), Interval)
    shut = case((count >= FREE, func.now() + func.least(pause, cast(literal("1 hour"), Interval))), else_=None)
    free = or_(User.locked_until.is_(None), User.locked_until <= func.now())
    async with sessions.begin() as session:
        return await session.scalar(update(User).where(User.email == wanted, free).values(failures=count, locked_until=shut).returning(User))


async def _welcome(session: AsyncSession, user: User, password: str) -> None:
    changed: dict[str, object] = {"failures": 0, "locked_until": None, "last_sign_in": func.now()}
    if passwords.is_outdated(user.password):
        changed["password"] = await passwords.hashed(password)
    await session.execute(update(User).where(User.id == user.id).values(changed))


@dataclass(frozen=True, slots=True)
class _Made:
    row: SignIn
    token: str


def _made(user_id: UUID, client: str) -> _Made:
    chain, current = secrets.token_bytes(_BYTES), secrets.token_bytes(_BYTES)
    row = SignIn(id=new_id(), user_id=user_id, expires_at=func.now() + LIFE, client=client[:_SAID], chain=_hash(chain), current=_hash(current))
    return _Made(row, _token(row.id, chain, current))


def _token(sign_in: UUID, chain: bytes, current: bytes) -> str:
    return base64.urlsafe_b64encode(sign_in.bytes + chain + current).decode().rstrip("=")


def _opened(token: str) -> tuple[UUID, bytes, bytes]:
    try:
        found = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4)) if len(token) < 4 * _BYTES else b""
    except ValueError:
        found = b""
    if len(found) != 16 + 2 * _BYTES:
        raise Forbidden("this is no refresh token; sign in again")
    return UUID(bytes=found[:16]), found[16 : 16 + _BYTES], found[16 + _BYTES :]


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
