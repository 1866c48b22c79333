"""Kraken's archive of OHLCVT: 7 columns without header, open time in seconds; minutes without a trade are left out.

Columns: open time, open, high, low, close, volume, trades (support.kraken.com, article 360047124832). The file name is the pair, in Kraken's
words, and the interval in minutes.
"""

from app.sources.clock import Unit
from app.sources.layout import headless

VENUE = "kraken"
LAYOUT = headless(7, frozenset({Unit.SECONDS}))

CURRENCIES = {"XBT": "BTC", "XDG": "DOGE"}
"""Kraken's own codes, in the words of everybody else."""
