"""The position of a perpetual over time: what of it is settled, what it is worth, and what its mid did to it (docs/model.md, "Perpetuals")."""

from dataclasses import dataclass
from typing import Self

import numpy as np

from engine.arrays import Bools, Floats, Int64s
from engine.config import Instrument, Spec
from engine.events import BUY, LIQUIDATION, Path
from engine.marks import Marks
from engine.schema import ATOMS_PER_UNIT, micros

FIGURES = ("position", "largest", "funding_payments", "funding_received", "funding_paid", "liquidations", "lacking")
"""What `figures` says in numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Steps:
    """Amounts as they change, (F,)."""

    at_us: Int64s  # [µs] increasing
    change: Int64s  # [atoms]

    @classmethod
    def of(cls, *parts: tuple[Int64s, Int64s]) -> Self:
        """Return changes, given as times and amounts, in order of time; of one time as they are given."""
        at_us, change = (np.concatenate(columns) for columns in zip(*parts, strict=True))
        order = np.argsort(at_us, kind="stable")
        return cls(at_us=at_us[order], change=change[order])

    def after(self, at_us: Int64s) -> Int64s:
        """Return the amount once all changes at or before each time had happened [atoms]."""
        sums = np.concatenate([np.zeros(1, np.int64), np.cumsum(self.change)])
        return sums[np.searchsorted(self.at_us, at_us, side="right")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Position:
    """The perpetual of a run: P orders on it filled, and K settlements were made."""

    leg: Instrument
    fills: Int64s  # (P,) rows of `Path.orders`
    held: Steps  # [atoms of base] at fills
    cost: Steps  # [atoms of quote] its flow and its fees at fills, and what is settled
    variation: Steps  # (K,) [atoms of quote] what is settled, funding apart
    funding: Steps  # [atoms of quote] received, below 0 paid
    lacking: Steps  # (K,) [atoms of quote] of what was to be settled, what the margin wallet did not have

    @property
    def cash(self) -> Steps:
        """What came to the margin wallet [atoms of quote]."""
        parts = (self.variation, self.funding, self.lacking)
        return Steps.of(*((part.at_us, part.change) for part in parts))


def position(spec: Spec, path: Path) -> Position | None:
    """Return the position of a run's perpetual, None where it trades none."""
    leg = spec.perpetual
    if leg is None:
        return None
    orders, paid = path.orders, path.funding
    fills = np.flatnonzero(_on(spec, path, leg) & np.greater(orders.filled, 0))
    sign = np.where(orders.side[fills] == BUY, 1, -1)
    in_quote = orders.fee_wallet[fills] == path.wallets.index((leg.venue, leg.key.quote))
    spent = sign * orders.flow[fills] + np.where(in_quote, orders.fee[fills], 0)
    noticed = fills[orders.notice_us[fills] <= micros(spec.end)]
    recorded_us, noticed_us = orders.recorded_us[fills], orders.notice_us[noticed]
    settled = (noticed_us, orders.variation[noticed]), (paid.paid_us, paid.variation)
    return Position(
        leg=leg,
        fills=fills,
        held=Steps.of((recorded_us, sign * orders.filled[fills])),
        cost=Steps.of((recorded_us, spent), *settled),
        variation=Steps.of(*settled),
        funding=Steps.of((paid.paid_us, paid.amount)),
        lacking=Steps.of((noticed_us, orders.lacking[noticed]), (paid.paid_us, paid.lacking)),
    )


def _on(spec: Spec, path: Path, leg: Instrument) -> Bools:
    return np.equal(path.orders.leg, spec.legs.index(leg))


def on_perpetual(spec: Spec, path: Path) -> Bools:
    """Return which orders are on a perpetual, (O,)."""
    return np.zeros(path.orders.leg.size, np.bool_) if spec.perpetual is None else _on(spec, path, spec.perpetual)


def mids(marks: Marks, at_us: Int64s) -> Floats:
    """Return the mid of the perpetual's last good observation that is in view at each time [quote per base]; nan where there is none."""
    series = marks.perpetual
    if series is None:
        return np.full(at_us.size, np.nan)
    rows = series.last_good(series.available_us, at_us)
    return np.where(rows >= 0, (series.bid[rows, 0] + series.ask[rows, 0]) / 2, np.nan)


def values(one: Position, marks: Marks, at_us: Int64s) -> Floats:
    """Return what the position is worth beyond its cost, once all at or before each time had happened [quote]."""
    held = one.held.after(at_us)
    worth = np.where(held == 0, 0.0, mids(marks, at_us) * held)  # no mid is needed where nothing is held
    return (worth - one.cost.after(at_us)) / ATOMS_PER_UNIT


