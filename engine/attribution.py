"""Where the change of equity came from, each line by its own formula (docs/model.md, "Equity and attribution")."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s, Ordinals
from engine.config import Spec
from engine.events import LIQUIDATION, RESIDUAL, Orders, Path
from engine.ledger import Holding, gas_currencies, is_filled, leg_currencies, names, signs, timestamps, units
from engine.marks import Marks
from engine.metrics import total
from engine.positions import funding, on_perpetual, position, variation
from engine.schema import ATOMS_PER_UNIT, STABLECOINS, micros

TRADE_LINES = ("gross", "slippage", "leg_misses", "fees", "gas")
LINES = (*TRADE_LINES, "transfers", "peg", "inventory", "hold")
PERPETUAL_LINES = ("funding", "variation")
"""Lines that runs with a perpetual have beside these."""


def lines_of(spec: Spec) -> tuple[str, ...]:
    """Return the lines of a run, in the order in which they are shown."""
    more = PERPETUAL_LINES if spec.perpetual is not None else ("redemption",) if spec.strategy.redeems is not None else ()
    return (*TRADE_LINES, "transfers", *more, "peg", "inventory", "hold")


@dataclass(frozen=True, slots=True, kw_only=True)
class FillLines:
    """What each order did to equity, (O,) each [numeraire]; 0 where nothing filled."""

    gross: Floats
    slippage: Floats
    leg_misses: Floats
    fees: Floats
    gas: Floats
    drift_base: Floats
    drift_quote: Floats
    turnover: Floats  # |flow| × mark of the quote
    kept: Floats  # filled / planned of the package's worse leg, on all of its orders


def fill_lines(spec: Spec, path: Path, marks: Marks) -> FillLines:
    """Return the lines of every order.

    Notes
    -----
    With base flow b (+ buys, before a fee in base), price p = flow / b, decision price d, marks m (base) and u (quote), decided at t0,
    recorded at t: gross = b (m(t0) - d u(t0)), slippage = -b (p - d) u(t), drift = b (m(t) - m(t0)) - b d (u(t) - u(t0)); with r the
    least filled / planned of the package's legs, a leg keeps r / (its own) of gross and slippage, a residual order nothing of them, and
    the rest is leg misses. Fees are those charged, at the mark of their currency at t; so is gas, of swaps that filled nothing, too.
    """
    orders, filled = path.orders, is_filled(path.orders)
    counts = filled | np.greater(orders.gas, 0)
    recorded_us = np.where(counts, orders.recorded_us, orders.decided_us)  # what changed nothing has no line, and may lie after the end
    m0, u0 = leg_marks(spec, orders, marks.at(orders.decided_us))
    late = marks.at(recorded_us)
    m1, u1 = leg_marks(spec, orders, late)
    bought, decided = signs(orders) * units(orders.filled), orders.decision_price
    price = np.divide(orders.flow, orders.filled, out=np.zeros(orders.leg.size), where=filled)
    gross = bought * (m0 - decided * u0)
    slippage = -bought * (price - decided) * u1
    least, keep = _kept(spec, path)
    return FillLines(
        gross=keep * gross,
        slippage=keep * slippage,
        leg_misses=(1 - keep) * (gross + slippage),
        fees=-units(orders.fee) * picked(late, [currency for _, currency in path.wallets], orders.fee_wallet),
        gas=-units(orders.gas) * picked(late, spec.currencies, gas_currencies(spec, orders.leg)),
        drift_base=bought * (m1 - m0),
        drift_quote=-bought * decided * (u1 - u0),
        turnover=units(orders.flow) * u1,
        kept=least,
    )


def transfer_costs(spec: Spec, path: Path, marks: Marks) -> Floats:
    """Return what the fee of each transfer took, (X,) ≤ 0 [numeraire], at the mark of its request."""
    moved = path.transfers
    marked = picked(marks.at(moved.requested_us), [route.currency for route in spec.routes], moved.route)
    return -units(moved.fee) * marked


def redemptions(spec: Spec, path: Path, marks: Marks) -> tuple[Int64s, Floats]:
    """Return when a desk paid (R,) [µs], and by how much that was more than the coins were worth then (R,) [numeraire].

    Notes
    -----
    redemption = what is paid * mark of its currency - coins redeemed * mark of the coin, both at the time of the payment.
    """
    moved, redemption = path.transfers, spec.strategy.redeems
    at = np.flatnonzero(moved.is_paid)
    if redemption is None or spec.base is None:
        return moved.paid_us[at], np.zeros(at.size)
    worth = marks.at(moved.paid_us[at])
    return moved.paid_us[at], units(moved.paid[at]) * worth[redemption.pays] - units(moved.amount[at] - moved.fee[at]) * worth[spec.base]


def attribute(spec: Spec, path: Path, lines: FillLines, *, held: list[Holding], marks: Marks) -> dict[str, float]:
    """Return every line's sum over the run [numeraire]; together the change of equity.

    Notes
    -----
    Revaluation of a currency = Σ over changes of its holding at τ of change × (m(end) - m(τ)), plus its drift; stablecoins count as peg,
    the others as inventory. Hold = starting holding × (m(end) - m(start)). The drift of fills of a perpetual belongs to its variation.
    """
    found = {line: total(getattr(lines, line)) for line in TRADE_LINES}
    found |= dict.fromkeys(lines_of(spec)[len(TRADE_LINES) :], 0.0)
    found["transfers"] = total(transfer_costs(spec, path, marks))
    if "redemption" in found:
        found["redemption"] = total(redemptions(spec, path, marks)[1])
    base, quote = (leg_currencies(spec, path.orders.leg, side) for side in ("base", "quote"))
    bounds = np.array([micros(spec.start), micros(spec.end)])
    ends, is_spot = marks.at(bounds), ~on_perpetual(spec, path)
    found |= {line: float(amounts[0]) for line, amounts in perpetual_lines(spec, path, lines, marks, bounds).items()}
    for ordinal, (holding, revalued) in enumerate(zip(held, revaluations(held, marks, end=ends), strict=True)):
        drift = np.sum(lines.drift_quote[is_spot & (quote == ordinal)]) + np.sum(lines.drift_base[is_spot & (base == ordinal)])
        found["peg" if holding.currency in STABLECOINS else "inventory"] += float(revalued + drift)
        first, last = ends[holding.currency].tolist()
        found["hold"] += holding.start / ATOMS_PER_UNIT * (last - first)
    return found


def perpetual_lines(spec: Spec, path: Path, lines: FillLines, marks: Marks, bounds_us: Int64s) -> dict[str, Floats]:
    """Return funding and variation in each stretch between bounds, (D,) each [numeraire]; none without a perpetual."""
    one = position(spec, path)
    if one is None:
        return {}
    drift = (lines.drift_base + lines.drift_quote)[one.fills]
    return {"funding": funding(one, marks, bounds_us), "variation": variation(one, path, marks, bounds_us, drift)}


def revaluations(held: list[Holding], marks: Marks, *, end: dict[str, Floats]) -> list[float]:
    """Return what marks did to what came into each holding after the start [numeraire]; `end` has each currency's last mark last."""
    values = marks.at(np.concatenate([holding.at_us for holding in held]))
    found, first = [], 0
    for holding in held:
        last = first + holding.at_us.size
        rise = end[holding.currency][-1] - values[holding.currency][first:last]
        found.append(float(np.sum(units(holding.change) * rise)))
        first = last
    return found


