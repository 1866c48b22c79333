"""Binance's public archive: klines (12 columns), trades (7) and trades added up (8), without header, times in ms, since 2025 in µs.

Columns of klines: open time, open, high, low, close, volume, close time, quote volume, trades, taker buy base, taker buy quote, unused; of
trades: number, price, quantity, quote quantity, time, was the buyer the maker, best match; of aggTrades: number, price, quantity, first trade,
last trade, time, was the buyer the maker, best match (README of github.com/binance/binance-public-data at 13ad8c5). The spot archive is meant:
futures files look alike, but their prices are of another instrument, and the volume of coin-margined ones counts contracts.
"""

from collections.abc import Sequence

from app.sources import trade_tables
from app.sources.clock import Unit
from app.sources.layout import Layout, headless

VENUE = "binance"
_UNITS = frozenset({Unit.MILLISECONDS, Unit.MICROSECONDS})
LAYOUT = headless(12, _UNITS)

_TRADE = {"ts": "time", "price": "price", "size": "quantity", "side": "buyer is maker", "trade_id": "number"}
TRADES = trade_tables.headless(7, _TRADE, (4, 1, 2, 5, 0), _UNITS)
AGGREGATED = trade_tables.headless(8, _TRADE, (5, 1, 2, 6, 0), _UNITS)
_TRUTHS = frozenset({"true", "false"})


def trades(fields: Sequence[str]) -> Layout | None:
    """Return the layout of a first row that is a trade, or trades added up; None where it is neither."""
    found = next((layout for layout in (TRADES, AGGREGATED) if layout.width == len(fields)), None)
    return found if found is not None and fields[found.positions[3]].strip().lower() in _TRUTHS else None
