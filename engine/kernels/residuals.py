"""What becomes of unequal legs (docs/model.md, "Residual")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import affordable, buy_limit, flow_of, sell_limit
from engine.kernels.cache import rule
from engine.kernels.fees import charged_in, rate_of, reserve_rate
from engine.kernels.market import BUY, CARRY, HEDGE, SELL, World, conversion, is_present, last_at, received, spent
from engine.kernels.orders import Plan, is_whole, send
from engine.kernels.perpetuals import margin_of, position_of
from engine.kernels.pools import is_pool, is_swap_funded, limit_after, most_in, most_out, root_in_view, state_of, swap
from engine.kernels.state import CLOSES, NEVER_US, RESIDUAL_ORDER, SPOT, STOP_MISSES, Log, State


@rule
def look(world: World, state: State, at_us: int) -> None:
    """Bring what is in view of every series up to a time."""
    series = world.market.series
    for s in range(state.seen.size):
        state.seen[s].row = last_at(world.market.available_us, at_us, series[s].first, series[s + 1].first, state.seen[s].row)


@rule
def limit_of(world: World, side: int, leg: int, price: float) -> float:
    """Return the limit of a residual order decided at a price."""
    tick, tolerance = world.legs[leg].tick, world.rules[0].residual_tolerance
    return buy_limit(price, tolerance, tick) if side == BUY else sell_limit(price, tolerance, tick)


@rule
def price_in_view(world: World, state: State, side: int, leg: int, at_us: int) -> float:
    """Return the best price in view of a leg, nan where it is absent."""
    row = state.seen[leg].row
    return float(world.market.price[side, row, 0]) if is_present(world.market, leg, row, at_us) else np.nan


@rule
def most_on_margin(world: World, state: State, side: int, leg: int, quantity: int, at_us: int) -> int:
    """Return the same of a residual order on a perpetual: what it closes needs no margin [atoms of base]."""
    one = world.legs[leg]
    if position_of(world, state, side, leg) == CLOSES:
        return int(quantity // one.lot * one.lot)
    price, rate, free = price_in_view(world, state, side, leg, at_us), reserve_rate(world, leg, at_us), state.wallets[one.quote_wallet].free
    if side == BUY:
        price = limit_of(world, side, leg, price)
    least, beyond = 0, quantity // one.lot + 1
    while beyond - least > 1:
        middle = (least + beyond) // 2
        if margin_of(world, price, middle * one.lot, rate) <= free:
            least = middle
        else:
            beyond = middle
    return int(least * one.lot)


@rule
def swap_limit(world: World, root: float, side: int) -> float:
    """Return the limit of a residual swap that is to meet a pool at the root of a price."""
    return limit_after(root * root, 1, side, world.rules[0].residual_tolerance)


@rule
def most_swap(world: World, state: State, side: int, leg: int, quantity: int, at_us: int) -> int:
    """Return what a residual swap of a quantity can be: in whole lots, no further than its limit, and within what is free [atoms of base]."""
    row, rate, reserved = state.seen[leg].row, rate_of(world, state, leg, at_us), reserve_rate(world, leg, at_us)
    pool, root = state_of(world, leg, row), root_in_view(world, state, side, leg, row)
    limit, lot = swap_limit(world, root, side), world.legs[leg].lot
    inverse = 1 / np.sqrt(limit)
    reach = most_in(pool, root, inverse, rate) if side == SELL else most_out(pool, root, inverse)
    least, top = 0, min(quantity, reach) // lot
    while least < top:
        middle = (least + top + 1) // 2
        if is_swap_funded(world, state, leg, side, middle * lot, limit, reserved):
            least = middle
        else:
            top = middle - 1
    return int(least * lot)


@rule
def send_residual_swap(world: World, state: State, log: Log, side: int, leg: int, quantity: int, order: Records, at_us: int) -> bool:
    """Send what can be of a residual swap for the package of an order; tell whether there was one to send."""
    row, quantity = state.seen[leg].row, most_swap(world, state, side, leg, quantity, at_us)
    if quantity <= 0:
        return False
    root = root_in_view(world, state, side, leg, row)
    flow, _ = swap(state_of(world, leg, row), root, side, quantity, rate_of(world, state, leg, at_us))
    if flow < world.legs[leg].min_notional:
        return False
    best, limit, rate = float(world.market.price[side, row, 0]), swap_limit(world, root, side), reserve_rate(world, leg, at_us)
    plan = Plan(leg, side, RESIDUAL_ORDER, int(order.package), int(order.first), quantity, flow / quantity, best, limit, rate, float(order.edge_bps))
    send(world, state, log, plan, at_us)
    return True


@rule
def most(world: World, state: State, side: int, leg: int, quantity: int, at_us: int) -> int:
    """Return what a residual order of a quantity can be: in whole lots, and within what is free [atoms of base]."""
    one = world.legs[leg]
    if position_of(world, state, side, leg) != SPOT:
        return most_on_margin(world, state, side, leg, quantity, at_us)
    if is_pool(world.legs, leg):
        return most_swap(world, state, side, leg, quantity, at_us)
    if side == SELL:
        return int(min(quantity, state.wallets[one.base_wallet].free) // one.lot * one.lot)
    limit = limit_of(world, side, leg, price_in_view(world, state, side, leg, at_us))
    rate = reserve_rate(world, leg, at_us)
    return affordable(quantity // one.lot * one.lot, limit, rate, state.wallets[one.quote_wallet].free, one.lot)


@rule
def best_leg(world: World, state: State, side: int, at_us: int) -> int:
    """Return the leg with the best net price among those that are present and can trade a lot; -1: none."""
    best, best_value = -1, np.nan
    for leg in range(world.legs.size - 1):
        price = price_in_view(world, state, side, leg, at_us)
        received_at, spent_at = conversion(world.market, world.legs, leg, state.seen, at_us)
        if np.isnan(price) or np.isnan(received_at) or most(world, state, side, leg, world.legs[leg].lot, at_us) <= 0:
            continue
        rate = rate_of(world, state, leg, at_us)
        value = received(price, rate, received_at) if side == SELL else -spent(price, rate, spent_at, charged_in(world, leg, at_us))
        if best < 0 or value > best_value:
            best, best_value = leg, value
    return best


@rule
def send_residual(world: World, state: State, log: Log, side: int, leg: int, quantity: int, order: Records, at_us: int) -> bool:
    """Send what can be of a residual order for the package of an order; tell whether there was one to send."""
    price = price_in_view(world, state, side, leg, at_us)
    if np.isnan(price):
        return False
    if is_pool(world.legs, leg):
        return send_residual_swap(world, state, log, side, leg, quantity, order, at_us)
    quantity = most(world, state, side, leg, quantity, at_us)
    if quantity <= 0 or flow_of(price, quantity) < world.legs[leg].min_notional:
        return False
    limit, rate = limit_of(world, side, leg, price), reserve_rate(world, leg, at_us)
    plan = Plan(leg, side, RESIDUAL_ORDER, int(order.package), int(order.first), quantity, price, price, limit, rate, float(order.edge_bps))
    send(world, state, log, plan, at_us)
    return True


@rule
def settle_residual(world: World, state: State, log: Log, first: int, at_us: int) -> None:
    """Send the residual order of a package whose legs have both been noticed, where there is one to send."""
    sold, bought, residual = log.orders[first], log.orders[first + 1], world.rules[0].residual
    over = bought.filled - sold.filled
    if over == 0 or residual == CARRY:
        return
    look(world, state, at_us)
    side = SELL if over > 0 else BUY
    leg = int(bought.leg if over > 0 else sold.leg)
    if residual == HEDGE:
        leg = best_leg(world, state, side, at_us)
    if leg >= 0:
        send_residual(world, state, log, side, leg, abs(over), sold, at_us)


@rule
def count_miss(world: World, state: State, is_missed: bool, at_us: int) -> None:
    """Count packages that missed in a row, and stop for good where there are too many."""
    count, limit = state.counts[0], world.rules[0].max_misses
    count.misses = count.misses + 1 if is_missed else 0
    if limit > 0 and count.misses >= limit and count.stopped_us == NEVER_US:
        count.stopped_us, count.stopped_by = at_us, STOP_MISSES


@rule
def complete(world: World, state: State, log: Log, first: int, at_us: int) -> None:
    """Close a package at the later notice of its legs: its residual, its miss, and the stop by misses."""
    count = state.counts[0]
    count.open_packages -= 1
    count.net_residual += log.orders[first + 1].filled - log.orders[first].filled
    count_miss(world, state, not is_whole(log.orders, first), at_us)
    settle_residual(world, state, log, first, at_us)