def variation(one: Position, path: Path, marks: Marks, bounds_us: Int64s, drift: Floats) -> Floats:
    """Return what its mid did to the position in each stretch between bounds, (D,) [numeraire]; what happens at a bound is of the one it ends.

    Parameters
    ----------
    one, path, marks : Position, Path, Marks
        The position, what happened, and what prices were.
    bounds_us : (D + 1,) int64 [µs]
        The first is the start of the run, and what happens at it is of the first stretch.
    drift : (P,) float64 [numeraire]
        Of its fills (`engine.attribution.fill_lines`).

    Notes
    -----
    With M = mid × mark of the quote, u that mark, m the mark of the base, and A and B the bounds: held(A) × (M(B) - M(A)) + Σ over fills of
    base flow × (M(B) - m(t)) + drift - cost(A) × (u(B) - u(A)) - Σ over changes of the cost at τ of change × (u(B) - u(τ)) + Σ over what
    the margin wallet lacked at τ × u(τ). From the mark of the base, since that is what the lines of a fill count from.
    """
    quote, base = one.leg.key.quote, one.leg.key.base
    u, held, cost = marks.of(quote, bounds_us), one.held.after(bounds_us), one.cost.after(bounds_us)
    held[0] = cost[0] = 0
    ends = mids(marks, bounds_us) * u
    found = np.where(held[:-1] == 0, 0.0, held[:-1] * np.diff(ends)) - cost[:-1] * np.diff(u)  # no mid is needed where nothing is held
    orders = path.orders
    recorded_us = orders.recorded_us[one.fills]
    bought = np.where(orders.side[one.fills] == BUY, 1, -1) * orders.filled[one.fills]
    size = bounds_us.size - 1
    stretch = stretches(bounds_us, recorded_us)
    found += _sums(stretch, bought * (ends[stretch + 1] - marks.of(base, recorded_us)), size)
    changed = stretches(bounds_us, one.cost.at_us)
    found -= _sums(changed, one.cost.change * (u[changed + 1] - marks.of(quote, one.cost.at_us)), size)
    found += _sums(stretches(bounds_us, one.lacking.at_us), one.lacking.change * marks.of(quote, one.lacking.at_us), size)
    return found / ATOMS_PER_UNIT + _sums(stretch, drift, size)


def funding(one: Position, marks: Marks, bounds_us: Int64s) -> Floats:
    """Return the funding of each stretch between bounds at the mark of when it was paid, (D,) [numeraire]."""
    paid = one.funding
    values = paid.change * marks.of(one.leg.key.quote, paid.at_us) / ATOMS_PER_UNIT
    return _sums(stretches(bounds_us, paid.at_us), values, bounds_us.size - 1)


def figures(spec: Spec, path: Path) -> dict[str, float | int | str]:
    """Return what nobody sees from orders: what is open at the end, what was paid on it, and what the venue closed; amounts in units.

    `position` and `largest` are of the base; `funding_received`, `funding_paid` and `lacking`, what the margin wallet did not have, of the quote.
    """
    orders, paid, leg = path.orders, path.funding, spec.perpetual
    bought = np.where(orders.side == BUY, orders.filled, -orders.filled)[on_perpetual(spec, path)]
    return {
        "instrument": "" if leg is None else str(leg.key),
        "position": int(bought.sum()) / ATOMS_PER_UNIT,
        "largest": float(np.max(np.abs(np.cumsum(bought)), initial=0)) / ATOMS_PER_UNIT,
        "funding_payments": paid.due_us.size,
        "funding_received": int(paid.amount[paid.amount > 0].sum()) / ATOMS_PER_UNIT,
        "funding_paid": -int(paid.amount[paid.amount < 0].sum()) / ATOMS_PER_UNIT,
        "liquidations": int(np.sum((orders.role == LIQUIDATION) & (orders.filled > 0))),
        "lacking": int(orders.lacking.sum() + paid.lacking.sum()) / ATOMS_PER_UNIT,
    }


def stretches(bounds_us: Int64s, at_us: Int64s) -> Int64s:
    """Return the ordinal of the stretch that each time lies in; a bound belongs to the one that it ends, the first to the first."""
    return np.maximum(np.searchsorted(bounds_us, at_us, side="left") - 1, 0)


def _sums(stretch: Int64s, values: Floats, size: int) -> Floats:
    found: Floats = np.bincount(stretch, weights=values, minlength=size).astype(np.float64, copy=False)
    return found
