"""From sending an order to its notice (docs/model.md, "Fills")."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import cost_of, fee_of, flow_of, value_of
from engine.kernels.cache import rule
from engine.kernels.fees import charged_in, rate_of, span_of, tick_at
from engine.kernels.market import BUY, CHARGED_ASSET, CHARGED_QUOTE, CHARGED_RECEIVED, DAY_US, SELL, Market, World, is_in_force, last_at
from engine.kernels.perpetuals import margin_of, position_of, signed, take_fill, wanted
from engine.kernels.pools import block_us, burn_gas, fill_on_pool, is_pool, learn_gas, reserve_gas, swap_reserve
from engine.kernels.sizing import is_bar, levels_of, side_of, take
from engine.kernels.state import (
    CLOSES,
    FILLED,
    LEG_ORDER,
    LIQUIDATION_ORDER,
    MISSED_ABSENT,
    MISSED_LIMIT,
    MISSED_NO_TRADE,
    MISSED_VOLUME,
    NOTICE,
    OPEN,
    OPENS,
    PARTIAL,
    RESOLVE,
    SPOT,
    Log,
    State,
    push,
)


class Plan(NamedTuple):
    """An order as decided."""

    leg: int
    side: int
    role: int
    package: int
    first: int  # row of its package's first order
    quantity: int  # [atoms of base]
    price: float  # decision price
    best: float  # best price in view
    limit: float
    reserve_rate: float
    edge_bps: float


@rule
def find_bar(world: World, leg: int, arrival_us: int) -> int:
    """Return the row of the first bar of a leg that opens at or after arrival and before arrival + max_wait; -1: none."""
    first, last = world.legs[leg].first_bar, world.legs[leg + 1].first_bar
    row = last_at(world.market.open_us, arrival_us - 1, first, last, first - 1) + 1
    return row if row < last and world.market.open_us[row] < arrival_us + world.rules[0].max_wait_us else -1


@rule
def resolution_us(world: World, bar: int, arrival_us: int) -> int:
    """Return when it is known what an order on bars met: the end of its bar, or of the last bar that it waited for [µs]."""
    interval = world.rules[0].interval_us
    if bar >= 0:
        return int(world.market.open_us[bar] + interval)
    return int((arrival_us + world.rules[0].max_wait_us - 1) // interval * interval + interval)


@rule
def mark_at(world: World, at_us: int, currency: int) -> float:
    """Return the mark of a currency at the last tick at or before a time [numeraire per unit]."""
    return float(world.mark[tick_at(world.rules, at_us), currency])


@rule
def spends_from(legs: Records, side: int, leg: int) -> int:
    """Return the wallet that an order's reserve comes from."""
    return int(legs[leg].quote_wallet if side == BUY else legs[leg].base_wallet)


@rule
def brings(leg: Records, side: int) -> int:
    """Return the currency that an order on a leg brings."""
    return int(leg.quote_currency if side == SELL else leg.base_currency)


@rule
def reserve_of(world: World, plan: Plan, position: int) -> int:
    """Return the worst case of an order: what it may spend, or on a perpetual the margin of what it opens [atoms of what it comes from]."""
    if position == CLOSES:
        return 0
    if position == OPENS:
        return margin_of(world, plan.limit if plan.side == BUY else plan.best, plan.quantity, plan.reserve_rate)
    if plan.side == SELL:
        return int(plan.quantity)
    if is_pool(world.legs, plan.leg):
        return swap_reserve(plan.limit, plan.quantity, plan.reserve_rate)
    return cost_of(plan.limit, plan.quantity, plan.reserve_rate)


