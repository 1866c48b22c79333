"""Text tables, block by block: a file larger than memory passes through, and every row keeps its line number."""

import itertools
import math
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import NamedTuple

import polars as pl

from app.errors import BadInput
from app.sources.batch import Batch, Row
from app.sources.clock import Unit, is_number, is_whole, unit_of
from app.sources.errors import BadRow
from app.sources.layout import Layout

BLOCK = 8 << 20
"""Bytes that are parsed at a time: some 130,000 bars."""

LONGEST_LINE = 1 << 16
"""Bytes that a line of a table may have."""

_BOM = b"\xef\xbb\xbf"


Types = dict[str, type[pl.DataType]]
Line = tuple[int, bytes]


class Block(NamedTuple):
    """Whole lines of a file, each with its end, and the number of the first."""

    label: str
    line: int
    data: bytes


def blocks(
    read: Callable[[int], bytes],
    unfinished: Callable[[], bool] = lambda: False,
    *,
    label: str,
    size: int = BLOCK,
    longest: int = LONGEST_LINE,
) -> Iterator[Block]:
    """Yield a file in pieces that end where a line ends; the last line need not, unless it is `unfinished` then: it is left out."""
    line, rest = 1, b""
    while chunk := read(size):
        rest = (rest + chunk).removeprefix(_BOM) if line == 1 else rest + chunk
        cut = rest.rfind(b"\n") + 1
        if len(rest) - cut > longest:
            raise BadInput(f"{label}: expected lines of text, found none within {longest} bytes at line {line}; is it the right file?")
        if cut:
            yield Block(label, line, rest[:cut])
            line, rest = line + rest.count(b"\n", 0, cut), rest[cut:]
    if rest.strip() and not unfinished():
        yield Block(label, line, rest + b"\n")


Refuse = Callable[[BadRow], None]
"""Told of a bad row, which is left out then."""


def batches(found: Iterator[Block], layout: Layout, refuse: Refuse | None = None) -> Iterator[Batch]:
    """Yield the rows of a text table, without its header; raise at the first of another width, or tell `refuse` of each."""
    types: Types | None = None
    for number, block in enumerate(found):
        body = _without_header(block, layout.header) if number == 0 else block
        if body.data.strip():
            types = types or _types(_fields(body.data.lstrip().partition(b"\n")[0], layout), layout)
            yield from _batches(body, layout, types, refuse)


def _without_header(block: Block, lines: int) -> Block:
    return block._replace(line=block.line + lines, data=block.data.split(b"\n", lines)[-1]) if lines else block


# Times as the first row writes them, which all others are held to; seconds may have decimals in any row.
def _types(first: tuple[str, ...], layout: Layout) -> Types:
    times = {field: _kind(first[layout.fields.index(field)]) for field in layout.times}
    return times | dict.fromkeys(layout.numbers, pl.Float64)


def _kind(text: str) -> type[pl.DataType]:
    if is_whole(text) and unit_of(float(text)) is not Unit.SECONDS:
        return pl.Int64
    return pl.Float64 if is_number(text) else pl.String


def _batches(block: Block, layout: Layout, types: Types, refuse: Refuse | None) -> Iterator[Batch]:
    data = block.data.replace(b'"', b"") if b'"' in block.data else block.data
    frame = _numbers(data, layout, types)
    if frame is not None:
        yield Batch(frame, lambda index: _row(_filled(block), layout, index))
        return
    kept, broken = _whole_rows(block._replace(data=data), layout, refuse)
    if kept:
        rows = b"".join(line + b"\n" for _, line in kept)
        yield Batch(_cast(_parse(rows, layout, dict.fromkeys(types, pl.String)), layout, types), partial(_row, kept, layout))
    if broken is not None:
        raise broken


# The usual case in one go; None where a row has another number of columns or a value is no number.
def _numbers(data: bytes, layout: Layout, types: Types) -> pl.DataFrame | None:
    if data.count(b",") != data.count(b"\n") * (layout.width - 1):
        return None
    try:
        frame = _parse(data, layout, types)
    except pl.exceptions.PolarsError:
        return None
    return frame.with_columns(pl.col(layout.numbers).fill_null(math.nan)) if layout.optional else frame


def _parse(data: bytes, layout: Layout, types: Types) -> pl.DataFrame:
    columns = {position: field for field, position in zip(layout.fields, layout.positions, strict=True)}
    schema = {name: types.get(name, pl.String) for name in (columns.get(position, f"column {position}") for position in range(layout.width))}
    return pl.read_csv(data, has_header=False, schema=schema, quote_char=None, encoding="utf8-lossy").select(layout.fields)


def _cast(texts: pl.DataFrame, layout: Layout, types: Types) -> pl.DataFrame:
    plain = texts.with_columns(pl.all().str.strip_chars())
    if layout.optional:
        # An empty field is null to the parser, what is no number becomes null in the cast.
        plain = plain.with_columns(pl.col(layout.numbers).fill_null("nan").replace("", "nan"))
    return plain.cast(types, strict=False)  # type: ignore[arg-type]


# Lines with their numbers; empty ones say nothing.
def _filled(block: Block) -> Iterable[Line]:
    return ((number, line) for number, line in enumerate(block.data.split(b"\n"), block.line) if line.strip())


# The rows that have all columns; where nobody is told of the others, those before the first of them, and its refusal.
def _whole_rows(block: Block, layout: Layout, refuse: Refuse | None) -> tuple[list[Line], BadRow | None]:
    kept: list[Line] = []
    for number, line in _filled(block):
        if line.count(b",") == layout.width - 1:
            kept.append((number, line))
            continue
        refused = _wrong_width(block.label, number, line, layout.width)
        if refuse is None:
            return kept, refused
        refuse(refused)
    return kept, None


def _wrong_width(label: str, number: int, line: bytes, width: int) -> BadRow:
    return BadRow(
        file=label,
        place=f"line {number}",
        field="the whole line",
        value=_text(line),
        expected=f"{width} columns, not {line.count(b',') + 1}",
        advice="was the file cut off or edited? get it again, or take the line out",
    )


def _row(lines: Iterable[Line], layout: Layout, index: int) -> Row:
    number, line = next(itertools.islice(lines, index, None))
    return Row(f"line {number}", _fields(line, layout))


def _fields(line: bytes, layout: Layout) -> tuple[str, ...]:
    texts = _text(line).split(",")
    return tuple(texts[position].strip() if position < len(texts) else "" for position in layout.positions)


def _text(line: bytes) -> str:
    return line.decode("utf-8", "replace").replace('"', "").strip()
