"""WebSocket /graphql: subscriptions, by graphql-transport-ws and no other protocol.

The protocol is Strawberry's. What is ours: who may connect, the same guard and budget as of a request, what a client hears of errors, and limits. A
connection has `INIT_S` to say who asks. It is looked at again every `AGAIN_S`, so that somebody who is shut out hears nothing more, and ends with the
life of a token, whatever it came with; whoever goes on connects and asks again.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Mapping
from contextlib import aclosing, suppress
from dataclasses import dataclass, field
from datetime import timedelta
from json import JSONDecodeError
from typing import Any, cast

import orjson
from graphql import ExecutionResult, GraphQLError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState
from strawberry.asgi import GraphQL
from strawberry.exceptions import ConnectionRejectionError
from strawberry.schema import BaseSchema
from strawberry.subscriptions import GRAPHQL_TRANSPORT_WS_PROTOCOL
from strawberry.types.execution import ExecutionResult as Shown
from strawberry.types.execution import PreExecutionError

from app import log
from app.api.auth import viewer_of
from app.api.context import Viewer
from app.api.endpoint import Endpoint, Operation, charge, hold_to, name_of, operation_of, text_of
from app.api.errors import AWAY, explain_all
from app.api.responses import code_of
from app.api.schema import subscribe
from app.db.session import Sessions
from app.settings import Settings

INIT_S = 10
"""For so long a connection may take to say who asks [s]."""
AGAIN_S = 10.0
"""After so long it is asked again whether who opened a connection still may [s]."""
A_CONNECTION = 20
"""Subscriptions of one connection."""
A_VIEWER = 100
"""Subscriptions of one viewer, in one process of the API."""
CONNECTIONS = 1_000
"""Of one process."""

_GOING_AWAY, _TRY_AGAIN = 1001, 1013
_log = log.get(__name__)


@dataclass(slots=True, kw_only=True)
class Connection:
    """A client that is connected, and who it is once it said so; `connection_params` is what it said."""

    header: str | None
    connection_params: Mapping[str, object] = field(default_factory=dict)
    viewer: Viewer | None = None

    @property
    def given(self) -> str | None:
        """Return what it was opened with."""
        found = self.connection_params.get("Authorization", self.header)
        return found if isinstance(found, str) else None


class Live(GraphQL[Connection, None]):
    """The application behind the WebSocket."""

    def __init__(self, endpoint: Endpoint, settings: Settings, sessions: Sessions) -> None:
        super().__init__(
            schema=cast(BaseSchema, _Documents(endpoint)),  # of which the protocol asks for streams alone
            graphql_ide=None,
            subscription_protocols=(GRAPHQL_TRANSPORT_WS_PROTOCOL,),
            connection_init_wait_timeout=timedelta(seconds=INIT_S),
            max_subscriptions_per_connection=A_CONNECTION,
        )
        self._endpoint, self._settings, self._sessions, self._open = endpoint, settings, sessions, 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until it ends, or has lived for as long as it may."""
        websocket = WebSocket(scope, receive=receive, send=send)
        if self._open >= CONNECTIONS:
            await websocket.close()  # before it is accepted: refused
            return
        self._count(+1)
        connection = scope["connection"] = Connection(header=websocket.headers.get("authorization"))
        watching = asyncio.create_task(self._watch(connection))
        serving = asyncio.create_task(self.run(websocket))
        try:
            await asyncio.wait({watching, serving}, timeout=self._settings.jwt_expiration, return_when=asyncio.FIRST_COMPLETED)
            if serving.done():
                serving.result()
            else:
                await _close(websocket, _GOING_AWAY, "a token is no longer good, or as old as one may get; connect again")
        except AWAY as error:
            _log.warning("a server does not answer", error=repr(error))
            await _close(websocket, _TRY_AGAIN, "the database does not answer; try again later")
        finally:
            for task in (watching, serving):
                task.cancel()
            await asyncio.wait({watching, serving})
            self._count(-1)

    async def _watch(self, connection: Connection) -> None:
        # Ends when whoever opened the connection may no longer; while the database is away nobody can know.
        while True:
            await asyncio.sleep(AGAIN_S)
            with suppress(*AWAY):
                if connection.viewer is not None and await viewer_of(self._settings, self._sessions, connection.given) is None:
                    return

    async def get_context(self, request: Request | WebSocket, response: Response | WebSocket) -> Connection:
        """Return the connection."""
        found: Connection = request.scope["connection"]
        return found

    async def on_ws_connect(self, context: Connection) -> dict[str, object]:
        """Let a client in that has a token, in the payload of `connection_init` or as a header; else its connection is closed, with 4403."""
        context.viewer = await viewer_of(self._settings, self._sessions, context.given)
        if context.viewer is None:
            raise ConnectionRejectionError
        return {"livesS": self._settings.jwt_expiration}

    def decode_json(self, data: str | bytes) -> object:
        """Return a message; what is none of the protocol's closes the connection, with 4400."""
        if len(data) > self._endpoint.limits.body_bytes:
            raise JSONDecodeError("too long", "", 0)
        form = orjson.loads(data)
        if not isinstance(form, dict) or (form.get("type") in {"subscribe", "complete"} and not isinstance(form.get("id"), str)):
            raise JSONDecodeError("no message", "", 0)
        asked = form.get("payload") if form.get("type") == "subscribe" else {"query": ""}
        if not (isinstance(asked, dict) and isinstance(asked.get("query"), str)):
            raise JSONDecodeError("no operation", "", 0)
        if not (isinstance(asked.get("variables"), dict | None) and isinstance(asked.get("operationName"), str | None)):
            raise JSONDecodeError("no variables", "", 0)
        return form

    def encode_json(self, data: object) -> str:
        """Return a message as text."""
        return orjson.dumps(data, option=orjson.OPT_SERIALIZE_NUMPY).decode()

    def _count(self, change: int) -> None:
        self._open += change
        self._endpoint.metrics.connections.set(self._open)