def packages_table(spec: Spec, path: Path, lines: FillLines) -> pl.DataFrame:
    """Return one row a package: its legs, what it traded, and its own lines [numeraire], residual orders included.

    Notes
    -----
    `legs` is what was to be traded, `turnover` the value of its fills, `kept` filled / planned of its worst leg.
    """
    orders = path.orders
    first = first_orders(orders)
    columns: dict[str, pl.Series | Floats | Int64s] = {"package": orders.package[first], "decided": timestamps(orders.decided_us[first])}
    columns |= {"legs": names(spec.combination_labels, path.combination), "edge_bps": orders.edge_bps[first], "kept": lines.kept[first]}
    columns |= {line: _by(orders.package, getattr(lines, line), first.size) for line in ("turnover", *TRADE_LINES)}
    table = pl.DataFrame(columns)
    return table.with_columns((pl.col("gross") + pl.col("slippage") + pl.col("leg_misses") + pl.col("fees") + pl.col("gas")).alias("pnl"))


def by_combination(spec: Spec, path: Path, lines: FillLines) -> list[dict[str, str | int | float]]:
    """Return the trade lines of every combination that was sent [numeraire], the largest gain or loss first, ties by combination."""
    sent, group, counts = np.unique(path.combination, return_inverse=True, return_counts=True)
    sums = {line: _by(group[path.orders.package], getattr(lines, line), sent.size) for line in TRADE_LINES}
    pnl = sum((sums[line] for line in TRADE_LINES), np.zeros(sent.size))
    labels = spec.combination_labels
    return [
        {"legs": labels[sent[k]], "packages": int(counts[k]), "pnl": float(pnl[k])} | {line: float(found[k]) for line, found in sums.items()}
        for k in np.argsort(-np.abs(pnl), kind="stable")
    ]


