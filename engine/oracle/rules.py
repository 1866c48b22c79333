"""The arithmetic of docs/model.md, one function a line of it."""

from collections.abc import Iterable
from math import ceil, floor
from typing import Literal, NamedTuple

from engine.config import Instrument
from engine.units import atoms

Side = Literal["sell", "buy"]


class Level(NamedTuple):
    """A price [quote per base] and what may be had there [atoms of base]."""

    price: float
    size: int


Levels = list[Level]


def floor_tick(x: float, i: Instrument) -> float:
    """Return the price on the tick at or below x [quote per base]."""
    return floor(x / float(i.tick) + 1e-6) * atoms(i.tick) / 1e8


def ceil_tick(x: float, i: Instrument) -> float:
    """Return the price on the tick at or above x [quote per base]."""
    return ceil(x / float(i.tick) - 1e-6) * atoms(i.tick) / 1e8


def bid(x: float, i: Instrument) -> float:
    """Return what a seller gets where a bar says x [quote per base]."""
    return floor_tick(x * (1 - _half_spread(i)), i)


def ask(x: float, i: Instrument) -> float:
    """Return what a buyer pays where a bar says x [quote per base]."""
    return ceil_tick(x * (1 + _half_spread(i)), i)


def _half_spread(i: Instrument) -> float:
    assert i.half_spread_bps is not None, "instruments of bars have a half-spread"
    return i.half_spread_bps * 1e-4


def limit(side: Side, price: float, distance_bps: float, i: Instrument) -> float:
    """Return the worst price that an order accepts, so far from the price that it was decided at [quote per base]."""
    distance = distance_bps * 1e-4
    return ceil_tick(price * (1 - distance), i) if side == "sell" else floor_tick(price * (1 + distance), i)


def is_within(side: Side, price: float, limit_price: float) -> bool:
    """Return whether an order with this limit accepts the price."""
    return price >= limit_price if side == "sell" else price <= limit_price


def flow(price: float, quantity: int) -> int:
    """Return atoms of quote for atoms of base."""
    return round(price * quantity)


def fee(amount: int, rate: float) -> int:
    """Return atoms that the venue keeps of an amount."""
    return ceil(amount * rate)


def buy_reserve(limit_price: float, quantity: int, reserve_rate: float) -> int:
    """Return what a buy needs in the worst case [atoms of quote]."""
    cost = flow(limit_price, quantity)
    return cost + fee(cost, reserve_rate)


def volume_cap(volume_share: float, volume: float) -> int:
    """Return our share of a bar's volume [atoms of base]."""
    return floor(volume_share * volume * 1e8)


def size(take_share: float, displayed: float) -> int:
    """Return our share of a quote's level [atoms of base]."""
    return floor(take_share * displayed * 1e8)


def after_skip(levels: Levels, skip: int) -> Levels:
    """Return what is left of the levels when so many atoms came off the best ones first."""
    found = []
    for price, units in levels:
        gone = min(skip, units)
        skip -= gone
        if units > gone:
            found.append(Level(price, units - gone))
    return found


def used(levels: Levels, quantity: int) -> Levels:
    """Return the part of the levels that so many atoms come from, best first."""
    found = []
    for price, units in levels:
        if quantity > 0:
            found.append(Level(price, min(units, quantity)))
            quantity -= units
    return found


def added(terms: Iterable[float]) -> float:
    """Return a sum, term after term: from Python 3.12 on sum() makes up for the roundings of floats, which the definition does not."""
    found = 0.0
    for term in terms:
        found += term
    return found


def total(levels: Levels) -> int:
    """Return the atoms of base on all levels."""
    return sum(units for _, units in levels)


def flow_over(levels: Levels) -> int:
    """Return the atoms of quote for what is used of each level, summed."""
    return sum(flow(price, units) for price, units in levels)


def no_worse(side: Side, amount: int, at_limit: int) -> int:
    """Return what a fill moves, by its levels, or what it moves at its limit where roundings of levels add up to worse [atoms of quote]."""
    return max(amount, at_limit) if side == "sell" else min(amount, at_limit)


def average_price(levels: Levels) -> float:
    """Return the average price over the levels used [quote per base]: exact where there is one."""
    first = levels[0].price
    beyond = 0.0
    for price, units in levels[1:]:
        beyond += (price - first) * units
    return first + beyond / total(levels)
