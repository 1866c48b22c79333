"""Prices, quantities and flows (docs/model.md, "Prices and amounts")."""

import numpy as np

from engine.kernels.cache import rule

LARGEST_ATOMS = 2.0**62
_TICK_SLACK = 1e-6
_ATOMS_PER_UNIT = 1e8


@rule
def flow_of(price: float, quantity: int) -> int:
    """Return price [quote per base] × quantity [atoms] in atoms of quote, to the nearest, ties to even."""
    return int(np.rint(price * quantity))


@rule
def fee_of(amount: int, rate: float) -> int:
    """Return the fee on an amount [atoms] at a rate [fraction], rounded up [atoms]."""
    return int(np.ceil(amount * rate))


@rule
def cost_of(price: float, quantity: int, rate: float) -> int:
    """Return what buying a quantity [atoms of base] costs with its fee [atoms of quote]."""
    flow = flow_of(price, quantity)
    return flow + fee_of(flow, rate)


@rule
def value_of(flow: int, mark: float) -> int:
    """Return what a flow [atoms] is worth at a mark [numeraire per unit], to the nearest [atoms of the numeraire]."""
    return int(np.rint(flow * mark))


@rule
def whole_atoms(amount: float) -> int:
    """Return an amount [atoms] rounded down; what is above every balance, as the largest that an integer carries safely."""
    return int(np.floor(max(min(amount, LARGEST_ATOMS), -LARGEST_ATOMS)))


@rule
def least_common_multiple(a: int, b: int) -> int:
    """Return the least common multiple of two lots [atoms]."""
    x, y = a, b
    while y:
        x, y = y, x % y
    return a // x * b


@rule
def sell_limit(price: float, tolerance: float, tick: int) -> float:
    """Return the lowest price at which a sell fills: the price less the tolerance [fraction], rounded up to the tick [quote per base].

    `tick` [atoms of quote per base]: the product is exact, so a price on the tick is the float of its decimal form.
    """
    return float(np.ceil(price * (1 - tolerance) / (tick / _ATOMS_PER_UNIT) - _TICK_SLACK) * tick / _ATOMS_PER_UNIT)


@rule
def buy_limit(price: float, tolerance: float, tick: int) -> float:
    """Return the highest price at which a buy fills: the price plus the tolerance [fraction], rounded down to the tick [quote per base]."""
    return float(np.floor(price * (1 + tolerance) / (tick / _ATOMS_PER_UNIT) + _TICK_SLACK) * tick / _ATOMS_PER_UNIT)


@rule
def affordable(most: int, limit: float, rate: float, free: int, step: int) -> int:
    """Return the largest multiple of step, at most `most`, whose cost at the limit is covered by what is free [atoms]."""
    estimate = free / (limit * (1 + rate))
    quantity = most if estimate >= most else int(estimate)
    quantity = quantity // step * step
    while quantity + step <= most and cost_of(limit, quantity + step, rate) <= free:
        quantity += step
    while quantity > 0 and cost_of(limit, quantity, rate) > free:
        quantity -= step
    return quantity