def by_leg(spec: Spec, path: Path, lines: FillLines) -> list[dict[str, str | int | float]]:
    """Return the trade lines and the turnover of every leg [numeraire], in the order of `Spec.legs`."""
    orders, size = path.orders, len(spec.legs)
    sums = {line: _by(orders.leg, getattr(lines, line), size) for line in (*TRADE_LINES, "turnover")}
    sent, filled = np.bincount(orders.leg, minlength=size), np.bincount(orders.leg[is_filled(orders)], minlength=size)
    found: list[dict[str, str | int | float]] = []
    for k, leg in enumerate(spec.legs):
        found.append({"venue": leg.venue, "instrument": leg.name, "orders": int(sent[k]), "fills": int(filled[k])})
        found[k] |= {line: float(amounts[k]) for line, amounts in sums.items()}
    return found


def first_orders(orders: Orders) -> Int64s:
    """Return the row of the first order of each package, (packages,)."""
    return np.searchsorted(np.maximum.accumulate(orders.package), np.arange(orders.package.max(initial=-1) + 1))


def _kept(spec: Spec, path: Path) -> tuple[Floats, Floats]:
    # the least filled / planned of each order's package, and the part of its own lines that it keeps
    orders, legs = path.orders, ~np.isin(path.orders.role, (RESIDUAL, LIQUIDATION))
    own = orders.filled / orders.planned
    steps = np.array([len(combination) for combination in spec.combinations], dtype=np.int64)[path.combination]
    least = np.where(np.bincount(orders.package[legs], minlength=steps.size) < steps, 0.0, np.inf)  # a step that was never sent filled nothing
    np.minimum.at(least, orders.package[legs], own[legs])
    least = least[orders.package]
    keep = np.divide(least, own, out=np.zeros(own.size), where=(own > 0) & legs)
    return least, keep


def _by(group: Ordinals, values: Floats, size: int) -> Floats:
    # sums from first to last, in the same order on every machine
    found: Floats = np.bincount(group, weights=values, minlength=size).astype(np.float64, copy=False)
    return found


def leg_marks(spec: Spec, orders: Orders, values: dict[str, Floats]) -> tuple[Floats, Floats]:
    """Return what the base and the quote of each order's leg were worth, given the marks at a time of each order (O,) [numeraire per unit]."""
    base, quote = (picked(values, spec.currencies, leg_currencies(spec, orders.leg, side)) for side in ("base", "quote"))
    return base, quote


def picked(values: dict[str, Floats], currencies: list[str] | tuple[str, ...], ordinals: Ordinals) -> Floats:
    """Return the value of each row's currency, given by its ordinal among some, from marks at a time of each row; 0 for -1."""
    rows = np.arange(ordinals.size)
    table = np.stack([*(values[currency] for currency in currencies), np.zeros(ordinals.size)])
    found: Floats = table[ordinals, rows]
    return found
