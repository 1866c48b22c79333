"""Errors as the shell sees them: the table's exit code, one message, JSON where it was asked for."""

import errno
import json

import pytest

from app.cli import failure
from app.errors import ANSWERS, AppError, Forbidden, Internal, NotFound
from engine.errors import Problem, SpecError


@pytest.mark.parametrize("kind", [kind for kind in ANSWERS if issubclass(kind, AppError)])
def test_each_error_of_ours_leaves_with_the_code_of_the_table_and_without_a_traceback(
    kind: type[AppError], capsys: pytest.CaptureFixture[str]
) -> None:
    assert failure.tell(kind("what, and what to do"), as_json=False) == ANSWERS[kind].exit_code
    assert capsys.readouterr().err == "error: what, and what to do\n"


def test_a_fault_of_ours_shows_its_trace_and_leaves_with_70(capsys: pytest.CaptureFixture[str]) -> None:
    assert failure.tell(ZeroDivisionError("x"), as_json=False) == Internal.exit_code
    said = capsys.readouterr().err
    assert "ZeroDivisionError: x" in said
    assert said.splitlines()[-1].startswith("error: this is a fault of usdc-arb")


def test_the_problems_of_a_spec_stand_one_a_line_under_the_name_of_the_file(capsys: pytest.CaptureFixture[str]) -> None:
    error = SpecError([Problem(path="start", message="is required"), Problem(path="", message="no")])
    error.add_note("spec.toml")
    assert failure.tell(error, as_json=False) == 65
    assert capsys.readouterr().err == "error: spec.toml: 2 problems:\n  start: is required\n  no\n"


def test_json_has_code_message_and_problems(capsys: pytest.CaptureFixture[str]) -> None:
    failure.tell(SpecError([Problem(path="start", message="is required")]), as_json=True)
    found = json.loads(capsys.readouterr().err)["error"]
    assert found["code"] == "INVALID_SPEC"
    assert found["problems"] == [{"path": "start", "message": "is required"}]
    failure.tell(NotFound("no"), as_json=True)
    assert json.loads(capsys.readouterr().err) == {"error": {"code": "NOT_FOUND", "message": "no", "where": []}}


@pytest.mark.parametrize(
    ("error", "code", "word"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "/data/x"), 74, "/data/x"),
        (PermissionError(errno.EACCES, "Permission denied", "/root/x"), Forbidden.exit_code, "/root/x"),
        (ConnectionRefusedError(errno.ECONNREFUSED, "Connect call failed"), 69, "usdc-arb up"),
    ],
)
def test_errors_of_the_system_are_answered_as_what_they_mean(error: OSError, code: int, word: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert failure.tell(error, as_json=False) == code
    said = capsys.readouterr().err
    assert word in said
    assert "Traceback" not in said
