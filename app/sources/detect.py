"""What a file is: its format and why, and whose rows of which kind it holds; the user's word goes before the file's name."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import polars as pl

from app.errors import BadInput
from app.sources import binance, coinbase, lean, parquet, tardis, text, uniswap
from app.sources.batch import Batch
from app.sources.capture import feed
from app.sources.capture.feed import Feed
from app.sources.capture.messages import Stream
from app.sources.clock import Unit, describe, in_micros, unit_of
from app.sources.errors import BadRow
from app.sources.files import Source, opened
from app.sources.formats import FORMATS, VENUES, Format, check_format, first_row, layout_of, told
from app.sources.kinds import FUNDING, POOL, QUOTES, TRADES, Data, Kind
from app.sources.layout import Layout
from app.sources.names import INTERVALS_US, Hints, check_interval, hints, instrument_of, overridden
from app.sources.rules import Rules
from engine.schema import SeriesKey
from engine.units import format_duration

HEAD = 1 << 18
"""Bytes that are looked at, unpacked."""

_TIMES = {"ts": "event", "received": "receive", "published": "publication"}

LEVELS = 10
"""Levels of a book that are kept, where nothing else is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What the user says of files; None where nothing is said."""

    format: str = "auto"
    venue: str | None = None
    instrument: str | None = None
    interval_us: int | None = None
    stream: str = "auto"
    levels: int = LEVELS


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What a file was taken for."""

    source: Source
    format: Format
    why: str
    """A sentence for the user."""
    key: SeriesKey
    kind: Kind
    rules: Rules | Feed


_ROWS = {"pool": "states of a pool", "funding": "funding rates"}
"""What rows are called whose data is not."""


def detect(source: Source, said: Said | None = None) -> Found:
    """Look at the beginning of a file and say what it is; raise `BadInput` where that is nothing we read, or not known enough."""
    return detect_all([source], said)[0]


def detect_all(sources: Sequence[Source], said: Said | None = None) -> list[Found]:
    """Look at files, and settle together which stream captures of one series give; those stand in order of time then."""
    told_us = said or Said()
    stream = _check_stream(told_us.stream)
    if told_us.levels < 1:
        raise BadInput(f"expected at least one level, found {told_us.levels}")
    found = [_detect(source, told_us) for source in sources]
    chains: dict[SeriesKey, Iterator[Found]] = {}
    for key in {one.key for one in found if isinstance(one.rules, Feed)}:
        chains[key] = iter(_settled([one for one in found if one.key == key and isinstance(one.rules, Feed)], stream))
    return [next(chains[one.key]) if isinstance(one.rules, Feed) else one for one in found]


def _settled(captures: Sequence[Found], stream: Stream | None) -> list[Found]:
    by_label = {one.source.label: one for one in captures}
    feeds = feed.settled([one.rules for one in captures if isinstance(one.rules, Feed)], stream)
    return [replace(by_label[one.label], rules=one, kind=one.kind, why=one.why()) for one in feeds]


def _check_stream(name: str) -> Stream | None:
    if name != "auto" and name not in set(Stream):
        raise BadInput(f"expected a stream out of auto, {', '.join(Stream)}, found {name!r}")
    return None if name == "auto" else Stream(name)


def _detect(source: Source, said: Said) -> Found:
    wanted = check_format(said.format)
    with opened(source) as stream:
        head = stream.read(HEAD)
    kind = told(source, head)
    if wanted not in {None, kind}:
        raise BadInput(f"{source.label}: expected {FORMATS[wanted or kind]}, as --format says, found {FORMATS[kind]}; leave --format auto")
    return _capture(source, said) if kind is Format.CAPTURE else _table(source, head, kind, said)


def _capture(source: Source, said: Said) -> Found:
    with opened(source) as stream:
        found = feed.look(stream.read(feed.HEAD), label=source.label, levels=said.levels)
    named = Hints(venue=found.venue, instrument=instrument_of(found.symbol))
    told_us = overridden(named, venue=said.venue, instrument=said.instrument, interval_us=None)
    return Found(source=source, format=Format.CAPTURE, why=found.why(), key=_key(told_us, source), kind=found.kind, rules=found)


def _table(source: Source, head: bytes, format_: Format, said: Said) -> Found:
    data, layout = layout_of(format_, source, head, levels=said.levels)
    sample = next((batch for batch in _sample(source, head, format_, layout) if batch.frame.height), None)  # a first row that is broken raises
    if sample is None:
        raise BadInput(f"{source.label}: expected {_ROWS.get(data, data)}, found none below the header; get the file again")
    if format_ is Format.TARDIS:
        layout = tardis.own_times(layout, sample.frame)
    units = {name: None if format_ is Format.LEAN else _unit(sample, name, layout, source) for name in layout.times}
    named = overridden(_named(source, head, format_), venue=said.venue, instrument=said.instrument, interval_us=said.interval_us)
    newest_first = _newest_first(sample.frame, units, data, source)
    kind = _kind(data, named.interval_us, sample, units, source)
    day_us = lean.day_us(source) if format_ is Format.LEAN else 0
    pool = uniswap.known_pool(source.name, source.label).address if format_ is Format.UNISWAP else ""
    return Found(
        source=source,
        format=format_,
        why=_why(format_, layout, units, kind, inferred=named.interval_us is None, newest_first=newest_first),
        key=_key(replace(named, venue=named.venue or VENUES.get(format_)), source),
        kind=kind,
        rules=Rules(label=source.label, layout=layout, units=units, kind=kind, newest_first=newest_first, day_us=day_us, pool=pool),
    )


