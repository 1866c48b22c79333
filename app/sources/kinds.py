"""Kinds of series: what their rows are, and how long each stands for."""

from collections.abc import Mapping
from typing import Literal, NamedTuple

from engine.units import format_duration

Data = Literal["bars", "quotes", "quote_bars", "trades", "pool", "pool_bars", "funding"]
"""What a series is made of, in the words of a spec's `instrument.data`; of trades a run reads the bars that are made of them.

Funding is that of a perpetual, beside its prices."""


class Kind(NamedTuple):
    """Kind of a series; bars of any kind have a length."""

    data: Data
    interval_us: int = 0

    def __str__(self) -> str:
        name = self.data.replace("_", " ")
        return f"{name} of {format_duration(self.interval_us)}" if self.interval_us else name

    @property
    def rows(self) -> str:
        """What its rows are called."""
        return _ROWS.get(self.data, str(self))


_ROWS: Mapping[Data, str] = {"pool": "states", "pool_bars": "states", "funding": "payments"}

QUOTES = Kind("quotes")
TRADES = Kind("trades")
POOL = Kind("pool")
FUNDING = Kind("funding")
