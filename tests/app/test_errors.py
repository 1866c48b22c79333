"""Every error has one answer per border."""

import inspect

import pytest

from app import errors
from app.errors import ANSWERS, AppError, BadInput, NotFound, answer, is_expected
from engine.errors import DataError, EngineError, Problem, SpecError

CLASSES = [cls for _, cls in inspect.getmembers(errors, inspect.isclass) if issubclass(cls, AppError) and cls is not AppError]


def test_every_error_of_the_application_stands_in_the_table() -> None:
    assert CLASSES
    assert set(CLASSES) <= set(ANSWERS)


@pytest.mark.parametrize("cls", CLASSES)
def test_every_error_is_drawn_in_the_tree(cls: type[AppError]) -> None:
    assert f"─ {cls.__name__} " in (errors.__doc__ or "")


@pytest.mark.parametrize("cls", CLASSES)
def test_a_class_and_its_answer_agree(cls: type[AppError]) -> None:
    assert (answer(cls).code, answer(cls).exit_code, answer(cls).graphql) == (cls.code, cls.exit_code, cls.__name__)


def test_codes_and_exit_codes_are_each_used_by_one_class() -> None:
    assert len({cls.code for cls in CLASSES}) == len({cls.exit_code for cls in CLASSES}) == len(CLASSES)


def test_exit_codes_leave_alone_what_the_shell_uses() -> None:
    assert all(64 <= cls.exit_code <= 78 for cls in CLASSES)


def test_a_subclass_is_answered_as_the_nearest_class_in_the_table() -> None:
    class NoSuchRun(NotFound):
        pass

    assert answer(NoSuchRun("x")) == answer(NotFound)


@pytest.mark.parametrize(
    ("error", "code", "graphql"),
    [
        (SpecError([Problem(path="start", message="is missing")]), "INVALID_SPEC", "InvalidSpec"),
        (DataError("no bars"), "INVALID_DATA", "InvalidData"),
        (EngineError("other"), "BAD_INPUT", "BadInput"),
        (MemoryError(), "OUT_OF_MEMORY", "OutOfMemory"),
    ],
)
def test_errors_of_the_engine_are_answered_by_the_same_table(error: BaseException, code: str, graphql: str) -> None:
    assert (answer(error).code, answer(error).graphql) == (code, graphql)


def test_an_unexpected_error_is_internal_and_its_message_is_not_for_the_user() -> None:
    assert answer(ZeroDivisionError()).code == "INTERNAL"
    assert not is_expected(ZeroDivisionError())
    assert is_expected(BadInput("x"))