def _named(source: Source, head: bytes, format_: Format) -> Hints:
    named = hints(source.name)
    if format_ is Format.TARDIS:
        row = first_row(head.partition(b"\n")[2])
        return Hints(venue=row[0].strip().lower(), instrument=instrument_of(row[1].strip()))
    return replace(named, venue=lean.venue(source)) if format_ is Format.LEAN else named


def _kind(data: Data, interval_us: int | None, sample: Batch, units: Mapping[str, Unit | None], source: Source) -> Kind:
    if data == "bars":
        return Kind(data, check_interval(interval_us or _commonest_step(sample, units["ts"], source)))
    if data == "pool_bars":
        return Kind(data, uniswap.MINUTE_US)
    if data == "quote_bars":
        if interval_us is None:
            raise BadInput(f"{source.label}: expected a file name that tells how long a bar is, found none; say it with --interval")
        return Kind(data, check_interval(interval_us))
    if interval_us is not None:
        found = f"bars of {format_duration(interval_us)} by name or --interval"
        what = "states of a pool" if data == "pool" else data
        raise BadInput(f"{source.label}: expected {what}, as the columns say, found {found}; rename it")
    return {"quotes": QUOTES, "trades": TRADES, "pool": POOL, "funding": FUNDING}[data]


# Bars are told apart by their times whatever their order; of trades the order is all that tells, and quotes may come in any.
def _newest_first(frame: pl.DataFrame, units: Mapping[str, Unit | None], data: Data, source: Source) -> bool:
    if data not in {"bars", "trades"} or "ts" not in units:
        return False
    steps = frame.select(step=in_micros("ts", frame.schema["ts"], units["ts"]).diff().sign())["step"]
    if data == "bars":
        return bool((steps.sum() or 0) < 0)
    if (steps < 0).any() and not (steps > 0).any():
        raise BadInput(f"{source.label}: expected trades from the oldest to the newest, found the newest first; turn the rows round: tac FILE")
    return False


def _sample(source: Source, head: bytes, format_: Format, layout: Layout) -> Iterator[Batch]:
    if format_ is Format.PARQUET:
        return parquet.batches(source, layout)
    if format_ is Format.COINBASE:
        with opened(source) as stream:
            return iter([coinbase.batch(stream.read, layout, label=source.label)])
    whole = head if len(head) < HEAD else head[: head.rfind(b"\n") + 1]
    pieces = iter((whole, b""))
    return text.batches(text.blocks(lambda _: next(pieces), label=source.label), layout)


def _unit(sample: Batch, field: str, layout: Layout, source: Source) -> Unit | None:
    numeric = sample.frame.schema[field].is_numeric()
    if layout.header and not numeric:
        return None
    value = sample.frame[field][0] if numeric else None
    unit = None if value is None else unit_of(value)
    if unit is None or unit not in layout.units[field]:
        row, at = sample.row(0), layout.fields.index(field)
        expected = f"a time of 2009 to 2099 in {' or '.join(sorted(layout.units[field]))}"
        advice = "is this the column with the time?" if value is None else f"it would be {describe(value)}: correct the times or the column's name"
        raise BadRow(file=source.label, place=row.place, field=layout.names[at], value=row.texts[at], expected=expected, advice=advice)
    return unit


# Not the smallest, which one wrong time would make smaller. Ties go to the smaller.
def _commonest_step(sample: Batch, unit: Unit | None, source: Source) -> int:
    times = sample.frame.select(ts=in_micros("ts", sample.frame.schema["ts"], unit))["ts"]
    steps: Counter[int] = Counter(step for step in times.diff().abs().drop_nulls().to_list() if step > 0)
    commonest = max(steps, key=lambda step: (steps[step], -step), default=None)
    if commonest not in INTERVALS_US:
        found = "no step at all" if commonest is None else f"steps of {format_duration(commonest)}"
        raise BadInput(f"{source.label}: expected a file name or times that tell how long a bar is, found {found}; say it with --interval")
    return commonest


def _key(said: Hints, source: Source) -> SeriesKey:
    missing = [f"the {name} (--{name})" for name, value in (("venue", said.venue), ("instrument", said.instrument)) if value is None]
    if said.venue is None or said.instrument is None:
        raise BadInput(f"{source.label}: the file name does not tell {' and '.join(missing)}; say it, or rename the file like kraken_BTC-USDC_1m.csv")
    return SeriesKey(said.venue, said.instrument)


def _why(format_: Format, layout: Layout, units: Mapping[str, Unit | None], kind: Kind, *, inferred: bool, newest_first: bool) -> str:
    name = _name(format_, layout)
    if kind.data == "quote_bars":
        return f"{name}; times in ms since midnight; {kind}, as the quotes at their ends"
    if kind.data == "pool_bars":
        return f"{name}; {kind}, as the states at their ends"
    if kind.data == "quotes":
        levels = len(layout.numbers) // 4
        return f"{name}; quotes of {levels} {'levels' if levels > 1 else 'level'}; {_times(layout, units)}"
    if kind.data != "bars":
        return f"{name}; {'states of a pool' if kind.data == 'pool' else kind}; {_times(layout, units)}"
    length = f"{format_duration(kind.interval_us)} {'is the commonest step' if inferred else 'as named'}"
    return f"{name}; times {_in(units['ts'])}; {length}{'; newest first' if newest_first else ''}"


def _name(format_: Format, layout: Layout) -> str:
    if format_ is Format.BINANCE_TRADES:
        return f"Binance {'aggTrades' if layout is binance.AGGREGATED else 'trades'}, {layout.width} columns without header"
    return FORMATS[format_].split(" such")[0]


def _times(layout: Layout, units: Mapping[str, Unit | None]) -> str:
    return "; ".join(f"{_TIMES[field]} times {_in(units[field])}" for field in layout.times)


def _in(unit: Unit | None) -> str:
    return "as UTC dates" if unit is None else f"in {unit}"
