"""Who may ask: a bearer token, which is a short-lived JWT of somebody who signed in or of the machine's operator, a user's key, or the API's own."""

import hashlib
import hmac
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import jwt
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.context import Viewer
from app.api.errors import AWAY
from app.api.responses import away, refusal
from app.db.accounts import Role
from app.db.session import Sessions
from app.services import keys, signing_in
from app.services.signing_in import SignedIn
from app.settings import Settings

ISSUER = "usdc-arb"
AUDIENCE = "usdc-arb-api"
_ALGORITHM = "HS256"
_TYPE = "at+jwt"  # RFC 9068: an access token, and no other kind of token that the same key may sign one day
_REQUIRED = ["iss", "aud", "sub", "iat", "exp"]
_HOLDER = "local"  # the name of whoever holds the API's own key


def issue_token(settings: Settings, subject: str) -> str:
    """Return a signed access token for whoever works at this machine, under any name, good for `JWT_EXPIRATION` seconds: an admin's."""
    return _signed(settings, subject)


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticket:
    """What an access token of an account says, which the database has to bear out."""

    sign_in: UUID
    version: int


def issue_access(settings: Settings, found: SignedIn) -> str:
    """Return a signed access token for somebody who signed in."""
    return _signed(settings, str(found.user.id), sid=str(found.sign_in), ver=found.user.token_version)


async def viewer_of(settings: Settings, sessions: Sessions, header: str | None) -> Viewer | None:
    """Return who an Authorization header stands for; None where it opens nothing. A user's role is the database's of this moment."""
    found = read_header(settings, header)
    if isinstance(found, Viewer) or found is None:
        return found
    if isinstance(found, Ticket):
        known = await signing_in.known(sessions, sign_in=found.sign_in, version=found.version)
    else:
        known = await keys.known(sessions, *found)
    return Viewer(name=known.email, role=known.role, user_id=known.user_id, by_key=not isinstance(found, Ticket)) if known is not None else None


def read_header(settings: Settings, header: str | None) -> Viewer | Ticket | tuple[UUID, bytes] | None:
    """Return what an Authorization header says: the holder of the API's own key, a ticket, or identifier and secret of a user's key; else None."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    if hmac.compare_digest(token.encode(), _secret(settings.api_secret_key).encode()):
        return Viewer(name=_HOLDER, role=Role.ADMIN)
    if token.startswith(keys.PREFIX):
        return keys.opened(token)
    claims = _claims(settings, token)
    return _read_claims(claims) if claims is not None else None


class Authenticate:
    """Middleware that lets a request through with its viewer in the scope, and answers 401 otherwise, 503 where nobody can know."""

    def __init__(self, app: ASGIApp, settings: Settings, sessions: Sessions) -> None:
        self.app = app
        self.settings, self.sessions = settings, sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        try:
            viewer = await viewer_of(self.settings, self.sessions, Headers(scope=scope).get("authorization"))
        except AWAY as error:
            await away(error)(scope, receive, send)
            return
        if viewer is None:
            message = (
                "expected `Authorization: Bearer TOKEN` with a token of POST /auth/sign-in or of `usdc-arb token create` that has not expired, "
                "with a key of `usdc-arb keys create`, or with API_SECRET_KEY"
            )
            response = refusal(401, code="UNAUTHENTICATED", message=message, headers={"WWW-Authenticate": f'Bearer realm="{ISSUER}"'})
            await response(scope, receive, send)
        else:
            scope["viewer"] = viewer
            await self.app(scope, receive, send)


def _read_claims(claims: Mapping[str, Any]) -> Viewer | Ticket | None:
    if "sid" not in claims:
        return Viewer(name=str(claims["sub"]), role=Role.ADMIN) if claims["sub"] else None
    try:
        return Ticket(sign_in=UUID(str(claims["sid"])), version=int(claims["ver"]))
    except (ValueError, KeyError, TypeError):
        return None


def _signed(settings: Settings, subject: str, **more: object) -> str:
    now, key = datetime.now(UTC), _secret(settings.jwt_secret)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + timedelta(seconds=settings.jwt_expiration), **more}
    return jwt.encode(claims, key, algorithm=_ALGORITHM, headers={"typ": _TYPE, "kid": _name_of(key)})


def _claims(settings: Settings, token: str) -> dict[str, Any] | None:
    # Signed by the present key, or by the one before it, which its name tells.
    keys = [_secret(key) for key in (settings.jwt_secret, settings.jwt_secret_old) if key is not None]
    try:
        named = jwt.get_unverified_header(token).get("kid", _name_of(keys[0]))
        key = next((key for key in keys if _name_of(key) == named), None)
        if key is None:
            return None
        found = jwt.decode_complete(token, key, algorithms=[_ALGORITHM], issuer=ISSUER, audience=AUDIENCE, options={"require": _REQUIRED})
    except jwt.InvalidTokenError:
        return None
    return dict(found["payload"]) if found["header"].get("typ") == _TYPE else None


def _name_of(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:8]


def _secret(value: SecretStr) -> str:
    return value.get_secret_value()
