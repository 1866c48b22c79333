"""Funding of perpetuals: tables of payments with a header, CSV or Parquet, by a name such as binance-futures_BTC-USDT_funding.csv."""

import io
import re
from collections.abc import Sequence

import polars as pl

from app.errors import BadInput
from app.sources.clock import in_micros, is_number, unit_of
from app.sources.files import Source, opened
from app.sources.plain import listed, words
from engine.schema import FUNDING, TIMESTAMP, SeriesKey

NAMES = {
    "ts": ("ts", "time", "timestamp", "funding_time", "fundingtime", "calc_time"),
    "published": ("published", "published_at", "publish_time"),
    "rate": ("rate", "funding_rate", "fundingrate", "last_funding_rate"),
}
"""What columns are called, in any case; times may end in their unit: ts_ms. Without `published` a rate is known when it is paid."""

_NAMED = re.compile(r"(?P<venue>[a-z0-9.-]+)_(?P<base>[A-Z0-9]{2,12})[-_](?P<quote>[A-Z0-9]{2,12})_funding(?:[._-].*)?", re.IGNORECASE)
_UNIT = r"(?:_(?:s|ms|us|ns))?"


def key_of(source: Source) -> SeriesKey | None:
    """Return the perpetual whose funding a file holds by its name; None where it is no such file."""
    found = _NAMED.fullmatch(source.name.rpartition(".")[0] or source.name)
    return SeriesKey(found["venue"].lower(), f"{found['base']}/{found['quote']}".upper()) if found else None


def is_one(header: Sequence[str]) -> bool:
    """Tell whether a header is of funding."""
    return not set(NAMES["rate"]).isdisjoint(words(header))


def read(source: Source) -> pl.DataFrame:
    """Return the payments of a file in the schema `FUNDING`, by time; BadInput where it is no such table."""
    raw = _table(source)
    columns = {field: name for field in NAMES if (name := _column(raw.columns, field, source)) is not None}
    times = {field: _times(raw, name, source) for field, name in columns.items() if field != "rate"}
    rate = raw[columns["rate"]].cast(pl.Float64, strict=False)
    _refuse_missing(rate, "rate", "a fraction of the notional, such as 0.0001", source)
    published = times.get("published", pl.Series([None], dtype=TIMESTAMP).new_from_index(0, raw.height))
    return pl.DataFrame({"ts": times["ts"], "published": published, "rate": rate}, schema=FUNDING).sort("ts", maintain_order=True)


def _table(source: Source) -> pl.DataFrame:
    try:
        with opened(source) as stream:
            whole = b"".join(iter(lambda: stream.read(1 << 20), b""))
        return pl.read_parquet(io.BytesIO(whole)) if whole.startswith(b"PAR1") else pl.read_csv(io.BytesIO(whole), infer_schema=False)
    except (pl.exceptions.PolarsError, OSError) as error:
        raise BadInput(
            f"{source.label}: expected a table of funding with a header, found {str(error).splitlines()[0]}; get the file again"
        ) from error


def _column(header: Sequence[str], field: str, source: Source) -> str | None:
    pattern = re.compile(f"(?:{'|'.join(NAMES[field])}){'' if field == 'rate' else _UNIT}")
    found = [name for name, word in zip(header, words(header), strict=True) if pattern.fullmatch(word)]
    if len(found) > 1 or (not found and field != "published"):
        raise BadInput(f"{source.label}: expected one column of {field} ({', '.join(NAMES[field])}), found the columns {listed(header)}; rename them")
    return found[0] if found else None


def _times(raw: pl.DataFrame, name: str, source: Source) -> pl.Series:
    column = raw[name]
    first = column.drop_nulls().first()
    if isinstance(first, str) and is_number(first):
        column = column.cast(pl.Float64, strict=False)
    elif isinstance(first, str):
        column = column.str.strip_chars()
    value = column.drop_nulls().first() if column.dtype.is_numeric() else None
    unit = unit_of(float(value)) if isinstance(value, int | float) else None
    if isinstance(value, int | float) and unit is None:
        raise BadInput(f"{source.label}: expected times of 2009 to 2099 in {name}, found {value}; correct them or the column's name")
    found = column.to_frame().select(in_micros(name, column.dtype, unit).cast(TIMESTAMP))[name]
    _refuse_missing(found, name, "a time of 2009 to 2099 in UTC", source)
    return found


def _refuse_missing(column: pl.Series, name: str, expected: str, source: Source) -> None:
    if column.null_count():
        raise BadInput(f"{source.label}, row {(column.is_null().arg_max() or 0) + 1}: expected {expected} in {name}; correct it or take the row out")
