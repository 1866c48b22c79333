"""Who may ask: a bearer token, which is the API's own key or a short-lived JWT signed by it."""

import hmac
from datetime import UTC, datetime, timedelta

import jwt
from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.types import ASGIApp, Receive, Scope, Send

from app.api.context import Role, Viewer
from app.api.responses import refusal
from app.settings import Settings

ISSUER = "usdc-arb"
AUDIENCE = "usdc-arb-api"
_ALGORITHM = "HS256"
_TYPE = "at+jwt"  # RFC 9068: an access token, and no other kind of token that the same key may sign one day
_HOLDER = "local"  # the name of whoever holds the API's own key


def issue_token(settings: Settings, subject: str) -> str:
    """Return a signed access token for a subject, good for `JWT_EXPIRATION` seconds."""
    now = datetime.now(UTC)
    claims = {"iss": ISSUER, "aud": AUDIENCE, "sub": subject, "iat": now, "exp": now + timedelta(seconds=settings.jwt_expiration)}
    return jwt.encode(claims, _secret(settings.jwt_secret), algorithm=_ALGORITHM, headers={"typ": _TYPE})


def viewer_of(settings: Settings, header: str | None) -> Viewer | None:
    """Return who an Authorization header stands for; None where it opens nothing."""
    scheme, _, token = (header or "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        return None
    if hmac.compare_digest(token.encode(), _secret(settings.api_secret_key).encode()):
        return Viewer(name=_HOLDER, role=Role.ADMIN)
    subject = _subject(settings, token)
    return Viewer(name=subject, role=Role.ADMIN) if subject else None


class Authenticate:
    """Middleware that lets a request through with its viewer in the scope, and answers 401 otherwise."""

    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self.app = app
        self.settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        viewer = viewer_of(self.settings, Headers(scope=scope).get("authorization"))
        if viewer is None:
            message = "expected `Authorization: Bearer TOKEN` with API_SECRET_KEY or with a token of `usdc-arb token create` that has not expired"
            response = refusal(401, code="UNAUTHENTICATED", message=message, headers={"WWW-Authenticate": f'Bearer realm="{ISSUER}"'})
            await response(scope, receive, send)
        else:
            scope["viewer"] = viewer
            await self.app(scope, receive, send)


def _subject(settings: Settings, token: str) -> str | None:
    try:
        found = jwt.decode_complete(
            token,
            _secret(settings.jwt_secret),
            algorithms=[_ALGORITHM],
            issuer=ISSUER,
            audience=AUDIENCE,
            options={"require": ["iss", "aud", "sub", "iat", "exp"]},
        )
    except jwt.InvalidTokenError:
        return None
    return str(found["payload"]["sub"]) if found["header"].get("typ") == _TYPE else None


def _secret(value: SecretStr) -> str:
    return value.get_secret_value()
