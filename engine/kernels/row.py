"""The figures of a trial from its logs, in the order of operations of the engine's own tables (attribution, ledger, metrics)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Floats, Int64s, Records
from engine.kernels.cache import rule
from engine.kernels.known import Known, place_of
from engine.kernels.market import BUY, World
from engine.kernels.state import LEG_ORDER, Log, Scratch, State
from engine.kernels.transfers import Funding

_ATOMS_PER_UNIT = 1e8

FIGURE = np.dtype(
    [(name, np.int64) for name in ("packages", "residual_orders", "episodes", "transfers", "paid", "missed", "max_drawdown_us")]
    + [(name, np.float64) for name in ("start_equity", "excess", "trade_back", "max_drawdown", "turnover", "edge_bps")]  # edge: summed
    + [(name, np.float64) for name in ("gross", "slippage", "leg_misses", "fees", "transfer_costs")]  # lines of the attribution
)
"""Amounts in the numeraire; paid and missed: packages that made something, and that were not kept whole."""


PLACE = np.dtype([(name, np.int64) for name in ("trial", "stage", "unknown")])
"""The trial that is worked on, how far it is, and how many times are noted whose marks are missing."""


class Rows(NamedTuple):
    """What is said about every trial, (T,)."""

    figures: Records  # FIGURE
    decided: Int64s  # (T, 11) opportunities by what became of them
    outcomes: Int64s  # (T, 7) orders by what became of them
    periods: Floats  # (T, P) change of the excess in each period [numeraire]


class Ledger(NamedTuple):
    """Room for the figures of one trial."""

    moved: Int64s  # (K, M) [atoms] what came into each holding up to a tick and after the one before
    held: Int64s  # (M,) [atoms] since the start
    surplus: Floats  # (M,) [units]
    excess: Floats  # (K,)
    packages: Floats  # (·, 4) gross, slippage, leg misses and fees of each
    boundaries: Int64s  # (P + 1,) ticks between periods
    unknown_us: Int64s  # (·,) times whose marks are missing


class Room(NamedTuple):
    """What one thread writes to, trial after trial."""

    state: State
    blank: State  # as a run begins, wallets and holdings apart
    log: Log
    scratch: Scratch
    known: Known
    ledger: Ledger
    place: Records  # (1,) PLACE


@rule
def kept_of(orders: Records, o: int) -> tuple[float, float]:
    """Return the least filled / planned of the legs of an order's package, and the part of its own lines that the order keeps."""
    order = orders[o]
    first = order.first
    least = min(orders[first].filled / orders[first].planned, orders[first + 1].filled / orders[first + 1].planned)
    own = order.filled / order.planned
    return least, least / own if own > 0 and order.role == LEG_ORDER else 0.0


