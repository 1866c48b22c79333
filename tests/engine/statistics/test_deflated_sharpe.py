"""The deflated Sharpe ratio against the worked example of its paper, and its parts against independent expressions."""

import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import Floats
from engine.errors import StatisticsError
from engine.statistics.deflated_sharpe import deflated_sharpe, effective_rank, expected_maximum, independent_trials
from engine.statistics.sharpe import Moments, moments, probabilistic_sharpe
from tests.profiles import examples


def noise(periods: int, trials: int, *, seed: int = 1, common: float = 0.0) -> Floats:
    """Return independent normal periods of trials, with something added that all have in common."""
    random = np.random.default_rng(seed)
    return random.standard_normal((periods, trials)) + common * random.standard_normal((periods, 1))


@pytest.mark.parametrize(
    ("trials", "skewness", "kurtosis", "expected"),
    [(100, -3.0, 10.0, 0.9004), (46, -3.0, 10.0, 0.9505), (88, 0.0, 3.0, 0.9505)],
)
def test_the_example_of_the_paper(trials: int, skewness: float, kurtosis: float, expected: float) -> None:
    # Bailey and López de Prado (2014), "A numerical example": annual ratio 2.5 from 1250 days of 250 a year, variance of the ratios 1/2 a year
    deviation = math.sqrt(0.5 / 250)
    found = Moments(count=1250, sharpe=2.5 / math.sqrt(250), skewness=skewness, kurtosis=kurtosis)
    if trials == 100:
        assert expected_maximum(deviation, trials) == pytest.approx(0.1132, abs=5e-5)
    assert probabilistic_sharpe(found, benchmark=expected_maximum(deviation, trials)) == pytest.approx(expected, abs=5e-5)


@pytest.mark.parametrize("trials", [5, 10, 100, 1000])
def test_the_expected_maximum_is_close_to_that_of_normal_variables(trials: int) -> None:
    # ∫ x N φ(x) Φ(x)^(N - 1) dx, by the trapezoid rule
    x = np.linspace(-9, 9, 20_001)
    density = np.exp(-(x**2) / 2) / math.sqrt(2 * math.pi)
    below = np.array([0.5 * math.erfc(-v / math.sqrt(2)) for v in x])
    exact = np.trapezoid(x * trials * density * below ** (trials - 1), x)
    assert expected_maximum(1.0, trials) == pytest.approx(exact, rel=0.03)
    assert expected_maximum(0.25, trials) == pytest.approx(expected_maximum(1.0, trials) / 4)


@pytest.mark.parametrize("trials", [0.0, 1.0, 1.2])
def test_one_trial_has_nothing_to_be_lucky_among(trials: float) -> None:
    assert expected_maximum(1.0, trials) == 0.0


def test_the_best_is_held_against_the_trials_that_traded() -> None:
    matrix = noise(300, 6)
    matrix[:, 4] += 0.2
    matrix[:, 2] = 0.0
    found = deflated_sharpe(matrix)
    others = [0, 1, 3, 4, 5]
    each = matrix[:, others].mean(axis=0) / matrix[:, others].std(axis=0, ddof=1)
    assert (found.trial, found.trials) == (4, 5.0)
    assert found.found == moments(matrix[:, 4])
    assert found.deviation == pytest.approx(np.std(each, ddof=1))
    assert found.benchmark == expected_maximum(found.deviation, 5)
    assert found.probability == probabilistic_sharpe(found.found, benchmark=found.benchmark)
    assert found.probability_alone == probabilistic_sharpe(found.found)
    assert found.minimum_periods is not None


def test_a_single_trial_is_held_against_zero() -> None:
    found = deflated_sharpe(noise(50, 1))
    assert (found.trials, found.deviation, found.benchmark) == (1.0, 0.0, 0.0)
    assert found.probability == found.probability_alone


