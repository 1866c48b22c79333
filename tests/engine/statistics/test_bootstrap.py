"""The stationary bootstrap against an independent implementation's numbers, and against what it must be on average."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import Floats
from engine.errors import StatisticsError
from engine.statistics.bootstrap import bootstrap, optimal_block_length, stationary_indices
from tests.profiles import examples


def chaos(count: int) -> Floats:
    """Return x_{t+1} = 3.9 x_t (1 - x_t) from 0.2 on, the first step made."""
    found = [0.2]
    for _ in range(count):
        found.append(3.9 * found[-1] * (1 - found[-1]))
    return np.array(found[1:])


def following(shocks: Floats, share: float) -> Floats:
    """Return y_t = share × y_{t-1} + shock_t."""
    found = shocks.copy()
    for t in range(1, found.size):
        found[t] += share * found[t - 1]
    return found


def test_the_block_length_is_that_of_a_published_test() -> None:
    # arch (github.com/bashtage/arch), tests/bootstrap/test_block_length.py: 13.635665 to 1e-4
    series = following(np.random.RandomState(0).standard_normal(10_100), 0.3)[100:]
    assert optimal_block_length(series) == pytest.approx(13.635665, rel=1e-7)


@pytest.mark.parametrize(
    ("count", "share", "expected"),
    [(60, 0.0, 7.308261213948655), (300, 0.0, 8.322668742225558), (719, 0.0, 4.702887186612367), (719, 0.7, 20.141502234221434)],
)
def test_the_block_length_is_that_of_an_independent_implementation(count: int, share: float, expected: float) -> None:
    # arch 8.0.0, arch.bootstrap.optimal_block_length(...)["stationary"]. Its autocorrelations are of the parts that overlap, ours R(k) / R(0), as
    # the paper's: where one is about at the band the two may go on to different lags
    assert optimal_block_length(following(chaos(count), share)) == pytest.approx(expected, rel=1e-9)


def test_block_lengths_stay_between_one_and_their_bound() -> None:
    assert optimal_block_length(np.full(50, 0.1)) == 1.0
    assert optimal_block_length(np.array([1.0, -1.0])) == 1.0
    assert optimal_block_length(np.eye(1, 400, 200)[0]) == 1.0  # nothing follows the one that is not 0
    # what each period brings the next one takes back: the long-run variance is next to nothing, and its estimate may be less
    for seed, count, most in ((0, 100, 30), (1, 100, 30), (0, 25, math.ceil(25 / 3))):
        taken_back = np.diff(np.random.default_rng(seed).standard_normal(count + 1))
        assert optimal_block_length(taken_back) == most


@given(st.integers(0, 1000), st.sampled_from((0.01, 7.0, 1e6)), st.sampled_from((0.0, 3.0, -50.0)))
@examples(30)
def test_block_lengths_do_not_depend_on_unit_or_level(seed: int, scale: float, level: float) -> None:
    series = following(np.random.default_rng(seed).standard_normal(120), 0.4)
    assert optimal_block_length(scale * (series + level)) == pytest.approx(optimal_block_length(series), rel=1e-6)


def test_resamples_go_on_at_the_next_period_and_from_the_end_at_the_start() -> None:
    rows = np.concatenate(list(stationary_indices(50, samples=4000, seed=5, block_length=8.0)))
    assert rows.shape == (4000, 50)
    assert (rows.min(), rows.max()) == (0, 49)
    goes_on = (rows[:, 1:] - rows[:, :-1]) % 50 == 1
    # a new block starts with probability 1/8, and starts right there with 1/50 of that
    assert goes_on.mean() == pytest.approx(7 / 8 + 1 / 8 / 50, abs=0.005)
    assert (goes_on & (rows[:, 1:] == 0)).any()
    assert np.bincount(rows.ravel()).std() / 4000 < 0.05  # every period as often as another


def test_blocks_of_one_are_drawn_one_by_one() -> None:
    rows = np.concatenate(list(stationary_indices(40, samples=2000, seed=1, block_length=1.0)))
    assert ((rows[:, 1:] - rows[:, :-1]) % 40 == 1).mean() == pytest.approx(1 / 40, abs=0.003)


def test_many_resamples_are_made_in_parts_that_are_different() -> None:
    parts = list(stationary_indices(1 << 19, samples=3, seed=0, block_length=2.0))
    assert [part.shape[0] for part in parts] == [2, 1]
    assert not np.array_equal(parts[0][0], parts[1][0])


@pytest.mark.parametrize("length", [1.0, 4.0, 25.0])
def test_the_error_of_the_mean_is_that_of_the_theory(length: float) -> None:
    # Politis and Romano (1994), lemma 1: var = (R(0) + 2 Σ b(i) R(i)) / n, b(i) = (1 - i/n) (1 - p)^i + i/n (1 - p)^(n - i), R without wrapping
    series = following(np.random.default_rng(11).standard_normal(200), 0.6)
    centred, count, going = series - series.mean(), 200, 1 - 1 / length
    lags = np.arange(1, count)
    covariances = np.array([np.dot(centred[i:], centred[: count - i]) for i in range(count)]) / count
    weights = (1 - lags / count) * going**lags + lags / count * going ** (count - lags)
    variance = (covariances[0] + 2 * np.sum(weights * covariances[1:])) / count
    found = bootstrap(series, samples=20_000, block_length=length)
    assert found.mean.standard_error == pytest.approx(math.sqrt(variance), rel=0.02)


def test_the_intervals_are_quantiles_of_the_resamples_and_their_mirror() -> None:
    series = following(np.random.default_rng(2).standard_normal(100), 0.3) + 0.2
    found = bootstrap(series, samples=500, seed=9, confidence=0.8, block_length=5.0)
    means, ratios = [], []
    for indices in np.concatenate(list(stationary_indices(100, samples=500, seed=9, block_length=5.0))):
        means.append(series[indices].mean())
        ratios.append(series[indices].mean() / series[indices].std(ddof=1))
    assert found.sharpe is not None
    for interval, estimate, resampled in (
        (found.mean, series.mean(), np.array(means)),
        (found.sharpe, series.mean() / series.std(ddof=1), np.array(ratios)),
        (found.total, series.sum(), 100 * np.array(means)),
    ):
        assert interval.estimate == pytest.approx(estimate)
        low, high = np.percentile(resampled, 10), np.percentile(resampled, 90)
        assert (interval.percentile_low, interval.percentile_high) == (pytest.approx(low), pytest.approx(high))
        assert (interval.basic_low, interval.basic_high) == (pytest.approx(2 * estimate - high), pytest.approx(2 * estimate - low))
        assert interval.standard_error == pytest.approx(resampled.std(ddof=1))
    assert (found.confidence, found.block_length, found.samples, found.seed) == (0.8, 5.0, 500, 9)


def test_the_same_seed_gives_the_same_and_another_seed_another() -> None:
    series = chaos(80)
    assert bootstrap(series, seed=4) == bootstrap(series, seed=4)
    assert bootstrap(series, seed=4).mean != bootstrap(series, seed=5).mean
    assert bootstrap(series).block_length == optimal_block_length(series)


def test_intervals_move_with_level_and_unit() -> None:
    series = chaos(80)
    one, other = bootstrap(series, block_length=3.0).mean, bootstrap(10 * series - 2, block_length=3.0).mean
    assert other.percentile_low == pytest.approx(10 * one.percentile_low - 2)
    assert other.basic_high == pytest.approx(10 * one.basic_high - 2)


def test_intervals_cover_the_truth_about_as_often_as_they_say() -> None:
    random, covered = np.random.default_rng(8), 0
    for seed in range(200):
        series = following(random.standard_normal(250), 0.3)
        found = bootstrap(series, samples=200, seed=seed, confidence=0.9).mean
        covered += found.percentile_low <= 0.0 <= found.percentile_high
    assert 0.8 < covered / 200 < 0.97


def test_what_does_not_vary_has_an_interval_of_no_width_and_no_sharpe_ratio() -> None:
    found = bootstrap(np.full(30, 2.5))
    assert (found.mean.percentile_low, found.mean.basic_high, found.mean.standard_error) == (2.5, 2.5, 0.0)
    assert (found.total.estimate, found.sharpe, found.block_length) == (75.0, None, 1.0)


@pytest.mark.parametrize(
    ("series", "settings", "expected"),
    [
        ([1.0], {}, "expected two periods or more to resample, found one"),
        ([], {}, "expected a matrix of periods by trials"),
        ([1.0, np.inf], {}, "expected finite numbers, found inf in period 1"),
        ([1.0, 2.0], {"samples": 99}, "expected 100 samples or more, found 99"),
        ([1.0, 2.0], {"seed": -1}, "expected a seed of 0 or more, found -1"),
        ([1.0, 2.0], {"confidence": 1.0}, "expected a confidence between 0 and 1, found 1"),
        ([1.0, 2.0], {"confidence": 0.0}, "expected a confidence between 0 and 1, found 0"),
        ([1.0, 2.0], {"block_length": 0.5}, "expected a mean block length of 1 period or more, found 0.5"),
        ([1.0, 2.0], {"block_length": math.nan}, "expected a mean block length of 1 period or more, found nan"),
    ],
)
def test_what_cannot_be_resampled_is_refused(series: list[float], settings: dict[str, float], expected: str) -> None:
    with pytest.raises(StatisticsError, match=expected):
        bootstrap(np.array(series), **settings)  # type: ignore[arg-type]
