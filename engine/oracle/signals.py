"""What a coin is taken to be worth on a leg, and where it is bought and sold, at ticks."""

from math import inf, sqrt
from typing import NamedTuple

from engine.config import MARK_MAX_AGE_US
from engine.oracle.observations import Observation, last_tick
from engine.oracle.rules import added
from engine.oracle.state import Run
from engine.schema import micros
from engine.strategies.peg import Peg


class Signal(NamedTuple):
    """What a coin is worth, the most to buy it at and the least to sell it at, after fees [quote per coin]."""

    worth: float
    enter: float
    leave: float


def signal_at(run: Run, peg: Peg, leg: int, t: int) -> Signal | None:
    """Return the signal of a leg in force at t: that of the last tick; None where its mean is not known."""
    if peg.exit_bps is not None:
        return Signal(1.0, inf, 1 - peg.exit_bps * 1e-4)
    assert peg.window is not None
    assert peg.entry_z is not None
    assert peg.exit_z is not None
    found = _known_mean_and_deviation(run, leg, last_tick(run.spec, t), peg.window)
    if found is None:
        return None
    mean, deviation = found
    return Signal(mean, mean - peg.entry_z * deviation, mean - peg.exit_z * deviation)


def known_at_tick(run: Run, leg: int, t: int) -> Observation | None:
    """Return the last observation in view of a leg at a tick, if it is good and as young as one that marks."""
    row = run.market[run.spec.legs[leg].key].in_view(t)
    return row if row is not None and row.good and t - row.event <= MARK_MAX_AGE_US else None


def _known_mean_and_deviation(run: Run, leg: int, tick: int, window: int) -> tuple[float, float] | None:
    if (leg, tick) not in run.means:
        run.means[leg, tick] = _mean_and_deviation(run, leg, tick, window)
    return run.means[leg, tick]


# Of the ticks of the window that ends at this one, if at least half of them have a price and not all of them the same.
def _mean_and_deviation(run: Run, leg: int, tick: int, window: int) -> tuple[float, float] | None:
    first = tick - window + run.spec.clock
    if first < micros(run.spec.start):
        return None
    ticks = range(first, tick + 1, run.spec.clock)
    prices = [row.price for row in (known_at_tick(run, leg, t) for t in ticks) if row is not None]
    if 2 * len(prices) < len(ticks) or len(set(prices)) < 2:
        return None
    mean = added(prices) / len(prices)
    squares = 0.0
    for price in prices:
        squares += (price - mean) * (price - mean)
    return mean, sqrt(squares / (len(prices) - 1))
