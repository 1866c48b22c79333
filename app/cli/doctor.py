"""`data doctor`: what is wrong with the stored data, how bad it is, and what to do."""

from dataclasses import asdict
from pathlib import Path

import typer
from rich.console import RenderableType
from rich.padding import Padding

from app.cli import connection, output, quality
from app.services.doctor import Diagnosis, diagnose
from app.services.findings import Grade
from engine.units import format_duration

_INDENT = (0, 0, 0, 2)


def examine(asked: quality.Asked, *, strict: bool, data: Path | None, as_json: bool) -> None:
    """Print what is wrong; exit code 1 where something is bad, or with `strict` doubtful."""
    days = quality.days(connection.settings(data), asked)
    found = diagnose(days)
    if as_json:
        output.document({"days": len(days), "findings": [_form(one) for one in found]})
    elif not days:
        output.show(quality.NOTHING)
    else:
        output.show(*[line for one in found for line in _lines(one)], _sum(len(days), found))
    if any(one.grade is Grade.BAD or strict for one in found):
        raise typer.Exit(1)


def _lines(one: Diagnosis) -> tuple[RenderableType, ...]:
    when = f"{one.first}" if one.first == one.last else f"{one.first} to {one.last}, {one.days} days"
    return f"{one.grade.value}: {one.key} {one.kind}, {when}", Padding(one.message, _INDENT), Padding(f"→ {one.advice}", _INDENT)


def _sum(days: int, found: list[Diagnosis]) -> str:
    bad = sum(one.grade is Grade.BAD for one in found)
    if not found:
        return f"nothing is wrong with {days:,} days"
    return f"{days:,} days: {bad:,} bad, {len(found) - bad:,} doubtful"


def _form(one: Diagnosis) -> dict[str, object]:
    named = {"venue": one.key.venue, "instrument": one.key.instrument, "data": one.kind.data}
    length = format_duration(one.kind.interval_us) if one.kind.interval_us else None
    return {**named, "interval": length, **{name: value for name, value in asdict(one).items() if name not in {"key", "kind"}}}
