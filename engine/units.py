"""Values of specs as pydantic types: durations, times, basis points, exact amounts, and names."""

import re
from datetime import UTC, datetime
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import (
    AfterValidator,
    AwareDatetime,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    PlainSerializer,
    StringConstraints,
    WithJsonSchema,
    model_validator,
)

from engine.schema import ATOMS_PER_UNIT

LARGEST_AMOUNT = 10**10
"""In units: its atoms, and sums of a few of them, fit int64."""

_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_DURATION = re.compile(r"(\d+)\s*(us|ms|s|m|h|d)")
_LONGEST_DAYS = 3_650
_TIME_OF_DAY = re.compile(r"([01]\d|2[0-3]):([0-5]\d)|24:00")
_NUMBER = re.compile(r"[-+]?[\d.]+([eE][-+]?\d+)?")
_EARLIEST, _LATEST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)

_CURRENCY, _INSTRUMENT = r"^[A-Z0-9]{2,12}$", r"^[A-Z0-9]{2,12}/[A-Z0-9]{2,12}$"
_VENUE, _TITLE = r"^[a-z0-9_.-]{1,40}$", r"^[^\x00-\x1f\x7f]{1,200}$"
_CHARGED_IN = r"^(quote|received|[A-Z0-9]{2,12})$"
FORMS = {
    _CURRENCY: "2 to 12 capital letters or digits",
    _INSTRUMENT: 'BASE/QUOTE in capitals, such as "BTC/USDC"',
    _VENUE: "1 to 40 lower-case letters, digits, _, . or -",
    _TITLE: "one line of 1 to 200 characters",
    _CHARGED_IN: '"quote", "received" or a currency such as "BNB"',
}
"""What each pattern below asks for, in words."""


class Table(BaseModel):
    """A table of a spec: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @model_validator(mode="before")
    @classmethod
    def _holds_no_truth(cls, form: object) -> object:
        if isinstance(form, dict):
            for key in (key for key, value in form.items() if isinstance(value, bool)):  # pydantic would read them as 1 or 0
                raise ValueError(f"{key} is {str(form[key]).lower()}, but nothing in a spec is true or false")
        return form


def parse_duration(value: object) -> int:
    """Return the microseconds of a duration such as "50ms", "1m" or "2h"; ValueError says what is expected."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        least = " of 0 or more" if isinstance(value, str) and value.strip().startswith("-") else ""
        raise ValueError(f'expected a duration{least} such as "50ms", "10s", "1m" or "2h", found {value!r}')
    us = int(match[1]) * _US[match[2]]
    if us > _LONGEST_DAYS * _US["d"]:  # times in µs stay far inside int64
        raise ValueError(f'expected a duration of at most {_LONGEST_DAYS}d, found "{value}"')
    return us


def format_duration(us: int) -> str:
    """Return microseconds in the largest unit that divides them: 60000000 -> "1m"."""
    for unit in ("d", "h", "m", "s", "ms"):
        if us and us % _US[unit] == 0:
            return f"{us // _US[unit]}{unit}"
    return f"{us}us" if us else "0s"


def parse_signed_duration(value: object) -> int:
    """Return the microseconds of a duration that may be negative, such as "-20ms"; ValueError says what is expected."""
    negative = isinstance(value, str) and value.strip().startswith("-")
    return -parse_duration(value.strip()[1:]) if negative and isinstance(value, str) else parse_duration(value)


def _format_signed_duration(us: int) -> str:
    return f"-{format_duration(-us)}" if us < 0 else format_duration(us)


def parse_time_of_day(value: object) -> int:
    """Return the minutes since midnight of a time such as "09:00" or "24:00"; ValueError says what is expected."""
    if not isinstance(value, str) or not _TIME_OF_DAY.fullmatch(value):
        raise ValueError(f'expected a time of day such as "09:00", at most "24:00", found {value!r}')
    hours, minutes = value.split(":")
    return 60 * int(hours) + int(minutes)


