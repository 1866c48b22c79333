"""CSCV against a plain reading of its paper, by hand, and on worlds with and without skill."""

import itertools
import math
import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.arrays import Floats
from engine.errors import StatisticsError
from engine.statistics import pbo
from engine.statistics.pbo import probability_of_overfitting
from tests.profiles import examples


def noise(periods: int, trials: int, *, seed: int = 1) -> Floats:
    """Return independent normal periods of trials."""
    return np.random.default_rng(seed).standard_normal((periods, trials))


def sharpe(values: list[float]) -> float:
    """Return mean over deviation, 0 where nothing varies."""
    return statistics.fmean(values) / statistics.stdev(values) if len(set(values)) > 1 else 0.0


def plainly(matrix: Floats, blocks: int) -> list[tuple[float, float, float]]:
    """Return (logit, Sharpe in sample, out of sample) of every choice of blocks, as the paper's section 2.2 tells it.

    The conventions are also those of the R package NMOF (`PBO`): rank over N + 1, and of equal ranks the average.
    """
    length = len(matrix) // blocks
    rows = matrix[len(matrix) - length * blocks :].T.tolist()
    found = []
    for chosen in itertools.combinations(range(blocks), blocks // 2):
        inside = [sharpe([row[t] for t in range(length * blocks) if t // length in chosen]) for row in rows]
        outside = [sharpe([row[t] for t in range(length * blocks) if t // length not in chosen]) for row in rows]
        best = [n for n, value in enumerate(inside) if math.isclose(value, max(inside), rel_tol=1e-9, abs_tol=1e-9)]
        rank = statistics.fmean(_rank(outside, outside[n]) for n in best)
        omega = rank / (len(rows) + 1)
        found.append((math.log(omega / (1 - omega)), max(inside), statistics.fmean(outside[n] for n in best)))
    return found


def _rank(values: list[float], value: float) -> float:
    same = [math.isclose(other, value, rel_tol=1e-9, abs_tol=1e-9) for other in values]
    return sum(other < value and not equal for other, equal in zip(values, same, strict=True)) + (sum(same) + 1) / 2


@st.composite
def worlds(draw: st.DrawFn) -> tuple[int, Floats]:
    """Return a number of blocks, and noise in which some trials did nothing, for a while or ever, and some equal others."""
    blocks, trials = draw(st.sampled_from((2, 4, 6))), draw(st.integers(2, 6))
    length, more = draw(st.integers(2, 4)), draw(st.integers(0, blocks - 1))
    matrix = noise(blocks * length + more, trials, seed=draw(st.integers(0, 1000)))
    for trial in range(trials):
        idle = draw(st.sampled_from((0, 0, length, 2 * length, len(matrix))))
        matrix[more : more + idle, trial] = 0.0
        matrix[:, trial] = matrix[:, draw(st.sampled_from((trial, trial, 0)))]
    return blocks, matrix


@given(worlds())
@examples(60)
def test_it_is_what_the_paper_tells(world: tuple[int, Floats]) -> None:
    blocks, matrix = world
    found = probability_of_overfitting(matrix, blocks=blocks)
    expected = np.array(plainly(matrix, blocks))
    assert found.combinations == len(expected) == math.comb(blocks, blocks // 2)
    assert np.allclose(np.stack([found.logits, found.in_sample, found.out_of_sample], axis=1), expected, rtol=1e-9, atol=1e-9)
    assert found.pbo == pytest.approx(np.mean(expected[:, 0] <= 1e-9))
    assert found.probability_of_loss == pytest.approx(np.mean(expected[:, 2] < -1e-9))
    assert found.left_out == len(matrix) % blocks


def test_two_blocks_and_two_trials_by_hand() -> None:
    # a: 1, 3 | -1, -3 has 2/√2 and -2/√2; b: 0, 1 | 1, 2 has 0.5/√0.5 and 1.5/√0.5; the first row is left out
    matrix = np.array([[9.0, 9.0], [1.0, 0.0], [3.0, 1.0], [-1.0, 1.0], [-3.0, 2.0]])
    found = probability_of_overfitting(matrix, blocks=2)
    root = math.sqrt(2)
    # the first block chooses a, which is the worse in the second: ω = 1/3; the second chooses b, the worse in the first
    assert found.logits.tolist() == pytest.approx([math.log(1 / 2)] * 2)
    assert found.in_sample.tolist() == pytest.approx([root, 1.5 * root])
    assert found.out_of_sample.tolist() == pytest.approx([-root, 0.5 * root])
    assert (found.pbo, found.probability_of_loss) == (1.0, 0.5)
    # through (√2, -√2) and (1.5 √2, 0.5 √2): slope 3
    assert (found.slope, found.intercept, found.r_squared) == (pytest.approx(3.0), pytest.approx(-4 * root), pytest.approx(1.0))
    assert (found.blocks, found.trials, found.periods, found.left_out) == (2, 2, 4, 1)


def test_noise_is_overfitted_half_of_the_time() -> None:
    found = [probability_of_overfitting(noise(160, 40, seed=seed), blocks=8) for seed in range(30)]
    assert statistics.fmean(one.pbo for one in found) == pytest.approx(0.5, abs=0.1)
    assert statistics.fmean(one.probability_of_loss for one in found) == pytest.approx(0.5, abs=0.1)


def test_a_trial_that_is_always_better_is_not_overfitted() -> None:
    matrix = noise(160, 40)
    matrix[:, 11] += 2.0
    found = probability_of_overfitting(matrix)
    assert (found.pbo, found.probability_of_loss, found.combinations) == (0.0, 0.0, 12_870)
    assert found.logits.tolist() == [math.log(40)] * 12_870  # ω = 40 / 41


def test_what_is_best_in_one_half_and_worst_in_the_other_is_overfitted() -> None:
    # each trial earns in one block what it loses, evenly, in all others: the best of a half has had its good blocks
    matrix = np.repeat(np.where(np.eye(8) > 0, 7.0, -1.0), 5, axis=0) + noise(40, 8) / 10
    found = probability_of_overfitting(matrix, blocks=8)
    assert (found.pbo, found.probability_of_loss) == (1.0, 1.0)


@given(st.permutations(range(8)), st.sampled_from((0.001, 1.0, 2.0e6)))
@examples(20)
def test_neither_the_order_of_the_trials_nor_the_unit_counts(order: list[int], scale: float) -> None:
    matrix = noise(60, 8)
    matrix[:, [1, 5]] = 0.0
    matrix[:, 3] = matrix[:, 6]
    one, other = probability_of_overfitting(matrix, blocks=6), probability_of_overfitting(scale * matrix[:, order], blocks=6)
    assert np.allclose(one.logits, other.logits)
    assert np.allclose(one.out_of_sample, other.out_of_sample)


def test_equal_trials_stand_in_the_middle_of_each_other() -> None:
    # whichever is chosen is one of 9 equals: rank 5 of 9, half
    same = np.tile(noise(64, 1), (1, 9))
    found = probability_of_overfitting(same, blocks=8)
    assert set(found.logits.tolist()) == {0.0}
    assert found.pbo == 1.0


def test_trials_that_never_traded_are_worth_nothing_and_choose_nothing() -> None:
    losing = np.concatenate([np.zeros((32, 3)), -1 - np.abs(noise(32, 2))], axis=1)
    found = probability_of_overfitting(losing, blocks=4)
    assert found.in_sample.tolist() == [0.0] * 6
    assert found.logits.tolist() == pytest.approx([math.log(2)] * 6)  # ranks 3, 4 and 5 of 5: 4 / 6
    assert (found.pbo, found.probability_of_loss) == (0.0, 0.0)
    assert (found.slope, found.intercept, found.r_squared) == (None, None, None)


def test_what_is_the_same_outside_has_a_slope_and_explains_nothing() -> None:
    # the better trial of each half does nothing in the other
    matrix = np.array([[1.0, 0.0], [2.0, 0.0], [0.0, 1.0], [0.0, 4.0]])
    found = probability_of_overfitting(matrix, blocks=2)
    assert (found.slope, found.intercept, found.r_squared) == (0.0, 0.0, None)


def test_the_second_half_of_the_choices_are_the_complements_of_the_first() -> None:
    masks = pbo._masks(6)
    assert masks[:3].tolist() == [0b111, 0b1011, 0b10011]
    assert (masks + masks[::-1] == 0b111111).all()


def test_how_many_are_looked_at_at_once_changes_no_bit(monkeypatch: pytest.MonkeyPatch) -> None:
    matrix = noise(100, 30)
    whole = probability_of_overfitting(matrix, blocks=10)
    monkeypatch.setattr(pbo, "_CHUNK", 100)
    parts = probability_of_overfitting(matrix, blocks=10)
    assert whole.logits.tobytes() == parts.logits.tobytes()
    assert whole.out_of_sample.tobytes() == parts.out_of_sample.tobytes()


@pytest.mark.parametrize(
    ("shape", "blocks", "expected"),
    [
        ((40, 5), 7, "expected an even number of blocks from 2 to 20, found 7"),
        ((40, 5), 22, "expected an even number of blocks from 2 to 20, found 22"),
        ((40, 5), 0, "expected an even number of blocks from 2 to 20, found 0"),
        ((40, 1), 8, "expected two trials or more, found one"),
        ((11, 5), 16, "expected at least 16 periods for 16 blocks, found 11; 10 blocks would fit"),
        ((3, 5), 2, "expected at least 4 periods for 2 blocks, found 3; a run of at least 4 whole hours is needed"),
    ],
)
def test_what_cannot_be_cut_is_refused_with_what_could(shape: tuple[int, int], blocks: int, expected: str) -> None:
    with pytest.raises(StatisticsError, match=expected):
        probability_of_overfitting(np.ones(shape), blocks=blocks)
