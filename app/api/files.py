"""GET /runs/{id}/files/{name}: the files of a result of a run or of a sweep, which never change."""

import hashlib
import re
from pathlib import PurePath

from starlette.requests import Request
from starlette.responses import Response

from app.api.ids import run_id
from app.api.responses import refusal
from app.db.session import Sessions
from app.errors import Conflict, NotFound, answer
from app.services import results

_TYPES = {".html": "text/html; charset=utf-8", ".json": "application/json", ".parquet": "application/vnd.apache.parquet"}
_NAME = re.compile(r"(best/\d{1,18}/)?[A-Za-z0-9_.-]{1,100}")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})")
_STATUS = {NotFound: 404, Conflict: 409}


async def file(sessions: Sessions, request: Request) -> Response:
    """Return a file of a run or a range of it, or 304 to a client that has it."""
    try:
        name = _file_name(request.path_params["name"])
        content = await results.file(sessions, run_id=run_id(request.path_params["id"]), name=name)
    except (NotFound, Conflict) as error:
        return refusal(_STATUS[type(error)], code=answer(error).code, message=str(error))
    headers = _headers(name, content)
    if headers["ETag"] in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    media_type = _TYPES.get(PurePath(name).suffix, "application/octet-stream")
    part = _part(request, headers["ETag"], len(content))
    if part is None:
        return Response(content, headers=headers, media_type=media_type)
    headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{len(content)}" if part else f"bytes */{len(content)}"
    return Response(content[part.start : part.stop], 206 if part else 416, headers, media_type)


def _part(request: Request, tag: str, size: int) -> range | None:
    # One range of RFC 9110, empty where the file does not reach it; what else stands there, or is of another version, is answered with the whole.
    found = _RANGE.fullmatch(request.headers.get("range", ""))
    if found is None or not any(found.groups()) or request.headers.get("if-range", tag) != tag:
        return None
    first, last = found.groups()
    if not first:
        return range(max(size - int(last), 0), size)
    return range(int(first), min(int(last) + 1, size) if last else size) if not last or int(first) <= int(last) else None


def _file_name(text: str) -> str:
    # What else a path may carry, a NUL for example, the database cannot even look for.
    if not _NAME.fullmatch(text):
        raise NotFound(f"there is no file {text[:80]!r}; `Result.files` names those of a run")
    return text


def _headers(name: str, content: bytes) -> dict[str, str]:
    # A report is shown as a page of nobody: it may style itself and draw, and reach nothing.
    return {
        "Accept-Ranges": "bytes",
        "ETag": f'"{hashlib.sha256(content).hexdigest()}"',
        "Cache-Control": "private, max-age=31536000, immutable",
        "Content-Disposition": f'{"inline" if name.endswith(".html") else "attachment"}; filename="{PurePath(name).name}"',
        "Content-Security-Policy": "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:",
        "X-Content-Type-Options": "nosniff",
    }
