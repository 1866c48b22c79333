"""Parquet tables, batch by batch, with the columns of a plain table."""

import math
from collections.abc import Iterator
from functools import partial

import polars as pl

from app.errors import BadInput
from app.sources.batch import Batch, Row
from app.sources.files import Source
from app.sources.layout import TIMES, WORDS, Layout

ROWS = 131_072
"""Rows that are read at a time."""


def names(source: Source) -> list[str]:
    """Return what the columns of a Parquet file are called."""
    return list(_schema(source))


def fitting(source: Source, found: Layout) -> Layout:
    """Return the layout if the columns hold what it says."""
    types = list(_schema(source).values())
    for field, name, position in zip(found.fields, found.names, found.positions, strict=True):
        if not _fits(field, types[position]):
            wanted = "times" if field in TIMES else "numbers"
            raise BadInput(f"{source.label}: expected {wanted} in column {name}, found {types[position]}; cast it")
    return found


def batches(source: Source, found: Layout, *, rows: int = ROWS) -> Iterator[Batch]:
    """Yield the rows of a Parquet file."""
    all_names = names(source)
    ours = [pl.col(all_names[position]).alias(field) for field, position in zip(found.fields, found.positions, strict=True)]
    first = 1
    try:
        for raw in pl.scan_parquet(source.path, glob=False).select(ours).collect_batches(chunk_size=rows, maintain_order=True):
            yield Batch(_numbers(raw, found), partial(_row, raw, first))
            first += raw.height
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        raise _damaged(source, error) from error


def _numbers(raw: pl.DataFrame, found: Layout) -> pl.DataFrame:
    full = raw.with_columns(_filled(name, raw.schema[name]) for name in found.numbers) if found.optional else raw
    types = dict.fromkeys(found.numbers, pl.Float64()) | dict.fromkeys(found.words, pl.String())
    return full.cast(types, strict=False)  # type: ignore[arg-type]


def _filled(name: str, dtype: pl.DataType) -> pl.Expr:
    if dtype == pl.String:
        return pl.col(name).str.strip_chars().fill_null("nan").replace("", "nan")
    return pl.col(name).cast(pl.Float64).fill_null(math.nan)


def _schema(source: Source) -> dict[str, pl.DataType]:
    try:
        return dict(pl.read_parquet_schema(source.path))
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        raise _damaged(source, error) from error


def _fits(field: str, dtype: pl.DataType) -> bool:
    if field in TIMES:
        return dtype.is_integer() or dtype.is_float() or isinstance(dtype, pl.String | pl.Date | pl.Datetime)
    return dtype.is_numeric() or dtype == pl.String or (field in WORDS and dtype == pl.Boolean)


def _row(raw: pl.DataFrame, first: int, index: int) -> Row:
    return Row(f"row {first + index}", tuple("" if value is None else str(value) for value in raw.row(index)))


def _damaged(source: Source, error: BaseException) -> BadInput:
    return BadInput(f"{source.label}: expected a sound Parquet file, found {str(error).splitlines()[0]}; get the file again")


def height(source: Source) -> int:
    """Return how many rows a Parquet file has."""
    return int(pl.scan_parquet(source.path, glob=False).select(pl.len()).collect().item())
