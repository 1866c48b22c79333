"""From what happened to balances over time and to tables."""

from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import polars as pl

from engine.arrays import Bools, Floats, Int64s, Ordinals
from engine.config import Spec
from engine.events import BUY, OPEN, OUTCOMES, ROLES, SIDES, Orders, Path, Transfers
from engine.marks import Marks
from engine.positions import Position, on_perpetual, position, values
from engine.schema import ATOMS_PER_UNIT, TIMESTAMP, micros
from engine.units import atoms


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One currency, summed over all wallets and what is in flight between them, as steps."""

    currency: str
    start: int  # [atoms]
    at_us: Int64s  # (F,) [µs] increasing
    change: Int64s  # (F,) [atoms]

    @property
    def surplus(self) -> int:
        """What is held at the end beyond the start [atoms]."""
        return int(self.change.sum())

    def after(self, at_us: Int64s) -> Int64s:
        """Return what was held once all changes at or before each time had happened [atoms]."""
        sums = self.start + np.concatenate([np.zeros(1, np.int64), np.cumsum(self.change)])
        return sums[np.searchsorted(self.at_us, at_us, side="right")]


def holdings(spec: Spec, path: Path) -> list[Holding]:
    """Return every currency's holding, by name; conservation: deposits + flows - fees of fills and of transfers - gas + funding
    and variation.

    Notes
    -----
    A fill changes its base and quote, and the currency that it was charged in, when it is recorded; gas is burnt then, too, by a swap that
    fills nothing as well. A transfer takes its fee when it is requested; the rest of it is in flight until it is credited, which changes no
    holding. A redemption turns one currency into another when it is paid. On a perpetual flow and fee in quote are the position's cost;
    what is settled of that, and funding, comes to its margin currency.
    """
    moved = (_transfer_changes(spec, path.transfers), *_redemption_changes(spec, path.transfers), *_settled(spec, position(spec, path)))
    at_us, currency, change = (np.concatenate(parts) for parts in zip(*_fill_changes(spec, path), *moved, strict=True))
    found = []
    for ordinal, name in enumerate(spec.currencies):
        start = sum(atoms(v.balances[name]) for v in spec.venues.values() if name in v.balances)
        moved = (currency == ordinal) & (change != 0)
        order = np.argsort(at_us[moved], kind="stable")
        found.append(Holding(currency=name, start=start, at_us=at_us[moved][order], change=change[moved][order]))
    return found


def _fill_changes(spec: Spec, path: Path) -> list[tuple[Int64s, Int64s, Int64s]]:
    # (times, ordinals of currencies, changes) of what fills do to base, quote and what is charged, and of gas
    orders, is_spot, burnt = path.orders, ~on_perpetual(spec, path), np.greater(path.orders.gas, 0)
    filled = is_filled(orders) & is_spot
    sign, at_us = signs(orders)[filled], orders.recorded_us[filled]
    charged = np.array([spec.currencies.index(currency) for _, currency in path.wallets], dtype=np.int64)
    of_positions = is_filled(orders) & ~is_spot & ~in_cost(spec, path)
    return [
        (orders.recorded_us[of_positions], charged[orders.fee_wallet[of_positions]], -orders.fee[of_positions]),
        (at_us, leg_currencies(spec, orders.leg[filled], "base"), sign * orders.filled[filled]),
        (at_us, leg_currencies(spec, orders.leg[filled], "quote"), -sign * orders.flow[filled]),
        (at_us, charged[orders.fee_wallet[filled]], -orders.fee[filled]),
        (orders.recorded_us[burnt], gas_currencies(spec, orders.leg[burnt]), -orders.gas[burnt]),
    ]


def in_cost(spec: Spec, path: Path) -> Bools:
    """Return of which orders the fee is part of a position's cost, (O,): those on a perpetual that are charged in its quote."""
    leg = spec.perpetual
    margin = -2 if leg is None else path.wallets.index((leg.venue, leg.key.quote))
    return on_perpetual(spec, path) & np.equal(path.orders.fee_wallet, margin)


def _settled(spec: Spec, one: Position | None) -> list[tuple[Int64s, Int64s, Int64s]]:
    if one is None:
        return []
    cash = one.cash
    return [(cash.at_us, np.full(cash.at_us.size, spec.currencies.index(one.leg.key.quote)), cash.change)]


