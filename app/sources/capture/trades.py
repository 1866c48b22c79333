"""Trades out of a capture: every message of its stream is one, but for those that Binance settles with itself.

`m` tells whether the buyer was the maker: then the taker sold. USD-M names the kind of a trade (`X`): what its insurance fund or its automatic
deleveraging did (INSURANCE_FUND, ADL, NA) is no trade of the market, and aggTrade leaves it out.
"""

from collections import Counter
from math import isfinite
from typing import Any

import polars as pl

from app.sources.capture.feed import Feed
from app.sources.capture.messages import Stream, bad_line, messages
from app.sources.capture.quotes import Taken, apart, own
from app.sources.text import Block
from app.sources.trade_rows import VOID, trades

_SCHEMA = {"ts": pl.Int64(), "received": pl.Int64(), "price": pl.Float64(), "size": pl.Float64(), "side": pl.Int8(), "trade_id": pl.Int64()}
_NUMBER = {Stream.TRADE: "t", Stream.AGG_TRADE: "a"}
_MARKET = "MARKET"

_Row = tuple[int, int, float, float, int, int]


def taken(block: Block, feed: Feed) -> Taken:
    """Return the trades of some lines."""
    aside, lines, rows = Counter[str](), list[int](), list[_Row]()
    for message in messages(block, feed.unit, feed.takes, aside):
        data = own(message, feed)
        if (settled := data.get("X", _MARKET)) != _MARKET:
            aside[f"trades of {settled}"] += 1
            continue
        try:
            rows.append(_row(message.received_us, data, _NUMBER[feed.stream]))
        except (KeyError, ValueError, TypeError):
            raise bad_line(feed.label, message.line, *_fault(data, _NUMBER[feed.stream])) from None
        lines.append(message.line)
    apart([(line, row[0], row[1]) for line, row in zip(lines, rows, strict=True)], feed)
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    kept = frame.filter(pl.col("size") > 0)
    return Taken(trades(kept), aside + Counter({VOID: frame.height - kept.height}))


def _row(received_us: int, data: dict[str, Any], number: str) -> _Row:
    price, size = float(data["p"]), float(data["q"])
    if not (isfinite(price + size) and (size == 0 or (size > 0 and price > 0))):
        raise ValueError(data)
    return int(data["T"]) * 1_000, received_us, price, size, {True: -1, False: 1}[data["m"]], int(data[number])


# Which field made trouble, what it holds, what was expected.
def _fault(data: dict[str, Any], number: str) -> tuple[str, str, str]:
    missing = next((name for name in ("p", "q", "T", "m", number) if name not in data), None)
    if missing is not None:
        return missing, "nothing", "this field, as Binance sends it"
    return "the message", str(data), f"a price p and a size q above 0, a time T in ms, true or false as m, a number {number}"
