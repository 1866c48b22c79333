"""The outermost middleware: an id for every request, one log line, one count, and an answer where nothing else gave one."""

import re
import time
from uuid import uuid4

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app import log
from app.api.errors import report
from app.api.metrics import OTHER, Metrics
from app.api.responses import refusal

_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")
_GONE = 499  # by custom: the client went away before it had an answer
_log = log.get(__name__)


class Requests:
    """Middleware that names, logs and counts requests; path and status only: no query, header or body is logged."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        request_id = _request_id(scope)
        status = 0

        async def send_named(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-ID"] = request_id
            await send(message)

        started = time.perf_counter()
        with log.bound_contextvars(request_id=request_id):
            try:
                await self.app(scope, receive, send_named)
            except ClientDisconnect:
                _log.debug("the client went away")
            except Exception as error:  # noqa: BLE001  the last border: logged whole, answered with its reference
                response = refusal(500, code="INTERNAL", message=report(error))
                if not status:
                    await response(scope, receive, send_named)
            self._done(scope, status or _GONE, time.perf_counter() - started)

    def _done(self, scope: Scope, status: int, seconds: float) -> None:
        route = _route(scope)
        self.metrics.http.labels(scope["method"] if route != OTHER else OTHER, route, str(status)).observe(seconds)
        operation = {"operation": scope["operation"]} if "operation" in scope else {}
        _log.info("request", method=scope["method"], path=scope["path"], status=status, ms=round(seconds * 1e3, 1), **operation)


def _request_id(scope: Scope) -> str:
    given = Headers(scope=scope).get("x-request-id", "")
    return given if _ID.fullmatch(given) else uuid4().hex


def _route(scope: Scope) -> str:
    # The route's pattern, not the path: a label for each run id would grow without end.
    found = scope.get("route")
    return str(found.path) if found is not None else OTHER