@rule
def send(world: World, state: State, log: Log, plan: Plan, at_us: int) -> None:
    """Write an order, reserve its worst case, and schedule its resolution.

    A bar is looked up ahead of time; nothing that is decided before the resolution depends on it.
    """
    o, leg = state.counts[0].orders, world.legs[plan.leg]
    order, wallet = log.orders[o], state.wallets[spends_from(world.legs, plan.side, plan.leg)]
    arrival = at_us if plan.role == LIQUIDATION_ORDER else at_us + leg.order_latency_us
    row, resolves = -1, arrival
    if is_bar(world.legs, plan.leg):
        row = find_bar(world, plan.leg, arrival)
        resolves = resolution_us(world, row, arrival)
    if is_pool(world.legs, plan.leg):
        resolves = block_us(world, state, plan.leg, arrival)
    flow = flow_of(plan.best, plan.quantity)
    order.package, order.first, order.before = plan.package, plan.first, -1
    order.leg, order.side, order.role = plan.leg, plan.side, plan.role
    order.outcome, order.noticed, order.row, order.fee_wallet, order.charged = OPEN, 0, row, -1, -1
    order.decided_us, order.arrival_us, order.recorded_us, order.notice_us = at_us, arrival, resolves, resolves + leg.notice_latency_us
    order.planned, order.filled, order.flow, order.fee, order.gas = plan.quantity, 0, 0, 0, 0
    order.position, order.variation, order.lacking = position_of(world, state, plan.side, plan.leg), 0, 0
    order.reserve = reserve_of(world, plan, order.position)
    order.open_value = value_of(flow, mark_at(world, at_us, leg.quote_currency))
    order.expected = 0 if order.position != SPOT else (flow if plan.side == SELL else plan.quantity)
    order.decision_price, order.limit_price, order.price, order.edge_bps = plan.price, plan.limit, np.nan, plan.edge_bps
    wallet.free -= order.reserve
    wallet.reserved += order.reserve
    wallet.committed += order.reserve
    if is_pool(world.legs, plan.leg):
        reserve_gas(world, state, plan.leg)
    side_of(state, plan.side, plan.leg).under_way += plan.quantity
    state.open_value[leg.venue] += order.open_value
    state.currencies[brings(leg, plan.side)].expected += order.expected
    push(log.queue, state.counts, (resolves, RESOLVE, o))
    state.counts[0].orders += 1


