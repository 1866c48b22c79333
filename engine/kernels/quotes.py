"""Recorded quotes row by row: what is wrong with each, and what of it can be traded."""

import numpy as np
from numpy.typing import NDArray

from engine.arrays import Bools, Floats, Int64s
from engine.kernels.cache import compiled
from engine.schema import ATOMS_PER_UNIT

Doubts = NDArray[np.uint8]
"""(N,) bits: what is wrong with each row."""

LARGEST_ATOMS = 2.0**62
NO_NUMBER, NOT_POSITIVE, CROSSED = 1, 2, 4


@compiled
def doubt_level(price: Floats, size: Floats, is_best: bool, ended: Bools, doubts: Doubts) -> None:
    """Mark rows whose price or size on one level of one side is no number, or out of range.

    Parameters
    ----------
    price, size : (N,) float64
        As recorded; nan where missing.
    is_best : bool
        Whether this is the first level; at a further one a missing price ends the side instead.
    ended : (N,) bool
        Changed in place: whether the side has no more levels.
    doubts : (N,) uint8
        Changed in place.
    """
    for i in range(price.size):
        ended[i] |= not is_best and np.isnan(price[i])
        if ended[i]:
            continue
        if not (np.isfinite(price[i]) and np.isfinite(size[i])):
            doubts[i] |= NO_NUMBER
        if price[i] <= 0 or size[i] < 0:
            doubts[i] |= NOT_POSITIVE


@compiled
def doubt_crossed(bid: Floats, ask: Floats, doubts: Doubts) -> int:
    """Mark rows (N,) whose best bid is above the best ask; return how many have both equal."""
    locked = 0
    for i in range(bid.size):
        if bid[i] > ask[i]:
            doubts[i] |= CROSSED
        locked += bid[i] == ask[i]
    return locked


@compiled
def take_level(price: Floats, size: Floats, good: Bools, share: float, level: int, prices: Floats, sizes: Int64s) -> float:
    """Write one level of one side: its prices, and our share of its sizes in atoms.

    Parameters
    ----------
    price, size : (N,) float64
        As recorded.
    good : (N,) bool
        Rows that are not good have no level.
    share : float
        Our share of what is displayed [fraction].
    level : int
        Column to write, from 0; those before it are written.
    prices, sizes : (N, L) float64 [quote per base], int64 [atoms of base]
        Changed in place: nan and 0 where there is no such level.

    Returns
    -------
    float : the largest size [atoms of base]; what is written is at most `LARGEST_ATOMS`.
    """
    largest = 0.0
    for i in range(price.size):
        if not good[i] or np.isnan(price[i]) or (level > 0 and np.isnan(prices[i, level - 1])):
            prices[i, level], sizes[i, level] = np.nan, 0
            continue
        taken = np.floor(share * size[i] * ATOMS_PER_UNIT)
        largest = max(largest, taken)
        prices[i, level], sizes[i, level] = price[i], int(min(taken, LARGEST_ATOMS))
    return largest
