"""Prices on an instrument's tick, and the bid and ask that a bar's price implies.

A number of ticks times the tick in atoms is exact, and one division rounds it to the float of the decimal that a venue would write.
"""

from decimal import Decimal

import numpy as np

from engine.arrays import Floats
from engine.config import Instrument
from engine.schema import ATOMS_PER_UNIT
from engine.units import atoms

_TICK_SLACK = 1e-6


def floor_tick(price: Floats, tick: Decimal) -> Floats:
    """Return prices [quote per base] rounded down to the tick; within 1e-6 of a tick above, to that."""
    return np.floor(price / float(tick) + _TICK_SLACK) * atoms(tick) / ATOMS_PER_UNIT


def ceil_tick(price: Floats, tick: Decimal) -> Floats:
    """Return prices [quote per base] rounded up to the tick; within 1e-6 of a tick below, to that."""
    return np.ceil(price / float(tick) - _TICK_SLACK) * atoms(tick) / ATOMS_PER_UNIT


def implied_bid(price: Floats, instrument: Instrument) -> Floats:
    """Return the bid that a bar's price implies: half a spread below it, rounded down to the tick [quote per base]."""
    return floor_tick(price * (1 - instrument.half_spread), instrument.tick)


def implied_ask(price: Floats, instrument: Instrument) -> Floats:
    """Return the ask that a bar's price implies: half a spread above it, rounded up to the tick [quote per base]."""
    return ceil_tick(price * (1 + instrument.half_spread), instrument.tick)
