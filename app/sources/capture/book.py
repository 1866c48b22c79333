"""An order book that is kept by Binance's messages, after Binance's rules: a snapshot, then every update in unbroken sequence.

Spot (developers.binance.com, "How to manage a local order book correctly"): an update that ends at or before the book's number is old; one
that begins after the next number shows that others were missed. Futures: the first update after a snapshot must reach back to it, and
each later one names the last number of the one before it (`pu`). Where an update was missed the book is unknown until a snapshot fits.
A snapshot holds the best levels only (1,000 or 5,000 a side): further out a level is known once an update has named it.
"""

from bisect import bisect_left, insort
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import Enum, auto
from math import inf, nan
from typing import NamedTuple

WAITING = 4_096
"""Updates that are kept for a snapshot to come; it takes seconds, and they arrive some ten times a second."""

Levels = Sequence[tuple[str, str]]


class Update(NamedTuple):
    """A message of changes: sizes that replace those at their prices, 0 taking a level out."""

    first: int
    last: int
    before: int | None
    """Number that the message before ended with; None on spot, which does not say it."""
    bids: Levels
    asks: Levels


class Effect(Enum):
    """What became of a message."""

    APPLIED = auto()
    OLD = auto()
    WAITING = auto()
    """Kept until a snapshot comes."""
    GAP = auto()
    """Messages before this one were missed: the book is unknown."""
    UNFIT = auto()
    """A snapshot that is older than the book, or than the updates that wait for one."""


@dataclass(slots=True)
class Side:
    """Prices in order with the size at each."""

    prices: list[float] = field(default_factory=list)
    sizes: dict[float, float] = field(default_factory=dict)

    def put(self, levels: Iterable[tuple[str, str]]) -> None:
        """Set the sizes at prices; ValueError where one is no number."""
        prices, sizes = self.prices, self.sizes
        for price_text, size_text in levels:
            price, size = float(price_text), float(size_text)
            if not (0.0 < price < inf and 0.0 <= size < inf):
                raise ValueError(f"{price_text}, {size_text}")
            if size == 0.0:
                if sizes.pop(price, None) is not None:
                    del prices[bisect_left(prices, price)]
            else:
                if price not in sizes:
                    insort(prices, price)
                sizes[price] = size


@dataclass(slots=True)
class Book:
    """Both sides, and the number of the last message that is in them; no number where the book is unknown."""

    bids: Side = field(default_factory=Side)
    asks: Side = field(default_factory=Side)
    number: int | None = None
    _fresh: bool = False
    _waiting: deque[Update] = field(default_factory=lambda: deque(maxlen=WAITING))

    def update(self, update: Update) -> Effect:
        """Take a message of changes."""
        if self.number is None:
            self._waiting.append(update)
            return Effect.WAITING
        if self._is_old(update, self.number):
            return Effect.OLD
        if not self._follows(update, self.number):
            self._forget()
            self._waiting.append(update)
            return Effect.GAP
        self.bids.put(update.bids)
        self.asks.put(update.asks)
        self.number, self._fresh = update.last, False
        return Effect.APPLIED

    def snapshot(self, number: int, bids: Levels, asks: Levels) -> Effect:
        """Take a whole book, and the updates on it that came before it did."""
        if self.number is not None and number <= self.number:
            return Effect.UNFIT
        waiting = list(self._waiting)
        self._forget()
        self.bids.put(bids)
        self.asks.put(asks)
        self.number, self._fresh = number, True
        effects = [self.update(update) for update in waiting]
        return Effect.UNFIT if Effect.GAP in effects else Effect.APPLIED

    def best(self, levels: int) -> list[float]:
        """Return price and size of bid and ask, level by level; nan where there is none."""
        bids, asks = self.bids.prices[: -levels - 1 : -1], self.asks.prices[:levels]
        found = [nan] * (4 * levels)
        found[0 : 4 * len(bids) : 4] = bids
        found[1 : 4 * len(bids) : 4] = [self.bids.sizes[price] for price in bids]
        found[2 : 4 * len(asks) : 4] = asks
        found[3 : 4 * len(asks) : 4] = [self.asks.sizes[price] for price in asks]
        return found

    def _is_old(self, update: Update, number: int) -> bool:
        return update.last < number if update.before is not None and self._fresh else update.last <= number

    def _follows(self, update: Update, number: int) -> bool:
        if update.before is None:
            return update.first <= number + 1
        return update.before <= number if self._fresh else update.before == number

    def _forget(self) -> None:
        self.bids, self.asks, self.number, self._fresh = Side(), Side(), None, False
        self._waiting.clear()
