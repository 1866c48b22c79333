"""Kraken's archives of OHLCVT and of trades: 7 and 3 columns without header, times in seconds; minutes without a trade are left out.

Columns of OHLCVT: open time, open, high, low, close, volume, trades (support.kraken.com, article 360047124832); of trades: time, price, volume
(article 360047543791), without side and number. The file name is the pair, in Kraken's
words, and the interval in minutes.
"""

from app.sources import trade_tables
from app.sources.clock import Unit
from app.sources.layout import headless

VENUE = "kraken"
LAYOUT = headless(7, frozenset({Unit.SECONDS}))
TRADES = trade_tables.headless(3, {"ts": "time", "price": "price", "size": "volume"}, (0, 1, 2), frozenset({Unit.SECONDS}))

CURRENCIES = {"XBT": "BTC", "XDG": "DOGE"}
"""Kraken's own codes, in the words of everybody else."""
