"""The rules of trades, on whole batches; rows without a size are no trades, and are left aside."""

import math
from collections.abc import Sequence
from typing import Any

import polars as pl

from app.sources.batch import Batch
from app.sources.clock import in_micros
from app.sources.quote_rows import far_apart, together
from app.sources.rules import NO_NUMBER, OUT, Checked, Complaint, Numbers, Rules, no_time, refusal
from engine.schema import TIMESTAMP, TRADES

VOID = "without a size"
"""What is left aside: Binance keeps the number of a trade that it took back, with price and quantity 0."""


def check(batch: Batch, rules: Rules, _last: Numbers | None) -> Checked:
    """Return the rows of a batch in the schema `TRADES`, or raise `BadRow`."""
    layout = rules.layout
    times = (in_micros(name, batch.frame.schema[name], rules.units[name]).alias(name) for name in layout.times)
    frame = batch.frame.with_columns(*times, _side(rules).alias("side"))
    fine = frame.select(_fine(layout.times))["fine"]
    if not fine.all():
        index = int((~fine).arg_max() or 0)
        row = batch.row(index)
        raise refusal(row, _complaint(row.texts, frame.row(index, named=True), rules), rules, index)
    kept = frame.filter(pl.col("size") > 0)
    return Checked(trades(kept), 0, None, {VOID: frame.height - kept.height} if kept.height < frame.height else {})


def trades(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose times are µs in the schema `TRADES`; what it does not have is null, a side that it does not have 0."""
    missing = {name: pl.lit(None) for name in ("ts", "received", "trade_id") if name not in frame.columns}
    number = pl.col("trade_id").cast(pl.Int64, strict=False)
    found = frame.with_columns(**missing).select(pl.col("ts", "received").cast(TIMESTAMP), "price", "size", "side", number)
    assert found.schema == TRADES, "readers yield the columns of the contract"
    return found


def _side(rules: Rules) -> pl.Expr:
    if "side" not in rules.layout.fields:
        return pl.lit(0, pl.Int8)
    words = pl.col("side").fill_null("").str.strip_chars().str.to_lowercase()
    return words.replace_strict(rules.layout.sides, default=None, return_dtype=pl.Int8)


def _fine(times: Sequence[str]) -> pl.Expr:
    price, size = pl.col("price"), pl.col("size")
    number = price.is_finite() & size.is_finite() & (((price > 0) & (size > 0)) | (size == 0))
    known = (pl.col(time).is_not_null() for time in times)
    return pl.all_horizontal(*known, number, pl.col("side").is_not_null(), together(times)).fill_null(value=False).alias("fine")


def _complaint(texts: Sequence[str], row: dict[str, Any], rules: Rules) -> Complaint:
    layout = rules.layout
    for field in layout.times:
        if row[field] is None:
            return no_time(texts, layout.fields.index(field), rules)
    for name, what in (("price", "a price above 0"), ("size", "a size of 0 or more")):
        number, at = row[name], layout.fields.index(name)
        if not isinstance(number, float) or not math.isfinite(number):
            return Complaint(at, NO_NUMBER, OUT)
        if number < 0 or (name == "price" and number == 0 and row["size"] != 0):
            return Complaint(at, what, OUT)
    if row["side"] is None:
        known = ", ".join(word for word in layout.sides if word)
        return Complaint(layout.fields.index("side"), f"the side of the trade, one of {known}", OUT)
    return far_apart(row["ts"], row["received"], rules)
