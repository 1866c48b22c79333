"""What a strategy may send as one package: legs, each with a side."""

from collections.abc import Sequence
from typing import NamedTuple

from engine.schema import SeriesKey

SELL, BUY = 0, 1


class Step(NamedTuple):
    """One leg of a combination."""

    leg: int  # ordinal in `Spec.legs`
    side: int  # SELL or BUY


Combination = tuple[Step, ...]


def label(combination: Combination, legs: Sequence[SeriesKey]) -> str:
    """Return a combination as people read it: `sell kraken BTC/USDC, buy coinbase BTC/USD`."""
    return ", ".join(f"{'buy' if step.side == BUY else 'sell'} {legs[step.leg]}" for step in combination)
