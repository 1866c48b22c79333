"""Merged time axes against the obvious Python."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from engine.kernels.alignment import asof_rows, union

times = st.lists(st.integers(-50, 50), unique=True, max_size=30).map(sorted)


def array(values: list[int]) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


@given(times, st.integers(0, 20), times, st.integers(0, 60))
def test_each_time_sees_the_last_observation_that_is_available_and_young_enough(events: list[int], latency: int, at: list[int], age: int) -> None:
    found = asof_rows(array(events) + latency, array(events), array(at), age)
    available = [[n for n, event in enumerate(events) if event + latency <= t] for t in at]
    expected = [rows[-1] if rows and t - events[rows[-1]] <= age else -1 for t, rows in zip(at, available, strict=True)]
    assert found.tolist() == expected
    assert found.dtype == np.int32


def test_an_observation_stands_from_its_available_time_until_its_event_is_too_old() -> None:
    # event 10, available 13, of age 5 at 15
    assert asof_rows(array([13]), array([10]), array([12, 13, 15, 16]), 5).tolist() == [-1, 0, 0, -1]


def test_an_old_observation_does_not_step_in_for_a_newer_that_is_too_old() -> None:
    assert asof_rows(array([1, 3]), array([1, 2]), array([9]), 6).tolist() == [-1]


@given(times, times)
def test_a_union_holds_each_value_once_in_order(a: list[int], b: list[int]) -> None:
    assert union(array(a), array(b)).tolist() == sorted({*a, *b})
