"""POST /graphql: one JSON document in, one JSON document out, and no other way in."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

import orjson
import strawberry
from graphql import ExecutionResult, GraphQLError, OperationDefinitionNode, OperationType
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import contract
from app.api.budget import Budget
from app.api.context import Context, Viewer
from app.api.cost import cost
from app.api.errors import explain_all
from app.api.guard import Limits, check_cost
from app.api.metrics import Metrics
from app.api.responses import RETRY_AFTER_S, json_response
from app.api.schema import Prepare, Prepared, execute

_MEDIA_TYPE = "application/json"
_NAME_LENGTH = 100  # of an operation, in the log


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """What a request asks for."""

    query: str
    document_id: str | None
    """Of an operation of `graphql/operations/`, instead of its text."""
    name: str | None
    variables: dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """What the endpoint needs to answer."""

    schema: strawberry.Schema
    prepare: Prepare
    context: Callable[[Viewer], Context]
    metrics: Metrics
    limits: Limits
    budget: Budget
    trusted_only: bool
    """Whether nothing but the operations of `graphql/operations/` is executed."""
    suggestions: bool


async def graphql(endpoint: Endpoint, request: Request) -> Response:
    """Execute the operation of a request and count it."""
    viewer: Viewer = request.scope["viewer"]
    headers = endpoint.budget.spend(viewer.name, requests=1)
    operation = read_operation(request.headers.get("content-type", ""), await _body(request, endpoint.limits.body_bytes))
    started = time.perf_counter()
    try:
        operation = replace(operation, query=text_of(endpoint, operation))
        prepared = endpoint.prepare(operation.query)
        node = operation_of(operation, prepared)
        request.scope["operation"] = name = name_of(operation, node)
        hold_to(node, subscriptions=False)
        headers = charge(endpoint, viewer, operation, prepared) or headers
        context = endpoint.context(viewer)
        result = await execute(endpoint.schema, prepared, name=operation.name, variables=operation.variables, context=context)
    except GraphQLError as error:
        name, result = operation.name or "", ExecutionResult(data=None, errors=[error])
    errors = explain_all(result.errors or [], suggestions=endpoint.suggestions)
    codes = [error["extensions"]["code"] for error in errors]
    endpoint.metrics.operation_done(name, seconds=time.perf_counter() - started, codes=codes)
    began = result.data is not None or any(error.path for error in result.errors or ())
    data = {"data": result.data} if began else {}
    away = {"Retry-After": RETRY_AFTER_S} if "UNAVAILABLE" in codes else {}
    return json_response(data | ({"errors": errors} if errors else {}), status=503 if away else 200, headers={**headers, **away})


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
    query, document_id = form.get("query"), form.get("documentId")
    name, variables = form.get("operationName"), form.get("variables") or {}
    if (not isinstance(query, str) and not isinstance(document_id, str)) or not isinstance(name, str | None) or not isinstance(variables, dict):
        raise HTTPException(
            400, "expected a string as `query` or as `documentId`, and where they are given a string as `operationName`, an object as `variables`"
        )
    return Operation(query=query or "", document_id=document_id, name=name, variables=variables)


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


def text_of(endpoint: Endpoint, operation: Operation) -> str:
    """Return the document of a request; GraphQLError where it is not one that may be executed here."""
    known = contract.documents()
    if operation.document_id is not None:
        if operation.document_id not in known:
            raise GraphQLError("There is no document of this documentId: expected sha256: and the hash of an operation of graphql/operations/.")
        return known[operation.document_id]
    if endpoint.trusted_only and operation.query not in known.values():
        raise GraphQLError("This server executes the operations of graphql/operations/ alone, by their text or by documentId.")
    return operation.query


def charge(endpoint: Endpoint, viewer: Viewer, operation: Operation, prepared: Prepared) -> Mapping[str, str]:
    """Take the cost of an operation off its viewer's budget and return the headers that tell what is left; GraphQLError, HTTPException 429."""
    # What is wrong is not executed, and costs nothing but the request.
    found = prepared.prices.get(operation.name or next(iter(prepared.prices), ""))
    if prepared.errors or found is None:
        return {}
    amount = cost(found, operation.variables)
    check_cost(amount, endpoint.limits)
    return endpoint.budget.spend(viewer.name, cost=amount)


def operation_of(operation: Operation, prepared: Prepared) -> OperationDefinitionNode | None:
    """Return the operation that is asked for, None where there is none of that name; GraphQLError where there are several and no name is given."""
    found = [d for d in prepared.document.definitions if isinstance(d, OperationDefinitionNode)]
    if len(found) > 1 and operation.name is None:
        raise GraphQLError("The document has several operations; name the one to execute as `operationName`.")
    return next((d for d in found if operation.name in {None, d.name.value if d.name else None}), None)


def hold_to(node: OperationDefinitionNode | None, *, subscriptions: bool) -> None:
    """Refuse what goes the other way: subscriptions over a WebSocket, all else by POST; GraphQLError."""
    if node is not None and (node.operation == OperationType.SUBSCRIPTION) != subscriptions:
        other = "a WebSocket is for subscriptions alone, and the rest goes by POST" if subscriptions else "subscriptions go over a WebSocket"
        raise GraphQLError(f"A {node.operation.value} is not answered here: {other}, to the same path.")


def name_of(operation: Operation, node: OperationDefinitionNode | None) -> str:
    """Return what an operation is called in the log."""
    return (operation.name or (node.name.value if node and node.name else ""))[:_NAME_LENGTH]