def _transfer_changes(spec: Spec, transfers: Transfers) -> tuple[Int64s, Int64s, Int64s]:
    moved = np.array([spec.currencies.index(route.currency) for route in spec.routes], dtype=np.int64)
    return transfers.requested_us, moved[transfers.route], -transfers.fee


def _redemption_changes(spec: Spec, transfers: Transfers) -> list[tuple[Int64s, Int64s, Int64s]]:
    # (times, ordinals of currencies, changes) of what a desk paid: coins go, and money comes
    redemption, at = spec.strategy.redeems, np.flatnonzero(transfers.is_paid)
    if redemption is None:
        return []
    at_us, sent, paid = (column[at] for column in (transfers.paid_us, transfers.amount - transfers.fee, transfers.paid))
    coin, money = (np.full(at.size, spec.currencies.index(currency)) for currency in (spec.base, redemption.pays))
    return [(at_us, coin, -sent), (at_us, money, paid)]


def leg_currencies(spec: Spec, legs: Ordinals, side: str) -> Int64s:
    """Return the ordinal in `Spec.currencies` of the base or quote of each leg, given by its ordinal in `Spec.legs`."""
    return np.array([spec.currencies.index(getattr(leg.key, side)) for leg in spec.legs], dtype=np.int64)[legs]


def gas_currencies(spec: Spec, legs: Ordinals) -> Int64s:
    """Return the ordinal in `Spec.currencies` of what each leg burns as gas, given by its ordinal in `Spec.legs`; -1: none."""
    known = {currency: ordinal for ordinal, currency in enumerate(spec.currencies)}
    return np.array([-1 if leg.gas_currency is None else known[leg.gas_currency] for leg in spec.legs], dtype=np.int64)[legs]


def signs(orders: Orders) -> Int64s:
    """Return +1 for each order that buys base, -1 for each that sells."""
    return np.where(orders.side == BUY, 1, -1)


def is_filled(orders: Orders) -> Bools:
    """Return which orders traded anything."""
    return np.greater(orders.filled, 0)


def in_redemption(transfers: Transfers) -> Bools:
    """Return which transfers a desk has taken and not paid for by the end."""
    return transfers.credited & (transfers.paid > 0) & ~transfers.is_paid


def is_open(orders: Orders) -> Bools:
    """Return which orders had not resolved at the end."""
    return np.equal(orders.outcome, OPEN)


def equity(held: list[Holding], marks: Marks, *, open_value: Floats | float = 0.0) -> pl.DataFrame:
    """Return equity, hold and excess at each tick [numeraire]; `open_value` is what a position is worth then (`open_values`).

    Notes
    -----
    The excess is taken from what changed, not as a difference of two large sums: where nothing moves, it does not either.
    """
    at_us, values = marks.ticks_us, marks.ticks
    hold, excess = np.zeros(at_us.size), np.zeros(at_us.size)
    for holding in held:
        value = values[holding.currency]
        hold += holding.start * value / ATOMS_PER_UNIT
        excess += (holding.after(at_us) - holding.start) * value / ATOMS_PER_UNIT
    excess += open_value
    return pl.DataFrame({"ts": timestamps(at_us), "equity": hold + excess, "hold": hold, "excess": excess})


def open_values(spec: Spec, path: Path, marks: Marks) -> Floats | float:
    """Return what the position of a perpetual is worth beyond its cost at each tick, (K,) [numeraire]; 0 without one."""
    one = position(spec, path)
    return 0.0 if one is None else values(one, marks, marks.ticks_us) * marks.ticks[one.leg.key.quote]


def excess(held: list[Holding], marks: Marks, *, open_value: float = 0.0) -> float:
    """Return the excess at the end alone [numeraire]; the last one of `equity`."""
    total = 0.0
    for holding in held:
        total += holding.surplus * float(marks.ticks[holding.currency][-1]) / ATOMS_PER_UNIT
    return total + open_value


def excess_of(spec: Spec, path: Path, marks: Marks) -> float:
    """Return the excess at the end of what happened [numeraire]."""
    value = open_values(spec, path, marks)
    return excess(holdings(spec, path), marks, open_value=value if isinstance(value, float) else float(value[-1]))


