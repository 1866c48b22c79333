"""What a file is: its format and why, and whose bars of which length it holds; the user's word goes before the file's name."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from app.errors import BadInput
from app.sources import binance, kraken, parquet, plain, text
from app.sources.batch import Batch
from app.sources.clock import Unit, describe, in_micros, unit_of
from app.sources.errors import BadRow
from app.sources.files import Source, opened
from app.sources.layout import Layout
from app.sources.names import INTERVALS_US, Hints, check_interval, hints, overridden
from app.sources.rows import Rules
from engine.schema import SeriesKey
from engine.units import format_duration

HEAD = 1 << 18
"""Bytes that are looked at, unpacked."""

_MAGIC = {
    b"PAR1": "a Parquet file inside an archive; unpack it",
    b"%PDF": "a PDF document",
    b"\x89PNG": "a picture",
    b"SQLite format 3": "an SQLite database",
    b"\xff\xfe": "text in UTF-16; save it as UTF-8",
    b"\xfe\xff": "text in UTF-16; save it as UTF-8",
    b"PK\x03\x04": "an archive inside an archive; unpack it",
    b"\x1f\x8b": "an archive inside an archive; unpack it",
    b"<": "HTML or XML, perhaps the error page of a download; get the file again",
    b"{": "JSON; write it as CSV",
    b"[": "JSON; write it as CSV",
}


class Format(StrEnum):
    """Formats of bars."""

    CSV = "csv"
    PARQUET = "parquet"
    BINANCE = "binance"
    KRAKEN = "kraken"


FORMATS = {
    Format.CSV: "CSV with a header such as open_time_ms,open,high,low,close,volume",
    Format.PARQUET: "Parquet with the same columns",
    Format.BINANCE: "Binance klines, 12 columns without header",
    Format.KRAKEN: "Kraken OHLCVT, 7 columns without header",
}
"""Formats in words."""

_VENUES = {Format.BINANCE: binance.VENUE, Format.KRAKEN: kraken.VENUE}


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file was taken for."""

    source: Source
    format: Format
    why: str
    """A sentence for the user."""
    key: SeriesKey
    rules: Rules

    @property
    def interval_us(self) -> int:
        """Length of the bars [µs]."""
        return self.rules.interval_us


def check_format(name: str) -> Format | None:
    """Return a format by its name; None for `auto`."""
    if name == "auto":
        return None
    if name not in set(Format):
        raise BadInput(f"expected a format out of auto, {', '.join(Format)}, found {name!r}: {_listed()}")
    return Format(name)


def detect(source: Source, *, format: str = "auto", venue: str | None = None, instrument: str | None = None, interval_us: int | None = None) -> Found:  # noqa: A002
    """Look at the beginning of a file and say what it is; raise `BadInput` where that is nothing we read, or not known enough."""
    wanted = check_format(format)
    with opened(source) as stream:
        head = stream.read(HEAD)
    kind, layout = _format(source, head)
    if wanted not in {None, kind}:
        raise BadInput(f"{source.label}: expected {FORMATS[wanted or kind]}, as --format says, found {FORMATS[kind]}; leave --format auto")
    sample = next(_sample(source, head, kind, layout), None)
    if sample is None or not sample.frame.height:
        raise BadInput(f"{source.label}: expected bars, found none below the header; get the file again")
    unit = _unit(sample, layout, source)
    said = overridden(hints(source.name), venue=venue, instrument=instrument, interval_us=interval_us)
    length = check_interval(said.interval_us or _commonest_step(sample, unit, source))
    return Found(
        source=source,
        format=kind,
        why=_why(kind, unit, said.interval_us is None, length),
        key=_key(said, _VENUES.get(kind), source),
        rules=Rules(label=source.label, layout=layout, unit=unit, interval_us=length),
    )


