"""How often what was best in one half of the time is below the middle in the other: the probability of backtest overfitting."""

import itertools
from dataclasses import dataclass
from functools import reduce

import numpy as np

from engine.arrays import Floats, Int64s
from engine.errors import StatisticsError
from engine.statistics.sharpe import check_periods, ratios

MOST_BLOCKS = 20
"""184,756 ways to choose half of them; 22 would have 705,432."""

_GROUP = 4  # blocks whose partial sums are kept at once
_CHUNK = 1 << 17  # numbers of one array that fit a core's cache


@dataclass(frozen=True, slots=True, kw_only=True)
class Overfitting:
    """What combinatorially symmetric cross-validation finds; arrays have one element a way to choose half of the blocks, in lexicographic order."""

    blocks: int
    combinations: int
    trials: int
    periods: int  # that the blocks hold
    left_out: int  # periods at the start, for equal blocks
    pbo: float  # share of logits at or below 0
    probability_of_loss: float  # share of out-of-sample Sharpe ratios below 0
    logits: Floats  # ln(ω / (1 - ω)), ω the rank of the chosen trial out of sample / (trials + 1)
    in_sample: Floats  # Sharpe ratio of the chosen trial, per period
    out_of_sample: Floats  # of the same trial in the other half
    slope: float | None  # of the straight line through (in sample, out of sample); None where in sample never differs
    intercept: float | None
    r_squared: float | None  # None also where out of sample never differs


def probability_of_overfitting(periods: Floats, *, blocks: int = 16) -> Overfitting:
    """Return the probability of backtest overfitting by combinatorially symmetric cross-validation (CSCV).

    Parameters
    ----------
    periods : (T, P) float64
        Excess by period, in time, and trial, P ≥ 2, in any unit; no nan. A trial that does not vary in a half has a Sharpe ratio of 0 there.
    blocks : int
        S, even, 2 to 20: the time is cut into so many blocks of T // S periods each; the first T mod S periods are left out.

    Returns
    -------
    Overfitting
        Where several trials are equally good in sample, their mean rank and mean Sharpe ratio count. Equal ranks are averaged.

    Raises
    ------
    StatisticsError
        Where blocks are odd, too many, or too many for the periods, or there are fewer than two trials.

    Notes
    -----
    For each of the S! / (S/2)!² ways to take half of the blocks: n* is the trial of the highest Sharpe ratio in them, ω its rank in the other half,
    1 (worst) to P, over P + 1, and the logit ln(ω / (1 - ω)). PBO is the share of logits ≤ 0. A half's Sharpe ratio comes from the blocks' Σ x and
    Σ x², added in a fixed order, so that equal trials stay equal. 2 S! / (S/2)!² × P ratios; memory some 64 S P + 100 max(P, 2^17) bytes.

    References
    ----------
    D. H. Bailey, J. M. Borwein, M. López de Prado, Q. J. Zhu, "The Probability of Backtest Overfitting", Journal of Computational Finance 20(4),
    2017 (first version 2013), sections 2.2 and 3.
    """
    length = _block_length(check_periods(periods), blocks)
    kept = periods[len(periods) - blocks * length :].reshape(blocks, length, -1)
    rank, inside, outside = _cross_validated(kept)
    logits = np.log(rank / (periods.shape[1] + 1 - rank))
    slope, intercept, r_squared = _line(inside, outside)
    return Overfitting(
        blocks=blocks,
        combinations=logits.size,
        trials=periods.shape[1],
        periods=blocks * length,
        left_out=len(periods) - blocks * length,
        pbo=float(np.mean(logits <= 0)),
        probability_of_loss=float(np.mean(outside < 0)),
        logits=logits,
        in_sample=inside,
        out_of_sample=outside,
        slope=slope,
        intercept=intercept,
        r_squared=r_squared,
    )


