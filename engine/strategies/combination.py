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


def reverse(combination: Combination) -> Combination:
    """Return the same the other way round: what was sold is bought, what came last comes first."""
    return tuple(Step(step.leg, BUY if step.side == SELL else SELL) for step in reversed(combination))


def label(combination: Combination, legs: Sequence[SeriesKey]) -> str:
    """Return a combination as people read it: `sell kraken BTC/USDC, buy coinbase BTC/USD`."""
    return ", ".join(f"{'buy' if step.side == BUY else 'sell'} {legs[step.leg]}" for step in combination)


def label_parts(text: str) -> list[tuple[str, SeriesKey]]:
    """Return the sides and series that a label names."""
    parts = (part.split(" ") for part in text.split(", "))
    return [(side, SeriesKey(venue, instrument)) for side, venue, instrument in parts]
