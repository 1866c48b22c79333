"""Merged time axes against the obvious Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.kernels.alignment import union

times = st.lists(st.integers(-50, 50), unique=True, max_size=30).map(sorted)


@given(times, times)
def test_a_union_holds_each_value_once_in_order(a: list[int], b: list[int]) -> None:
    assert union(np.array(a, dtype=np.int64), np.array(b, dtype=np.int64)).tolist() == sorted({*a, *b})
