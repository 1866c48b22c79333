"""What a combination gains at given prices: a pair by what it receives for what it spends, a cycle by what its steps bring in turn."""

from collections.abc import Sequence
from dataclasses import replace

from engine.oracle.legs import Leg, Legs
from engine.oracle.rules import Side
from engine.strategies.combination import BUY, SELL, Combination

SIDES: dict[int, Side] = {SELL: "sell", BUY: "buy"}


def edge_bps(sell: Leg, buy: Leg, bid: float, ask: float) -> float:
    """Return the gain of selling one leg at a bid and buying the other at an ask [bps of what is spent]."""
    return 1e4 * (sell.received(bid) / buy.spent(ask) - 1)


def gross_bps(sell: Leg, buy: Leg) -> float:
    """Return the same at the best prices and before fees."""
    return 1e4 * (sell.bid * sell.cb / (buy.ask * buy.ca) - 1)


def cycle_bps(legs: Legs, cycle: Combination, prices: Sequence[float]) -> float:
    """Return the gain of going through a cycle at these prices, after fees [bps of what is spent first]."""
    gain = 1.0
    for step, price in zip(cycle, prices, strict=True):
        leg = legs[step.leg]
        gain *= leg.received(price) if step.side == SELL else 1 / leg.spent(price)
    return 1e4 * (gain - 1)


def best_prices(legs: Legs, combination: Combination) -> list[float]:
    """Return the best price in view of each step."""
    return [legs[step.leg].bid if step.side == SELL else legs[step.leg].ask for step in combination]


def net_edge_bps(legs: Legs, combination: Combination, *, in_cycles: bool) -> float:
    """Return the edge of a combination at the best prices in view."""
    prices = best_prices(legs, combination)
    if in_cycles:
        return cycle_bps(legs, combination, prices)
    sell, buy = (legs[step.leg] for step in combination)
    return edge_bps(sell, buy, *prices)


def gross_edge_bps(legs: Legs, combination: Combination, *, in_cycles: bool) -> float:
    """Return the same before fees."""
    if in_cycles:
        free = {ordinal: replace(leg, rate=0.0) for ordinal, leg in legs.items()}
        return cycle_bps(free, combination, best_prices(legs, combination))
    return gross_bps(*(legs[step.leg] for step in combination))
