"""Axes: places, round numbers, round times."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.charts.scales import Scale, duration_text, round_ticks, tick_text, time_text, time_ticks, value_range

SECOND, MINUTE, HOUR, DAY = 1_000_000, 60_000_000, 3_600_000_000, 86_400_000_000
NUMBERS = st.floats(-1e9, 1e9, allow_nan=False)


def test_a_scale_is_a_straight_line_from_values_to_places() -> None:
    scale = Scale(low=10, high=20, first=200, last=0)
    np.testing.assert_allclose(scale.at(np.array([10.0, 12.5, 20.0, 30.0])), [200, 150, 0, -200])
    assert np.isnan(scale.at(float("nan")))


def test_a_scale_without_a_span_puts_everything_in_the_middle() -> None:
    np.testing.assert_array_equal(Scale(low=5, high=5, first=0, last=100).at(np.array([5.0, 6.0])), [50, 50])


@given(st.lists(NUMBERS | st.just(float("nan")), max_size=20), st.booleans())
def test_a_range_holds_every_number_and_zero_if_asked_and_is_never_empty(values: list[float], zero: bool) -> None:
    low, high = value_range(np.array(values, dtype=float), zero=zero)
    known = [value for value in values if not np.isnan(value)]
    assert low < high
    assert all(low <= value <= high for value in known)
    assert low <= 0 <= high or (known and not zero)


def test_a_range_that_ends_at_zero_has_no_room_beyond_it() -> None:
    assert value_range(np.array([0.0, 100.0]), zero=True) == (0, 105)
    assert value_range(np.array([-100.0, -50.0]), zero=True) == (-105, 0)
    assert value_range(np.array([-100.0, 100.0]), zero=True) == (-110, 110)
    assert value_range(np.array([10.0, 10.0])) == (9.5, 10.5)


@given(st.floats(-1e5, 1e5), st.floats(1e-3, 1e6), st.integers(2, 10))
def test_ticks_are_round_inside_evenly_spaced_and_not_too_many(low: float, span: float, most: int) -> None:
    ticks, step = round_ticks(low, low + span, most)
    assert ticks.size <= most
    assert all(low - 1e-6 * step <= tick <= low + span + 1e-6 * step for tick in ticks)
    lead = step / 10.0 ** np.floor(np.log10(step) + 1e-9)
    assert any(lead == pytest.approx(times) for times in (1, 2, 5))
    np.testing.assert_allclose(ticks / step, np.round(ticks / step), atol=1e-6)
    np.testing.assert_allclose(np.diff(ticks), step, rtol=1e-6)


def test_ticks_that_everybody_would_choose() -> None:
    for low, high, most, wanted in ((0, 100, 6, [0, 20, 40, 60, 80, 100]), (-3.2, 4.1, 5, [-2, 0, 2, 4]), (0.001, 0.0029, 3, [0.001, 0.002])):
        np.testing.assert_allclose(round_ticks(low, high, most)[0], wanted, atol=1e-12)


def test_a_range_that_is_none_has_one_tick() -> None:
    assert [found.tolist() if isinstance(found, np.ndarray) else found for found in round_ticks(3.0, 3.0)] == [[3.0], 1.0]
    assert round_ticks(0.0, float("inf"))[0].tolist() == [0.0]


@pytest.mark.parametrize(
    ("value", "step", "said"), [(1234.0, 1.0, "1,234"), (0.5, 0.1, "0.5"), (-0.25, 0.05, "-0.25"), (-0.0, 0.5, "0.0"), (2e6, 1e6, "2,000,000")]
)
def test_a_tick_has_as_many_decimals_as_its_step(value: float, step: float, said: str) -> None:
    assert tick_text(value, step) == said


@given(st.integers(0, 4 * 10**15), st.integers(SECOND, 4000 * DAY))
def test_times_are_round_inside_and_not_too_many(start: int, span: int) -> None:
    ticks, step_s = time_ticks(start, start + span, 8)
    assert ticks.size <= 9  # beyond the longest round span: whole days
    assert all(start <= tick <= start + span for tick in ticks)
    assert all(tick % min(step_s * SECOND, DAY) == 0 for tick in ticks)


@pytest.mark.parametrize(
    ("span", "step_s", "count"), [(10 * MINUTE, 120, 6), (2 * DAY, 21_600, 9), (3 * DAY, 43_200, 7), (30 * DAY, 604_800, 5), (12 * SECOND, 2, 7)]
)
def test_spans_that_everybody_would_choose(span: int, step_s: int, count: int) -> None:
    start = 1_678_320_000_000_000 // (7 * DAY) * 7 * DAY
    ticks, found = time_ticks(start, start + span, 9)
    assert (found, ticks.size) == (step_s, count)


def test_times_are_told_by_what_differs() -> None:
    day = 1_678_406_400_000_000  # 2023-03-10
    assert [time_text(day, 3600), time_text(day + 13 * HOUR, 3600), time_text(day, 86_400)] == ["10 Mar", "13:00", "10 Mar"]
    assert time_text(day + 5 * SECOND, 5) == "00:00:05"
    assert time_text(day, 182 * 86_400) == "Mar 2023"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(0, "0 s"), (0.0805, "80.5 ms"), (59, "59 s"), (60, "1 min"), (3_659, "1 h"), (12_000, "3 h 20 min"), (90_061, "1 d 1 h"), (172_800, "2 d")],
)
def test_lengths_of_time_are_told_in_their_largest_units(seconds: float, said: str) -> None:
    assert duration_text(seconds) == said
