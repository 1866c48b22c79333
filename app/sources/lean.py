"""Quote bars of LEAN (QuantConnect): a zip a day of a CSV without header, 11 columns, times in ms since midnight.

Columns: open time, open, high, low and close of the bid, last bid size, the same of the ask (github.com/QuantConnect/Lean, Data/crypto/readme.md).
The close of a bar is the quote at its end, which is what we take; a file's name tells the day, the pair and the bars' length
(20180404_btcusd_minute_quote.csv), its folders the venue (coinbase/minute/btcusd).
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

import polars as pl

from app.errors import BadInput
from app.sources.batch import Batch
from app.sources.clock import Unit
from app.sources.files import Source
from app.sources.layout import Layout, level_fields
from app.sources.quote_rows import quotes
from app.sources.rules import NO_NUMBER, OUT, Checked, Complaint, Numbers, Rules, refusal
from engine.schema import micros
from engine.units import format_duration

WIDTH = 11
LAYOUT = Layout(
    width=WIDTH,
    fields=("ts", *level_fields(1)),
    positions=(0, 4, 5, 9, 10),
    names=("open time", "bid close", "last bid size", "ask close", "last ask size"),
    units={"ts": frozenset({Unit.MILLISECONDS})},
    header=0,
    optional=True,
)

_DAY_MS = 86_400_000
_DAY = re.compile(r"(?P<day>\d{8})_(?P<pair>[a-z0-9]+)_(?P<size>minute|second)_quote")
_SIZES = frozenset({"minute", "second"})


def day_us(source: Source) -> int:
    """Return the midnight that a file's times count from [µs]."""
    found = _DAY.match(source.name)
    try:
        return micros(datetime.strptime(found["day"] if found else "", "%Y%m%d").replace(tzinfo=UTC))
    except ValueError:
        expected = "expected a name like 20180404_btcusd_minute_quote.csv, since these times count from midnight of that day"
        raise BadInput(f"{source.label}: {expected}; give the file its name again") from None


def venue(source: Source) -> str | None:
    """Return the venue that LEAN's folders name: venue/minute/pair/file."""
    parents = source.path.resolve().parents
    return parents[2].name.lower() if len(parents) > 3 and parents[1].name in _SIZES else None


def check(batch: Batch, rules: Rules, last: Numbers | None) -> Checked:
    """Return the quotes at the ends of a batch's bars, or raise `BadRow`; `last` is the row before it."""
    frame, interval_ms = batch.frame, rules.kind.interval_us // 1_000
    before = pl.col("ts").shift(1, fill_value=-1 if last is None else last[0])
    fine = frame.select(_fine(before, interval_ms).alias("fine"))["fine"]
    if not fine.all():
        index = int((~fine).arg_max() or 0)
        row = batch.row(index)
        raise refusal(row, _complaint(row.texts, frame.row(index), rules), rules, index)
    ended = frame.with_columns(ts=rules.day_us + pl.col("ts").cast(pl.Int64) * 1_000 + rules.kind.interval_us)
    return Checked(quotes(ended), 0, frame.row(-1) if frame.height else last)


def _fine(before: pl.Expr, interval_ms: int) -> pl.Expr:
    ts = pl.col("ts")
    known = (~pl.col(number).is_infinite() for number in LAYOUT.numbers)
    return pl.all_horizontal(ts.is_between(0, _DAY_MS - 1), ts % interval_ms == 0, ts > before, *known).fill_null(value=False)


def _complaint(texts: Sequence[str], row: Numbers, rules: Rules) -> Complaint:
    for field, number in enumerate(row[1:], 1):
        if number is None or abs(number) == float("inf"):
            return Complaint(field, f"{NO_NUMBER}, or nothing where there is none", OUT)
    length = format_duration(rules.kind.interval_us)
    return Complaint(0, f"the open time of a bar of {length} in ms since midnight, later than the row before", f"{texts[0]} is none; {OUT}")
