"""POST /graphql: one JSON document in, one JSON document out, and no other way in."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import orjson
from graphql import GraphQLError, OperationDefinitionNode
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from strawberry.schema.exceptions import CannotGetOperationTypeError
from strawberry.types.execution import ExecutionResult

from app.api.context import Context, Viewer
from app.api.errors import explain_all
from app.api.metrics import Metrics
from app.api.responses import json_response
from app.api.schema import Prepare, Prepared, Schema

_MEDIA_TYPE = "application/json"
_NAME_LENGTH = 100  # of an operation, in the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a request asks for."""

    query: str
    name: str | None
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What the endpoint needs to answer."""

    schema: Schema
    prepare: Prepare
    context: Callable[[Viewer], Context]
    metrics: Metrics
    body_bytes: int
    suggestions: bool


async def graphql(endpoint: Endpoint, request: Request) -> Response:
    """Execute the operation of a request and count it."""
    operation = read_operation(request.headers.get("content-type", ""), await _body(request, endpoint.body_bytes))
    started = time.perf_counter()
    try:
        prepared = endpoint.prepare(operation.query)
        request.scope["operation"] = name = _name(operation, prepared)[:_NAME_LENGTH]
        result = await _execute(endpoint, operation, endpoint.context(request.scope["viewer"]))
    except GraphQLError as error:
        name, result = operation.name or "", ExecutionResult(data=None, errors=[error])
    errors = explain_all(result.errors or [], suggestions=endpoint.suggestions)
    codes = [error["extensions"]["code"] for error in errors]
    endpoint.metrics.operation_done(name, seconds=time.perf_counter() - started, codes=codes)
    began = result.data is not None or any(error.path for error in result.errors or ())
    data = {"data": result.data} if began else {}
    return json_response(data | ({"errors": errors} if errors else {}))


def read_operation(content_type: str, body: bytes) -> Operation:
    """Return what a request asks for; HTTPException says what was expected."""
    if content_type.partition(";")[0].strip().lower() != _MEDIA_TYPE:
        raise HTTPException(415, f"expected Content-Type: {_MEDIA_TYPE}, found {content_type[:80]!r}")
    if rb"\u0000" in body:
        raise HTTPException(400, "the body has a NUL character, which no text here can hold")
    try:
        form = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise HTTPException(400, f"the body is not JSON: {error}") from None
    if not isinstance(form, dict):
        raise HTTPException(400, "expected one object with `query`, `variables` and `operationName`; batches are not accepted")
    query, name, variables = form.get("query"), form.get("operationName"), form.get("variables") or {}
    if not isinstance(query, str) or not isinstance(name, str | None) or not isinstance(variables, dict):
        raise HTTPException(400, "expected a string as `query`, and where they are given a string as `operationName`, an object as `variables`")
    return Operation(query=query, name=name, variables=variables)


async def _body(request: Request, most: int) -> bytes:
    # Refused by the length it announces, or as soon as more has come than it may have.
    announced = request.headers.get("content-length", "")
    found = int(announced[:20]) if announced.isdecimal() else 0
    body = bytearray()
    if found <= most:
        async for chunk in request.stream():
            body += chunk
            if (found := len(body)) > most:
                break
    if found > most:
        raise HTTPException(413, f"expected a body of at most {most} bytes; give data to `usdc-arb data import`, not to the API")
    return bytes(body)


async def _execute(endpoint: Endpoint, operation: Operation, context: Context) -> ExecutionResult:
    try:
        return await endpoint.schema.execute(operation.query, operation.variables, context, operation_name=operation.name)
    except CannotGetOperationTypeError as error:
        raise GraphQLError(error.as_http_error_reason()) from None


def _name(operation: Operation, prepared: Prepared) -> str:
    found = [d for d in prepared.document.definitions if isinstance(d, OperationDefinitionNode)]
    if len(found) > 1 and operation.name is None:
        raise GraphQLError("The document has several operations; name the one to execute as `operationName`.")
    return operation.name or (found[0].name.value if found and found[0].name else "")
