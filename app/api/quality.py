"""How good the days of a series are, as the schema shows it."""

from datetime import date, datetime, timedelta
from enum import Enum
from typing import Self

import strawberry
from strawberry.scalars import JSON

from app.api.scalars import Count
from app.api.types import field
from app.errors import BadInput
from app.services import quality
from app.services.findings import Finding

DAYS = 366
_USUAL = timedelta(days=30)


@strawberry.enum(description="How good a day of a series is: by the worst that was found on it.")
class DayGrade(Enum):
    """Grades of `app.services.findings`."""

    GOOD = strawberry.enum_value("good", description="Nothing is wrong.")
    DOUBTFUL = strawberry.enum_value("doubtful", description="To be looked at: what is odd may be how the market was.")
    BAD = strawberry.enum_value("bad", description="Wrong, or so full of holes that results on it mean little.")


@strawberry.type(description="One fault of a day.")
class QualityFinding:
    """A finding."""

    check: str = field(description="The check that found it, by its name in docs/quality.md: `gap`.")
    grade: DayGrade = field(description="How bad it is.")
    message: str = field(description="What was found, in words.")
    advice: str = field(description="What to do.")

    @classmethod
    def of(cls, found: Finding) -> Self:
        """Return a finding as the schema shows it."""
        return cls(check=found.check, grade=DayGrade(found.grade.value), message=found.message, advice=found.advice)


@strawberry.type(description="A UTC day of a series, and what the checks said about it last.")
class QualityDay:
    """A day."""

    day: date = field(description="The day: of bars those that open on it, of other rows those that arrived on it.")
    current: bool = field(description="Whether it has not changed since it was looked at.")
    grade: DayGrade | None = field(description="How good it is; null where it was never looked at.")
    rows: Count | None = field(description="Its rows; likewise.")
    covered: float | None = field(description="The share of the day for which the series tells a price, 0 to 1; likewise.")
    checked_at: datetime | None = field(description="When it was looked at.")
    counts: JSON = field(description="All that was counted, by the names of docs/quality.md.")
    findings: list[QualityFinding] = field(description="What is wrong with it, the worst first.")

    @classmethod
    def of(cls, found: quality.Day) -> Self:
        """Return a day as the schema shows it."""
        return cls(
            day=found.day,
            current=found.is_current,
            grade=DayGrade(found.grade.value) if found.grade else None,
            rows=Count(int(found.counts["rows"])) if found.grade else None,
            covered=found.counts.get("covered"),
            checked_at=found.checked_at,
            counts=JSON(dict(found.counts)),
            findings=[QualityFinding.of(one) for one in found.found],
        )


def window(first: date | None, last: date | None, newest: date) -> tuple[date, date]:
    """Return the days to show, the newest month where nothing is said; BadInput where they are more than may be asked for at once."""
    end = last or newest
    start = first or end - _USUAL
    if not 0 <= (end - start).days < DAYS:
        raise BadInput(f"first, last: expected 1 to {DAYS} days, found {start} to {end}")
    return start, end
