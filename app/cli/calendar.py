"""The calendar of what is stored: a line a series and month, a sign a day."""

import itertools
from collections.abc import Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

from app.cli import connection, output, quality
from app.services.findings import Grade
from app.services.quality import Day

_SIGNS = ((0.99, "█"), (0.9, "▓"), (0.5, "▒"), (1e-9, "░"))
_NONE, _BAD, _NEW, _OUTSIDE = "·", "!", "?", " "
LEGEND = "█ whole  ▓ 90 %  ▒ half  ░ less  · nothing  ! bad: data doctor  ? not looked at: data validate"
_RULER = "1   5    10   15   20   25   30 "


def show(asked: quality.Asked, *, data: Path | None, as_json: bool) -> None:
    """Print the calendar."""
    found = quality.days(connection.settings(data), asked)
    if as_json:
        output.document({"days": [{**quality.form(one), "counts": {"covered": one.counts.get("covered")}} for one in found]})
        return
    if not found:
        output.show(quality.NOTHING)
        return
    rows = output.table("month", "venue", "instrument", "data", _RULER)
    for month, lines in itertools.groupby(sorted(_lines(found)), key=lambda line: line[0]):
        for n, (_, *names, signs) in enumerate(lines):
            rows.add_row("" if n else month, *names, signs)
    output.show(rows, LEGEND)


# (month, venue, instrument, kind, a sign a day) of each series and month.
def _lines(found: Sequence[Day]) -> list[tuple[str, str, str, str, str]]:
    lines = []
    for (key, kind), group in itertools.groupby(found, key=lambda one: (one.key, one.kind)):
        by_day = {one.day: one for one in group}
        first, last = min(by_day), max(by_day)
        signs = ((f"{month:%Y-%m}", _month(month, by_day, first, last)) for month in _months(first, last))
        lines += [(month, key.venue, key.instrument, str(kind), each) for month, each in signs]
    return lines


def _months(first: date, last: date) -> Iterator[date]:
    month = first.replace(day=1)
    while month <= last:
        yield month
        month = (month + timedelta(days=31)).replace(day=1)


def _month(month: date, by_day: Mapping[date, Day], first: date, last: date) -> str:
    every = [day for n in range(31) if (day := month + timedelta(days=n)).month == month.month]
    return "".join(sign(by_day.get(day)) if first <= day <= last else _OUTSIDE for day in every)


def sign(one: Day | None) -> str:
    """Return what a day looks like in the calendar."""
    if one is None:
        return _NONE
    if one.grade is None or not one.is_current:
        return _NEW
    if one.grade is Grade.BAD:
        return _BAD
    return next((sign for least, sign in _SIGNS if one.counts["covered"] >= least), _NONE)
