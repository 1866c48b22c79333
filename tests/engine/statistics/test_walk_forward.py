"""Folds against a published example and by hand; what they choose sees nothing of the tests."""

import re
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import Floats
from engine.errors import StatisticsError
from engine.schema import micros
from engine.statistics.walk_forward import Fold, Windows, fold_windows, walk_forward
from engine.units import parse_duration
from tests.profiles import examples

DAY_US, HOUR_US = 86_400_000_000, 3_600_000_000
START_US = micros(datetime(2023, 3, 1, tzinfo=UTC))


def days(train: int, test: int, *, purge: int = 0, embargo: int = 0) -> Windows:
    """Return windows of days."""
    return Windows(train_us=train * DAY_US, test_us=test * DAY_US, purge_us=purge * DAY_US, embargo_us=embargo * DAY_US)


def folds_of(windows: Windows, count: int) -> tuple[Fold, ...]:
    """Return the folds in so many days."""
    return fold_windows(windows, start_us=START_US, end_us=START_US + count * DAY_US, period_us=DAY_US)


def in_days(folds: tuple[Fold, ...]) -> list[tuple[int, int, int, int]]:
    """Return the bounds of folds in days from the start."""
    bounds = [(fold.train_start_us, fold.train_end_us, fold.test_start_us, fold.test_end_us) for fold in folds]
    return [tuple((at - START_US) // DAY_US for at in fold) for fold in bounds]  # type: ignore[misc]


def test_folds_are_those_of_a_published_example() -> None:
    # scikit-learn 1.1, TimeSeriesSplit(n_splits=3, test_size=2, gap=2) on 12 samples: training to 3, 5 and 7, tests 6 and 7, 8 and 9, 10 and 11.
    # Its trainings grow; of ours, which keep their length, the last four samples are the same
    assert in_days(folds_of(days(4, 2, embargo=2), 12)) == [(0, 4, 6, 8), (2, 6, 8, 10), (4, 8, 10, 12)]
    # purged of two instead, from windows that are longer by them
    assert in_days(folds_of(days(6, 2, purge=2), 12)) == [(0, 4, 6, 8), (2, 6, 8, 10), (4, 8, 10, 12)]


def test_what_is_left_at_the_end_is_not_used_and_windows_begin_on_whole_periods() -> None:
    found = fold_windows(days(3, 2), start_us=START_US - 5, end_us=START_US + 8 * DAY_US + HOUR_US, period_us=DAY_US)
    assert in_days(found) == [(0, 3, 3, 5), (2, 5, 5, 7)]
    later = fold_windows(days(3, 2), start_us=START_US + 1, end_us=START_US + 6 * DAY_US, period_us=DAY_US)
    assert in_days(later) == [(1, 4, 4, 6)]


@pytest.mark.parametrize(
    ("windows", "expected"),
    [
        (days(0, 2), "train: expected whole periods of 1d, at least 1, found 0s"),
        (days(3, 0), "test: expected whole periods of 1d, at least 1, found 0s"),
        (days(3, 2, purge=-1), "purge: expected whole periods of 1d, at least 0, found -86400000000 µs"),
        (Windows(train_us=3 * DAY_US, test_us=DAY_US, embargo_us=HOUR_US), "embargo: expected whole periods of 1d, at least 0, found 1h"),
        (days(3, 2, purge=3), "purge: expected less than the training window of 3d, of which it is taken, found 3d"),
        (
            days(30, 10, embargo=1),
            "41d in all, and 20d of data in whole periods (2023-03-01T00:00:00Z to 2023-03-21T00:00:00Z); train 14d and test 5d would fit",
        ),
        (days(30, 10, purge=15, embargo=10), "with this purge and embargo at least 27d of data are needed"),
        (days(1, 40), "train 1d and test 19d would fit"),
        (days(40, 1), "train 19d and test 1d would fit"),
    ],
)
def test_windows_that_do_not_fit_are_refused_with_what_would(windows: Windows, expected: str) -> None:
    with pytest.raises(StatisticsError, match=re.escape(expected)):
        folds_of(windows, 20)


def test_data_without_a_whole_period_has_no_folds() -> None:
    with pytest.raises(StatisticsError, match="and 0s of data in whole periods"):
        fold_windows(days(1, 1), start_us=START_US + 1, end_us=START_US + HOUR_US, period_us=DAY_US)


lengths = st.integers(1, 40)


@given(lengths, lengths, st.integers(0, 12), st.integers(0, 12), st.integers(1, 60))
def test_what_is_said_to_fit_does_and_folds_keep_their_distances(train: int, test: int, purge: int, embargo: int, count: int) -> None:
    windows = days(train + purge, test, purge=purge, embargo=embargo)
    try:
        folds = folds_of(windows, count)
    except StatisticsError as refusal:
        assert train + purge + embargo + test > count
        advised = re.search(r"train (\w+) and test (\w+) would fit", str(refusal))
        least = re.search(r"at least (\w+) of data", str(refusal))
        assert (advised is None) == (count < purge + embargo + 2) == (least is not None)
        if advised:
            other = Windows(
                train_us=parse_duration(advised[1]), test_us=parse_duration(advised[2]), purge_us=windows.purge_us, embargo_us=windows.embargo_us
            )
            assert in_days(folds_of(other, count))[0][3] == count
        return
    found = in_days(folds)
    assert [(b - a, c - b, d - c) for a, b, c, d in found] == [(train, purge + embargo, test)] * len(found)
    assert [fold[2] for fold in found] == [found[0][2] + k * test for k in range(len(found))]
    assert found[0][0] == 0
    assert count - test < found[-1][3] <= count


def matrix_by_hand() -> Floats:
    """Return three trials over six days: a earns first, b later, c never moves."""
    return np.array([[1.0, 0, 0], [3.0, 2, 0], [-2.0, 1, 0], [2.0, 3, 0], [-1.0, 1, 0], [0.0, 5, 0]])


def test_folds_by_hand() -> None:
    # training 0-1, test 2-3; training 2-3, test 4-5
    found = walk_forward(matrix_by_hand(), folds_of(days(2, 2), 6), first_us=START_US, period_us=DAY_US)
    first, second = found.folds
    # a: 1, 3 is 2 / √2, b: 0, 2 is 1 / √2; in the test a: -2, 2 is 0, as c is, and b: 1, 3 is 2 / √2
    assert (first.trial, first.train_sharpe, first.test_sharpe) == (0, pytest.approx(2**0.5), 0.0)
    assert (first.train_total, first.test_total, first.rank) == (4.0, 0.0, 1.5 / 4)
    # b is best of 2-3; 1, 5 is 3 / √8, and the best of the three
    assert (second.trial, second.train_sharpe, second.test_sharpe) == (1, pytest.approx(2**0.5), pytest.approx(3 / 8**0.5))
    assert (second.train_total, second.test_total, second.rank) == (4.0, 6.0, 3 / 4)
    assert found.periods.tolist() == [-2.0, 2.0, 1.0, 5.0]
    assert found.total == 6.0
    assert found.sharpe == pytest.approx(1.5 / (25 / 3) ** 0.5)  # squares 12.25 + 0.25 + 0.25 + 12.25
    assert found.degradation == pytest.approx(2**0.5 - 3 / 8**0.5 / 2)
    assert found.efficiency == pytest.approx(1.5 / 2.0)
    assert found.paid == 0.5


def test_the_largest_sum_may_choose_another_than_the_largest_ratio() -> None:
    steady_and_large = np.array([[1.0, 0], [1.5, 9], [7.0, 1], [5.0, 1]])
    folds = folds_of(days(2, 2), 4)
    by_ratio = walk_forward(steady_and_large, folds, first_us=START_US, period_us=DAY_US)
    by_sum = walk_forward(steady_and_large, folds, first_us=START_US, period_us=DAY_US, choose_by="total")
    assert (by_ratio.folds[0].trial, by_sum.folds[0].trial) == (0, 1)
    assert (by_ratio.total, by_sum.total) == (12.0, 2.0)
    # ranked by what it was chosen by: 12 against 2 in sums
    assert (by_ratio.folds[0].rank, by_sum.folds[0].rank) == (2 / 3, 1 / 3)


def test_a_test_of_one_period_is_ranked_by_what_it_earned() -> None:
    found = walk_forward(matrix_by_hand()[:3], folds_of(days(2, 1), 3), first_us=START_US, period_us=DAY_US)
    assert (found.folds[0].trial, found.folds[0].test_sharpe, found.folds[0].rank) == (0, 0.0, 1 / 4)
    assert found.sharpe == 0.0


def test_without_a_gain_in_training_there_is_no_efficiency() -> None:
    found = walk_forward(-1 - matrix_by_hand(), folds_of(days(2, 2), 6), first_us=START_US, period_us=DAY_US)
    assert found.efficiency is None
    assert found.folds[0].train_total < 0


@given(st.integers(0, 1000))
@examples(40)
def test_choices_depend_on_nothing_but_their_training(seed: int) -> None:
    random = np.random.default_rng(seed)
    matrix, folds = random.standard_normal((20, 5)), folds_of(days(6, 3, purge=2, embargo=1), 20)
    poisoned = matrix.copy()
    fold = int(random.integers(len(folds)))
    seen = slice(*((at - START_US) // DAY_US for at in (folds[fold].train_start_us, folds[fold].train_end_us)))
    hidden = np.ones(20, dtype=bool)
    hidden[seen] = False
    poisoned[hidden] = 100 * random.standard_normal((int(hidden.sum()), 5))
    one, other = (walk_forward(found, folds, first_us=START_US, period_us=DAY_US).folds[fold] for found in (matrix, poisoned))
    assert (one.trial, one.train_sharpe, one.train_total) == (other.trial, other.train_sharpe, other.train_total)


def test_folds_outside_the_periods_or_with_a_training_of_one_are_refused() -> None:
    folds = folds_of(days(2, 2), 6)
    with pytest.raises(StatisticsError, match="expected folds inside the 5 periods, found one of periods 2 to 6"):
        walk_forward(matrix_by_hand()[:5], folds, first_us=START_US, period_us=DAY_US)
    with pytest.raises(StatisticsError, match="expected folds inside the 6 periods, found one of periods -1 to 3"):
        walk_forward(matrix_by_hand(), folds, first_us=START_US + DAY_US, period_us=DAY_US)
    with pytest.raises(StatisticsError, match="expected a training of two periods or more, after the purge, found one"):
        walk_forward(matrix_by_hand(), folds_of(days(2, 2, purge=1), 6), first_us=START_US, period_us=DAY_US)
