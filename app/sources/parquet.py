"""Parquet tables, batch by batch, with the columns of a plain table."""

from collections.abc import Iterator
from functools import partial

import polars as pl

from app.errors import BadInput
from app.sources import plain
from app.sources.batch import Batch, Row
from app.sources.files import Source
from app.sources.layout import FIELDS, Layout

ROWS = 131_072
"""Rows that are read at a time."""


def layout(source: Source) -> Layout:
    """Return where our columns stand in a Parquet file."""
    schema = _schema(source)
    found = plain.layout(list(schema), label=source.label)
    for name, position in zip(FIELDS, found.positions, strict=True):
        dtype = list(schema.values())[position]
        if not _fits(name, dtype):
            raise BadInput(
                f"{source.label}: expected {'times' if name == 'ts' else 'numbers'} in column {list(schema)[position]}, found {dtype}; cast it"
            )
    return found


def batches(source: Source, found: Layout, *, rows: int = ROWS) -> Iterator[Batch]:
    """Yield the rows of a Parquet file."""
    names = list(_schema(source))
    ours = [pl.col(names[position]).alias(field) for field, position in zip(FIELDS, found.positions, strict=True)]
    first = 1
    try:
        for raw in pl.scan_parquet(source.path, glob=False).select(ours).collect_batches(chunk_size=rows, maintain_order=True):
            yield Batch(raw.cast(dict.fromkeys(FIELDS[1:], pl.Float64), strict=False), partial(_row, raw, first))
            first += raw.height
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        raise _damaged(source, error) from error


def _schema(source: Source) -> dict[str, pl.DataType]:
    try:
        return dict(pl.read_parquet_schema(source.path))
    except (pl.exceptions.PolarsError, OSError, pl.exceptions.PanicException) as error:
        raise _damaged(source, error) from error


def _fits(field: str, dtype: pl.DataType) -> bool:
    if field == "ts":
        return dtype.is_integer() or dtype.is_float() or isinstance(dtype, pl.String | pl.Date | pl.Datetime)
    return dtype.is_numeric() or dtype == pl.String


def _row(raw: pl.DataFrame, first: int, index: int) -> Row:
    return Row(f"row {first + index}", tuple("" if value is None else str(value) for value in raw.row(index)))


def _damaged(source: Source, error: BaseException) -> BadInput:
    return BadInput(f"{source.label}: expected a sound Parquet file, found {str(error).splitlines()[0]}; get the file again")


def height(source: Source) -> int:
    """Return how many rows a Parquet file has."""
    return int(pl.scan_parquet(source.path, glob=False).select(pl.len()).collect().item())
