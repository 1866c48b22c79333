"""Whether the best parameters stand on a plateau or on a peak: what their neighbours keep of the result."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Int64s
from engine.errors import StatisticsError


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability:
    """How much of the best result its neighbourhood keeps; scores are in the unit of the result."""

    best: int  # trial
    score: float  # of the best
    neighbours: int
    keep: float  # share of the score that a neighbour needs
    share: float | None  # of the neighbours that keep so much; None without neighbours, or where the best did not earn
    median: float | None  # score of the neighbours; None without any
    worst: float | None


def stability(scores: Floats, neighbours: Int64s, *, best: int, keep: float = 0.8) -> Stability:
    """Return the share of a neighbourhood that keeps some of the best result, and its median.

    Parameters
    ----------
    scores : (P,) float64
        Result of every trial; nan, where a trial has none, counts as 0.
    neighbours : (N,) int
        Trials around the best, itself left out: `grid_neighbours` or `nearest_neighbours`.
    best : int
        The trial that is looked at.
    keep : float
        Share of its score that counts as kept, above 0 and at most 1.

    Returns
    -------
    Stability

    Raises
    ------
    StatisticsError
        Where keep is out of range.

    Notes
    -----
    Share of neighbours with score ≥ keep × the best's. A best trial whose neighbours lose was found by luck, or is too sharp to hit in practice.

    References
    ----------
    R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd edition, Wiley 2008, chapter 10 (robust parameter sets stand among
    others that also earn).
    """
    if not 0 < keep <= 1:
        raise StatisticsError(f"expected a share above 0 and at most 1 to keep, found {keep:g}")
    known = np.nan_to_num(scores, nan=0.0)
    score, around = float(known[best]), known[neighbours]
    return Stability(
        best=best,
        score=score,
        neighbours=around.size,
        keep=keep,
        share=float(np.mean(around >= keep * score)) if around.size and score > 0 else None,
        median=float(np.median(around)) if around.size else None,
        worst=float(np.min(around)) if around.size else None,
    )


def grid_levels(parameters: Floats) -> Int64s:
    """Return where each value of a (P, D) grid stands among the values of its parameter, from 0, (P, D)."""
    return np.stack([np.unique(column, return_inverse=True)[1] for column in parameters.T], axis=1).astype(np.int64)


def grid_neighbours(levels: Int64s, best: int) -> Int64s:
    """Return the trials of a grid within one step of the best in every parameter, diagonals included, itself left out.

    Parameters
    ----------
    levels : (P, D) int64
        Of `grid_levels`.
    best : int
        Trial.

    Returns
    -------
    (N,) int64, increasing; up to 3^D - 1.
    """
    steps = np.abs(levels - levels[best]).max(axis=1)
    return np.flatnonzero((steps <= 1) & (np.arange(len(levels)) != best))


def nearest_neighbours(coordinates: Floats, best: int, *, count: int | None = None) -> Int64s:
    """Return the trials of a random or Sobol design that are nearest to the best, itself left out.

    Parameters
    ----------
    coordinates : (P, D) float64
        Of each trial in the unit cube: scaled as the parameter is, logarithms where it is logarithmic.
    best : int
        Trial.
    count : int
        How many, 1 or more [2 D: a step to each side in every parameter]; more where others are as near as the last of them.

    Returns
    -------
    (N,) int64, increasing; fewer than `count` where there are no more trials.

    Notes
    -----
    Euclidean distance. In many dimensions even the nearest are far: look at how far before reading the share.
    """
    others = np.flatnonzero(np.arange(len(coordinates)) != best)
    wanted = min(2 * coordinates.shape[1] if count is None else count, others.size)
    if wanted < 1:
        return others[:0]
    squared = np.square(coordinates[others] - coordinates[best]).sum(axis=1)
    near: Int64s = others[squared <= np.partition(squared, wanted - 1)[wanted - 1]]
    return near
