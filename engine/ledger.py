"""From the kernel's orders to balances over time and to tables."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Bools, Floats, Int64s
from engine.config import Spec
from engine.kernels.path import BUY, OPEN, OUTCOMES, Orders
from engine.marks import Marks
from engine.schema import ATOMS_PER_UNIT, TIMESTAMP
from engine.units import atoms


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One currency, summed over all venues, as steps."""

    currency: str
    start: int  # [atoms]
    at_us: Int64s  # (F,) [µs] increasing
    change: Int64s  # (F,) [atoms]

    def before(self, at_us: Int64s) -> Int64s:
        """Return what was held just before each time [atoms]."""
        return self._sums()[np.searchsorted(self.at_us, at_us, side="left")]

    def after(self, at_us: Int64s) -> Int64s:
        """Return what was held once all changes at or before each time had happened [atoms]."""
        return self._sums()[np.searchsorted(self.at_us, at_us, side="right")]

    def _sums(self) -> Int64s:
        return self.start + np.concatenate([np.zeros(1, np.int64), np.cumsum(self.change)])


def holdings(spec: Spec, orders: Orders) -> list[Holding]:
    """Return every currency's holding, by name; conservation: deposits + flows - fees."""
    filled = orders.filled > 0
    is_buy = sides(orders)[filled] == BUY
    at, leg = orders.recorded_us[filled], orders.leg[filled]
    base = np.where(is_buy, orders.filled[filled], -orders.filled[filled])
    quote = np.where(is_buy, -orders.flow[filled], orders.flow[filled]) - orders.cost[filled]
    quote_of = np.array([k.key.quote for k in spec.legs])[leg]
    found = []
    for currency in spec.currencies:
        start = sum(atoms(v.balances[currency]) for v in spec.venues.values() if currency in v.balances)
        change = np.where(quote_of == currency, quote, 0) + (base if currency == spec.base else 0)
        moved = change != 0
        order = np.argsort(at[moved], kind="stable")
        found.append(Holding(currency=currency, start=start, at_us=at[moved][order], change=change[moved][order]))
    return found


def sides(orders: Orders) -> Int64s:
    """Return SELL or BUY of each order."""
    return np.arange(orders.leg.size) % 2


def is_open(orders: Orders) -> Bools:
    """Return which orders had not resolved at the end."""
    return np.equal(orders.outcome, OPEN)


def equity(spec: Spec, held: list[Holding], marks: Marks) -> pl.DataFrame:
    """Return equity, hold and excess at each tick [numeraire].

    Notes
    -----
    The excess is taken from what the fills changed, not as a difference of two large sums: where nothing moves, it does not either.
    """
    at = marks.at_us[marks.ticks]
    hold, excess = np.zeros(at.size), np.zeros(at.size)
    for holding in held:
        value = marks.value[holding.currency][marks.ticks]
        hold += holding.start * value / ATOMS_PER_UNIT
        excess += (holding.after(at) - holding.start) * value / ATOMS_PER_UNIT
    return pl.DataFrame({"ts": timestamps(at), "equity": hold + excess, "hold": hold, "excess": excess})


def fills_table(spec: Spec, orders: Orders) -> pl.DataFrame:
    """Return one row an order, two a package; quantities in units of base, flows and fees in units of quote."""
    legs = [leg.key for leg in spec.legs]
    opened, missed = is_open(orders), orders.filled == 0
    return pl.DataFrame(
        {
            "order": np.arange(orders.leg.size),
            "package": np.arange(orders.leg.size) // 2,
            "decided": timestamps(orders.decided_us),
            "arrival": timestamps(orders.arrival_us),
            "recorded": timestamps(orders.recorded_us),
            "venue": pl.Series([legs[k].venue for k in orders.leg], dtype=pl.String),
            "instrument": pl.Series([legs[k].instrument for k in orders.leg], dtype=pl.String),
            "side": pl.Series(["buy" if s == BUY else "sell" for s in sides(orders)], dtype=pl.String),
            "planned": units(orders.planned),
            "filled": units(orders.filled),
            "decision_price": orders.decision_price,
            "limit_price": orders.limit_price,
            "price": orders.price,
            "flow": units(orders.flow),
            "fee": units(orders.cost),
            "outcome": pl.Series([OUTCOMES[k] for k in orders.outcome], dtype=pl.String),
            "edge_bps": orders.edge_bps,
        }
    ).with_columns(
        pl.when(pl.Series(opened)).then(None).otherwise(pl.col("recorded")).alias("recorded"),
        pl.when(pl.Series(missed)).then(None).otherwise(pl.col("price")).alias("price"),
    )


def units(amount: Int64s) -> Floats:
    """Return atoms as units."""
    return amount / ATOMS_PER_UNIT


def timestamps(at_us: Int64s) -> pl.Series:
    """Return int µs as UTC timestamps."""
    return pl.Series(at_us, dtype=pl.Int64).cast(TIMESTAMP)
