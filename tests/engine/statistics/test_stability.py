"""What the neighbours of the best keep, on grids and scattered points small enough to see."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StatisticsError
from engine.statistics.stability import grid_levels, grid_neighbours, nearest_neighbours, stability
from tests.profiles import examples

# thresholds 5, 10 and 20 bps by notionals 1,000 and 4,000, listed row by row
GRID = np.array([[5.0, 1000], [5, 4000], [10, 1000], [10, 4000], [20, 1000], [20, 4000]])


def test_neighbours_on_a_grid_are_one_step_away_whatever_the_values() -> None:
    levels = grid_levels(GRID)
    assert levels.tolist() == [[0, 0], [0, 1], [1, 0], [1, 1], [2, 0], [2, 1]]
    assert grid_neighbours(levels, 0).tolist() == [1, 2, 3]
    assert grid_neighbours(levels, 3).tolist() == [0, 1, 2, 4, 5]
    assert grid_neighbours(grid_levels(np.array([[7.0]])), 0).size == 0


def test_the_neighbourhood_by_hand() -> None:
    # best 100; around it 90, 80, 79 and 20: at 0.8, two of four keep it; the median is 79.5
    found = stability(np.array([90.0, 80.0, 100.0, 79.0, 20.0]), np.array([0, 1, 3, 4]), best=2)
    assert (found.best, found.score, found.neighbours, found.keep) == (2, 100.0, 4, 0.8)
    assert (found.share, found.median, found.worst) == (0.5, 79.5, 20.0)
    assert stability(np.array([90.0, 80.0, 100.0, 79.0, 20.0]), np.array([0, 1, 3, 4]), best=2, keep=0.2).share == 1.0


def test_trials_without_a_result_keep_nothing() -> None:
    found = stability(np.array([100.0, np.nan, 95.0]), np.array([1, 2]), best=0)
    assert (found.share, found.median, found.worst) == (0.5, 47.5, 0.0)


@pytest.mark.parametrize("score", [0.0, -5.0, np.nan])
def test_a_best_that_did_not_earn_has_nothing_to_keep(score: float) -> None:
    found = stability(np.array([score, -9.0]), np.array([1]), best=0)
    assert (found.share, found.median, found.worst) == (None, -9.0, -9.0)


def test_a_trial_alone_has_no_neighbourhood() -> None:
    found = stability(np.array([3.0]), nearest_neighbours(np.array([[0.5, 0.5]]), 0), best=0)
    assert (found.neighbours, found.share, found.median, found.worst) == (0, None, None, None)


@pytest.mark.parametrize("keep", [0.0, 1.01, -0.5, math.nan])
def test_a_share_that_cannot_be_kept_is_refused(keep: float) -> None:
    with pytest.raises(StatisticsError, match="expected a share above 0 and at most 1 to keep"):
        stability(np.array([1.0, 2.0]), np.array([0]), best=1, keep=keep)


def test_the_nearest_are_a_step_to_each_side_of_a_lattice() -> None:
    lattice = np.array([[x / 4, y / 4] for x in range(5) for y in range(5)])
    assert nearest_neighbours(lattice, 12).tolist() == [7, 11, 13, 17]
    # in a corner two are nearest, and the next three are as near as each other but for the diagonal
    assert nearest_neighbours(lattice, 0, count=2).tolist() == [1, 5]
    assert nearest_neighbours(lattice, 12, count=5).tolist() == [6, 7, 8, 11, 13, 16, 17, 18]  # the fifth is as near as three others
    assert nearest_neighbours(lattice[:3], 1, count=9).tolist() == [0, 2]


def test_a_design_has_two_neighbours_a_parameter() -> None:
    points = np.random.default_rng(1).random((50, 3))
    assert nearest_neighbours(points, 7).size == 6


@given(st.integers(0, 1000), st.integers(1, 4), st.integers(2, 40), st.integers(1, 12))
@examples(60)
def test_the_nearest_are_those_of_plain_python(seed: int, dimensions: int, trials: int, count: int) -> None:
    points = np.random.default_rng(seed).random((trials, dimensions))
    ordered = sorted(range(1, trials), key=lambda other: math.dist(points[0], points[other]))
    assert nearest_neighbours(points, 0, count=count).tolist() == sorted(ordered[:count])


@given(st.permutations(range(6)), st.sampled_from((0.01, 1.0, 1e5)))
@examples(30)
def test_neither_the_order_of_the_trials_nor_the_unit_counts(order: list[int], scale: float) -> None:
    scores = np.array([3.0, 5.0, 4.0, 6.0, 1.0, 5.5])
    one = stability(scores, grid_neighbours(grid_levels(GRID), 3), best=3)
    moved = order.index(3)
    other = stability(scale * scores[order], grid_neighbours(grid_levels(GRID[order]), moved), best=moved)
    assert other.share == one.share
    assert other.median == pytest.approx(scale * 4.0)
