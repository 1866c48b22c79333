"""JSON answers, and refusals in the one shape that GraphQL clients read."""

from collections.abc import Mapping

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from app import log

RETRY_AFTER_S = "5"
_log = log.get(__name__)
_CODES = {400: "BAD_REQUEST", 404: "NOT_FOUND", 405: "METHOD_NOT_ALLOWED", 413: "TOO_LARGE", 415: "UNSUPPORTED_MEDIA_TYPE", 429: "RATE_LIMITED"}


def json_response(body: object, *, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Return a JSON response; numpy arrays become lists, what is not a number becomes null."""
    return Response(orjson.dumps(body, option=orjson.OPT_SERIALIZE_NUMPY), status, headers, media_type="application/json")


def refusal(status: int, *, code: str, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """Return a refusal as `{"errors": [{"message", "extensions": {"code"}}]}`."""
    return json_response({"errors": [{"message": message, "extensions": {"code": code}}]}, status=status, headers=headers)


def code_of(status: int) -> str:
    """Return the code of a refusal with a status."""
    return _CODES.get(status, "REFUSED")


def away(error: BaseException) -> Response:
    """Return the answer while the database or the queue does not answer."""
    _log.warning("a server does not answer", error=repr(error))
    message = "The database or the queue does not answer; try again later."
    return refusal(503, code="UNAVAILABLE", message=message, headers={"Retry-After": RETRY_AFTER_S})


async def refuse(_request: Request, error: Exception) -> Response:
    """Answer an HTTPException of Starlette or of an endpoint."""
    assert isinstance(error, HTTPException)
    return refusal(error.status_code, code=code_of(error.status_code), message=error.detail, headers=error.headers)