def test_trials_that_are_not_here_count_where_they_are_told() -> None:
    matrix = noise(300, 6)
    sure = [deflated_sharpe(matrix, trials=count).probability for count in (1.0, 6.0, 60.0, 6000.0)]
    assert all(one is not None and other is not None and one > other for one, other in itertools.pairwise(sure))
    assert deflated_sharpe(matrix, trials=6.0) == deflated_sharpe(matrix)


def test_the_best_of_noise_is_not_believed_and_skill_is() -> None:
    matrix = noise(500, 200)
    found = deflated_sharpe(matrix)
    assert found.probability is not None
    assert found.probability_alone is not None
    assert found.probability < 0.9
    assert found.probability_alone > 0.99  # the same record, had nothing else been tried
    matrix[:, 7] += 0.4
    skilled = deflated_sharpe(matrix)
    assert skilled.trial == 7
    assert skilled.probability is not None
    assert skilled.probability > 0.99


@given(st.permutations(range(6)), st.sampled_from((0.01, 1.0, 5e4)))
def test_neither_the_order_of_the_trials_nor_the_unit_counts(order: list[int], scale: float) -> None:
    matrix = noise(40, 6)
    one, other = deflated_sharpe(matrix), deflated_sharpe(scale * matrix[:, order])
    assert order[other.trial] == one.trial
    assert other.probability == pytest.approx(one.probability)


@given(st.integers(2, 12), st.integers(0, 3), st.integers(0, 100))
@examples(40)
def test_independent_trials_follow_from_the_average_correlation(trials: int, common: int, seed: int) -> None:
    matrix = noise(60, trials, seed=seed, common=float(common))
    correlations = np.corrcoef(matrix.T)
    average = correlations[np.triu_indices(trials, 1)].mean()
    expected = min(max(average + (1 - average) * trials, 1), trials)
    assert independent_trials(matrix) == pytest.approx(expected)


@given(st.integers(2, 12), st.integers(3, 20), st.integers(0, 100))
@examples(40)
def test_the_effective_rank_is_the_entropy_of_the_eigenvalues(trials: int, periods: int, seed: int) -> None:
    # Roy and Vetterli (2007); the correlation matrix itself, whichever of periods and trials is more
    matrix = noise(periods, trials, seed=seed, common=0.5)
    shares = np.linalg.svd(np.corrcoef(matrix.T), compute_uv=False) / trials
    entropy = -sum(share * math.log(share) for share in shares if share > 1e-12)
    assert effective_rank(matrix) == pytest.approx(math.exp(entropy))


def test_copies_of_one_trial_are_one_and_opposed_groups_are_told_by_the_rank() -> None:
    one = noise(80, 1)
    copies = np.concatenate([one, 2 * one, 3 * one, np.zeros((80, 2))], axis=1)
    assert independent_trials(copies) == pytest.approx(1.0)
    assert effective_rank(copies) == pytest.approx(1.0)
    assert independent_trials(one) == 1.0
    opposed = np.concatenate([one, one, -one, -one], axis=1)  # the six correlations average -1/3
    assert independent_trials(opposed) == 4.0
    assert effective_rank(opposed) == pytest.approx(1.0)


@pytest.mark.parametrize("trials", [0.9, -3.0, math.inf, math.nan])
def test_a_number_of_trials_that_is_none_is_refused(trials: float) -> None:
    with pytest.raises(StatisticsError, match="expected 1 trial or more, found"):
        deflated_sharpe(noise(9, 2), trials=trials)


def test_the_expected_maximum_of_very_many_is_finite() -> None:
    assert 8.0 < expected_maximum(1.0, 1e18) < 9.5


def test_what_cannot_be_deflated_is_refused() -> None:
    with pytest.raises(StatisticsError, match="expected two periods or more, found one"):
        deflated_sharpe(np.ones((1, 3)))
    with pytest.raises(StatisticsError, match="expected a trial whose excess varies, found none among 3: no trial traded"):
        deflated_sharpe(np.zeros((9, 3)))
