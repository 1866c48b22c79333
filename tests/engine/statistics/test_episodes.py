"""Episodes count once: Student's own example, and packages that are copies of each other."""

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import backtest
from engine.config import parse_spec_toml
from engine.errors import StatisticsError
from engine.statistics.episodes import by_episode, package_episodes
from engine.synth import depeg_weekend
from tests.profiles import examples

# Student (1908): hours of sleep that the second drug brought more than the first, ten patients
SLEEP = [1.2, 2.4, 1.3, 1.3, 0.0, 1.0, 1.8, 0.8, 4.6, 1.4]


def test_the_statistic_is_that_of_students_example() -> None:
    # as R's t.test prints it: t = 4.0621, df = 9, p-value = 0.002833, 95 percent confidence interval 0.7001142 to 2.4598858, mean 1.58
    found = by_episode(np.arange(10), np.array(SLEEP))
    assert found.mean == pytest.approx(1.58)
    assert found.t == pytest.approx(4.0621, abs=5e-5)
    assert found.p == pytest.approx(0.002833, abs=5e-7)
    assert (found.low, found.high) == (pytest.approx(0.7001142, abs=5e-8), pytest.approx(2.4598858, abs=5e-8))
    assert found.standard_error == pytest.approx(1.58 / 4.0621, rel=2e-5)
    assert found.t_by_package == found.t
    assert (found.packages, found.episodes, found.effective) == (10, 10, 10.0)


@given(st.lists(st.integers(1, 200), min_size=10, max_size=10), st.permutations(range(10)))
@examples(30)
def test_a_thousand_packages_of_one_stretch_count_once(parts: list[int], numbers: list[int]) -> None:
    # each patient's hours in so many parts, and the numbers of the episodes with gaps
    episode = np.repeat(3 * np.array(numbers), parts)
    pnl = np.concatenate([np.full(n, hours / n) for hours, n in zip(SLEEP, parts, strict=True)])
    order = np.random.default_rng(0).permutation(pnl.size)
    found = by_episode(episode[order], pnl[order])
    assert found.t == pytest.approx(4.0621, abs=5e-5)
    assert found.total == pytest.approx(sum(SLEEP))
    assert found.pnl.tolist() == pytest.approx([SLEEP[numbers.index(k)] for k in range(10)])
    assert (found.packages, found.episodes) == (sum(parts), 10)
    assert found.effective == pytest.approx(sum(parts) ** 2 / sum(n**2 for n in parts))
    assert found.effective <= 10 + 1e-9


def test_packages_taken_for_independent_claim_too_much() -> None:
    random = np.random.default_rng(4)
    of_episode = random.standard_normal(12) + 0.2
    found = by_episode(np.repeat(np.arange(12), 100), np.repeat(of_episode, 100))
    assert found.t is not None
    assert found.t_by_package is not None
    assert found.t_by_package / found.t == pytest.approx(math.sqrt(1199 / 11))
    assert found.effective == pytest.approx(12.0)


@pytest.mark.parametrize(("episode", "pnl"), [([], []), ([3], [7.0]), ([3, 3], [7.0, 1.0]), ([3, 4], [7.0, 7.0]), ([3, 3, 4], [0.1, 0.2, 0.3])])
def test_one_episode_or_several_equal_ones_prove_nothing(episode: list[int], pnl: list[float]) -> None:
    found = by_episode(np.array(episode, dtype=np.int64), np.array(pnl))
    assert (found.mean, found.standard_error, found.t, found.p, found.low, found.high) == (None,) * 6
    assert (found.packages, found.episodes, found.total) == (len(pnl), len(set(episode)), pytest.approx(sum(pnl), rel=1e-15))
    assert found.effective == len(pnl) ** 2 / max(sum(episode.count(n) ** 2 for n in set(episode)), 1)


@pytest.mark.parametrize(("episode", "pnl"), [([1], [1.0, 2.0]), ([1, 2], [1.0, np.nan])])
def test_pnl_without_an_episode_or_a_value_is_refused(episode: list[int], pnl: list[float]) -> None:
    with pytest.raises(StatisticsError, match="expected a finite PnL and an episode a package"):
        by_episode(np.array(episode), np.array(pnl))


def test_packages_know_their_episodes() -> None:
    opportunities = pl.DataFrame({"package": [None, 0, 2, None, 1], "episode": [0, 0, 1, 1, 2]})
    assert package_episodes(opportunities, pl.DataFrame({"package": [0, 1, 2]})).tolist() == [0, 2, 1]


def test_a_run_tells_the_episodes_of_its_packages() -> None:
    weekend = depeg_weekend(1)
    result = backtest.run(parse_spec_toml(weekend.spec_toml), weekend.bars)
    found = by_episode(package_episodes(result.opportunities, result.packages), result.packages["pnl"].to_numpy())
    assert found.packages == result.packages.height > 0
    assert found.episodes <= result.opportunities["episode"].n_unique()
    assert found.total == pytest.approx(result.packages["pnl"].sum())
