"""Values with units in specs: durations, basis points and exact amounts, as pydantic types."""

import re
from decimal import Decimal, InvalidOperation
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, WithJsonSchema

from engine.schema import ATOMS_PER_UNIT

LARGEST_AMOUNT = 10**10
"""In units: its atoms, and sums of a few of them, fit int64."""

_US = {"us": 1, "ms": 1_000, "s": 1_000_000, "m": 60_000_000, "h": 3_600_000_000, "d": 86_400_000_000}
_DURATION = re.compile(r"(\d+)\s*(us|ms|s|m|h|d)")
_LONGEST_DAYS = 3_650


class Table(BaseModel):
    """A table of a spec: frozen, and a key that it does not know is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)


def parse_duration(value: object) -> int:
    """Return the microseconds of a duration such as "50ms", "1m" or "2h"; ValueError says what is expected."""
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError(f'expected a duration such as "50ms", "10s", "1m" or "2h", found {value!r}')
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