def _block_length(periods: Floats, blocks: int) -> int:
    if blocks % 2 or not 2 <= blocks <= MOST_BLOCKS:
        raise StatisticsError(f"expected an even number of blocks from 2 to {MOST_BLOCKS}, found {blocks}; half of them can be chosen in many ways")
    if periods.shape[1] < 2:
        raise StatisticsError("expected two trials or more, found one; with nothing to choose from nothing is overfitted")
    length = len(periods) // blocks
    if length * blocks < 4:
        least = max(len(periods) // 2 * 2, 2)
        told = f"{least} blocks would fit" if len(periods) >= 4 else "a run of at least 4 whole hours is needed"
        raise StatisticsError(f"expected at least {max(blocks, 4)} periods for {blocks} blocks, found {len(periods)}; {told}")
    return length


def _cross_validated(kept: Floats) -> Floats:
    # (S, L, P) blocks -> (3, C): mean rank out of sample, ratio in sample, ratio out of sample
    blocks, length, trials = kept.shape
    sums = _tables(kept.sum(axis=1))
    squares = _tables(np.stack([np.square(block).sum(axis=0) for block in kept]))
    masks, count = _masks(blocks), blocks // 2 * length
    found = np.empty((3, masks.size))
    step = max(_CHUNK // trials, 1)
    for start in range(0, masks.size // 2, step):  # the other half of the masks are the complements, from the end
        end = min(start + step, masks.size // 2)
        one, other = (
            ratios(_union(sums, part), _union(squares, part), count)
            for part in (masks[start:end], masks[masks.size - end : masks.size - start][::-1])
        )
        found[:, start:end] = _best(one, other)
        found[:, masks.size - end : masks.size - start] = _best(other, one)[:, ::-1]
    return found


def _masks(blocks: int) -> Int64s:
    # halves of the blocks as bits, in lexicographic order: the k-th from the end is the complement of the k-th
    return np.array([sum(1 << block for block in chosen) for chosen in itertools.combinations(range(blocks), blocks // 2)])


def _tables(values: Floats) -> list[Floats]:
    # sums of all subsets of each group of blocks, (2^g, P): bit k stands for the group's k-th block
    groups = (values[start : start + _GROUP] for start in range(0, len(values), _GROUP))
    return [reduce(lambda table, block: np.concatenate([table, table + block]), group, np.zeros((1, values.shape[1]))) for group in groups]


def _union(tables: list[Floats], masks: Int64s) -> Floats:
    parts = (table[(masks >> (_GROUP * k)) & (len(table) - 1)] for k, table in enumerate(tables))
    return reduce(np.add, parts)


def _best(inside: Floats, outside: Floats) -> Floats:
    # (c, P) ratios -> (3, c) for the best of each row inside
    is_best = inside == inside.max(axis=1, keepdims=True)
    first, rows = is_best.argmax(axis=1), np.arange(len(inside))
    there = outside[rows, first]
    rank = (outside < there[:, None]).sum(axis=1) + ((outside == there[:, None]).sum(axis=1) + 1) / 2
    found = np.stack([rank, inside[rows, first], there])
    for row in np.flatnonzero(is_best.sum(axis=1) > 1):
        theirs, ordered = outside[row, is_best[row]], np.sort(outside[row])
        places = np.searchsorted(ordered, theirs, side="left") + np.searchsorted(ordered, theirs, side="right")
        found[0, row], found[2, row] = np.mean(places + 1) / 2, np.mean(theirs)
    return found


def _line(inside: Floats, outside: Floats) -> tuple[float | None, float | None, float | None]:
    # least squares
    x, y = inside - inside.mean(), outside - outside.mean()
    if not np.ptp(inside) > 0:
        return None, None, None
    slope = float(np.sum(x * y) / np.sum(x * x))
    explained = slope * float(np.sum(x * y)) / float(np.sum(y * y)) if np.ptp(outside) > 0 else None
    return slope, float(outside.mean() - slope * inside.mean()), explained
