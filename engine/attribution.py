"""Where the change of equity came from, each line by its own formula (docs/model.md, "Equity and attribution")."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.config import Spec
from engine.kernels.path import BUY, Orders
from engine.ledger import Holding, sides, timestamps, units
from engine.marks import Marks
from engine.schema import ATOMS_PER_UNIT, STABLECOINS

TRADE_LINES = ("gross", "slippage", "leg_misses", "fees")
LINES = (*TRADE_LINES, "peg", "inventory", "hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLines:
    """What each order did to equity, (O,) each [numeraire]; 0 where nothing filled."""

    gross: Floats
    slippage: Floats
    leg_misses: Floats
    fees: Floats
    drift_base: Floats
    drift_quote: Floats
    turnover: Floats  # |flow| × mark of the quote
    kept: Floats  # filled / planned of the package's worse leg, on both of its orders


def fill_lines(spec: Spec, orders: Orders, marks: Marks) -> FillLines:
    """Return the lines of every order.

    Notes
    -----
    With base flow b (+ buys), price p = flow / b, decision price d, marks m (base) and u (quote), decided at t0, recorded at t:
    gross = b (m(t0) - d u(t0)), slippage = -b (p - d) u(t), drift = b (m(t) - m(t0)) - b d (u(t) - u(t0)); with r the least
    filled / planned of the package, a leg keeps r / (its own) of gross and slippage, and the rest is leg misses.
    """
    bought = units(np.where(sides(orders) == BUY, orders.filled, -orders.filled))
    price = np.divide(orders.flow, orders.filled, out=np.zeros(orders.leg.size), where=orders.filled > 0)
    m0, u0 = _leg_marks(spec, orders, marks, orders.decided_us)
    m1, u1 = _leg_marks(spec, orders, marks, orders.recorded_us)
    gross = bought * (m0 - orders.decision_price * u0)
    slippage = -bought * (price - orders.decision_price) * u1
    own = orders.filled / orders.planned
    least = np.repeat(np.minimum(own[0::2], own[1::2]), 2)
    keep = np.divide(least, own, out=np.zeros(own.size), where=own > 0)
    return FillLines(
        gross=keep * gross,
        slippage=keep * slippage,
        leg_misses=(1 - keep) * (gross + slippage),
        fees=-units(orders.cost) * u1,
        drift_base=bought * (m1 - m0),
        drift_quote=-bought * orders.decision_price * (u1 - u0),
        turnover=units(orders.flow) * u1,
        kept=least,
    )


def attribute(spec: Spec, orders: Orders, lines: FillLines, held: list[Holding], marks: Marks) -> dict[str, float]:
    """Return every line's sum over the run [numeraire]; together the change of equity."""
    found = {line: float(np.sum(getattr(lines, line))) for line in TRADE_LINES}
    found |= {"peg": 0.0, "inventory": 0.0, "hold": 0.0}
    quote_of = np.array([leg.key.quote for leg in spec.legs])[orders.leg]
    for holding in held:
        revalued, hold = revaluation(holding, marks)
        drift = np.sum(lines.drift_quote[quote_of == holding.currency]) + (np.sum(lines.drift_base) if holding.currency == spec.base else 0.0)
        found["peg" if holding.currency in STABLECOINS else "inventory"] += float(revalued + drift)
        found["hold"] += hold
    return found


def revaluation(holding: Holding, marks: Marks) -> tuple[float, float]:
    """Return what the change of a currency's mark did to what was traded into it, and to the starting holding [numeraire]."""
    value = marks.value[holding.currency]
    change = np.diff(value)
    surplus = holding.before(marks.at_us[1:]) - holding.start
    return float(np.sum(surplus * change)) / ATOMS_PER_UNIT, holding.start / ATOMS_PER_UNIT * float(value[-1] - value[0])


def packages_table(spec: Spec, orders: Orders, lines: FillLines) -> pl.DataFrame:
    """Return one row a package: its two legs, what was planned and filled, and its own lines [numeraire]."""
    legs = [leg.key for leg in spec.legs]
    columns: dict[str, pl.Series | Floats] = {
        "package": pl.Series(np.arange(orders.leg.size // 2)),
        "decided": timestamps(orders.decided_us[0::2]),
    }
    for side, first in (("sell", 0), ("buy", 1)):
        columns[f"{side}_venue"] = pl.Series([legs[k].venue for k in orders.leg[first::2]], dtype=pl.String)
        columns[f"{side}_instrument"] = pl.Series([legs[k].instrument for k in orders.leg[first::2]], dtype=pl.String)
    columns |= {"edge_bps": orders.edge_bps[0::2], "planned": units(orders.planned[0::2])}
    columns |= {"sold": units(orders.filled[0::2]), "bought": units(orders.filled[1::2])}
    columns |= {line: getattr(lines, line)[0::2] + getattr(lines, line)[1::2] for line in TRADE_LINES}
    table = pl.DataFrame(columns)
    return table.with_columns((pl.col("gross") + pl.col("slippage") + pl.col("leg_misses") + pl.col("fees")).alias("pnl"))


def _leg_marks(spec: Spec, orders: Orders, marks: Marks, at_us: np.ndarray[tuple[int], np.dtype[np.int64]]) -> tuple[Floats, Floats]:
    rows = marks.row_at(at_us)
    quotes = np.stack([marks.value[leg.key.quote] for leg in spec.legs])
    return marks.value[spec.base][rows], quotes[orders.leg, rows]