@rule
def fill_on_bar(world: World, state: State, order: Records) -> int:
    """Return the outcome of an order in its bar; writes quantity, price and flow."""
    market, bar, lot = world.market, order.row, world.legs[order.leg].lot
    if bar < 0:
        return MISSED_NO_TRADE
    if market.blocked[bar]:
        return MISSED_ABSENT
    price = market.fill_price[order.side, bar]
    if price > order.limit_price if order.side == BUY else price < order.limit_price:
        return MISSED_LIMIT
    filled = min(wanted(state, order), (market.volume_cap[bar] - state.bar_taken[bar]) // lot * lot)
    if filled <= 0:
        return MISSED_VOLUME
    state.bar_taken[bar] += filled
    order.filled, order.price, order.flow = filled, price, flow_of(price, filled)
    return FILLED if filled == order.planned else PARTIAL


@rule
def left_within(market: Market, side: int, row: int, skip: int, limit: float) -> int:
    """Return what is left on the levels within a limit [atoms of base]; -1 where no level is."""
    left = -1
    for level in range(levels_of(market, side, row)):
        price, size = market.price[side, row, level], market.size[side, row, level]
        if price > limit if side == BUY else price < limit:
            break
        cut = min(skip, size)
        skip -= cut
        left = max(left, 0) + size - cut
    return left


@rule
def fill_on_quote(world: World, state: State, order: Records) -> int:
    """Return the outcome of an order on the quote in force; writes quantity, price and flow."""
    market, leg, side, seen = world.market, order.leg, order.side, state.seen[order.leg]
    row = last_at(market.event_us, order.arrival_us, market.series[leg].first, market.series[leg + 1].first, seen.in_force)
    seen.in_force = order.row = row
    if not is_in_force(market, leg, row, order.arrival_us):
        return MISSED_ABSENT
    book = side_of(state, side, leg)
    if book.taken_epoch != market.epoch[side, row]:
        book.taken_epoch, book.taken = market.epoch[side, row], 0
    left = left_within(market, side, row, book.taken, order.limit_price)
    if left < 0:
        return MISSED_LIMIT
    filled = min(wanted(state, order), left) // world.legs[leg].lot * world.legs[leg].lot
    if filled <= 0:
        return MISSED_VOLUME
    order.filled = filled
    flow, order.price = take(market, side, row, book.taken, filled)
    at_limit = flow_of(order.limit_price, filled)
    order.flow = min(flow, at_limit) if side == BUY else max(flow, at_limit)  # rounded at each level, it may be an atom a level worse
    book.taken += filled
    return FILLED if filled == order.planned else PARTIAL


@rule
def charge(world: World, state: State, order: Records) -> None:
    """Write the fee of a filled order and what it is charged in; a fee in an asset leaves its wallet at once."""
    leg = world.legs[order.leg]
    rate, charged = rate_of(world, state, order.leg, order.arrival_us), charged_in(world, order.leg, order.arrival_us)
    order.charged, order.fee_wallet, order.fee = CHARGED_QUOTE, leg.quote_wallet, fee_of(order.flow, rate)
    if charged == CHARGED_RECEIVED and order.side == BUY:
        order.charged, order.fee_wallet, order.fee = charged, leg.base_wallet, fee_of(order.filled, rate)
    if charged == CHARGED_ASSET:
        wallet = world.spans[span_of(world.legs, world.spans, order.leg, order.arrival_us)].asset_wallet
        u, m = mark_at(world, order.recorded_us, leg.quote_currency), mark_at(world, order.recorded_us, world.wallet_currency[wallet])
        fee = int(np.ceil(order.flow * rate * (u / m)))
        if fee <= state.wallets[wallet].free:
            order.charged, order.fee_wallet, order.fee = charged, wallet, fee
            state.wallets[wallet].free -= fee


@rule
def moved(order: Records) -> tuple[int, int]:
    """Return what a resolved order brings to or takes from its wallets [atoms of base, atoms of quote], fees in them included.

    On a perpetual that is nothing: flow and fee are the position's cost, which is settled at the notice.
    """
    if order.position != SPOT:
        return 0, 0
    in_base = order.fee if order.charged == CHARGED_RECEIVED else 0
    in_quote = order.fee if order.charged == CHARGED_QUOTE else 0
    if order.side == BUY:
        return order.filled - in_base, -order.flow - in_quote
    return -order.filled, order.flow - in_quote


@rule
def released(order: Records) -> tuple[int, int]:
    """Return what is pending from resolution to notice [atoms of base, atoms of quote]: what came in, and what was reserved and not spent."""
    base, quote = moved(order)
    if order.side == BUY:
        return base, quote + order.reserve
    return base + order.reserve, quote


@rule
def count_volume(world: World, state: State, order: Records) -> None:
    """Count a fill in its venue's 30-day volume."""
    leg = world.legs[order.leg]
    day = order.recorded_us // DAY_US - world.rules[0].start_us // DAY_US
    state.notional[leg.venue, day] += value_of(order.flow, mark_at(world, order.recorded_us, leg.quote_currency))


@rule
def count_held(world: World, state: State, order: Records) -> None:
    """Count a fill in what is known to be held."""
    base, quote = moved(order)
    state.currencies[world.legs[order.leg].base_currency].held += base
    state.currencies[world.legs[order.leg].quote_currency].held += quote
    if order.charged == CHARGED_ASSET:
        state.currencies[world.wallet_currency[order.fee_wallet]].held -= order.fee


@rule
def resolve(world: World, state: State, log: Log, o: int) -> None:
    """Fill an order and move its reserve to what is pending until the notice."""
    order = log.orders[o]
    leg = world.legs[order.leg]
    if is_pool(world.legs, order.leg):
        order.outcome = fill_on_pool(world, state, order)
        burn_gas(world, state, order)
    else:
        order.outcome = fill_on_bar(world, state, order) if is_bar(world.legs, order.leg) else fill_on_quote(world, state, order)
        if order.filled > 0:
            charge(world, state, order)
    if order.filled > 0:
        count_volume(world, state, order)
        state.position[0].at_venue += 0 if order.position == SPOT else signed(order)
    in_base, in_quote = released(order)
    state.wallets[spends_from(world.legs, order.side, order.leg)].reserved -= order.reserve
    state.wallets[leg.base_wallet].pending += in_base
    state.wallets[leg.quote_wallet].pending += in_quote
    push(log.queue, state.counts, (int(order.notice_us), NOTICE, o))


@rule
def learn(world: World, state: State, log: Log, o: int) -> None:
    """Take the notice of an order: free what it brought, and know what it took."""
    order = log.orders[o]
    leg, book = world.legs[order.leg], side_of(state, order.side, order.leg)
    base, quote = state.wallets[leg.base_wallet], state.wallets[leg.quote_wallet]
    in_base, in_quote = released(order)
    base.pending -= in_base
    base.free += in_base
    quote.pending -= in_quote
    quote.free += in_quote
    book.under_way -= order.planned
    state.open_value[leg.venue] -= order.open_value
    state.currencies[brings(leg, order.side)].expected -= order.expected
    order.noticed = 1
    state.wallets[spends_from(world.legs, order.side, order.leg)].committed -= order.reserve
    count_held(world, state, order)
    if order.filled > 0 and order.position != SPOT:
        take_fill(world, state, order, int(order.notice_us))
    if is_pool(world.legs, order.leg):
        learn_gas(world, state, order)
    elif order.filled > 0 and not is_bar(world.legs, order.leg):
        epoch = world.market.epoch[order.side, order.row]
        if book.known_epoch != epoch:
            book.known_epoch, book.known_taken = epoch, 0
        book.known_taken += order.filled


@rule
def is_whole(orders: Records, first: int) -> bool:
    """Tell whether both legs of a package filled whole."""
    return bool(orders[first].outcome == FILLED and orders[first + 1].outcome == FILLED)


@rule
def completes(orders: Records, o: int) -> bool:
    """Tell whether a notice is the later one of a package's legs."""
    first = orders[o].first
    return bool(orders[o].role == LEG_ORDER and orders[first].noticed and orders[first + 1].noticed)
