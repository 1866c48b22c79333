"""Packages of cycles: which stand, what is sent, and what follows at their notices (docs/model.md, "Strategy triangular")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.cache import rule
from engine.kernels.chain import fund, limit_at, plan_step, size_cycle, view_step
from engine.kernels.decisions import forbidden, list_opportunity, stand
from engine.kernels.fees import tick_at
from engine.kernels.market import BUY, CARRY, HEDGE, SELL, SEQUENCE, UNWIND, Candidates, World, edge_bps
from engine.kernels.orders import Plan, moved, send
from engine.kernels.residuals import count_miss, limit_of, look, price_in_view, send_residual
from engine.kernels.state import FILLED, LEG_ORDER, SENT, Log, Scratch, State

_SLACK = 1e-6


@rule
def length_of(world: World, cycle: int) -> int:
    """Return how many steps a cycle has."""
    return int(world.cycles[cycle + 1].first_step - world.cycles[cycle].first_step)


@rule
def step_of(world: World, cycle: int, k: int) -> Records:
    """Return a step of a cycle."""
    return world.steps[world.cycles[cycle].first_step + k]


@rule
def edge_of(world: World, cycle: int, scratch: Scratch) -> float:
    """Return the edge of a cycle at the best prices [bps], nan where a leg is absent."""
    product = 1.0
    for k in range(length_of(world, cycle)):
        step = step_of(world, cycle, k)
        product *= scratch.received[step.leg] if step.side == SELL else 1 / scratch.spent[step.leg]
    return edge_bps(product, 1.0)


@rule
def gross_of(world: World, rows: Candidates, at: int, cycle: int) -> float:
    """Return the same before fees [bps]."""
    product = 1.0
    for k in range(length_of(world, cycle)):
        step = step_of(world, cycle, k)
        price = world.market.price[step.side, rows.row[at, step.leg], 0]
        product *= price if step.side == SELL else 1 / price
    return edge_bps(product, 1.0)


@rule
def has_news(world: World, rows: Candidates, at: int, cycle: int) -> bool:
    """Tell whether a leg of a cycle has a new observation."""
    news = False
    for k in range(length_of(world, cycle)):
        news = news or rows.news[at, step_of(world, cycle, k).leg]
    return news


@rule
def rank_cycles(world: World, rows: Candidates, state: State, at: int, scratch: Scratch) -> int:
    """Write the cycles that stand and have news, and their edges, best first, ties by cycle; return their number."""
    found = 0
    for cycle in range(world.cycles.size - 1):
        edge = edge_of(world, cycle, scratch)
        if not edge >= world.rules[0].threshold_bps:
            continue
        stand(state, cycle, int(rows.ordinal[at]))
        if not has_news(world, rows, at, cycle):
            continue
        place = found
        while place > 0 and scratch.edges[place - 1] < edge:
            scratch.edges[place], scratch.ranked[place] = scratch.edges[place - 1], scratch.ranked[place - 1]
            place -= 1
        scratch.edges[place], scratch.ranked[place] = edge, cycle
        found += 1
    return found


@rule
def view_cycle(world: World, rows: Candidates, state: State, at: int, cycle: int, scratch: Scratch) -> None:
    """Write what the steps of a cycle may take."""
    for k in range(length_of(world, cycle)):
        step, planned = step_of(world, cycle, k), scratch.plan[k]
        planned.leg, planned.side, planned.row = step.leg, step.side, rows.row[at, step.leg]
        view_step(world, state, planned, int(rows.at_us[at]), np.inf if step.side == BUY else -np.inf)


@rule
def send_step(world: World, state: State, log: Log, step: Records, number: int, at_us: int) -> None:
    """Send the order of a planned step of a package, and note it there."""
    package, count = log.packages[number], state.counts[0]
    best = world.market.price[step.side, step.row, 0]
    order, before = int(count.orders), int(package.last)
    first = order if before < 0 else int(package.first)
    plan = Plan(
        step.leg, step.side, LEG_ORDER, number, first, step.quantity, step.price, best, limit_at(world, step), step.reserve_rate, package.edge_bps
    )
    send(world, state, log, plan, at_us)
    log.orders[order].before = before
    package.first, package.last = first, order


@rule
def send_cycle(world: World, state: State, log: Log, cycle: int, scratch: Scratch, edge: float, at_us: int) -> None:
    """Send the steps of a package as planned: all, or the first of a sequence."""
    count, number = state.counts[0], int(state.counts[0].packages)
    package = log.packages[number]
    package.combination, package.first, package.last, package.step, package.noticed = cycle, -1, -1, 0, 0
    package.brought, package.is_whole, package.edge_bps = 0, True, edge
    for k in range(1 if world.rules[0].sends == SEQUENCE else length_of(world, cycle)):
        send_step(world, state, log, scratch.plan[k], number, at_us)
    count.packages += 1
    count.open_packages += 1


@rule
def decide_cycles(world: World, rows: Candidates, state: State, log: Log, scratch: Scratch, at: int) -> None:
    """Decide on the cycles of a candidate, best first, once its legs are valued."""
    at_us = int(rows.at_us[at])
    tick = tick_at(world.rules, at_us)
    for rank in range(rank_cycles(world, rows, state, at, scratch)):
        cycle, edge = scratch.ranked[rank], scratch.edges[rank]
        outcome = forbidden(world, state, gross_of(world, rows, at, cycle), state.combinations[cycle].last_decision_us, at_us)
        if outcome == SENT:
            view_cycle(world, rows, state, at, cycle, scratch)
            outcome = size_cycle(world, state, scratch.plan, length_of(world, cycle), tick)
            if outcome == SENT:
                send_cycle(world, state, log, cycle, scratch, edge, at_us)
        list_opportunity(state, log, cycle, at_us, edge, outcome)


@rule
def count_residual(world: World, state: State, order: Records) -> None:
    """Count what an order changed of currencies other than the start."""
    leg, start = world.legs[order.leg], world.rules[0].start_currency
    base, quote = moved(order)
    if leg.base_currency != start:
        state.currencies[leg.base_currency].residual += base
    if leg.quote_currency != start:
        state.currencies[leg.quote_currency].residual += quote


@rule
def complete_cycle(world: World, state: State, log: Log, number: int, at_us: int) -> None:
    """Close a package: what it left, and whether it missed."""
    package = log.packages[number]
    order = int(package.last)
    while order >= 0:
        count_residual(world, state, log.orders[order])
        order = int(log.orders[order].before)
    state.counts[0].open_packages -= 1
    count_miss(world, state, not package.is_whole, at_us)


@rule
def share_of(log: Log, package: Records, count: int, residual: int) -> float:
    """Return the least filled / planned of a package's steps, or with HEDGE the most."""
    share = np.nan
    for k in range(count):
        order = log.orders[package.first + k]
        own = order.filled / order.planned
        if np.isnan(share) or (own > share if residual == HEDGE else own < share):
            share = own
    return share


