"""Marks at times that were asked for before: a table that the trials of a sweep share, since they trade at the same times."""

from typing import NamedTuple

from engine.arrays import Floats, Int64s
from engine.kernels.cache import compiled, rule

NO_TIME_US = -(2**62)
"""Stands where the table has no entry."""


class Known(NamedTuple):
    """An open table by time; at most half of it is filled, and its length is a prime, so that round times spread."""

    at_us: Int64s  # (H,) NO_TIME_US: free
    mark: Floats  # (H, M) [numeraire per unit]


@rule
def place_of(known: Known, at_us: int) -> int:
    """Return the row of a time, or the free one that it would have."""
    row = at_us % known.at_us.size
    while known.at_us[row] != at_us and known.at_us[row] != NO_TIME_US:
        row = row + 1 if row + 1 < known.at_us.size else 0
    return int(row)


@compiled
def remember(known: Known, at_us: Int64s, mark: Floats) -> None:
    """Write marks (T, M) at times (T,) [µs]; what is known already stays."""
    for k in range(at_us.size):
        row = place_of(known, at_us[k])
        known.at_us[row] = at_us[k]
        for currency in range(mark.shape[1]):
            known.mark[row, currency] = mark[k, currency]
