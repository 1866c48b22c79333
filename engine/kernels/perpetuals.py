"""A perpetual's position: what it is settled to, what holds it, and the funding that it pays (docs/model.md, "Perpetuals")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import fee_of, flow_of
from engine.kernels.cache import rule
from engine.kernels.market import BUY, CHARGED_QUOTE, SELL, World, last_at
from engine.kernels.state import CLOSES, DUE, OPENS, PAID, SPOT, Log, State, push


@rule
def is_perpetual(world: World, leg: int) -> bool:
    """Tell whether a leg is the perpetual."""
    return bool(world.perpetual[0].leg == leg)


@rule
def mid_at(world: World, state: State, at_us: int) -> float:
    """Return the mid of the perpetual's last good observation that is in view at a time, nan where there is none."""
    market, leg = world.market, world.perpetual[0].leg
    first = market.series[leg].first
    row = last_at(market.available_us, at_us, first, market.series[leg + 1].first, state.seen[leg].row)
    while row >= first and not market.good[row]:
        row -= 1
    return float((market.price[SELL, row, 0] + market.price[BUY, row, 0]) / 2) if row >= first else np.nan


@rule
def position_of(world: World, state: State, side: int, leg: int) -> int:
    """Return what an order that is sent now does to the position as known: SPOT, OPENS or CLOSES."""
    if not is_perpetual(world, leg):
        return SPOT
    known = state.position[0].known
    return CLOSES if (known < 0 if side == BUY else known > 0) else OPENS


@rule
def margin_of(world: World, price: float, quantity: int, rate: float) -> int:
    """Return what opening a quantity at a price reserves: initial margin, and the fee at a rate [atoms of quote]."""
    flow = flow_of(price, quantity)
    return fee_of(flow, world.perpetual[0].initial_margin) + fee_of(flow, rate)


@rule
def wanted(state: State, order: Records) -> int:
    """Return what an order fills at most: one that closes no more than there is at the venue [atoms of base]."""
    if order.position != CLOSES:
        return int(order.planned)
    there = state.position[0].at_venue
    return int(min(order.planned, max(-there if order.side == BUY else there, 0)))


@rule
def signed(order: Records) -> int:
    """Return what an order added to the position [atoms of base]."""
    return int(order.filled if order.side == BUY else -order.filled)


@rule
def settle(world: World, state: State, funding: int, at_us: int) -> tuple[int, int]:
    """Pay what the mid did to the position as known, and funding, to its margin wallet; return variation and what the wallet lacked.

    What the position has to hold is kept of the wallet, as far as there is that much; the rest is free.
    """
    position, leg = state.position[0], world.legs[world.perpetual[0].leg]
    wallet = state.wallets[leg.quote_wallet]
    worth = flow_of(mid_at(world, state, at_us), position.known) if position.known != 0 else 0
    variation = worth - position.cost
    has = position.margin + wallet.free + variation + funding
    lacking = max(-has, 0)
    kept = min(has + lacking, fee_of(abs(worth), world.perpetual[0].initial_margin))
    wallet.reserved += kept - position.margin
    wallet.free = has + lacking - kept
    position.margin, position.cost = kept, worth
    state.currencies[leg.quote_currency].held += variation + funding + lacking
    return variation, lacking


@rule
def take_fill(world: World, state: State, order: Records, at_us: int) -> None:
    """Take a noticed fill into the position, and settle it."""
    position, before = state.position[0], state.position[0].known
    position.known += signed(order)
    position.cost += order.flow if order.side == BUY else -order.flow
    position.cost += order.fee if order.charged == CHARGED_QUOTE else 0
    if before == 0:
        position.since_us = at_us
    if position.known == 0:
        position.is_closing = False
    order.variation, order.lacking = settle(world, state, 0, at_us)


@rule
def fall_due(world: World, state: State, log: Log, k: int) -> None:
    """Work out a payment on the position at the venue; it is paid, and known to us, later."""
    payment, paid = world.payments[k], state.funded[k]
    paid.position = state.position[0].at_venue
    if paid.position != 0:
        worth = flow_of(mid_at(world, state, int(payment.due_us)), paid.position)
        paid.amount = -flow_of(payment.rate, worth)
        push(log.queue, state.counts, (int(payment.paid_us), PAID, k))
    if k + 1 < world.payments.size:
        push(log.queue, state.counts, (int(world.payments[k + 1].due_us), DUE, k + 1))


@rule
def pay(world: World, state: State, k: int, at_us: int) -> None:
    """Pay what fell due, and settle the position."""
    paid = state.funded[k]
    paid.is_paid = True
    paid.variation, paid.lacking = settle(world, state, int(paid.amount), at_us)


@rule
def value_at(world: World, state: State, at_us: int, mark: float) -> float:
    """Return what the position as known is worth beyond its cost [atoms of the numeraire]."""
    position = state.position[0]
    if position.known == 0:
        return 0.0
    return (mid_at(world, state, at_us) * position.known - position.cost) * mark
