"""What a strategy may send as one package: legs, each with a side."""

from typing import NamedTuple

SELL, BUY = 0, 1


class Step(NamedTuple):
    """One leg of a combination."""

    leg: int  # ordinal in `Spec.legs`
    side: int  # SELL or BUY


Combination = tuple[Step, ...]
