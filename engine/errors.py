"""The engine's errors, raised at its borders and never in kernels.

EngineError
├── SpecError        the spec is wrong: unknown key, value out of range, parts that contradict each other
├── DataError        the data does not carry the spec: missing series, a bad bar, no mark at the start
└── StatisticsError  the results do not carry the statistic: too few periods or trials, windows longer than the data
"""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass


class EngineError(Exception):
    """Base of everything that the engine raises on purpose."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing that is wrong with a spec: where (dotted path, "" for the whole) and a sentence that says what to do."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path}: {self.message}" if self.path else self.message


class SpecError(EngineError):
    """A spec that cannot be run, with every problem found in it."""

    def __init__(self, problems: list[Problem]) -> None:
        self.problems = problems
        super().__init__("\n".join(map(str, problems)))


class DataError(EngineError):
    """Market data that cannot carry the run; the message names series, time and value."""


class StatisticsError(EngineError):
    """Results that cannot carry a statistic; the message says what would."""


def suggest(name: str, known: Iterable[str]) -> str:
    """Return what may have been meant by a name, or all that could be."""
    close = difflib.get_close_matches(name, list(known), n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(sorted(known))}"
