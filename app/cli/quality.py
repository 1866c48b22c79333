"""How good the stored data is, from the command line: looked at, and shown day by day."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path

from app.cli import connection, output
from app.db.session import make_sessions
from app.main.database import archive
from app.services import quality
from app.services.findings import Grade
from app.services.quality import Day
from app.settings import Settings
from engine.units import format_duration

NOTHING = "nothing is stored yet: usdc-arb data import FILES..."
_COUNTED = (
    *("damaged", "no_trade", "missing", "flagged", "nan", "zero_or_negative", "disordered_levels", "crossed", "locked", "duplicates", "disorder"),
    *("negative_latency", "no_side", "outside", "wicks", "outliers"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """Which days are asked for; none: all."""

    venue: str | None
    instrument: str | None
    first: datetime | None
    last: datetime | None


def validate(*, data: Path | None, as_json: bool) -> None:
    """Look at what changed and say how many days are how good."""
    with output.progress() as tell:
        found = quality.validate(archive(connection.settings(data)), tell=tell)
    if as_json:
        output.document({"days": found.days, "checked": found.checked, "grades": dict(found.grades)})
        return
    said = ", ".join(f"{count:,} {grade}" for grade, count in found.grades.items())
    output.show(f"{found.checked:,} of {found.days:,} days were looked at; of all, {said}" if found.days else NOTHING)
    if found.grades[Grade.BAD] or found.grades[Grade.DOUBTFUL]:
        output.note("usdc-arb data doctor says what is wrong and what to do")


def show(asked: Asked, *, data: Path | None, as_json: bool) -> None:
    """Print the days with what was counted."""
    found = days(connection.settings(data), asked)
    if as_json:
        output.document({"days": [form(one) for one in found]})
        return
    rows = output.table("venue", "instrument", "data", "day", "rows", "covered", "grade", "counted", numbers={"rows", "covered"})
    for one in found:
        numbers = (f"{one.counts['rows']:,.0f}", f"{one.counts.get('covered', 0):.1%}") if one.grade else ("", "")
        rows.add_row(one.key.venue, one.key.instrument, str(one.kind), f"{one.day}", *numbers, grade(one), _said(one.counts))
    output.show(rows if found else NOTHING)


def days(settings: Settings, asked: Asked) -> list[Day]:
    """Return the days that are asked for."""
    return asyncio.run(_days(settings, asked))


def grade(one: Day) -> str:
    """Return the grade of a day in words."""
    if one.grade is None:
        return "not looked at"
    return one.grade.value if one.is_current else f"{one.grade.value}, has changed since"


def form(one: Day) -> dict[str, object]:
    """Return a day for programs."""
    return {
        "venue": one.key.venue,
        "instrument": one.key.instrument,
        "data": one.kind.data,
        "interval": format_duration(one.kind.interval_us) if one.kind.interval_us else None,
        "day": one.day,
        "grade": one.grade,
        "current": one.is_current,
        "checked_at": one.checked_at,
        "counts": one.counts,
    }


async def _days(settings: Settings, asked: Asked) -> list[Day]:
    engine, sessions = make_sessions(settings.database_url, 1)
    try:
        venues, instruments = ([name] if name else None for name in (asked.venue, asked.instrument))
        return await quality.days(sessions, venues=venues, instruments=instruments, first=_date(asked.first), last=_date(asked.last))
    finally:
        await engine.dispose()


def _date(when: datetime | None) -> date | None:
    return when.date() if when else None


def _said(counts: Mapping[str, float]) -> str:
    if not counts.get("rows"):
        return ""
    said = [f"{counts[name]:,.0f} {name.replace('_', ' ')}" for name in _COUNTED if counts.get(name)]
    lengths = (("longest gap", "longest_gap_s"), ("begins after", "late_s"), ("ends before midnight by", "early_s"))
    return ", ".join(said + [f"{words} {_length(counts[name])}" for words, name in lengths if counts.get(name)])


def _length(seconds: float) -> str:
    return f"{seconds / 60:,.0f} min" if seconds >= 60 else f"{seconds:,.2g} s"
