"""The scalars of the schema beside GraphQL's own: times in UTC, exact amounts, durations, columns and JSON."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import NewType

import strawberry
from strawberry.exceptions import StrawberryInputCoercionError
from strawberry.scalars import JSON
from strawberry.types.scalar import ScalarDefinition

from engine.schema import ATOMS_PER_UNIT
from engine.units import format_duration, parse_duration

Amount = NewType("Amount", Decimal)
"""An exact amount of a currency."""

Interval = NewType("Interval", int)
"""A duration in µs."""

Count = NewType("Count", int)
"""How many there are of something that there may be very many of."""

Columns = NewType("Columns", object)
"""Parallel arrays by column name."""


def amount(units: float) -> Amount:
    """Return a float that counts whole atoms of 1e-8 as the decimal it stands for."""
    return Amount(Decimal(round(units * ATOMS_PER_UNIT)).scaleb(-8))


def _plain(value: Decimal) -> str:
    text = format(value, ".8f").rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _utc(value: datetime) -> str:
    return value.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _instant(value: object) -> datetime:
    try:
        found = datetime.fromisoformat(value) if isinstance(value, str) else None
        utc = found.astimezone(UTC) if found and found.tzinfo else None
    except (ValueError, OverflowError):
        utc = None
    if utc is None:
        raise StrawberryInputCoercionError(f'expected a time with its zone such as "2023-03-11T07:00:00Z", found {value!r}')
    return utc


def _interval(value: object) -> int:
    try:
        return parse_duration(value)
    except ValueError as error:
        raise StrawberryInputCoercionError(str(error)) from None


SCALARS: Mapping[object, ScalarDefinition] = {
    datetime: strawberry.scalar(
        name="DateTime",
        description='A time in UTC by ISO 8601: "2023-03-11T07:00:00Z". Any zone is accepted, none is not.',
        specified_by_url="https://scalars.graphql.org/andimarek/date-time",
        serialize=_utc,
        parse_value=_instant,
    ),
    Amount: strawberry.scalar(
        name="Amount",
        description='An exact amount of a currency, at most 8 decimal places, as a string: "1000.25". Add them as decimals, not as floats.',
        serialize=_plain,
    ),
    Interval: strawberry.scalar(
        name="Duration",
        description='A duration: a whole number and one of us, ms, s, m, h and d: "1m".',
        serialize=format_duration,
        parse_value=_interval,
    ),
    Count: strawberry.scalar(
        name="Count",
        description="A whole number, 0 or more, that may be larger than an Int.",
    ),
    Columns: strawberry.scalar(
        name="Columns",
        description="A table as one object of arrays of equal length, one for each column; a missing number is null.",
    ),
    JSON: strawberry.scalar(
        name="JSON",
        description="Any JSON value.",
        specified_by_url="https://www.rfc-editor.org/rfc/rfc8259",
        parse_value=lambda value: value,
    ),
}
