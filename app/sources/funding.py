"""Funding of perpetuals: tables of payments with a header, CSV or Parquet, in any order, and the rules of their rows."""

import re
from collections.abc import Sequence

import polars as pl

from app.errors import BadInput
from app.sources.batch import Batch
from app.sources.clock import in_micros
from app.sources.layout import TIMES, Layout
from app.sources.plain import cleaned, listed, units, words
from app.sources.rules import OUT, Checked, Complaint, Numbers, Rules, no_time, refusal
from engine.schema import FUNDING, TIMESTAMP

NAMES = {
    "ts": ("ts", "time", "timestamp", "funding_time", "fundingtime", "calc_time"),
    "published": ("published", "published_at", "publish_time"),
    "rate": ("rate", "funding_rate", "fundingrate", "last_funding_rate"),
}
"""What columns are called, in any case; times may end in their unit: ts_ms. Without `published` a rate is known when it is paid."""

_UNIT = r"(?:_(?:s|ms|us|ns))?"


def is_one(header: Sequence[str]) -> bool:
    """Tell whether a header is of funding."""
    return not set(NAMES["rate"]).isdisjoint(words(header))


def layout(header: Sequence[str], *, label: str) -> Layout:
    """Return where our columns stand in a header; other columns are left aside."""
    found = {field: position for field in NAMES if (position := _position(header, field, label)) is not None}
    names = tuple(cleaned(header[position]) for position in found.values())
    return Layout(
        width=len(header),
        fields=tuple(found),
        positions=tuple(found.values()),
        names=names,
        units={field: units(name.lower()) for field, name in zip(found, names, strict=True) if field in TIMES},
        header=1,
    )


def check(batch: Batch, rules: Rules, _last: Numbers | None) -> Checked:
    """Return the payments of a batch in the schema `FUNDING`, by time, or raise `BadRow`."""
    layout = rules.layout
    frame = batch.frame.with_columns(in_micros(name, batch.frame.schema[name], rules.units[name]).alias(name) for name in layout.times)
    fine = frame.select(_fine(layout))["fine"]
    if not fine.all():
        index = int((~fine).arg_max() or 0)
        row = batch.row(index)
        raise refusal(row, _complaint(row.texts, frame.row(index), rules), rules, index)
    return Checked(_payments(frame), 0, None)


def _payments(frame: pl.DataFrame) -> pl.DataFrame:
    missing = {} if "published" in frame.columns else {"published": pl.lit(None)}
    found = frame.with_columns(**missing).select(pl.col("ts", "published").cast(TIMESTAMP), "rate").sort("ts", maintain_order=True)
    assert found.schema == FUNDING, "readers yield the columns of the contract"
    return found


def _fine(layout: Layout) -> pl.Expr:
    known = (pl.col(name).is_not_null() for name in layout.times)
    in_time = [pl.col("published") <= pl.col("ts")] if "published" in layout.fields else []
    return pl.all_horizontal(*known, pl.col("rate").abs() < 1, *in_time).fill_null(value=False).alias("fine")


def _complaint(texts: Sequence[str], row: Numbers, rules: Rules) -> Complaint:
    fields = rules.layout.fields
    for field in range(len(rules.layout.times)):
        if row[field] is None:
            return no_time(texts, field, rules)
        if row[field] > row[0]:
            return Complaint(field, f"a time at or before {rules.layout.names[0]}, when it is paid", OUT)
    return Complaint(fields.index("rate"), "a fraction of the notional between -1 and 1, such as 0.0001", OUT)


def _position(header: Sequence[str], field: str, label: str) -> int | None:
    pattern = re.compile(f"(?:{'|'.join(NAMES[field])}){'' if field == 'rate' else _UNIT}")
    found = [position for position, word in enumerate(words(header)) if pattern.fullmatch(word)]
    if len(found) > 1 or (not found and field != "published"):
        raise BadInput(f"{label}: expected one column of {field} ({', '.join(NAMES[field])}), found the columns {listed(header)}; rename them")
    return found[0] if found else None
