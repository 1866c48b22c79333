"""When a stablecoin is cheap and when it is not any more: levels at ticks, from what was known at each (docs/model.md, "Strategy peg")."""

import numpy as np

from engine.arrays import Floats
from engine.config import MARK_MAX_AGE_US, Spec
from engine.kernels.market import Signal
from engine.kernels.rolling import mean_and_deviation
from engine.panel import Panel
from engine.strategies.peg import Peg

NONE = Signal(*(np.empty((0, 0)) for _ in Signal._fields))
"""Of strategies that have no such levels."""


def signal(spec: Spec, panel: Panel) -> Signal:
    """Return the levels of a run's legs; those of other strategies are empty."""
    return levels(spec.strategy, prices(spec, panel), spec.clock) if isinstance(spec.strategy, Peg) else NONE


def levels(peg: Peg, known: Floats, clock_us: int) -> Signal:
    """Return what a coin is taken to be worth, the most to buy it at and the least to sell it at.

    Parameters
    ----------
    peg : Peg
        The strategy.
    known : (K, V) float64 [quote per coin]
        What each leg was at, as far as it was known at each tick; nan where nothing fresh was.
    clock_us : int [µs]
        Distance of the ticks.

    Notes
    -----
    Bands: worth = 1, enter = ∞ (the threshold is all that a buy must keep to), leave = 1 - exit_bps * 1e-4. Z-score: worth = mean,
    enter = mean - entry_z * deviation, leave = mean - exit_z * deviation, over the ticks of the window up to each.
    """
    if peg.window is None or peg.entry_z is None or peg.exit_z is None:
        return Signal(np.ones(known.shape), np.full(known.shape, np.inf), np.full(known.shape, 1 - (peg.exit_bps or 0.0) * 1e-4))
    mean, deviation = mean_and_deviation(known, peg.window // clock_us)
    return Signal(mean, mean - peg.entry_z * deviation, mean - peg.exit_z * deviation)


def prices(spec: Spec, panel: Panel) -> Floats:
    """Return the price of each leg at each tick, (K, V) [quote per base]: of the last observation in view, good and at most five minutes old."""
    at_us, columns = panel.marks.ticks_us, []
    for leg in spec.legs:
        series = panel.of(leg.key)
        rows = np.searchsorted(series.available_us, at_us, side="right") - 1
        usable = (rows >= 0) & series.good[rows] & (at_us - series.event_us[rows] <= MARK_MAX_AGE_US)
        columns.append(np.where(usable, series.prices(rows), np.nan))
    return np.column_stack(columns)