def _format(source: Source, head: bytes) -> tuple[Format, Layout]:
    if head.startswith(b"PAR1") and source.member is None and source.path.name == source.name:
        return Format.PARQUET, parquet.layout(source)
    _refuse_other(head, source)
    first = next(line for line in head.removeprefix(b"\xef\xbb\xbf").splitlines() if line.strip()).decode("utf-8", "replace")
    fields = first.replace('"', "").split(",")
    if not fields[0].strip()[:1].isdigit():
        return Format.CSV, plain.layout(fields, label=source.label)
    for kind, layout in ((Format.BINANCE, binance.LAYOUT), (Format.KRAKEN, kraken.LAYOUT)):
        if len(fields) == layout.width:
            return kind, layout
    found = f"{len(fields)} columns without header; if they are bars, add a header"
    raise BadInput(f"{source.label}: expected one of the formats {_listed()}; found {found}")


def _refuse_other(head: bytes, source: Source) -> None:
    plain_head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if not plain_head:
        raise BadInput(f"{source.label}: expected a table of bars, found an empty file; get it again")
    found = next((name for magic, name in _MAGIC.items() if plain_head.startswith(magic)), None)
    if found is None and b"\0" in plain_head:
        found = "binary data"
    if found is not None:
        raise BadInput(f"{source.label}: expected a table of bars ({_listed()}), found {found}")


def _listed() -> str:
    return "; ".join(f"{name}: {words}" for name, words in FORMATS.items())


def _sample(source: Source, head: bytes, kind: Format, layout: Layout) -> Iterator[Batch]:
    if kind is Format.PARQUET:
        return parquet.batches(source, layout)
    whole = head if len(head) < HEAD else head[: head.rfind(b"\n") + 1]
    pieces = iter((whole, b""))
    return text.batches(text.blocks(lambda _: next(pieces), label=source.label), layout)


def _unit(sample: Batch, layout: Layout, source: Source) -> Unit | None:
    numeric = sample.frame.schema["ts"].is_numeric()
    if layout.header and not numeric:
        return None
    value = sample.frame["ts"][0] if numeric else None
    unit = None if value is None else unit_of(value)
    if unit is None or unit not in layout.units:
        row = sample.row(0)
        expected = f"a time of 2009 to 2099 in {' or '.join(sorted(layout.units))}"
        advice = "is this the column with the time?" if value is None else f"it would be {describe(value)}: correct the times or the column's name"
        raise BadRow(file=source.label, place=row.place, field=layout.names[0], value=row.texts[0], expected=expected, advice=advice)
    return unit


# Not the smallest, which one wrong time would make smaller. Ties go to the smaller.
def _commonest_step(sample: Batch, unit: Unit | None, source: Source) -> int:
    times = sample.frame.select(ts=in_micros(sample.frame.schema["ts"], unit))["ts"]
    steps: Counter[int] = Counter(step for step in times.diff().drop_nulls().to_list() if step > 0)
    commonest = max(steps, key=lambda step: (steps[step], -step), default=None)
    if commonest not in INTERVALS_US:
        found = "no step at all" if commonest is None else f"steps of {format_duration(commonest)}"
        raise BadInput(f"{source.label}: expected a file name or times that tell how long a bar is, found {found}; say it with --interval")
    return commonest


def _key(said: Hints, venue: str | None, source: Source) -> SeriesKey:
    venue = said.venue or venue
    missing = [f"the {name} (--{name})" for name, value in (("venue", venue), ("instrument", said.instrument)) if value is None]
    if venue is None or said.instrument is None:
        raise BadInput(f"{source.label}: the file name does not tell {' and '.join(missing)}; say it, or rename the file like kraken_BTC-USDC_1m.csv")
    return SeriesKey(venue, said.instrument)


def _why(kind: Format, unit: Unit | None, inferred: bool, length: int) -> str:
    times = "times as UTC dates" if unit is None else f"times in {unit}"
    return f"{FORMATS[kind].split(' such')[0]}; {times}; {format_duration(length)} {'is the commonest step' if inferred else 'as named'}"