async def _close(websocket: WebSocket, code: int, reason: str) -> None:
    if websocket.application_state == WebSocketState.CONNECTED:
        with suppress(RuntimeError, WebSocketDisconnect):  # the client was faster
            await websocket.close(code, reason)


class _Documents:
    """What stands for the schema before the protocol: documents lead to it the way that those of requests go."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._following: Counter[str] = Counter()

    async def stream(
        self,
        query: str,
        *,
        variable_values: dict[str, Any] | None,
        context_value: Connection,
        root_value: None,
        operation_name: str | None,
    ) -> AsyncGenerator[Shown | PreExecutionError, None]:
        """Return the results of an operation."""
        assert context_value.viewer is not None  # or it would not have been acknowledged
        operation = Operation(query=query, document_id=None, name=operation_name, variables=variable_values or {})
        return self._results(context_value.viewer, operation)

    async def _results(self, viewer: Viewer, operation: Operation) -> AsyncGenerator[Shown | PreExecutionError, None]:
        name, codes, count = "", list[object](), self._endpoint.metrics.subscriptions
        self._following[viewer.name] += 1
        count.inc()
        try:
            self._admit(viewer)
            operation, name, source = await self._begun(viewer, operation)
            if isinstance(source, ExecutionResult):
                yield PreExecutionError(data=None, errors=self._explained(source.errors or [], codes))
                return
            async with aclosing(source):
                async for result in source:
                    yield Shown(data=result.data, errors=self._explained(result.errors, codes) if result.errors else None)
        except HTTPException as error:
            codes.append(code_of(error.status_code))
            yield PreExecutionError(data=None, errors=[GraphQLError(error.detail, extensions={"code": codes[-1]})])
        except GraphQLError as error:
            yield PreExecutionError(data=None, errors=self._explained([error], codes))
        finally:
            count.dec()
            self._following[viewer.name] -= 1
            self._following += Counter()  # without those who follow nothing
            _log.info("subscription ended", viewer=viewer.name, operation=name, errors=codes)

    def _admit(self, viewer: Viewer) -> None:
        if self._following[viewer.name] > A_VIEWER:
            raise HTTPException(429, f"a viewer may follow {A_VIEWER} things at a time; end another first")
        self._endpoint.budget.spend(viewer.name, requests=1)

    async def _begun(self, viewer: Viewer, operation: Operation) -> tuple[Operation, str, Any]:
        endpoint = self._endpoint
        text = text_of(endpoint, operation)
        prepared = endpoint.prepare(text)
        node = operation_of(operation, prepared)
        hold_to(node, subscriptions=True)
        charge(endpoint, viewer, operation, prepared)
        context = endpoint.context(viewer)
        found = await subscribe(endpoint.schema, prepared, name=operation.name, variables=operation.variables, context=context)
        return operation, name_of(operation, node), found

    def _explained(self, errors: Any, codes: list[object]) -> list[GraphQLError]:  # noqa: ANN401
        found = explain_all(errors, suggestions=self._endpoint.suggestions)
        codes += [form["extensions"]["code"] for form in found]
        return [GraphQLError(form["message"], path=form.get("path"), extensions=form["extensions"]) for form in found]
