"""Binance's public archive of klines: 12 columns without header, open time in ms, since 2025 in µs.

Columns: open time, open, high, low, close, volume, close time, quote volume, trades, taker buy base, taker buy quote, unused (README of
github.com/binance/binance-public-data at 13ad8c5). The spot archive is meant: futures files look alike, but their prices are of another
instrument, and the volume of coin-margined ones counts contracts.
"""

from app.sources.clock import Unit
from app.sources.layout import headless

VENUE = "binance"
LAYOUT = headless(12, frozenset({Unit.MILLISECONDS, Unit.MICROSECONDS}))
