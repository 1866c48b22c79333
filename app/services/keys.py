"""Keys of the API: made once, shown once, kept as a hash; they open as much as their role and their user's, until they run out or are revoked."""

import base64
import hashlib
import hmac
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Final
from uuid import UUID

from sqlalchemy import func, or_, select, update

from app.db.accounts import ApiKey, Role, User
from app.db.ids import new_id
from app.db.session import Sessions
from app.errors import BadInput, NotFound
from app.services.accounts import named, note
from app.services.signing_in import Known

PREFIX: Final = "usdcarb_"
"""With which every key begins, so that one that leaked is found by those who look for such."""
LONGEST_DAYS: Final = 366
_BYTES = 32
_NAME = re.compile(r"[^\x00-\x1f]{1,80}")
_FORM = re.compile(rf"{PREFIX}([A-Za-z0-9_-]{{64}})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Made:
    """A key, and its text, which nobody sees again."""

    key: ApiKey
    user: User
    text: str


async def create(sessions: Sessions, *, email: str, name: str, role: Role, days: int, by: str) -> Made:
    """Make a key of a user; NotFound, BadInput where its name, life or reach cannot be."""
    if not _NAME.fullmatch(name.strip()):
        raise BadInput(f"name: expected up to 80 characters that say what the key is for, found {name[:80]!r}")
    if not 1 <= days <= LONGEST_DAYS:
        raise BadInput(f"days: expected 1 to {LONGEST_DAYS}, found {days}")
    secret = secrets.token_bytes(_BYTES)
    async with sessions.begin() as session:
        user = await session.scalar(select(User).where(User.email == named(email)))
        if user is None:
            raise NotFound(f"there is no user {named(email)}; `usdc-arb users list` shows all")
        if not Role(user.role).includes(role):
            raise BadInput(f"role: {user.email} is {user.role}, and a key of theirs cannot be {role}")
        expires = func.now() + timedelta(days=days)
        key = ApiKey(id=new_id(), user_id=user.id, name=name.strip(), role=role, secret=_hash(secret), expires_at=expires)
        session.add(key)
        await session.flush()
        await session.refresh(key)
        note(session, by, "key_made", user.email, name=key.name, role=role, days=days, key=str(key.id))
    text = PREFIX + base64.urlsafe_b64encode(key.id.bytes + secret).decode().rstrip("=")
    return Made(key=key, user=user, text=text)


async def page(sessions: Sessions, *, user_id: UUID | None = None) -> Sequence[tuple[ApiKey, User]]:
    """Return the keys that open something, of a user or of all, by user and name."""
    alive = (ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now())
    asked = select(ApiKey, User).join(User, User.id == ApiKey.user_id).where(*alive).order_by(User.email, ApiKey.name, ApiKey.id)
    async with sessions() as session:
        found = await session.execute(asked.where(ApiKey.user_id == user_id) if user_id is not None else asked)
        return [(key, user) for key, user in found]


async def revoke(sessions: Sessions, key_id: UUID, *, by: str, user_id: UUID | None = None) -> tuple[ApiKey, User]:
    """Have a key open nothing from now on; NotFound where there is none, or none of the user that is given."""
    theirs = (ApiKey.user_id == user_id,) if user_id is not None else ()
    ended = update(ApiKey).where(ApiKey.id == key_id, ApiKey.revoked_at.is_(None), *theirs).values(revoked_at=func.now()).returning(ApiKey)
    async with sessions.begin() as session:
        key = await session.scalar(ended)
        user = await session.get(User, key.user_id) if key is not None else None
        if key is None or user is None:
            raise NotFound(f"there is no key {key_id} that opens anything; `usdc-arb keys list` shows all")
        note(session, by, "key_revoked", user.email, name=key.name, key=str(key.id))
    return key, user


def opened(text: str) -> tuple[UUID, bytes] | None:
    """Return identifier and secret of what has the form of a key; None for all else."""
    found = _FORM.fullmatch(text)
    if found is None:
        return None
    held = base64.urlsafe_b64decode(found[1])
    return UUID(bytes=held[:16]), held[16:]


async def known(sessions: Sessions, key_id: UUID, secret: bytes) -> Known | None:
    """Return whom a key stands for; None where it opens nothing: it ran out, was revoked, or its user is disabled."""
    alive = (ApiKey.id == key_id, ApiKey.revoked_at.is_(None), ApiKey.expires_at > func.now(), User.disabled.is_(False))
    stale = or_(ApiKey.used_at.is_(None), ApiKey.used_at < func.now() - timedelta(minutes=1))
    async with sessions() as session:
        asked = select(ApiKey.secret, ApiKey.role, stale.label("stale"), User.id, User.email, User.role.label("reach"))
        found = (await session.execute(asked.join(User, User.id == ApiKey.user_id).where(*alive))).one_or_none()
    if found is None or not hmac.compare_digest(found.secret, _hash(secret)):
        return None
    if found.stale:
        async with sessions.begin() as session:
            await session.execute(update(ApiKey).where(ApiKey.id == key_id, stale).values(used_at=func.now()))
    return Known(user_id=found.id, email=found.email, role=Role(found.role).least(Role(found.reach)))


def _hash(secret: bytes) -> bytes:
    return hashlib.sha256(secret).digest()
