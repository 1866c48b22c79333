"""Merging sorted time axes."""

import numpy as np
from numba import njit

from engine.arrays import Int32s, Int64s


@njit(cache=True, nogil=True)
def asof_rows(available: Int64s, event: Int64s, at: Int64s, max_age_us: int) -> Int32s:
    """Return for each time the row of the last observation available by then, or -1.

    Parameters
    ----------
    available, event : (N,) int64 [µs]
        When each observation could be known, and when it was true; both increase.
    at : (T,) int64 [µs]
        Increasing times.
    max_age_us : int [µs]
        An observation whose event is longer ago than this is absent.

    Returns
    -------
    (T,) int32 row index, -1 where nothing is available or what is available is too old.
    """
    rows = np.empty(at.size, np.int32)
    row = -1
    for i in range(at.size):
        while row + 1 < available.size and available[row + 1] <= at[i]:
            row += 1
        rows[i] = row if row >= 0 and at[i] - event[row] <= max_age_us else -1
    return rows


@njit(cache=True, nogil=True)
def union(a: Int64s, b: Int64s) -> Int64s:
    """Return the values of two increasing arrays (N,) and (M,), each once, increasing."""
    merged = np.empty(a.size + b.size, np.int64)
    i = j = size = 0
    while i < a.size or j < b.size:
        from_a = j == b.size or (i < a.size and a[i] <= b[j])
        value = a[i] if from_a else b[j]
        i += i < a.size and a[i] == value
        j += j < b.size and b[j] == value
        merged[size] = value
        size += 1
    return merged[:size].copy()
