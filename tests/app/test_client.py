"""The client against a server that answers what we tell it to: each refusal comes back as the error that it stands for."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from app import client
from app.errors import BadInput, Conflict, Forbidden, Internal, NotFound, OutOfMemory, Unavailable
from engine.errors import DataError, SpecError


@contextmanager
def answering(*answers: tuple[int, bytes]) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Serve these answers in turn, the last one for ever; yield the address and what was asked."""
    left, asked = list(answers), []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            asked.append({"path": self.path, "token": self.headers["Authorization"], **body})
            self.answer()

        def do_GET(self) -> None:
            asked.append({"path": self.path, "token": self.headers["Authorization"]})
            self.answer()

        def answer(self) -> None:
            status, content = left.pop(0) if len(left) > 1 else left[0]
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", asked
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def data(**fields: object) -> tuple[int, bytes]:
    return 200, json.dumps({"data": fields}).encode()


def refused(code: str, message: str = "no", status: int = 200) -> tuple[int, bytes]:
    return status, json.dumps({"errors": [{"message": message, "extensions": {"code": code}}]}).encode()


def run(state: str, **more: object) -> dict[str, object]:
    return {"id": "r1", "state": state, "stage": None, "progress": 0.0, "error": None, **more}


def test_an_operation_is_sent_by_its_name_with_its_text_and_the_token() -> None:
    with answering(data(viewer={"name": "me"})) as (url, asked), client.connect(url, "secret") as http:
        assert client.ask(http, "Viewer") == {"viewer": {"name": "me"}}
    assert asked[0]["path"] == "/graphql"
    assert asked[0]["token"] == "Bearer secret"
    assert asked[0]["operationName"] == "Viewer"
    assert "query Viewer" in asked[0]["query"]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (refused("NOT_FOUND"), NotFound, "no"),
        (refused("CONFLICT"), Conflict, "no"),
        (refused("BAD_INPUT"), BadInput, "no"),
        (refused("INVALID_DATA"), DataError, "no"),
        (refused("OUT_OF_MEMORY"), OutOfMemory, "no"),
        (refused("INTERNAL", "see abc"), Internal, "see abc"),
        (refused("SOMETHING_NEW"), Internal, "no"),
        (refused("UNAUTHENTICATED", "who?", 401), Forbidden, "token: who?"),
        ((502, b"<html>bad gateway</html>"), Unavailable, "answered 502"),
        ((200, b"<html>hello</html>"), Unavailable, "no answer of this API"),
    ],
)
def test_a_refusal_is_raised_as_what_it_means(answer: tuple[int, bytes], error: type[Exception], words: str) -> None:
    with answering(answer) as (url, _), client.connect(url, "t") as http, pytest.raises(error, match=words) as raised:
        client.ask(http, "Viewer")
    assert type(raised.value) is error


def test_a_spec_that_the_api_refuses_is_raised_with_its_problems() -> None:
    problems = [{"path": "start", "message": "is required"}, {"path": "end", "message": "is required"}]
    answer = data(submitRun={"__typename": "InvalidSpec", "code": "INVALID_SPEC", "message": "x", "problems": problems})
    with answering(answer) as (url, _), client.connect(url, "t") as http, pytest.raises(SpecError) as raised:
        client.submit(http, "name = 1")
    assert [problem.path for problem in raised.value.problems] == ["start", "end"]


def test_a_run_is_followed_through_its_stages_to_its_end() -> None:
    seen: list[tuple[str, float]] = []
    states = (run("QUEUED"), run("RUNNING", stage="aligning", progress=0.2), run("DONE", stage="writing", progress=1.0))
    with answering(*(data(run=state) for state in states)) as (url, _), client.connect(url, "t") as http:
        ended = client.follow(http, "r1", on_progress=lambda stage, fraction: seen.append((stage, fraction)))
    assert client.done(ended) is ended
    assert seen == [("queued", 0.0), ("aligning", 0.2), ("done", 1.0)]


def test_a_run_that_did_not_end_well_is_raised_as_what_ended_it() -> None:
    with pytest.raises(DataError, match="run r1 failed: no mark"):
        client.done(run("FAILED", error={"code": "INVALID_DATA", "message": "no mark"}))
    with pytest.raises(Conflict, match="r1 is cancelled"):
        client.done(run("CANCELLED"))


def test_a_run_that_is_not_there_is_not_found() -> None:
    with answering(data(run=None)) as (url, _), client.connect(url, "t") as http, pytest.raises(NotFound, match="r9"):
        client.state(http, "r9")


def test_files_come_as_bytes_and_the_summary_as_its_form() -> None:
    with answering((200, b'{"verdict": "No edge"}')) as (url, asked), client.connect(url, "t") as http:
        assert client.download(http, "r1", "fills.parquet") == b'{"verdict": "No edge"}'
        assert client.summary(http, "r1") == {"verdict": "No edge"}
    assert [one["path"] for one in asked] == ["/runs/r1/files/fills.parquet", "/runs/r1/files/summary.json"]


def test_nobody_listening_is_said_with_the_address_and_the_token_is_not() -> None:
    with (
        client.connect("http://127.0.0.1:1", "secret") as http,
        pytest.raises(Unavailable, match=r"http://127\.0\.0\.1:1/ does not answer") as raised,
    ):
        client.ask(http, "Viewer")
    assert "secret" not in str(raised.value)


def test_a_server_on_this_machine_is_not_asked_for_through_a_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    with answering(data(viewer=None)) as (url, _), client.connect(url, "t") as http:
        assert client.ask(http, "Viewer") == {"viewer": None}


def test_what_may_have_got_lost_is_asked_for_again_under_the_same_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client._AGAIN_S", (0.0, 0.0))
    done = data(submitRun={"__typename": "Run", "id": "1"})
    with answering((502, b"Bad Gateway"), refused("UNAVAILABLE", status=503), done) as (url, asked), client.connect(url, "token") as http:
        assert client.submit(http, "toml")["id"] == "1"
    keys = {body["variables"]["requestKey"] for body in asked}
    assert (len(asked), len(keys)) == (3, 1)
    with answering((502, b"Bad Gateway")) as (url, asked), client.connect(url, "token") as http, pytest.raises(Unavailable):
        client.submit(http, "toml")
    assert len(asked) == 3
    assert keys.isdisjoint(body["variables"]["requestKey"] for body in asked)


def test_nothing_is_asked_for_again_where_nobody_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.client._AGAIN_S", (600.0,))
    with client.connect("http://127.0.0.1:1", "token") as http, pytest.raises(Unavailable, match="is `usdc-arb up` running"):
        client.submit(http, "toml")
