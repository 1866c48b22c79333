"""Signing in and out over HTTP: `POST /auth/…`, one JSON object each.

An address has so many tries in a minute, counted in the queue server: while that is away nobody can sign in, and whoever is in stays in.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson
from redis.asyncio import Redis
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from app.api.auth import issue_access
from app.api.context import Viewer
from app.api.errors import AWAY
from app.api.responses import RETRY_AFTER_S, away, json_response, refusal
from app.db.session import Sessions
from app.errors import AppError, Forbidden, Unavailable, answer
from app.services import signing_in
from app.services.signing_in import SignedIn
from app.settings import Settings

A_MINUTE: Final = {"sign-in": 20, "refresh": 120, "sign-out": 120, "password": 20}
_MOST_BYTES = 4_096
_STATUS = {"UNAUTHENTICATED": 401, "UNAVAILABLE": 503}

Answer = Callable[[Request, dict[str, str]], Awaitable[Response]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What signing in needs."""

    settings: Settings
    sessions: Sessions
    redis: Redis

    def routes(self, closed: Sequence[Middleware]) -> list[Route]:
        """Return the routes; to change a password one has to be in."""
        return [
            self._route("sign-in", self._sign_in, ("email", "password")),
            self._route("refresh", self._refresh, ("refreshToken",)),
            self._route("sign-out", self._sign_out, ("refreshToken",)),
            self._route("password", self._password, ("old", "new"), closed),
        ]

    async def _sign_in(self, request: Request, asked: dict[str, str]) -> Response:
        found = await signing_in.sign_in(self.sessions, email=asked["email"], password=asked["password"], client=_client(request))
        return self._tokens(found)

    async def _refresh(self, _request: Request, asked: dict[str, str]) -> Response:
        return self._tokens(await signing_in.refresh(self.sessions, asked["refreshToken"]))

    async def _sign_out(self, _request: Request, asked: dict[str, str]) -> Response:
        await signing_in.sign_out(self.sessions, asked["refreshToken"])
        return Response(status_code=204)

    async def _password(self, request: Request, asked: dict[str, str]) -> Response:
        viewer: Viewer = request.scope["viewer"]
        if viewer.user_id is None or viewer.by_key:
            raise HTTPException(400, f"{viewer.name} asks with a key, which has no password: sign in")
        await signing_in.change_password(self.sessions, user_id=viewer.user_id, old=asked["old"], new=asked["new"])
        return Response(status_code=204)

    def _tokens(self, found: SignedIn) -> Response:
        body = {
            "accessToken": issue_access(self.settings, found),
            "tokenType": "Bearer",
            "expiresInS": self.settings.jwt_expiration,
            "refreshToken": found.refresh,
            "email": found.user.email,
            "role": found.user.role,
        }
        return json_response(body, headers={"Cache-Control": "no-store"})

    def _route(self, name: str, answered: Answer, wanted: Sequence[str], middleware: Sequence[Middleware] = ()) -> Route:
        async def served(request: Request) -> Response:
            try:
                await self._admit(request, name)
                return await answered(request, await _read(request, wanted))
            except AWAY as error:
                return away(error)
            except AppError as error:
                code = "UNAUTHENTICATED" if isinstance(error, Forbidden) else answer(error).code
                headers = {"Retry-After": RETRY_AFTER_S} if isinstance(error, Unavailable) else {}
                return refusal(_STATUS.get(code, 400), code=code, message=str(error), headers=headers)

        return Route(f"/auth/{name}", served, methods=["POST"], middleware=middleware)

    async def _admit(self, request: Request, name: str) -> None:
        key = f"usdc-arb:{name}:{request.client.host if request.client else ''}"
        async with self.redis.pipeline() as pipeline:
            await pipeline.set(key, 0, ex=60, nx=True)
            await pipeline.incr(key)
            await pipeline.ttl(key)
            _, count, left_s = await pipeline.execute()
        if count > A_MINUTE[name]:
            raise HTTPException(429, f"{A_MINUTE[name]} of these a minute are what an address has", {"Retry-After": str(max(left_s, 1))})


async def _read(request: Request, wanted: Sequence[str]) -> dict[str, str]:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise HTTPException(413, f"expected a body of at most {_MOST_BYTES} bytes")
    try:
        form: Any = orjson.loads(body)
    except orjson.JSONDecodeError:
        form = None
    if not isinstance(form, dict) or not all(isinstance(form.get(name), str) and "\0" not in form[name] for name in wanted):
        raise HTTPException(400, f"expected one JSON object with the strings {', '.join(f'`{name}`' for name in wanted)}")
    return {name: form[name] for name in wanted}


def _client(request: Request) -> str:
    return f"{request.client.host if request.client else '?'} {request.headers.get('user-agent', '')}".strip()
