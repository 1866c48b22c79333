"""What the rows of one file are held to."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, NamedTuple

import polars as pl

from app.sources.batch import Row
from app.sources.clock import Unit, describe, is_number, unit_of
from app.sources.errors import BadRow
from app.sources.kinds import Kind
from app.sources.layout import Layout

Numbers = tuple[Any, ...]
"""A row: times in µs, then numbers; None where there is no such number."""

NO_NUMBER = "a finite number with a decimal point and no other separators"
OUT = "correct it or take the row out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """What the rows of one table are held to."""

    label: str
    layout: Layout
    units: Mapping[str, Unit | None]
    """Of its times; None where they are no numbers."""
    kind: Kind
    newest_first: bool = False
    day_us: int = 0
    """Where times count from midnight: which midnight that is [µs]."""
    pool: str = ""
    """Of a pool's minutes: its address."""


class Checked(NamedTuple):
    """Rows that passed, in the schema of their kind; how many repeated the row before; the last row; what was left aside, by name."""

    frame: pl.DataFrame
    repeated: int
    last: Numbers | None
    aside: Mapping[str, int] = MappingProxyType({})


class Complaint(NamedTuple):
    """What is wrong with a row: in which of the layout's fields, what was expected, what to do."""

    field: int
    expected: str
    advice: str


def refusal(row: Row, complaint: Complaint, rules: Rules, index: int) -> BadRow:
    """Return the error of a row, which is the one of this index in its batch."""
    return BadRow(
        file=rules.label,
        place=row.place,
        field=rules.layout.names[complaint.field],
        value=row.texts[complaint.field],
        expected=complaint.expected,
        advice=complaint.advice,
        index=index,
    )


def no_time(texts: Sequence[str], field: int, rules: Rules) -> Complaint:
    """Return what is wrong with a text that should be a time."""
    text, unit = texts[field], rules.units[rules.layout.fields[field]]
    if unit is None:
        return Complaint(field, "a UTC time of 2009 to 2099 such as 2023-03-08 00:01:00", "convert it to UTC, or take the row out")
    expected = f"a time of 2009 to 2099 in {unit}, the unit of this file's first row"
    if is_number(text) and unit_of(float(text)) is not None:
        return Complaint(field, expected, f"it would be {describe(float(text))}: give all rows one unit")
    return Complaint(field, expected, OUT)
