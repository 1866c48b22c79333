"""Reading a detected file: its bars, checked, batch by batch."""

from collections.abc import Iterator
from typing import NamedTuple

import polars as pl

from app.sources import parquet, text
from app.sources.batch import Batch
from app.sources.detect import Format, Found
from app.sources.files import opened
from app.sources.rows import Numbers, check


class Read(NamedTuple):
    """A batch of bars in the schema `BARS`, how many rows of it were repetitions, and how far in the file it ends."""

    frame: pl.DataFrame
    repeated: int
    bytes_read: int
    bytes_total: int


def read(found: Found) -> Iterator[Read]:
    """Yield the bars of a file in order of time; raise `BadRow` at the first row that breaks a rule."""
    last: Numbers | None = None
    for batch, position, size in _batches(found):
        frame, repeated, last = check(batch, found.rules, last)
        yield Read(frame, repeated, position, size)


def _batches(found: Found) -> Iterator[tuple[Batch, int, int]]:
    if found.format is Format.PARQUET:
        yield from _parquet(found)
        return
    with opened(found.source) as stream:
        for batch in text.batches(text.blocks(stream.read, label=found.source.label), found.rules.layout):
            yield batch, stream.position(), stream.size


# How far a Parquet file is read is told by its rows.
def _parquet(found: Found) -> Iterator[tuple[Batch, int, int]]:
    size, done = found.source.path.stat().st_size, 0
    total = parquet.height(found.source)
    for batch in parquet.batches(found.source, found.rules.layout):
        done += batch.frame.height
        yield batch, size * done // max(total, 1), size