@rule
def tick_from(world: World, at_us: int) -> int:
    """Return the first tick at or after a time."""
    rules = world.rules[0]
    return int((at_us - rules.start_us + rules.clock_us - 1) // rules.clock_us)


@rule
def book_fill(world: World, ledger: Ledger, order: Records) -> None:
    """Count what a fill changes: its base, its quote, and what it was charged in."""
    leg, tick = world.legs[order.leg], tick_from(world, order.recorded_us)
    sign = 1 if order.side == BUY else -1
    ledger.moved[tick, world.rules[0].base_currency] += sign * order.filled
    ledger.moved[tick, leg.quote_currency] -= sign * order.flow
    ledger.moved[tick, world.wallet_currency[order.fee_wallet]] -= order.fee


@rule
def known_row(known: Known, ledger: Ledger, place: Records, at_us: int) -> int:
    """Return the row of the marks at a time; where they are missing, the time is noted."""
    row = place_of(known, at_us)
    if known.at_us[row] != at_us:
        ledger.unknown_us[place.unknown] = at_us
        place.unknown += 1
    return row


@rule
def lines_of(world: World, order: Records, keep: float, mark: Floats, then: int, late: int) -> tuple[float, float, float, float]:
    """Return gross, slippage, leg misses and fees of an order [numeraire], with the rows of the marks (·, M) at its decision and its record."""
    quote, base, decided = world.legs[order.leg].quote_currency, world.rules[0].base_currency, order.decision_price
    bought = (order.filled if order.side == BUY else -order.filled) / _ATOMS_PER_UNIT
    price = order.flow / order.filled if order.filled > 0 else 0.0
    gross = bought * (mark[then, base] - decided * mark[then, quote])
    slippage = -bought * (price - decided) * mark[late, quote]
    charged = mark[late, world.wallet_currency[order.fee_wallet]] if order.fee_wallet >= 0 else 0.0
    return keep * gross, keep * slippage, (1 - keep) * (gross + slippage), -(order.fee / _ATOMS_PER_UNIT) * charged


@rule
def count_order(world: World, known: Known, ledger: Ledger, place: Records, orders: Records, o: int, figure: Records) -> None:
    """Add what an order did to the figures and to the ledger."""
    order = orders[o]
    filled = order.filled > 0
    then = known_row(known, ledger, place, order.decided_us)
    late = known_row(known, ledger, place, order.recorded_us) if filled else then
    least, keep = kept_of(orders, o)
    gross, slippage, misses, fees = lines_of(world, order, keep, known.mark, then, late)
    figure.gross += gross
    figure.slippage += slippage
    figure.leg_misses += misses
    figure.fees += fees
    figure.turnover += order.flow / _ATOMS_PER_UNIT * known.mark[late, world.legs[order.leg].quote_currency]
    ledger.packages[order.package, 0] += gross
    ledger.packages[order.package, 1] += slippage
    ledger.packages[order.package, 2] += misses
    ledger.packages[order.package, 3] += fees
    if filled:
        book_fill(world, ledger, order)
    if o == order.first and order.role == LEG_ORDER:
        figure.edge_bps += order.edge_bps
        figure.missed += 1 if least < 1 else 0


@rule
def count_transfer(world: World, funding: Funding, known: Known, ledger: Ledger, place: Records, transfer: Records, figure: Records) -> None:
    """Add what a transfer cost."""
    currency = world.wallet_currency[funding.routes[transfer.route].source]
    row = known_row(known, ledger, place, transfer.requested_us)
    figure.transfer_costs += -(transfer.fee / _ATOMS_PER_UNIT) * known.mark[row, currency]
    ledger.moved[tick_from(world, transfer.requested_us), currency] -= transfer.fee


@rule
def take_ticks(world: World, ledger: Ledger, figure: Records) -> None:
    """Work out the excess at every tick, and how far and how long it fell from its high."""
    high, last_high, began, deepest, last = 0.0, 0, 0, -1, ledger.excess.size - 1
    figure.max_drawdown = 0.0
    for tick in range(ledger.excess.size):
        excess = 0.0
        for currency in range(ledger.held.size):
            ledger.held[currency] += ledger.moved[tick, currency]
            excess += ledger.held[currency] * world.mark[tick, currency] / _ATOMS_PER_UNIT
        ledger.excess[tick] = excess
        if excess >= high:
            high, last_high = excess, tick
        if high - excess > figure.max_drawdown:
            figure.max_drawdown, began, deepest = high - excess, last_high, tick
    figure.excess = ledger.excess[last]
    if deepest < 0:
        figure.max_drawdown_us = 0
        return
    high = ledger.excess[began] if ledger.excess[began] > 0 else 0.0
    while deepest < last and not ledger.excess[deepest] >= high:
        deepest += 1
    figure.max_drawdown_us = (deepest - began) * world.rules[0].clock_us


@rule
def start_equity(world: World) -> float:
    """Return the starting balances at the marks of the first tick [numeraire]."""
    found = 0.0
    for currency in range(world.start.size):
        found += world.start[currency] * world.mark[0, currency] / _ATOMS_PER_UNIT
    return found


@rule
def clear(ledger: Ledger, packages: int) -> None:
    """Empty the ledger for a trial."""
    for currency in range(ledger.held.size):
        ledger.held[currency] = 0
        for tick in range(ledger.moved.shape[0]):
            ledger.moved[tick, currency] = 0
    for package in range(packages):
        for line in range(ledger.packages.shape[1]):
            ledger.packages[package, line] = 0.0


@rule
def write_row(world: World, funding: Funding, room: Room, rows: Rows, at: int) -> bool:
    """Write the figures of a trial; False where marks are missing, whose times are noted: call again once they are known."""
    count, figure, place = room.state.counts[0], rows.figures[at], room.place[0]
    known, ledger, log, orders = room.known, room.ledger, room.log, room.log.orders
    clear(ledger, count.packages)
    place.unknown = 0
    figure.turnover = figure.edge_bps = figure.gross = figure.slippage = figure.leg_misses = figure.fees = figure.transfer_costs = 0.0
    figure.packages, figure.episodes, figure.transfers = count.packages, count.episodes, count.transfers
    figure.residual_orders, figure.missed, figure.paid = count.orders - 2 * count.packages, 0, 0
    for outcome in range(rows.outcomes.shape[1]):
        rows.outcomes[at, outcome] = 0
    for o in range(count.orders):
        count_order(world, known, ledger, place, orders, o, figure)
        rows.outcomes[at, orders[o].outcome] += 1
    for x in range(count.transfers):
        count_transfer(world, funding, known, ledger, place, log.transfers[x], figure)
    if place.unknown > 0:
        return False
    for k in range(count.packages):
        made = ledger.packages[k, 0] + ledger.packages[k, 1] + ledger.packages[k, 2] + ledger.packages[k, 3]
        figure.paid += 1 if made > 0 else 0
    take_ticks(world, ledger, figure)
    for period in range(ledger.boundaries.size - 1):
        rows.periods[at, period] = ledger.excess[ledger.boundaries[period + 1]] - ledger.excess[ledger.boundaries[period]]
    figure.start_equity = start_equity(world)
    for currency in range(ledger.held.size):
        ledger.surplus[currency] = ledger.held[currency] / _ATOMS_PER_UNIT
    return True
