"""The log can be read by machines and holds no secret."""

import io
import json
import logging
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import structlog

from app import log


@pytest.fixture(autouse=True)
def _restore_logging() -> Iterator[None]:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.reset_defaults()
    log.clear_contextvars()


def _lines(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_an_event_is_one_line_of_json_with_utc_time_level_and_source() -> None:
    log.configure(stream=(out := io.StringIO()))
    log.get("app.here").info("run claimed", fence=3, name="Zürich")
    (line,) = _lines(out)
    assert (line["event"], line["level"], line["logger"], line["fence"], line["name"]) == ("run claimed", "info", "app.here", 3, "Zürich")
    assert abs(datetime.fromisoformat(line["timestamp"]) - datetime.now(UTC)) < timedelta(minutes=1)
    assert line["timestamp"].endswith("Z")


def test_what_is_bound_to_the_context_is_on_every_line_of_it() -> None:
    log.configure(stream=(out := io.StringIO()))
    with log.bound_contextvars(request_id="r1", run_id="u1"):
        log.get("a").info("inside")
        logging.getLogger("library").warning("inside too")
    log.get("a").info("outside")
    inside, library, outside = _lines(out)
    assert (inside["request_id"], inside["run_id"]) == (library["request_id"], library["run_id"]) == ("r1", "u1")
    assert "run_id" not in outside


def test_libraries_write_into_the_same_log() -> None:
    log.configure(stream=(out := io.StringIO()))
    logging.getLogger("arq.worker").warning("%s jobs", 5)
    (line,) = _lines(out)
    assert (line["event"], line["level"], line["logger"]) == ("5 jobs", "warning", "arq.worker")


def test_the_level_holds_for_us_and_for_libraries() -> None:
    log.configure(stream=(out := io.StringIO()), level="WARNING")
    log.get("a").info("no")
    logging.getLogger("b").info("no")
    log.get("a").error("yes")
    assert [line["event"] for line in _lines(out)] == ["yes"]


@pytest.mark.parametrize("style", ["json", "console"])
def test_secrets_are_blotted_out_wherever_they_stand(style: str) -> None:
    secret = 'pa"ss\\wörd'
    log.configure(stream=(out := io.StringIO()), secrets=[secret, ""], style=style)
    log.get("a").info(f"connecting with {secret}", dsn=f"host=x password={secret}", items=[secret, {"deep": (secret,)}])
    try:
        int(secret)
    except ValueError:
        logging.getLogger("library").exception("failed")
    assert out.getvalue()
    assert secret not in out.getvalue()
    assert json.dumps(secret)[1:-1] not in out.getvalue()
    assert json.dumps(secret, ensure_ascii=False)[1:-1] not in out.getvalue()
    assert "[hidden]" in out.getvalue()


def test_values_with_the_name_of_a_secret_are_hidden_without_being_known() -> None:
    log.configure(stream=(out := io.StringIO()))
    log.get("a").info("call", password="one", headers={"Authorization": "Bearer two", "Accept": "all"}, calls=[{"api_key": "three"}])
    (line,) = _lines(out)
    assert not any(word in out.getvalue() for word in ("one", "two", "three"))
    assert line["headers"]["Accept"] == "all"


def test_the_password_of_an_address_is_hidden() -> None:
    log.configure(stream=(out := io.StringIO()))
    log.get("a").info("connected to postgresql://user:hunter2@db:5432/x")
    assert "hunter2" not in out.getvalue()
    assert "postgresql://user:[hidden]@db:5432/x" in out.getvalue()


@pytest.mark.parametrize("style", ["json", "console"])
def test_a_traceback_is_in_the_log_without_local_variables(style: str) -> None:
    log.configure(stream=(out := io.StringIO()), style=style)
    local = "".join(["loc", "al-value"])
    try:
        _ = 1 / (len(local) - len(local))
    except ZeroDivisionError:
        log.get("a").exception("failed")
    assert "ZeroDivisionError" in out.getvalue()
    assert "local-value" not in out.getvalue()


def test_configuring_twice_writes_each_line_once() -> None:
    log.configure(stream=io.StringIO())
    log.configure(stream=(out := io.StringIO()))
    log.get("a").info("once")
    assert len(_lines(out)) == 1