def _format_time_of_day(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _written_as_a_time(value: object) -> object:
    # pydantic would read numbers as seconds since 1970
    if isinstance(value, int | float) or (isinstance(value, str) and _NUMBER.fullmatch(value.strip())):
        raise ValueError(f"expected a time such as 2023-03-11T00:00:00Z, found {value!r}")
    return value


def _within_reach(when: datetime) -> datetime:
    if not _EARLIEST <= when < _LATEST:  # times in µs stay far inside int64
        raise ValueError(f"expected a time from {_EARLIEST.year} to {_LATEST.year - 1}, found {when}")
    return when


def iso(when: datetime) -> str:
    """Return an aware time as specs write it, in UTC: 2023-03-11T00:00:00Z, with a fraction where it has one."""
    return when.astimezone(UTC).isoformat().replace("+00:00", "Z")


def parse_amount(value: object) -> Decimal:
    """Return an exact decimal of at most 8 places; ValueError says what is expected."""
    try:
        amount = Decimal(str(value)) if isinstance(value, int | float | str | Decimal) and not isinstance(value, bool) else None
    except InvalidOperation:
        amount = None
    if amount is None or not amount.is_finite():
        raise ValueError(f"expected a number, found {value!r}")
    if abs(amount) > LARGEST_AMOUNT:  # first: quantize cannot hold much larger ones
        raise ValueError(f"expected at most 1e10 units, found {value}")
    if amount != amount.quantize(Decimal("1e-8")):
        raise ValueError(f"expected at most 8 decimal places, found {value}")
    return amount


def _plain(amount: Decimal) -> str:
    return format(amount.normalize(), "f")


def atoms(amount: Decimal) -> int:
    """Return the exact number of 1e-8 atoms of an amount that `parse_amount` let through."""
    return int(amount * ATOMS_PER_UNIT)


Duration = Annotated[
    int,
    BeforeValidator(parse_duration),
    PlainSerializer(format_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^\d+\s*(us|ms|s|m|h|d)$", "examples": ["50ms", "1m"]}),
]
"""Microseconds, written as "50ms", "1m", "2h"."""

Amount = Annotated[
    Decimal,
    BeforeValidator(parse_amount),
    PlainSerializer(_plain, return_type=str),
    WithJsonSchema({"anyOf": [{"type": "number"}, {"type": "string"}]}),
]
"""An exact amount with at most 8 decimal places."""

Bps = Annotated[float, Field(ge=0, lt=10_000)]
"""Basis points: 26 means 0.26 %."""

SignedDuration = Annotated[
    int,
    BeforeValidator(parse_signed_duration),
    PlainSerializer(_format_signed_duration, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^-?\d+\s*(us|ms|s|m|h|d)$", "examples": ["1270ms", "-20ms"]}),
]
"""Microseconds that may be below 0, written as "1270ms" or "-20ms"."""

TimeOfDay = Annotated[
    int,
    BeforeValidator(parse_time_of_day),
    PlainSerializer(_format_time_of_day, return_type=str),
    WithJsonSchema({"type": "string", "pattern": r"^([01]\d|2[0-3]):[0-5]\d$|^24:00$", "examples": ["09:00", "17:30"]}),
]
"""Minutes since midnight, written as "09:00"."""

Instant = Annotated[AwareDatetime, BeforeValidator(_written_as_a_time), AfterValidator(_within_reach), PlainSerializer(iso, return_type=str)]
"""A time with its zone."""

Currency = Annotated[str, StringConstraints(pattern=_CURRENCY)]
InstrumentName = Annotated[str, StringConstraints(pattern=_INSTRUMENT)]
VenueName = Annotated[str, StringConstraints(pattern=_VENUE)]
Title = Annotated[str, StringConstraints(pattern=_TITLE)]
ChargedIn = Annotated[str, StringConstraints(pattern=_CHARGED_IN)]
"""What a fee is taken in: the quote currency, what is received, or an asset."""
