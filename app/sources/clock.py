"""Timestamps of files: which unit a number is in, and all of them as int µs since the epoch."""

import re
from datetime import UTC, datetime
from enum import StrEnum

import polars as pl

from engine.schema import US_PER_SECOND, instant, micros

FROM_US = micros(datetime(2009, 1, 1, tzinfo=UTC))
TO_US = micros(datetime(2100, 1, 1, tzinfo=UTC))
"""Bars open in [FROM_US, TO_US): within these years a number is a time in one unit only."""

TEXT_TIMES = ("%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y-%m-%d %I:%M%p")
"""Times as text, UTC whether they say so or not."""

_UTC = r"\s*(Z|UTC|[+-]00:?00)$"
_TWELVE = r" (\d\d)-([AP]M)$"  # CryptoDataDownload's hours: 2020-04-09 11-PM


class Unit(StrEnum):
    """Units that files count time in."""

    SECONDS = "s"
    MILLISECONDS = "ms"
    MICROSECONDS = "us"
    NANOSECONDS = "ns"

    @property
    def per_second(self) -> int:
        """How many make a second."""
        return {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}[self.value]


def unit_of(value: float) -> Unit | None:
    """Return the unit in which a number is a time of 2009 to 2099; None if there is none."""
    return next((unit for unit in Unit if FROM_US <= value * US_PER_SECOND / unit.per_second < TO_US), None)


def describe(value: float) -> str:
    """Say which time a number would be: `2023-03-08 00:00:00 in ms`."""
    unit = unit_of(value)
    return f"{instant(int(value * US_PER_SECOND // unit.per_second)):%Y-%m-%d %H:%M:%S} in {unit}" if unit else "no time of 2009 to 2099 in any unit"


def in_micros(name: str, dtype: pl.DataType, unit: Unit | None, *, mixed: bool = False) -> pl.Expr:
    """Return a column as int64 µs: text, times, numbers in `unit` (each in its own where `mixed`); null where it is no time of 2009 to 2099."""
    raw = pl.col(name)
    if dtype == pl.String:
        found = _from_text(raw)
    elif dtype.is_temporal():
        found = (raw.cast(pl.Datetime("us")) if dtype == pl.Date else raw).dt.epoch("us")
    else:
        assert unit is not None, "numbers have a unit"
        found = pl.coalesce(_in_unit(raw, dtype, one) for one in ([unit] if not mixed else Unit))
    return pl.when(found.is_between(FROM_US, TO_US, closed="left")).then(found)


def _in_unit(raw: pl.Expr, dtype: pl.DataType, unit: Unit) -> pl.Expr:
    known = raw.is_between(FROM_US // US_PER_SECOND * unit.per_second, TO_US // US_PER_SECOND * unit.per_second, closed="left")
    return _whole(_scaled(pl.when(known).then(raw), unit), dtype)


# A time with decimals is the µs next to it: 0.1 + 0.2 s are 300,000 µs.
def _whole(scaled: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    return (scaled.round() if dtype.is_float() else scaled).cast(pl.Int64)


def _scaled(raw: pl.Expr, unit: Unit) -> pl.Expr:
    if unit.per_second <= US_PER_SECOND:
        return raw * (US_PER_SECOND // unit.per_second)
    return raw // (unit.per_second // US_PER_SECOND)


def _from_text(raw: pl.Expr) -> pl.Expr:
    plain = raw.str.strip_chars().str.replace(_UTC, "").str.replace("T", " ", literal=True).str.replace(_TWELVE, " $1:00$2")
    return pl.coalesce(plain.str.to_datetime(form, time_unit="us", strict=False) for form in TEXT_TIMES).dt.epoch("us")


def is_whole(text: str) -> bool:
    """Tell whether a text is an integer."""
    return re.fullmatch(r"[+-]?[0-9]+", text) is not None


def is_number(text: str) -> bool:
    """Tell whether a text is a finite decimal number."""
    return re.fullmatch(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?", text) is not None
