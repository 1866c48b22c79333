"""Recorded quotes row by row: what is wrong with each, and what of it can be traded."""

import numpy as np
from numpy.typing import NDArray

from engine.arrays import Bools, Floats, Int64s
from engine.kernels.cache import compiled
from engine.schema import ATOMS_PER_UNIT

Doubts = NDArray[np.uint8]
"""(N,) bits: what is wrong with each row."""

LARGEST_ATOMS = 2.0**62
NO_NUMBER, NOT_POSITIVE, CROSSED, DISORDERED = 1, 2, 4, 8
_EARLIEST_US = -(2**63)


@compiled
def first_reached(times: Int64s, at_us: int) -> int:
    """Return the first of some times (N,), in any order, that is at or after a time [µs]; N where none is."""
    for i in range(times.size):
        if times[i] >= at_us:
            return i
    return int(times.size)


@compiled
def order_times(happened_us: Int64s, known_us: Int64s, event_us: Int64s, available_us: Int64s) -> None:
    """Write when rows (N,) count: the latest event so far, and the latest time so far at which one was known, never before its event.

    Parameters
    ----------
    happened_us, known_us : (N,) int64 [µs]
        As recorded.
    event_us, available_us : (N,) int64 [µs]
        Changed in place.
    """
    latest = known = _EARLIEST_US
    for i in range(happened_us.size):
        latest = max(latest, happened_us[i])
        known = max(known, known_us[i], happened_us[i])
        event_us[i], available_us[i] = latest, known


@compiled
def odd_times(happened_us: Int64s, known_us: Int64s, event_us: Int64s, start_us: int, max_age_us: int) -> tuple[int, int, int, int]:
    """Return how many rows (N,) happened before an earlier one, were known before they happened, and follow a gap; and the longest gap.

    Parameters
    ----------
    happened_us, known_us : (N,) int64 [µs]
        As recorded.
    event_us : (N,) int64 [µs]
        The latest event so far.
    start_us : int [µs]
        From when on the longest gap is looked for; it is one of its ends.
    max_age_us : int [µs]
        A gap is so long that something older than this is in view.
    """
    disorder = negative = gaps = longest_us = 0
    last_us = start_us
    for i in range(event_us.size):
        disorder += happened_us[i] < event_us[i]
        negative += known_us[i] < happened_us[i]
        gaps += i > 0 and event_us[i] - event_us[i - 1] > max_age_us + 1
        if event_us[i] >= start_us:
            longest_us, last_us = max(longest_us, event_us[i] - last_us), event_us[i]
    return disorder, negative, gaps, longest_us


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
def doubt_order(price: Floats, before: Floats, is_bid: bool, ended: Bools, doubts: Doubts) -> None:
    """Mark rows whose price on one level of one side is better than that of the level before it.

    Parameters
    ----------
    price, before : (N,) float64
        As recorded.
    is_bid : bool
        Whether better is higher.
    ended : (N,) bool
        Whether the side has no such level.
    doubts : (N,) uint8
        Changed in place.
    """
    for i in range(price.size):
        if not ended[i] and (price[i] > before[i] if is_bid else price[i] < before[i]):
            doubts[i] |= DISORDERED


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
