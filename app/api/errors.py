"""What a client hears of an error: its own are explained, expected ones carry a code, all others a reference to the log.

Errors that a client can act on are members of a field's union; these here are the rest, in `errors` of the answer:

    BAD_DOCUMENT    the document, its operation or its variables are wrong
    TOO_LARGE       the document is over a limit of `app.api.guard`
    (app.errors)    the code of an error that the application raises on purpose
    UNAVAILABLE     the database or the queue does not answer; the same request may succeed later
    DISK_FULL       the database has no space left; the same request succeeds once there is room
    INTERNAL        a fault of ours, logged once with its traceback under the reference in the message
"""

from collections.abc import Sequence
from typing import TypedDict
from uuid import uuid4

import asyncpg  # type: ignore[import-untyped]
import redis.exceptions
import sqlalchemy.exc
from graphql import GraphQLError, GraphQLFormattedError
from strawberry.exceptions import StrawberryInputCoercionError

from app import log
from app.api.guard import LimitError
from app.errors import DiskFull, answer, is_expected

AWAY = (
    ConnectionError,
    TimeoutError,
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.TooManyConnectionsError,
    redis.exceptions.ConnectionError,
    redis.exceptions.TimeoutError,
    sqlalchemy.exc.OperationalError,
    sqlalchemy.exc.InterfaceError,
    sqlalchemy.exc.TimeoutError,
)
"""What a server raises that does not answer."""

_log = log.get(__name__)


class Explained(TypedDict):
    """Message and code of an error."""

    message: str
    code: str


def report(error: BaseException, **where: object) -> str:
    """Log an unexpected error whole and return the sentence, with its reference, that a client gets instead."""
    reference = uuid4().hex[:12]
    _log.error("unexpected error", reference=reference, exc_info=error, **where)
    return f"Something failed on the server. The log has it under the reference {reference}."


def explain_all(errors: Sequence[GraphQLError], *, suggestions: bool) -> list[GraphQLFormattedError]:
    """Return errors as a client may see them; one exception that failed several fields is logged once."""
    explained: dict[int, Explained] = {}
    for error in errors:
        if id(_cause(error)) not in explained:
            explained[id(_cause(error))] = _explain(error)
    return [_formatted(error, explained[id(_cause(error))], suggestions=suggestions) for error in errors]


def _explain(error: GraphQLError) -> Explained:
    cause = _cause(error)
    if isinstance(cause, GraphQLError) and _is_the_clients(cause, in_execution=error.path is not None):
        return Explained(message=cause.message, code="TOO_LARGE" if isinstance(cause, LimitError) else "BAD_DOCUMENT")
    if is_expected(cause):
        return Explained(message=str(cause), code=answer(cause).code)
    if isinstance(cause, AWAY):
        _log.warning("a server does not answer", error=repr(cause))
        return Explained(message="The database or the queue does not answer; try again later.", code="UNAVAILABLE")
    if _is_full(cause):
        _log.error("the database has no space left on its disk", error=repr(cause))
        return Explained(
            message="The database has no space left on its disk, and nothing was stored; make room there and do it again.", code=DiskFull.code
        )
    return Explained(message=report(cause, path=error.path), code="INTERNAL")


def _is_full(cause: BaseException) -> bool:
    return isinstance(cause, sqlalchemy.exc.DBAPIError) and getattr(cause.orig, "sqlstate", None) == asyncpg.DiskFullError.sqlstate


def _is_the_clients(error: GraphQLError, *, in_execution: bool) -> bool:
    # In execution graphql-core blames a document by its nodes (an argument that came to null), ours by a value of
    # the wrong type for the schema; only the first and the scalars' own refusals are the client's doing.
    return not in_execution or bool(error.nodes) or isinstance(error, StrawberryInputCoercionError)


def _formatted(error: GraphQLError, found: Explained, *, suggestions: bool) -> GraphQLFormattedError:
    form = error.formatted
    message = found["message"] if suggestions else found["message"].partition(" Did you mean ")[0]
    return {**form, "message": message, "extensions": {"code": found["code"]}}


def _cause(error: GraphQLError) -> BaseException:
    # Errors of resolvers come wrapped, at times twice.
    cause: BaseException = error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return cause
