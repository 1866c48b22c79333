"""The rules of a bar, on whole batches: a batch passes as it is, or its first bad row is refused with the reason."""

import math
from collections.abc import Sequence

import polars as pl

from app.sources.batch import Batch, Row
from app.sources.clock import in_micros
from app.sources.layout import BAR_FIELDS
from app.sources.rules import NO_NUMBER, OUT, Checked, Complaint, Numbers, Rules, no_time, refusal
from engine.schema import BARS, TIMESTAMP, instant
from engine.units import format_duration

NOISE = 1e-12
"""Numbers of two files that differ by less than this part of them are one: vendors sum the same trades in another order."""

_PRICES = BAR_FIELDS[1:5]


def check(batch: Batch, rules: Rules, last: Numbers | None) -> Checked:
    """Return the rows of a batch that follows the row `last`, oldest first, without those that repeat it, or raise `BadRow`."""
    frame = batch.frame.with_columns(ts=in_micros("ts", batch.frame.schema["ts"], rules.units["ts"], mixed=rules.layout.mixed))
    marks = frame.select(repeated=_repeated(last), fine=_fine(last, rules))
    if not marks["fine"].all():
        index = int((~marks["fine"]).arg_max() or 0)
        numbers, before = frame.row(index), frame.row(index - 1) if index else last
        raise refusal(row := batch.row(index), _complaint(row, numbers, before, rules), rules, index)
    kept = frame if not marks["repeated"].any() else frame.filter(~marks["repeated"])
    bars = kept.select(pl.col("ts").cast(TIMESTAMP), *BAR_FIELDS[1:])
    bars = bars.reverse() if rules.newest_first else bars
    assert bars.schema == BARS, "readers yield the columns of the contract"
    return Checked(bars, frame.height - kept.height, frame.row(-1) if frame.height else last)


# The rows before, column by column: shifted, with the last row of the batch before in front.
def _before(name: str, last: Numbers | None) -> pl.Expr:
    return pl.col(name).shift(1, fill_value=None if last is None else last[BAR_FIELDS.index(name)])


def _repeated(last: Numbers | None) -> pl.Expr:
    return pl.all_horizontal(pl.col(name) == _before(name, last) for name in BAR_FIELDS).fill_null(value=False)


def _fine(last: Numbers | None, rules: Rules) -> pl.Expr:
    ts, prices = pl.col("ts"), [pl.col(name) for name in _PRICES]
    follows = ts < _before("ts", last) if rules.newest_first else ts > _before("ts", last)
    return pl.all_horizontal(
        *((price > 0) & price.is_finite() for price in prices),
        (pl.col("volume") >= 0) & pl.col("volume").is_finite(),
        pl.col("high") >= pl.max_horizontal("open", "low", "close"),
        pl.col("low") <= pl.min_horizontal("open", "close"),
        ts % rules.kind.interval_us == 0,
        follows.fill_null(value=True) | _repeated(last),
    ).fill_null(value=False)


def _complaint(row: Row, numbers: Numbers, before: Numbers | None, rules: Rules) -> Complaint:
    return _unreadable(row.texts, numbers, rules) or _impossible(numbers[1:]) or _misplaced(numbers[0], before, rules)


def _unreadable(texts: Sequence[str], numbers: Numbers, rules: Rules) -> Complaint | None:
    if numbers[0] is None:
        return no_time(texts, 0, rules)
    for field, number in enumerate(numbers):
        if number is None or not math.isfinite(number):
            return Complaint(field, NO_NUMBER, OUT)
    return None


def _impossible(numbers: Numbers) -> Complaint | None:
    opened, high, low, close, volume = numbers
    for field, price in enumerate((opened, high, low, close), 1):
        if price <= 0:
            return Complaint(field, "a price above 0", OUT)
    if volume < 0:
        return Complaint(5, "a volume of 0 or more", OUT)
    if high < max(opened, low, close):
        return Complaint(2, f"the highest price of the bar, at least {max(opened, low, close)!r}", f"are the columns in order? else {OUT}")
    if low > min(opened, close):
        return Complaint(3, f"the lowest price of the bar, at most {min(opened, close)!r}", f"are the columns in order? else {OUT}")
    return None


# What is left where the row is fine by itself.
def _misplaced(ts: int, before: Numbers | None, rules: Rules) -> Complaint:
    interval_us = rules.kind.interval_us
    if ts % interval_us:
        length = format_duration(interval_us)
        advice = "bars carry their open time; if they have another length, say it with --interval"
        return Complaint(0, f"the open time of a bar of {length}, a multiple of it", f"{instant(ts):%Y-%m-%d %H:%M:%S.%f} is none; {advice}")
    assert before is not None, "the first row has nothing to be compared with"
    if ts == before[0]:
        return Complaint(0, "each time once, or again with the same values", "the row before has this time and other values: find out which is right")
    side, order = ("before", "newest first, as it begins") if rules.newest_first else ("after", "oldest first")
    return Complaint(0, f"a time {side} {instant(before[0]):%Y-%m-%d %H:%M:%S} of the row before", f"sort the file by time, {order}")
