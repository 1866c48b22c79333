"""Answers of Coinbase's API, saved as they came: candles and trades as JSON, newest first.

Candles of Coinbase Exchange are lists of time [s], low, high, open, close, volume (docs.cdp.coinbase.com, Get product candles); those of
Advanced Trade objects with start, low, high, open, close, volume below `candles`. Trades of Coinbase Exchange are objects with time, trade_id,
price, size and side, where **side is the maker's**: buy means that the taker sold (Get product trades). As of 2026-11.
"""

import json
import re
from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import polars as pl

from app.errors import BadInput
from app.sources.batch import Batch, Row
from app.sources.clock import Unit, unit_of
from app.sources.kinds import Data
from app.sources.layout import BAR_FIELDS, Layout

VENUE = "coinbase"
LARGEST = 256 << 20
"""Bytes of an answer; a page has 300 candles or 1,000 trades."""

MAKER_SIDES: Mapping[str, int] = MappingProxyType({"buy": -1, "sell": 1})

_NUMBER = rb"\s*\"?-?[0-9.eE+-]+\"?\s*"
_LISTS = re.compile(rb"\s*\[\s*\[" + rb",".join([_NUMBER] * 6) + rb"\]")
_CANDLES = re.compile(rb"\s*\{\s*\"candles\"\s*:\s*\[")
_TRADES = re.compile(rb"\s*\[\s*\{[^{}]*\"trade_id\"[^{}]*\}")
_SECONDS = frozenset({Unit.SECONDS})


def _layout(fields: tuple[str, ...], names: tuple[str, ...], sides: Mapping[str, int]) -> Layout:
    units = {"ts": _SECONDS if fields == BAR_FIELDS else frozenset(Unit)}
    return Layout(width=len(fields), fields=fields, positions=tuple(range(len(fields))), names=names, units=units, header=1, sides=sides)


BARS = _layout(BAR_FIELDS, ("time", *BAR_FIELDS[1:]), {})
TRADES = _layout(("ts", "price", "size", "side", "trade_id"), ("time", "price", "size", "side", "trade_id"), MAKER_SIDES)
_LIST = {"time": 0, "open": 3, "high": 2, "low": 1, "close": 4, "volume": 5}


def is_one(head: bytes) -> bool:
    """Tell whether a file begins as an answer with candles or trades does."""
    if (found := _LISTS.match(head)) is not None:
        return unit_of(float(found[0].split(b",")[0].strip(b' \t\r\n["'))) is Unit.SECONDS
    return _CANDLES.match(head) is not None or _TRADES.match(head) is not None


def layout(head: bytes) -> tuple[Data, Layout]:
    """Return what the answer holds."""
    return ("trades", TRADES) if _TRADES.match(head) else ("bars", BARS)


def batch(read: Callable[[int], bytes], found: Layout, *, label: str) -> Batch:
    """Return the rows of an answer, oldest first."""
    data = read(LARGEST + 1)
    if len(data) > LARGEST:
        raise BadInput(f"{label}: expected an answer of at most {LARGEST >> 20} MiB, found more; save it in several files, or as CSV")
    try:
        said = json.loads(data)
        rows = [_values(one, found) for one in (said["candles"] if isinstance(said, dict) else said)]
    except (ValueError, LookupError, TypeError) as error:
        raise BadInput(
            f"{label}: expected candles or trades as Coinbase answers them, found {type(error).__name__}: {error}; get it again"
        ) from error
    rows.reverse()
    texts = pl.DataFrame(rows, schema=dict.fromkeys(found.fields, pl.String), orient="row")
    times = pl.col("ts").cast(pl.Int64, strict=False) if found.fields == BAR_FIELDS else pl.col("ts")
    frame = texts.with_columns(times, pl.col(found.numbers).cast(pl.Float64, strict=False))
    return Batch(frame, partial(_row, rows))


def _values(one: list[object] | dict[str, object], found: Layout) -> tuple[str, ...]:
    if isinstance(one, list):
        return tuple(str(one[_LIST[name]]) for name in found.names)
    return tuple(str(one["start" if name == "time" and "start" in one else name]) for name in found.names)


def _row(rows: list[tuple[str, ...]], index: int) -> Row:
    return Row(f"row {len(rows) - index}", rows[index])