@rule
def settle_steps(world: World, state: State, log: Log, number: int, at_us: int) -> None:
    """Send the residual orders of a package whose steps were sent together and have all been noticed."""
    package, residual = log.packages[number], world.rules[0].residual
    count = length_of(world, int(package.combination))
    if residual == CARRY:
        return
    look(world, state, at_us)
    share = share_of(log, package, count, residual)
    for k in range(count):
        order = log.orders[package.first + k]
        lot, leg = world.legs[order.leg].lot, int(order.leg)
        even = int(np.floor(order.planned * share / lot + _SLACK)) * lot
        if residual == UNWIND and order.filled > even:
            send_residual(world, state, log, SELL if order.side == BUY else BUY, leg, order.filled - even, order, at_us)
        if residual == HEDGE and order.filled < even:
            send_residual(world, state, log, int(order.side), leg, even - order.filled, order, at_us)


@rule
def plan_next(world: World, state: State, step: Records, amount: int, at_us: int) -> bool:
    """Plan the next step of a sequence with what the one before brought; tell whether there is an order to send."""
    best = price_in_view(world, state, step.side, step.leg, at_us)
    if np.isnan(best):
        return False
    step.row = state.seen[step.leg].row
    view_step(world, state, step, at_us, limit_of(world, step.side, step.leg, best))
    if step.left <= 0:
        return False
    plan_step(world, step, amount)
    fund(world, state, step)
    return bool(step.quantity > 0 and step.flow >= world.legs[step.leg].min_notional)


@rule
def try_again(world: World, state: State, log: Log, o: int, at_us: int) -> bool:
    """Send what a step of a sequence planned and did not fill once more; tell whether it could be sent."""
    order = log.orders[o]
    package, again = log.packages[order.package], int(state.counts[0].orders)
    look(world, state, at_us)
    if not send_residual(world, state, log, int(order.side), int(order.leg), order.planned - order.filled, order, at_us):
        return False
    log.orders[again].before = package.last
    package.last = again
    return True


@rule
def send_next(world: World, state: State, log: Log, scratch: Scratch, number: int, at_us: int) -> bool:
    """Send the next step of a sequence; tell whether it could be sent."""
    package, step = log.packages[number], scratch.plan[0]
    nth = step_of(world, int(package.combination), int(package.step) + 1)
    look(world, state, at_us)
    step.leg, step.side = nth.leg, nth.side
    if not plan_next(world, state, step, int(package.brought), at_us):
        return False
    package.step += 1
    package.brought = 0
    send_step(world, state, log, step, number, at_us)
    return True


@rule
def go_on(world: World, state: State, log: Log, scratch: Scratch, o: int, at_us: int) -> None:
    """Go on with a sequence at the notice of an order."""
    order = log.orders[o]
    package, number = log.packages[order.package], int(order.package)
    base, quote = moved(order)
    package.brought += base if order.side == BUY else quote
    is_last = package.step + 1 == length_of(world, int(package.combination))
    if order.role == LEG_ORDER:
        package.is_whole = package.is_whole and order.outcome == FILLED
        tries = package.step > 0 and order.filled < order.planned and world.rules[0].residual == HEDGE
        if tries and try_again(world, state, log, o, at_us):
            return
    if not is_last and package.brought > 0 and send_next(world, state, log, scratch, number, at_us):
        return
    package.is_whole = package.is_whole and is_last
    complete_cycle(world, state, log, number, at_us)


@rule
def take_notice_of_cycle(world: World, state: State, log: Log, scratch: Scratch, o: int, at_us: int) -> None:
    """Do what follows at the notice of an order of a cycle."""
    order = log.orders[o]
    package, number = log.packages[order.package], int(order.package)
    if world.rules[0].sends == SEQUENCE:
        go_on(world, state, log, scratch, o, at_us)
    elif order.role == LEG_ORDER:
        package.noticed += 1
        package.is_whole = package.is_whole and order.outcome == FILLED
        if package.noticed == length_of(world, int(package.combination)):
            complete_cycle(world, state, log, number, at_us)
            settle_steps(world, state, log, number, at_us)
    else:
        count_residual(world, state, order)
