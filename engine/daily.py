"""Where the change of equity came from on each UTC day, each line by its own formula."""

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.attribution import TRADE_LINES, FillLines, lines_of, perpetual_lines, redemptions, transfer_costs
from engine.config import Spec
from engine.events import Path
from engine.ledger import Holding, is_filled, leg_currencies, units
from engine.marks import Marks
from engine.positions import on_perpetual, stretches
from engine.schema import ATOMS_PER_UNIT, STABLECOINS, US_PER_SECOND, instant, micros

DAY_US = 86_400 * US_PER_SECOND


def bounds_us(spec: Spec) -> Int64s:
    """Return the start of a run, each later midnight before its end, and that, (D + 1,) [µs]: day n lies between bounds n and n + 1."""
    start, end = micros(spec.start), micros(spec.end)
    return np.concatenate([[start], np.arange((start // DAY_US + 1) * DAY_US, end, DAY_US), [end]], dtype=np.int64)


def by_day(spec: Spec, path: Path, lines: FillLines, *, held: list[Holding], marks: Marks, equity: pl.DataFrame) -> list[dict[str, str | float]]:
    """Return a row for each UTC day of the run: `day`, its lines, and `change`, which they add up to [numeraire].

    Notes
    -----
    `change` is that of `equity` (engine.ledger.equity) from one midnight to the next; the first day begins with hold at the start. The
    lines of orders are those of the whole run: what a package missed is known when both of its legs are.

    A day is what happens after its first bound (on the first day: at it, too) and not after its second. A fill counts when it is
    recorded, so does gas, a transfer's fee when it is requested. Revaluation of a currency on a day = what was held of it beyond the start as the
    day began × (m(end of the day) - m(its begin)) + Σ over the day's changes at τ of change × (m(end of the day) - m(τ)) + the drift
    of its fills. Hold = starting holding × (m(end of the day) - m(its begin)).
    """
    bounds, filled = bounds_us(spec), is_filled(path.orders)
    size, day, counts = bounds.size - 1, stretches(bounds, path.orders.recorded_us[filled]), filled | np.greater(path.orders.gas, 0)
    found = {line: _sums(stretches(bounds, path.orders.recorded_us[counts]), getattr(lines, line)[counts], size) for line in TRADE_LINES}
    found["transfers"] = _sums(stretches(bounds, path.transfers.requested_us), transfer_costs(spec, path, marks), size)
    paid_us, paid = redemptions(spec, path, marks)
    found["redemption"] = _sums(stretches(bounds, paid_us), paid, size)
    found |= {line: np.zeros(size) for line in ("peg", "inventory", "hold")}
    found |= perpetual_lines(spec, path, lines, marks, bounds)
    is_spot = ~on_perpetual(spec, path)[filled]
    base, quote = (leg_currencies(spec, path.orders.leg[filled], side) for side in ("base", "quote"))
    worth = marks.at(bounds)
    for ordinal, holding in enumerate(held):
        last = worth[holding.currency]
        of_base, of_quote = is_spot & (base == ordinal), is_spot & (quote == ordinal)
        drift = np.where(of_base, lines.drift_base[filled], 0) + np.where(of_quote, lines.drift_quote[filled], 0)
        line = "peg" if holding.currency in STABLECOINS else "inventory"
        found[line] += _revalued(holding, bounds, last, marks) + _sums(day, drift, size)
        found["hold"] += holding.start / ATOMS_PER_UNIT * np.diff(last)
    change = np.diff(_equity_at(spec, bounds, equity))
    names = [f"{instant(int(us)):%Y-%m-%d}" for us in bounds[:-1]]
    return [{"day": names[n], **{line: float(found[line][n]) for line in lines_of(spec)}, "change": float(change[n])} for n in range(size)]


def _sums(day: Int64s, values: Floats, size: int) -> Floats:
    found: Floats = np.bincount(day, weights=values, minlength=size).astype(np.float64, copy=False)
    return found


def _revalued(holding: Holding, bounds: Int64s, worth: Floats, marks: Marks) -> Floats:
    # what changes at the start are is of the first day
    surplus = units(holding.after(bounds[:-1]) - holding.start)
    surplus[0] = 0
    day = stretches(bounds, holding.at_us)
    rise = worth[day + 1] - marks.of(holding.currency, holding.at_us)
    return surplus * np.diff(worth) + _sums(day, units(holding.change) * rise, worth.size - 1)


def _equity_at(spec: Spec, bounds: Int64s, equity: pl.DataFrame) -> Floats:
    found = equity["equity"].to_numpy()[(bounds - bounds[0]) // spec.clock]
    return np.concatenate([[equity["hold"][0]], found[1:]])
