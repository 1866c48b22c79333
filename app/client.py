"""The API from outside: named operations and files over HTTP; its refusals come back as this application's errors.

A client is an `httpx2.Client` that `connect` made; every function takes it first.
"""

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from ipaddress import ip_address
from typing import Any, Final
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from app.contract import operation
from app.errors import ANSWERS, AppError, BadInput, Conflict, Forbidden, Internal, NotFound, Unavailable
from engine.errors import DataError, Problem, SpecError

Form = dict[str, Any]

FINAL: Final = frozenset({"DONE", "FAILED", "CANCELLED"})
"""States that a run never leaves."""

_TIMEOUT_S = 30.0
_AGAIN_S = (0.5, 2.0)  # pauses before what may have got lost is asked for again
_POLL_S = (0.05, 0.5)  # first and longest pause between two looks at a run
_BY_CODE = {found.code: error for error, found in reversed(list(ANSWERS.items()))}  # the first of a code counts


@contextmanager
def connect(url: str, token: str) -> Iterator[httpx2.Client]:
    """Hand out a client of the API at `url`, opened by `token`; a server on this machine is never asked for through a proxy."""
    headers = {"Authorization": f"Bearer {token}", "User-Agent": "usdc-arb"}
    with httpx2.Client(base_url=url, headers=headers, timeout=_TIMEOUT_S, trust_env=not _is_here(url)) as http:
        yield http


def ask(http: httpx2.Client, name: str, /, **variables: object) -> Form:
    """Return the data of a named operation; its errors are raised."""
    body = {"operationName": name, "query": operation(name), "variables": variables}
    response = _answered(lambda: http.post("/graphql", json=body))
    answer = _form(response)
    for error in answer.get("errors", ()):
        raise _error(error.get("extensions", {}).get("code", ""), error["message"])
    if not isinstance(answer.get("data"), dict):
        raise _foreign(response)
    data: Form = answer["data"]
    return data


def submit(http: httpx2.Client, toml: str, wish: Form | None = None) -> Form:
    """Queue the spec of a TOML text and return the run; SpecError where it cannot be run. `wish`: how soon it is wanted."""
    return choose(queue(http, "SubmitRun", spec={"toml": toml}, wish=wish)["submitRun"], "Run")


def queue(http: httpx2.Client, name: str, /, **variables: object) -> Form:
    """Return the data of a named operation that queues something: where an answer got lost it is asked for again, which queues nothing twice."""
    key = str(uuid4())
    for pause in _AGAIN_S:
        try:
            return ask(http, name, **variables, requestKey=key)
        except Unavailable as error:
            if isinstance(error.__cause__, httpx2.ConnectError):
                raise  # nobody is there: nothing was asked
            time.sleep(pause)
    return ask(http, name, **variables, requestKey=key)


def choose(found: Form, wanted: str) -> Form:
    """Return the member of a union that was asked for; a refusal is raised as the error that it stands for."""
    if found["__typename"] != wanted:
        raise _error(found["code"], found["message"], found.get("problems", ()))
    return found


def follow(http: httpx2.Client, run_id: str, *, on_progress: Callable[[str, float], None]) -> Form:
    """Return a run when it has ended, however it ended; says how far it is on the way."""

    def tell(run: Form, stage: str) -> None:
        on_progress(stage, run["progress"])

    return _followed(lambda: state(http, run_id), tell)


def follow_sweep(http: httpx2.Client, sweep_id: str, *, on_progress: Callable[[Form, str], None]) -> Form:
    """Return a sweep when it has ended, however it ended; says how far it is on the way, and in which stage."""
    return _followed(lambda: sweep_state(http, sweep_id), on_progress)


def _followed(look: Callable[[], Form], tell: Callable[[Form, str], None]) -> Form:
    pause, longest = _POLL_S
    while True:
        found = look()
        ended = found["state"] in FINAL
        tell(found, found["state"].lower() if ended else found["stage"] or found["state"].lower())
        if ended:
            return found
        time.sleep(pause)
        pause = min(1.3 * pause, longest)


def state(http: httpx2.Client, run_id: str) -> Form:
    """Return where a run stands; NotFound if there is none."""
    run: Form | None = ask(http, "RunState", id=run_id)["run"]
    if run is None:
        raise NotFound(f"there is no run {run_id}; `usdc-arb backtest list` shows which there are")
    return run


def sweep_state(http: httpx2.Client, sweep_id: str) -> Form:
    """Return where a sweep stands; NotFound if there is none."""
    found: Form | None = ask(http, "SweepState", id=sweep_id)["sweep"]
    if found is None:
        raise NotFound(f"there is no sweep {sweep_id}; `usdc-arb sweep list` shows which there are")
    return found


def download(http: httpx2.Client, run_id: str, name: str) -> bytes:
    """Return one file of a run's result."""
    return _answered(lambda: http.get(f"/runs/{run_id}/files/{name}")).content


def files(http: httpx2.Client, run_id: str) -> list[str]:
    """Return the names of the files of a run that is done."""
    return [file["name"] for file in ask(http, "RunFiles", id=run_id)["run"]["result"]["files"]]


def summary(http: httpx2.Client, run_id: str) -> Form:
    """Return the summary of a run that is done, as the engine wrote it."""
    found: Form = json.loads(download(http, run_id, "summary.json"))
    return found


def done(run: Form, *, named: str = "run") -> Form:
    """Return a run that is done; one that failed or was cancelled is raised as the error that ended it."""
    if run["state"] == "FAILED":
        error = run["error"] or {"code": Internal.code, "message": "no reason was recorded"}
        raise _error(error["code"], f"{named} {run['id']} failed: {error['message']}")
    if run["state"] != "DONE":
        raise Conflict(f"{named} {run['id']} is {run['state'].lower()} and has no result; a result is there once a {named} is done")
    return run


def _answered(send: Callable[[], httpx2.Response]) -> httpx2.Response:
    try:
        response = send()
    except httpx2.TransportError as error:
        url = error.request.url.copy_with(path="/")
        raise Unavailable(f"the API at {url} does not answer ({error}); is `usdc-arb up` running?") from error
    if response.is_success:
        return response
    raise _refusal(response)


def _refusal(response: httpx2.Response) -> Exception:
    try:
        error = _form(response)["errors"][0]
        return _error(error.get("extensions", {}).get("code", ""), error["message"])
    except (Unavailable, KeyError, TypeError, IndexError):
        return _foreign(response)


def _form(response: httpx2.Response) -> Form:
    try:
        found = response.json()
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise _foreign(response)
    return found


def _foreign(response: httpx2.Response) -> Unavailable:
    said = f"{response.status_code} {response.reason_phrase}"
    return Unavailable(f"{response.request.url} answered {said}, which is no answer of this API; check the address")


def _error(code: str, message: str, problems: Sequence[Form] = ()) -> Exception:
    if code == "UNAUTHENTICATED":
        return Forbidden(f"the API does not know this token: {message}")
    if code == "RATE_LIMITED":
        return Unavailable(f"the API answers no more for now: {message}")
    kind = _BY_CODE.get(code, Internal)
    if kind is SpecError:
        return SpecError([Problem(path=p["path"], message=p["message"]) for p in problems] or [Problem(path="", message=message)])
    if kind is DataError:
        return DataError(message)
    return kind(message) if issubclass(kind, AppError) else BadInput(message)


def _is_here(url: str) -> bool:
    host = urlsplit(url).hostname or ""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
