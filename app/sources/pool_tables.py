"""Tables of a pool's states with a header, CSV or Parquet: the columns of `engine.schema.POOL_STATES`, and the rules of their rows.

What the chain itself keeps, a liquidity of 128 bits and a root of the price of 160, may stand beside them and is taken digit by digit.
"""

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType

import polars as pl

from app.errors import BadInput
from app.sources.batch import Batch
from app.sources.clock import in_micros
from app.sources.layout import TIMES, Layout
from app.sources.plain import cleaned, listed, units, words
from app.sources.quote_rows import APART_US, together
from app.sources.rules import NO_NUMBER, OUT, Checked, Complaint, Numbers, Rules, no_time, refusal
from engine.schema import POOL_EXACT, POOL_STATES, TIMESTAMP

NAMES = {
    "ts": ("ts", "timestamp", "time", "block_time", "block_timestamp", "datetime"),
    "received": ("received", "received_at", "receive_time", "local_timestamp"),
    "block": ("block", "block_number"),
    "price": ("price",),
    "liquidity": ("liquidity",),
    "lower": ("lower", "lower_price", "price_lower"),
    "upper": ("upper", "upper_price", "price_upper"),
    "liquidity_raw": ("liquidity_raw", "raw_liquidity"),
    "sqrt_price_x96": ("sqrt_price_x96", "sqrtpricex96"),
}
"""What columns are called, in any case; times may end in their unit (ts_us)."""

LARGEST_BLOCK = 2**53
"""Numbers below it are each a float of their own."""

BITS: Mapping[str, int] = MappingProxyType({"liquidity_raw": 128, "sqrt_price_x96": 160})
"""How large the integers of `POOL_EXACT` may be (Uniswap v3 Core, March 2021, sections 6.1 and 6.2)."""

_NUMBERS = ("price", "liquidity", "lower", "upper")


def is_one(header: Sequence[str]) -> bool:
    """Tell whether a header is of a pool's states: it names a price and a liquidity."""
    return {"price", "liquidity"} <= {_field(word) for word in words(header)}


def layout(header: Sequence[str], *, label: str) -> Layout:
    """Return where our columns stand in a header; other columns are left aside."""
    fields = [_field(word) for word in words(header)]
    unclear = [name for name in NAMES if fields.count(name) > 1 or (name in _NUMBERS and name not in fields)]
    wanted = [f"{name} ({', '.join(NAMES[name])})" for name in unclear]
    if not TIMES & set(fields):
        wanted.append(f"ts ({', '.join(NAMES['ts'])}) or received ({', '.join(NAMES['received'])})")
    if wanted:
        told = "a constant product has lower 0 and upper inf"
        raise BadInput(f"{label}: expected one column each of {'; '.join(wanted)}; found the columns {listed(header)}; rename the columns, {told}")
    found = {name: fields.index(name) for name in NAMES if name in fields}
    names = tuple(cleaned(header[position]) for position in found.values())
    return Layout(
        width=len(header),
        fields=tuple(found),
        positions=tuple(found.values()),
        names=names,
        units={field: units(name.lower()) for field, name in zip(found, names, strict=True) if field in TIMES},
        header=True,
    )


def check(batch: Batch, rules: Rules, last: Numbers | None) -> Checked:
    """Return the rows of a batch, or raise `BadRow`; prices are for the run's quality checks to doubt."""
    layout = rules.layout
    times = (in_micros(name, batch.frame.schema[name], rules.units[name]).alias(name) for name in layout.times)
    frame = batch.frame.with_columns(*times, *(exact(name) for name in layout.words))
    before = None if last is None or "block" not in layout.fields else last[layout.fields.index("block")]
    fine = frame.select(_fine(layout, before))["fine"]
    if not fine.all():
        index = int((~fine).arg_max() or 0)
        row = batch.row(index)
        raise refusal(row, _complaint(row.texts, frame.row(index), rules), rules, index)
    return Checked(states(frame), 0, frame.row(-1) if frame.height else last)


def states(frame: pl.DataFrame) -> pl.DataFrame:
    """Return a frame whose times are µs in the schemas `POOL_STATES` and `POOL_EXACT`; a time, a block or an integer that it lacks is null."""
    missing = {name: pl.lit(None) for name in ("ts", "received", "block", *POOL_EXACT) if name not in frame.columns}
    times, exact = pl.col("ts", "received").cast(TIMESTAMP), pl.col(*POOL_EXACT).cast(pl.String).replace("", None)
    return frame.with_columns(**missing).select(times, pl.col("block").cast(pl.Int64), *_NUMBERS, exact).select(*POOL_STATES, *POOL_EXACT)


def exact(name: str) -> pl.Expr:
    """Return a column of digits without blanks and leading zeros; where none are, it is empty, and null where it is no such integer."""
    digits = pl.col(name).fill_null("").str.strip_chars()
    plain, largest = digits.str.replace(r"^0+([0-9])", "${1}"), str(2 ** BITS[name] - 1)
    length = plain.str.len_bytes()
    fits = (length < len(largest)) | ((length == len(largest)) & (plain <= largest))
    return pl.when((digits == "") | (digits.str.contains(r"^[0-9]+$") & fits)).then(plain).alias(name)


def not_exact(field: int, name: str) -> Complaint:
    """Return what is wrong with a text that should be such an integer."""
    return Complaint(field, f"an integer from 0 to 2^{BITS[name]} - 1, digit by digit", OUT)


def _field(word: str) -> str | None:
    base, _, unit = word.rpartition("_")
    plain = base if base and unit in {"s", "ms", "us", "ns"} else word
    return next((field for field, names in NAMES.items() if word in names or (field in TIMES and plain in names)), None)


def _fine(layout: Layout, before: float | None) -> pl.Expr:
    known = [pl.col(name).is_not_null() for name in (*layout.times, *layout.words)] + [pl.col(name).is_not_nan() for name in layout.numbers]
    blocks = [_is_block(before)] if "block" in layout.fields else []
    return pl.all_horizontal(*known, *blocks, together(layout.times)).fill_null(value=False).alias("fine")


# Whole, and in the order of the chain.
def _is_block(before: float | None) -> pl.Expr:
    block = pl.col("block")
    return (block >= 0) & (block < LARGEST_BLOCK) & (block == block.floor()) & (block >= block.shift(1, fill_value=before)).fill_null(value=True)


def _complaint(texts: Sequence[str], row: Numbers, rules: Rules) -> Complaint:
    fields, times = rules.layout.fields, len(rules.layout.times)
    values = dict(zip(fields, row, strict=True))
    for field, (name, number) in enumerate(values.items()):
        if number is None and name in TIMES:
            return no_time(texts, field, rules)
        if name in BITS:
            if number is None:
                return not_exact(field, name)
            continue
        if number is None or math.isnan(number):
            return Complaint(field, f"{NO_NUMBER}; upper may be inf", OUT)
    if times == 2 and abs(values["ts"] - values["received"]) >= APART_US:
        return Complaint(fields.index("received"), "a receive time within an hour of the block's time", "are both in UTC?")
    block = fields.index("block")
    if not (0 <= row[block] < LARGEST_BLOCK and row[block] == math.floor(row[block])):
        return Complaint(block, "the number of a block", OUT)
    return Complaint(block, "a block that is not before that of the row above", "sort the rows as the chain did")
