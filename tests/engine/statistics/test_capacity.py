"""Where PnL over size turns, on curves whose turn is known."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StatisticsError
from engine.statistics.capacity import capacity

SCALES = np.array([0.5, 1.0, 2.0, 4.0, 8.0])


@given(st.floats(1.0, 1000.0), st.floats(0.3, 5.0))
def test_a_curve_of_linear_impact_turns_at_its_vertex(slope: float, vertex: float) -> None:
    # a s - b s² with b = a / (2 vertex): impact that grows linearly with size costs its square
    found = capacity(SCALES, slope * SCALES - slope / (2 * vertex) * SCALES**2)
    assert found.turning_scale == pytest.approx(vertex)
    assert abs(found.best_scale - vertex) == pytest.approx(np.abs(SCALES - vertex).min())


def test_the_turn_of_five_points_is_that_of_numpys_parabola() -> None:
    pnl = np.array([40.0, 75.0, 120.0, 90.0, -60.0])
    found = capacity(SCALES, pnl)
    a, b, _ = np.polyfit(SCALES[1:4], pnl[1:4], 2)
    assert found.turning_scale == pytest.approx(-b / (2 * a))
    assert (found.best_scale, found.best_pnl) == (2.0, 120.0)
    assert found.marginal.tolist() == [80.0, 70.0, 45.0, -15.0, -37.5]  # 40/0.5, 35/0.5, 45/1, -30/2, -150/4
    assert found.zero_scale == pytest.approx(4 + 4 * 90 / 150)


def test_scales_may_come_in_any_order() -> None:
    pnl, order = np.array([40.0, 75.0, 120.0, 90.0, -60.0]), np.array([3, 0, 4, 2, 1])
    one, other = capacity(SCALES, pnl), capacity(SCALES[order], pnl[order])
    assert (one.scales.tolist(), one.pnl.tolist(), one.turning_scale) == (other.scales.tolist(), other.pnl.tolist(), other.turning_scale)


def test_the_turn_may_lie_below_the_smallest_size() -> None:
    # 0 at 0, 30 at 0.5, 20 at 1: rises 60 a unit, then falls 20: vertex at 0.25 + 60 / (2 × 80)
    found = capacity(SCALES, np.array([30.0, 20.0, 5.0, 0.0, -9.0]))
    assert found.turning_scale == pytest.approx(0.625)
    assert found.zero_scale == pytest.approx(4.0)


def test_a_loss_below_the_best_size_is_no_end() -> None:
    # a fixed cost that small sizes do not earn
    found = capacity(SCALES, np.array([-2.0, -1.0, 4.0, 9.0, 7.0]))
    assert found.zero_scale is None
    assert found.turning_scale == pytest.approx(5.5)  # 2.5 a unit up to 4, 0.5 a unit down to 8: 3 - 2.5 / (2 × -3/6)


def test_a_curve_that_grows_to_the_end_has_no_turn_yet() -> None:
    found = capacity(SCALES, np.array([1.0, 2.0, 3.0, 4.0, 5.0]))
    assert (found.best_scale, found.turning_scale, found.zero_scale) == (8.0, None, None)


def test_a_plateau_is_best_at_its_smallest_size_and_turns_in_its_middle() -> None:
    found = capacity(SCALES, np.array([1.0, 2.0, 3.0, 3.0, 1.0]))
    assert found.best_scale == 2.0
    assert found.turning_scale == pytest.approx(3.0)  # the parabola through (1, 2), (2, 3) and (4, 3)


@pytest.mark.parametrize("pnl", [[0.0] * 5, [-1.0, -2.0, -3.0, -4.0, -5.0], [-5.0, -4.0, -1.0, -2.0, -3.0]])
def test_what_never_earns_has_no_capacity(pnl: list[float]) -> None:
    found = capacity(SCALES, np.array(pnl))
    assert (found.best_pnl, found.turning_scale, found.zero_scale) == (max(pnl), None, None)


@pytest.mark.parametrize(
    ("scales", "pnl", "expected"),
    [
        ([1.0, 2.0], [1.0, 2.0], "expected PnL at three scales or more, found 2 values at 2"),
        ([1.0, 2.0, 4.0], [1.0, 2.0], "expected PnL at three scales or more, found 2 values at 3"),
        ([0.0, 2.0, 4.0], [1.0, 2.0, 3.0], "expected finite PnL at different scales above 0"),
        ([1.0, 2.0, 2.0], [1.0, 2.0, 3.0], "expected finite PnL at different scales above 0"),
        ([1.0, 2.0, 4.0], [1.0, np.nan, 3.0], "expected finite PnL at different scales above 0"),
        ([1.0, 2.0, np.inf], [1.0, 2.0, 3.0], "expected finite PnL at different scales above 0"),
    ],
)
def test_what_is_no_curve_is_refused(scales: list[float], pnl: list[float], expected: str) -> None:
    with pytest.raises(StatisticsError, match=expected):
        capacity(np.array(scales), np.array(pnl))
