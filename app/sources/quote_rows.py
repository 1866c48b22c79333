"""The rules of quotes, on whole batches: what can be read stands as it is, since flagging prices is for the run's quality checks."""

import math
from collections.abc import Sequence

import polars as pl

from app.sources.batch import Batch
from app.sources.clock import in_micros
from app.sources.rules import NO_NUMBER, OUT, Checked, Complaint, Numbers, Rules, no_time, refusal
from engine.schema import QUOTES, TIMESTAMP, US_PER_SECOND, instant

APART_US = 3600 * US_PER_SECOND
"""Event and receive time of a quote differ by less: what is more is another time zone, not a clock that runs wrong."""


def check(batch: Batch, rules: Rules, _last: Numbers | None) -> Checked:
    """Return the rows of a batch in the schema `QUOTES`, or raise `BadRow`."""
    layout = rules.layout
    frame = batch.frame.with_columns(in_micros(name, batch.frame.schema[name], rules.units[name]).alias(name) for name in layout.times)
    fine = frame.select(_fine(layout.times, layout.numbers))["fine"]
    if not fine.all():
        index = int((~fine).arg_max() or 0)
        row = batch.row(index)
        raise refusal(row, _complaint(row.texts, frame.row(index), rules), rules, index)
    return Checked(quotes(frame), 0, None)


def quotes(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose times are µs in the schema `QUOTES`; a time that it does not have is null."""
    missing = {name: pl.lit(None) for name in ("ts", "received") if name not in frame.columns}
    numbers = [name for name in frame.columns if name not in {"ts", "received"}]
    found = frame.with_columns(**missing).select(pl.col("ts", "received").cast(TIMESTAMP), *numbers)
    assert list(found.schema.items())[: len(QUOTES)] == list(QUOTES.items()), "readers yield the columns of the contract"
    return found


def together(times: Sequence[str]) -> pl.Expr:
    """Return whether a row was received near to when it happened."""
    return (pl.col("ts") - pl.col("received")).abs() < APART_US if len(times) == 2 else pl.lit(value=True)


def _fine(times: Sequence[str], numbers: Sequence[str]) -> pl.Expr:
    known = (~pl.col(number).is_infinite() for number in numbers)
    return pl.all_horizontal(*(pl.col(time).is_not_null() for time in times), *known, together(times)).fill_null(value=False).alias("fine")


def _complaint(texts: Sequence[str], row: Numbers, rules: Rules) -> Complaint:
    fields = rules.layout.fields
    for field, number in enumerate(row):
        if number is None and fields[field] in rules.layout.times:
            return no_time(texts, field, rules)
        if number is None or math.isinf(number):
            return Complaint(field, f"{NO_NUMBER}, or nothing where there is none", OUT)
    return far_apart(row[fields.index("ts")], row[fields.index("received")], rules)


def far_apart(ts: int, received: int, rules: Rules) -> Complaint:
    """Return what is wrong with a row that was received long before or after it happened."""
    return Complaint(
        rules.layout.fields.index("received"),
        f"a receive time within an hour of the event time {instant(ts):%Y-%m-%d %H:%M:%S.%f}",
        f"it is {instant(received):%Y-%m-%d %H:%M:%S.%f}: are both in UTC?",
    )
