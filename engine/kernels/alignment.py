"""Merging sorted time axes."""

import numpy as np

from engine.arrays import Int64s
from engine.kernels.cache import compiled


@compiled
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
