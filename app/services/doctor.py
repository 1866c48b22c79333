"""What is wrong with the stored data, and what to do: findings of single days put together, and what only several days show."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta

from app.services import findings
from app.services.findings import Finding, Grade
from app.services.quality import Day
from app.sources.kinds import Kind
from engine.schema import SeriesKey
from engine.units import format_duration

_DAY = timedelta(days=1)
_FETCHED = {"bars": "--interval {length}", "trades": "--trades"}
_ORDER = (Grade.BAD, Grade.DOUBTFUL)


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """One fault of a series, on so many of the days from one to another."""

    key: SeriesKey
    kind: Kind
    check: str
    grade: Grade
    first: date
    last: date
    days: int
    message: str
    """Of the worst of these days."""
    advice: str


def diagnose(days: Sequence[Day]) -> list[Diagnosis]:
    """Return what is wrong with series, the worst first; their days stand together, in order."""
    found = []
    for _, group in itertools.groupby(days, key=lambda one: (one.key, one.kind)):
        series = list(group)
        singly = [(one, finding) for one in series if one.is_current for finding in one.found]
        found += [*_together(singly), *_absent(series), *_across_midnight(series), *_unchecked(series)]
    return sorted(found, key=lambda one: (_ORDER.index(one.grade), one.key, one.kind, one.first, one.check))


# Days with the same fault, as bad, in one.
def _together(found: Sequence[tuple[Day, Finding]]) -> Iterator[Diagnosis]:
    ordered = sorted(found, key=lambda item: (item[1].check, item[1].grade))
    for (check, grade), group in itertools.groupby(ordered, key=lambda item: (item[1].check, item[1].grade)):
        items = list(group)
        _, worst = max(items, key=lambda item: (item[1].measure, -item[0].counts.get("least_delay_us", 0)))
        yield _of([day for day, _ in items], check=check, grade=grade, message=worst.message, advice=worst.advice)


def _absent(series: Sequence[Day]) -> Iterator[Diagnosis]:
    for before, after in itertools.pairwise(series):
        missing = (after.day - before.day).days - 1
        if missing:
            first, last = before.day + _DAY, after.day - _DAY
            yield Diagnosis(
                key=before.key,
                kind=before.kind,
                check="absent",
                grade=Grade.BAD,
                first=first,
                last=last,
                days=missing,
                message="nothing was imported between days that were",
                advice=_bring(before, first, after.day),
            )


def _bring(one: Day, first: date, after: date) -> str:
    option = _FETCHED.get(one.kind.data)
    if option is None:
        return "usdc-arb data import FILES..."
    said = option.format(length=format_duration(one.kind.interval_us)) if one.kind.interval_us else option
    return f"usdc-arb data import FILES..., or usdc-arb data fetch {one.key.venue} {one.key.instrument} --from {first} --to {after} {said}"


# A day is looked at alone; what lies between the last row of one and the first of the next is told by both.
def _across_midnight(series: Sequence[Day]) -> Iterator[Diagnosis]:
    for before, after in itertools.pairwise(series):
        if after.day - before.day != _DAY or not all(
            one.is_current and one.counts.get("rows") and "damaged" not in one.counts for one in (before, after)
        ):
            continue
        between = {"rows": 1, "longest_gap_s": before.counts["early_s"] + after.counts["late_s"]}
        finding = findings.judge(findings.gap_rule(before.kind.data), before.key, between)
        if finding:
            yield _of([before, after], check="gap", grade=finding.grade, message=f"{finding.message}, over midnight", advice=finding.advice)


def _unchecked(series: Sequence[Day]) -> Iterator[Diagnosis]:
    waiting = [one for one in series if not one.is_current]
    if waiting:
        said = "not looked at since they changed" if all(one.grade for one in waiting) else "not looked at yet"
        yield _of(waiting, check="unchecked", grade=Grade.DOUBTFUL, message=said, advice="usdc-arb data validate")


def _of(days: Sequence[Day], *, check: str, grade: Grade, message: str, advice: str) -> Diagnosis:
    first, last = min(one.day for one in days), max(one.day for one in days)
    return Diagnosis(
        key=days[0].key, kind=days[0].kind, check=check, grade=grade, first=first, last=last, days=len(days), message=message, advice=advice
    )
