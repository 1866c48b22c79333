"""Means and deviations over the ticks of a window."""

from statistics import fmean, stdev

import numpy as np
import pytest

from engine.kernels.rolling import mean_and_deviation

NAN = float("nan")


def both(values: list[float], ticks: int) -> list[tuple[float, float]]:
    """Return mean and deviation at each tick of one leg."""
    mean, deviation = mean_and_deviation(np.array(values)[:, None], ticks)
    return list(zip(mean[:, 0].tolist(), deviation[:, 0].tolist(), strict=True))


def test_a_window_ends_at_its_tick_and_begins_with_the_run() -> None:
    values = [1.0, 2.0, 4.0, 8.0]
    found = both(values, 3)
    assert np.isnan(found[:2]).all()
    for row, part in zip(found[2:], (values[:3], values[1:]), strict=True):
        assert row == pytest.approx((fmean(part), stdev(part)))


def test_what_is_not_known_is_left_out_as_long_as_half_of_the_window_is_known() -> None:
    assert both([NAN, 1.0, NAN, 3.0], 4)[3] == pytest.approx((2.0, stdev([1.0, 3.0])))
    assert np.isnan(both([NAN, NAN, NAN, 3.0, 4.0], 5)[4]).all()
    assert np.isnan(both([NAN, 3.0], 2)[1]).all()


def test_there_is_no_deviation_where_nothing_differs() -> None:
    assert np.isnan(both([0.1, 0.1, 0.1], 3)).all()


def test_each_leg_has_its_own() -> None:
    mean, _ = mean_and_deviation(np.array([[1.0, 10.0], [3.0, 30.0]]), 2)
    assert mean[1].tolist() == [2.0, 20.0]
