"""Sharpe ratios against the worked examples of who proposed them, and against plain Python."""

import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import StatisticsError
from engine.statistics.sharpe import Moments, check_periods, minimum_track_record, moments, probabilistic_sharpe, sharpe_ratios, varies

values = st.lists(st.integers(-1000, 1000).map(float), min_size=2, max_size=40)


def record(sharpe: float, *, count: int = 24, skewness: float = 0.0, kurtosis: float = 3.0) -> Moments:
    """Return moments of a record, normally distributed unless said otherwise."""
    return Moments(count=count, sharpe=sharpe, skewness=skewness, kurtosis=kurtosis)


def test_the_probabilistic_sharpe_ratio_is_that_of_its_paper() -> None:
    # Bailey and López de Prado (2012/13), section 3: two years of months, mean 3.6 %, deviation 7.9 % (annual ratio 1.59)
    fund = 0.458
    assert probabilistic_sharpe(record(fund)) == pytest.approx(0.982, abs=5e-4)
    assert probabilistic_sharpe(record(fund, skewness=-2.448, kurtosis=10.164)) == pytest.approx(0.913, abs=5e-4)


@pytest.mark.parametrize(("a_year", "years"), [(250, 2.73), (52, 2.83), (12, 3.24)])
def test_the_minimum_track_record_is_that_of_its_paper(a_year: int, years: float) -> None:
    # the same: an annual ratio of 2 above 1 with 95 % confidence, normal returns by day, week and month
    least = minimum_track_record(record(2 / math.sqrt(a_year)), benchmark=1 / math.sqrt(a_year))
    assert least is not None
    assert least / a_year == pytest.approx(years, abs=5e-3)


def test_skewed_and_fat_tailed_returns_need_a_longer_record() -> None:
    # the same: monthly returns of the hedge fund index, skewness -0.72 and kurtosis 5.78
    least = minimum_track_record(record(2 / math.sqrt(12), skewness=-0.72, kurtosis=5.78), benchmark=1 / math.sqrt(12))
    assert least is not None
    assert least / 12 == pytest.approx(4.99, abs=5e-3)


def test_a_record_of_the_minimum_length_is_as_sure_as_was_asked() -> None:
    found = record(0.3, skewness=-1.5, kurtosis=8.0)
    least = minimum_track_record(found, benchmark=0.1, confidence=0.9)
    assert least is not None
    for count, expected in ((math.floor(least), False), (math.ceil(least), True)):
        sure = probabilistic_sharpe(record(0.3, count=count, skewness=-1.5, kurtosis=8.0), benchmark=0.1)
        assert sure is not None
        assert (sure >= 0.9) is expected


@pytest.mark.parametrize("sharpe", [0.1, 0.0, -1.0])
def test_no_length_makes_a_ratio_exceed_what_it_does_not(sharpe: float) -> None:
    assert minimum_track_record(record(sharpe), benchmark=0.1) is None


@pytest.mark.parametrize("confidence", [0.5, 1.0, math.nan])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(StatisticsError, match=r"expected a confidence above 0\.5 and below 1, found"):
        minimum_track_record(record(0.2), confidence=confidence)


def test_an_estimate_without_variance_has_no_probability() -> None:
    # 1 - 2 × 1 + (5 - 1) / 4 × 1 = 0
    assert probabilistic_sharpe(record(1.0, skewness=2.0, kurtosis=5.0)) is None


def test_moments_by_hand() -> None:
    # 0, 0, 0, 1: mean 1/4, m2 = 3/16, m3 = 3/32, m4 = 84/1024; deviation with ddof 1 is 1/2
    found = moments(np.array([0.0, 0.0, 0.0, 1.0]))
    assert found is not None
    assert (found.count, found.sharpe) == (4, pytest.approx(0.5))
    assert found.skewness == pytest.approx(2 / math.sqrt(3))
    assert found.kurtosis == pytest.approx(7 / 3)


@pytest.mark.parametrize("series", [[], [1.0], [0.0, 0.0], [0.1, 0.1, 0.1], [-3e9] * 7])
def test_what_does_not_vary_has_no_moments(series: list[float]) -> None:
    assert moments(np.array(series)) is None


@given(values)
def test_ratios_are_mean_over_deviation_or_zero(series: list[float]) -> None:
    column = np.array(series)[:, None]
    deviation = statistics.stdev(series)
    assert varies(column).tolist() == [deviation > 0]
    expected = statistics.fmean(series) / deviation if deviation > 0 else 0.0
    assert sharpe_ratios(column)[0] == pytest.approx(expected, rel=1e-9, abs=1e-12)


@given(values, st.sampled_from((0.001, 3.0, 1e6)))
def test_ratios_do_not_depend_on_the_unit_or_on_the_order(series: list[float], scale: float) -> None:
    column = np.array(series)[:, None]
    assert sharpe_ratios(scale * column)[0] == pytest.approx(sharpe_ratios(column)[0], rel=1e-9, abs=1e-12)
    assert sharpe_ratios(column[::-1])[0] == pytest.approx(sharpe_ratios(column)[0], rel=1e-9, abs=1e-12)
    assert sharpe_ratios(-column)[0] == -sharpe_ratios(column)[0]


def test_a_deviation_that_only_rounding_made_is_none() -> None:
    assert [sharpe_ratios(np.full((count, 1), 0.1))[0] for count in range(2, 100)] == [0.0] * 98  # sums of 0.1 are no multiples of it
    # 1e6 with a deviation of 2 varies: 1e6 / 2
    assert sharpe_ratios(np.array([[1e6 - 2], [1e6], [1e6 + 2]]))[0] == pytest.approx(5e5, rel=1e-3)


def test_what_is_no_matrix_of_numbers_is_refused_with_the_place() -> None:
    bad = np.zeros((3, 2))
    bad[2, 1] = np.nan
    with pytest.raises(StatisticsError, match=r"expected finite numbers, found nan in period 2 of trial 1 \(1 in all\)"):
        check_periods(bad)
    for empty in (np.zeros(3), np.zeros((0, 4)), np.zeros((4, 0))):
        with pytest.raises(StatisticsError, match="expected a matrix of periods by trials"):
            check_periods(empty)
