"""Tardis CSV: trades, quotes, and snapshots of the best 5 or 25 levels at every change; times in µs, the venue's and the recorder's.

Columns: exchange, symbol, timestamp, local_timestamp, then ask_amount, ask_price, bid_price, bid_amount of quotes; id, side (of the taker: buy,
sell or unknown), price, amount of trades; and asks[0].price,
asks[0].amount, bids[0].price, bids[0].amount, asks[1].price… of book snapshots (docs.tardis.dev/downloadable-csv-files/data-types). Where
the venue gives no time, `timestamp` repeats `local_timestamp`: then there are receive times only. A side without an order is empty.
"""

import re
from collections.abc import Sequence
from dataclasses import replace

import polars as pl

from app.sources import quote_tables, trade_tables
from app.sources.clock import Unit
from app.sources.layout import Layout, depth, level_fields
from app.sources.plain import cleaned
from engine.schema import level_columns

START = ("exchange", "symbol", "timestamp", "local_timestamp")

_TIMES = {"ts": 2, "received": 3}
_QUOTES = {"bid_price": "bid", "bid_amount": "bid_size", "ask_price": "ask", "ask_amount": "ask_size"}
_TRADES = {"price": "price", "amount": "size", "side": "side", "id": "trade_id"}
_BOOK = re.compile(r"(?P<side>ask|bid)s\[(?P<level>\d+)\]\.(?P<what>price|amount)")


def is_one(header: Sequence[str]) -> bool:
    """Tell whether a header is one of those that we read."""
    return tuple(map(cleaned, header[:4])) == START and set(level_columns(1)) <= set(_numbers(header))


def are_trades(header: Sequence[str]) -> bool:
    """Tell whether a header is that of trades."""
    return tuple(map(cleaned, header[:4])) == START and set(_TRADES) <= set(map(cleaned, header))


def trades(header: Sequence[str]) -> Layout:
    """Return where the columns of trades stand."""
    names = [cleaned(name) for name in header]
    plain = trade_tables.chosen(header, _TIMES | {field: names.index(name) for name, field in _TRADES.items()})
    return replace(plain, units=dict.fromkeys(_TIMES, frozenset({Unit.MICROSECONDS})))


def layout(header: Sequence[str], *, levels: int) -> Layout:
    """Return where our columns stand, with at most so many levels."""
    found = _numbers(header)
    plain = quote_tables.chosen(header, _TIMES | {field: found[field] for field in level_fields(depth(found, levels))})
    return replace(plain, units=dict.fromkeys(_TIMES, frozenset({Unit.MICROSECONDS})))


def own_times(found: Layout, sample: pl.DataFrame) -> Layout:
    """Return the layout without `timestamp` where that only repeats `local_timestamp`."""
    return found.without("ts") if sample["ts"].equals(sample["received"]) else found


def _numbers(header: Sequence[str]) -> dict[str, int]:
    found = {_field(cleaned(name)): position for position, name in enumerate(header)}
    return {field: position for field, position in found.items() if field is not None}


def _field(name: str) -> str | None:
    if (parts := _BOOK.fullmatch(name)) is None:
        return _QUOTES.get(name)
    return level_columns(int(parts["level"]) + 1)[2 * (parts["side"] == "ask") + (parts["what"] == "amount")]
