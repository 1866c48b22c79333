"""What trading back to the starting balances brings beyond marks (docs/model.md, "Equity and attribution")."""

import numpy as np

from engine.arrays import Floats, Records
from engine.kernels.cache import rule
from engine.kernels.fees import volume_of
from engine.kernels.market import World
from engine.kernels.state import State

BACK = np.dtype(
    [("currency", np.int64), ("other", np.int64), ("venue", np.int64), ("first_tier", np.int64)]  # ordinals; row of the tiers in force at the end
    + [("inverted", np.int64), ("in_base", np.int64)]  # the currency is the quote; a buy's fee is taken in base
    + [("bid", np.float64), ("ask", np.float64)]  # in view at the end
)
"""An instrument on which a currency is traded back; those of a currency follow each other, the base's first; the last row ends the tiers."""


@rule
def fee_at_end(world: World, state: State, backs: Records, tiers: Records, row: int) -> float:
    """Return the rate of an instrument at the end, by its venue's tier [fraction]."""
    volume = volume_of(world, state, backs[row].venue, world.rules[0].end_us)
    tier = backs[row].first_tier
    while tier + 1 < backs[row + 1].first_tier and tiers[tier + 1].volume <= volume:
        tier += 1
    return float(tiers[tier].rate)


@rule
def brought(back: Records, fee: float, surplus: float) -> float:
    """Return what selling a surplus on an instrument, or buying what lacks, brings [other currency]."""
    received = back.bid * (1 - fee)
    spent = back.ask / (1 - fee) if back.in_base else back.ask * (1 + fee)
    if back.inverted:
        received, spent = 1 / spent, 1 / received
    return float(surplus * (received if surplus > 0 else spent))


@rule
def trade_back(world: World, state: State, backs: Records, tiers: Records, surplus: Floats) -> float:
    """Return the difference that trading back makes to marks [numeraire]; `surplus` (M,) [units] is written to."""
    amount, row, last = 0.0, 0, world.mark.shape[0] - 1
    while row < backs.size - 1:
        currency, best, most = backs[row].currency, -1, 0.0
        brings = 0.0
        while row < backs.size - 1 and backs[row].currency == currency:
            if surplus[currency] != 0:
                found = brought(backs[row], fee_at_end(world, state, backs, tiers, row), surplus[currency])
                value = found * world.mark[last, backs[row].other]
                if best < 0 or value > most:
                    best, most, brings = row, value, found
            row += 1
        if best >= 0:
            amount += brings * world.mark[last, backs[best].other] - surplus[currency] * world.mark[last, currency]
            surplus[backs[best].other] += brings
    return amount