def fills_table(spec: Spec, path: Path) -> pl.DataFrame:
    """Return one row an order, as sent; quantities in units of base, flows in units of quote, fees in units of `fee_currency`."""
    orders, size = path.orders, path.orders.leg.size
    venues, instruments = [leg.venue for leg in spec.legs], [leg.name for leg in spec.legs]
    opened, filled = is_open(orders), is_filled(orders)
    noticed = ~opened & (orders.notice_us <= micros(spec.end))
    charged = [currency for _, currency in path.wallets]
    return pl.DataFrame(
        {
            "order": np.arange(size, dtype=np.int64),
            "package": orders.package,
            "role": names(ROLES, orders.role),
            "decided": timestamps(orders.decided_us),
            "arrival": timestamps(orders.arrival_us),
            "recorded": timestamps(orders.recorded_us, where=~opened),
            "notice": timestamps(orders.notice_us, where=noticed),
            "venue": names(venues, orders.leg),
            "instrument": names(instruments, orders.leg),
            "side": names(SIDES, orders.side),
            "planned": units(orders.planned),
            "filled": units(orders.filled),
            "decision_price": orders.decision_price,
            "limit_price": orders.limit_price,
            "price": _where(pl.Series(orders.price), filled),
            "flow": units(orders.flow),
            "fee": units(orders.fee),
            "fee_currency": names(charged, orders.fee_wallet),
            "gas": units(orders.gas),
            "gas_currency": names(spec.currencies, np.where(orders.gas > 0, gas_currencies(spec, orders.leg), -1)),
            "outcome": names(OUTCOMES, orders.outcome),
            "edge_bps": orders.edge_bps,
        }
    )


def transfers_table(spec: Spec, transfers: Transfers) -> pl.DataFrame:
    """Return one row a transfer, as requested; amounts in units, `credited` null where that had not happened by the end.

    `redeemed` and `paid`: when a desk paid for it, and what; null where none did.
    """
    routes = spec.routes
    return pl.DataFrame(
        {
            "transfer": np.arange(transfers.route.size, dtype=np.int64),
            "requested": timestamps(transfers.requested_us),
            "credited": timestamps(transfers.credited_us, where=transfers.credited),
            "route": names([route.name for route in routes], transfers.route),
            "currency": names([route.currency for route in routes], transfers.route),
            "source": names([route.source for route in routes], transfers.route),
            "destination": names([route.destination for route in routes], transfers.route),
            "amount": units(transfers.amount),
            "fee": units(transfers.fee),
            "redeemed": timestamps(transfers.paid_us, where=transfers.is_paid),
            "paid": _where(pl.Series(units(transfers.paid)), transfers.is_paid),
        }
    )


def balances(spec: Spec, path: Path) -> list[dict[str, str | float]]:
    """Return what each wallet had at the start and has at the end, and what is in flight to it, by venue, then currency [units].

    What a desk has taken and not paid for counts as in flight to where it took it.
    """
    start = [atoms(spec.venues[venue].balances.get(currency, Decimal(0))) for venue, currency in path.wallets]
    coming = np.zeros(len(path.wallets), np.int64)
    for k in np.flatnonzero(~path.transfers.credited | in_redemption(path.transfers)):
        route = spec.routes[path.transfers.route[k]]
        coming[path.wallets.index((route.destination, route.currency))] += path.transfers.amount[k] - path.transfers.fee[k]
    rows = zip(path.wallets, start, path.balances.tolist(), coming.tolist(), strict=True)
    return [
        {
            "venue": venue,
            "currency": currency,
            "start": first / ATOMS_PER_UNIT,
            "free": free / ATOMS_PER_UNIT,
            "reserved": reserved / ATOMS_PER_UNIT,
            "pending": pending / ATOMS_PER_UNIT,
            "in_flight": flying / ATOMS_PER_UNIT,
        }
        for (venue, currency), first, (free, reserved, pending), flying in rows
    ]


def units(amount: Int64s) -> Floats:
    """Return atoms as units."""
    return amount / ATOMS_PER_UNIT


def timestamps(at_us: Int64s, *, where: Bools | None = None) -> pl.Series:
    """Return int µs as UTC timestamps; null where `where` is false."""
    found = pl.Series(at_us, dtype=pl.Int64).cast(TIMESTAMP)
    return found if where is None else _where(found, where)


def names(known: tuple[str, ...] | list[str], ordinals: Ordinals) -> pl.Series:
    """Return the name of each ordinal; null for -1."""
    table = pl.Series([*known, None], dtype=pl.String)
    return table.gather(np.where(ordinals < 0, len(known), ordinals))


def _where(values: pl.Series, kept: Bools) -> pl.Series:
    return values.zip_with(pl.Series(kept), pl.Series([None], dtype=values.dtype).new_from_index(0, len(values)))
