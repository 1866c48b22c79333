"""The application's errors: what went wrong, as classes that every border (GraphQL, shell, run) answers in its own words.

AppError
├── BadInput         the request cannot be right: a file that is not what it claims, a value out of range
├── NotFound         no such run, venue, instrument, file
├── Conflict         right in itself, but not in the present state: the folder is in use, the run is already finished
├── QueueFull        as many runs wait as may; the message says when there will be room
├── Forbidden        not for this user: the folder belongs to somebody else, the token is not valid
├── Unavailable      something needed is not there at the moment: a server that does not answer, a missing package
├── DiskFull         no space left on the device
├── OutOfMemory      the memory limit was reached, or the machine is too small
├── SettingsError    settings that are missing or wrong; the message names each variable
└── Internal         a fault of ours; the message holds the reference under which the log has the whole of it

The engine's own SpecError and DataError stand in the same table, since every border has to answer them as well.
"""

# ruff: noqa: N818 - the names are what clients see as GraphQL types, where "Error" is said by the union

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import ClassVar

from engine.errors import DataError, EngineError, SpecError


class AppError(Exception):
    """Base of everything that the application raises on purpose."""

    code: ClassVar[str] = "ERROR"
    exit_code: ClassVar[int] = 1


class BadInput(AppError):
    """Input that cannot be right."""

    code = "BAD_INPUT"
    exit_code = 65


class NotFound(AppError):
    """Something that was asked for does not exist."""

    code = "NOT_FOUND"
    exit_code = 66


class Conflict(AppError):
    """The present state does not allow it."""

    code = "CONFLICT"
    exit_code = 75


class QueueFull(AppError):
    """As many runs wait as may."""

    code = "QUEUE_FULL"
    exit_code = 73

    def __init__(self, message: str, retry_after_s: float | None = None) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        """When there will be room, where anybody can know."""


class Forbidden(AppError):
    """The user may not do it."""

    code = "FORBIDDEN"
    exit_code = 77


class Unavailable(AppError):
    """Something that is needed is not there at the moment."""

    code = "UNAVAILABLE"
    exit_code = 69


class DiskFull(AppError):
    """There is no space left on a device."""

    code = "DISK_FULL"
    exit_code = 74


class OutOfMemory(AppError):
    """The memory that there is does not suffice."""

    code = "OUT_OF_MEMORY"
    exit_code = 71


class SettingsError(AppError):
    """Settings that are missing or wrong."""

    code = "SETTINGS"
    exit_code = 78


class Internal(AppError):
    """A fault of the application itself."""

    code = "INTERNAL"
    exit_code = 70


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """How a class of error is answered: GraphQL type name, exit code of the shell, failure code of a run."""

    graphql: str
    exit_code: int
    code: str


_OURS: tuple[type[AppError], ...] = (
    BadInput,
    NotFound,
    Conflict,
    QueueFull,
    Forbidden,
    Unavailable,
    DiskFull,
    OutOfMemory,
    SettingsError,
    Internal,
)

ANSWERS: Mapping[type[BaseException], Answer] = MappingProxyType(
    {error: Answer(graphql=error.__name__, exit_code=error.exit_code, code=error.code) for error in _OURS}
    | {
        SpecError: Answer(graphql="InvalidSpec", exit_code=65, code="INVALID_SPEC"),
        DataError: Answer(graphql="InvalidData", exit_code=65, code="INVALID_DATA"),
        EngineError: Answer(graphql=BadInput.__name__, exit_code=BadInput.exit_code, code=BadInput.code),
        MemoryError: Answer(graphql=OutOfMemory.__name__, exit_code=OutOfMemory.exit_code, code=OutOfMemory.code),
    }
)


def answer(error: BaseException | type[BaseException]) -> Answer:
    """Return how to answer an error: the nearest class in the table, `Internal` where there is none."""
    kind = error if isinstance(error, type) else type(error)
    return next((ANSWERS[base] for base in kind.__mro__ if base in ANSWERS), ANSWERS[Internal])


def is_expected(error: BaseException) -> bool:
    """Tell whether the message is meant for the user; everything else is logged whole and answered with a reference."""
    return answer(error).code != Internal.code
