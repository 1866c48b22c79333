"""Means and deviations over the ticks of a window (docs/model.md, "Strategy peg")."""

import numpy as np

from engine.arrays import Floats
from engine.kernels.cache import compiled


@compiled
def mean_and_deviation(values: Floats, ticks: int) -> tuple[Floats, Floats]:
    """Return mean and deviation of the last so many ticks up to each, (K, V) each; nan where fewer than half of them are known, or none differs.

    Parameters
    ----------
    values : (K, V) float64
        One column a leg; nan where unknown.
    ticks : int
        Length of the window, 2 or more.

    Notes
    -----
    mean = Σ x / n, deviation = √(Σ (x - mean)² / (n - 1)), over the n values that are known, summed from the earliest to the latest: a sum that
    was carried along would depend on when the run began.
    """
    mean, deviation = np.full(values.shape, np.nan), np.full(values.shape, np.nan)
    for leg in range(values.shape[1]):
        for tick in range(ticks - 1, values.shape[0]):
            known, total, lowest, highest = 0, 0.0, np.inf, -np.inf
            for k in range(tick + 1 - ticks, tick + 1):
                if not np.isnan(values[k, leg]):
                    known += 1
                    total += values[k, leg]
                    lowest, highest = min(lowest, values[k, leg]), max(highest, values[k, leg])
            if 2 * known < ticks or not lowest < highest:  # equal floats need not be their mean
                continue
            centre, squares = total / known, 0.0
            for k in range(tick + 1 - ticks, tick + 1):
                if not np.isnan(values[k, leg]):
                    squares += (values[k, leg] - centre) * (values[k, leg] - centre)
            mean[tick, leg], deviation[tick, leg] = centre, np.sqrt(squares / (known - 1))
    return mean, deviation
