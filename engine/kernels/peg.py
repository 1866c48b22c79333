"""Bets on a peg: when a coin is bought below par, and what becomes of it (docs/model.md, "Strategy peg")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import flow_of, sell_limit, whole_atoms
from engine.kernels.cache import rule
from engine.kernels.chain import deepest_price, is_funded, limit_at, settle_plan, view_step
from engine.kernels.decisions import forbidden, list_opportunity, stand
from engine.kernels.fees import rate_of, tick_at
from engine.kernels.market import BUY, SELL, Candidates, Market, World, edge_bps, received, spent
from engine.kernels.orders import Plan, moved, send
from engine.kernels.residuals import count_miss, look
from engine.kernels.sizing import levels_of
from engine.kernels.state import (
    ASSET_LIMIT,
    BELOW_MINIMUM,
    COOL_DOWN,
    FILLED,
    LEG_ORDER,
    NEVER_US,
    NO_FUNDS,
    NO_VOLUME,
    SENT,
    STOP_ORDER,
    TIME_ORDER,
    VENUE_LIMIT,
    Log,
    Scratch,
    State,
)

KNOWN_US = 300_000_000
"""For how long the last price counts at ticks, as it does for marks."""

FUNDS, NOTIONAL, VENUE, ASSET = range(4)
LINES = 4
"""What a buy must keep to, in this order."""


@rule
def combination_of(leg: int, side: int) -> int:
    """Return the ordinal of a side of a leg among all."""
    return 2 * leg + side


@rule
def holds(world: World, state: State, leg: int) -> bool:
    """Tell whether a leg has a position that can be sold."""
    return bool(state.bets[leg].held >= world.legs[leg].lot)


@rule
def average_of(position: Records) -> float:
    """Return what a coin of a position cost, with the fee, on average of all that was bought since it was opened [quote per coin]."""
    return float(position.paid / position.bought)


@rule
def edge_of_side(world: World, state: State, scratch: Scratch, leg: int, side: int, tick: int) -> float:
    """Return the edge of a buy or a sell that stands [bps], else nan."""
    signal = world.signal
    if side == BUY:
        cost = scratch.spent[leg]
        edge = edge_bps(signal.worth[tick, leg], cost)
        return edge if cost <= signal.enter[tick, leg] and edge >= world.rules[0].threshold_bps else np.nan
    proceeds = scratch.received[leg]
    reached = holds(world, state, leg) and proceeds >= signal.leave[tick, leg]
    return edge_bps(proceeds, average_of(state.bets[leg])) if reached else np.nan


@rule
def rank_side(world: World, rows: Candidates, state: State, at: int, side: int, scratch: Scratch) -> int:
    """Write the legs whose buy, or sell, stands and has news, and their edges, best first, ties by leg; return their number."""
    found, tick = 0, tick_at(world.rules, int(rows.at_us[at]))
    for leg in range(scratch.received.size):
        edge = edge_of_side(world, state, scratch, leg, side, tick)  # nan where a leg is absent
        if np.isnan(edge):
            continue
        stand(state, combination_of(leg, side), int(rows.ordinal[at]))
        if not rows.news[at, leg]:
            continue
        place = found
        while place > 0 and scratch.edges[place - 1] < edge:
            scratch.edges[place], scratch.ranked[place] = scratch.edges[place - 1], scratch.ranked[place - 1]
            place -= 1
        scratch.edges[place], scratch.ranked[place] = edge, leg
        found += 1
    return found


@rule
def is_worth_buying(world: World, step: Records, price: float, tick: int) -> bool:
    """Tell whether a coin at a price is cheap enough."""
    signal, cost = world.signal, spent(price, step.rate, 1.0, step.charged)
    edge = edge_bps(signal.worth[tick, step.leg], cost)
    return bool(cost <= signal.enter[tick, step.leg] and edge >= world.rules[0].threshold_bps)


@rule
def is_worth_selling(world: World, step: Records, price: float, tick: int) -> bool:
    """Tell whether a coin at a price brings enough."""
    return bool(received(price, step.rate, 1.0) >= world.signal.leave[tick, step.leg])


@rule
def worth_taking(world: World, step: Records, tick: int) -> int:
    """Return what is left on the levels whose own price is good enough [atoms of base]."""
    market, skip, left = world.market, step.skip, 0
    for level in range(levels_of(market, step.side, step.row)):
        price, size = market.price[step.side, step.row, level], market.size[step.side, step.row, level]
        if not (is_worth_buying(world, step, price, tick) if step.side == BUY else is_worth_selling(world, step, price, tick)):
            break
        cut = min(skip, size)
        skip -= cut
        left += size - cut
    return int(left)


@rule
def view(world: World, rows: Candidates, state: State, at: int, side: int, leg: int, step: Records) -> None:
    """Write what a buy or a sell may take."""
    at_us = int(rows.at_us[at])
    tick, lot = tick_at(world.rules, at_us), world.legs[leg].lot
    step.leg, step.side, step.row = leg, side, rows.row[at, leg]
    view_step(world, state, step, at_us, np.inf if side == BUY else -np.inf)
    step.left = worth_taking(world, step, tick) // lot * lot


@rule
def allows(world: World, state: State, step: Records, line: int, tick: int) -> bool:
    """Tell whether an order of the planned quantity keeps to a line."""
    rules, leg = world.rules[0], world.legs[step.leg]
    if line == FUNDS:
        return is_funded(world, state, step)
    if line == NOTIONAL:
        return bool(step.quantity <= whole_atoms(rules.max_notional / step.deepest))
    if line == VENUE:
        best = world.market.price[BUY, step.row, 0]
        room = (rules.max_venue_open - state.open_value[leg.venue]) / (best * world.mark[tick, leg.quote_currency])
        return bool(step.quantity <= whole_atoms(room))
    coin = state.currencies[leg.base_currency]
    most = world.max_asset[leg.base_currency] / world.mark[tick, leg.base_currency]
    return bool(step.quantity <= whole_atoms(most) - coin.held - coin.expected)


@rule
def fits(world: World, state: State, step: Records, quantity: int, line: int, tick: int) -> bool:
    """Tell whether an order of a quantity keeps to a line."""
    step.quantity = quantity
    step.deepest = deepest_price(world.market, step, quantity)
    return allows(world, state, step, line, tick)


@rule
def largest_within(world: World, state: State, step: Records, most: int, line: int, tick: int) -> int:
    """Return the largest multiple of the lot, at most `most`, that keeps to a line; what holds, holds of less."""
    lot = world.legs[step.leg].lot
    if fits(world, state, step, most, line, tick):
        return most
    least, top = 0, most // lot
    while top - least > 1:
        middle = least + (top - least) // 2
        if fits(world, state, step, middle * lot, line, tick):
            least = middle
        else:
            top = middle
    return int(least * lot)


@rule
def outcome_of(line: int) -> int:
    """Return the outcome where a line leaves nothing."""
    if line == FUNDS:
        return NO_FUNDS
    if line == NOTIONAL:
        return BELOW_MINIMUM
    return VENUE_LIMIT if line == VENUE else ASSET_LIMIT


@rule
def size_buy(world: World, state: State, step: Records, tick: int) -> int:
    """Plan a buy whose step is in view; return SENT, or why there is none."""
    lot, fixed = world.legs[step.leg].lot, world.rules[0].fixed_notional
    wanted = whole_atoms(fixed / world.market.price[BUY, step.row, 0]) // lot * lot
    if fixed > 0 and wanted <= 0:
        return BELOW_MINIMUM
    least = wanted if fixed > 0 else 1
    if step.left < least:
        return NO_VOLUME
    quantity = wanted if fixed > 0 else int(step.left)
    for line in range(LINES):
        quantity = largest_within(world, state, step, quantity, line, tick)
        if quantity < least:
            return outcome_of(line)
    return settle(world, step, quantity)


@rule
def size_sell(world: World, state: State, step: Records) -> int:
    """Plan a sell of a position whose step is in view; return SENT, or why there is none."""
    lot = world.legs[step.leg].lot
    if step.left <= 0:
        return NO_VOLUME
    most = min(state.bets[step.leg].held, state.wallets[world.legs[step.leg].base_wallet].free)
    quantity = min(step.left, most // lot * lot)
    return NO_FUNDS if quantity <= 0 else settle(world, step, int(quantity))


@rule
def settle(world: World, step: Records, quantity: int) -> int:
    """Write a planned quantity and what follows from it; return SENT, or BELOW_MINIMUM."""
    step.quantity = quantity
    settle_plan(world.market, step)
    return SENT if step.flow >= world.legs[step.leg].min_notional else BELOW_MINIMUM


@rule
def send_alone(world: World, state: State, log: Log, plan: Plan, at_us: int) -> None:
    """Send a package of one order, and count it in its position."""
    position, count = state.bets[plan.leg], state.counts[0]
    send(world, state, log, plan, at_us)
    position.under_way += 1
    if plan.side == SELL:
        position.held -= plan.quantity
    elif position.since_us == NEVER_US:
        position.since_us = at_us
    count.packages += 1
    count.open_packages += 1


@rule
def send_planned(world: World, state: State, log: Log, step: Records, edge: float, at_us: int) -> None:
    """Send a buy or a sell as planned."""
    count, best = state.counts[0], world.market.price[step.side, step.row, 0]
    plan = Plan(
        int(step.leg), int(step.side), LEG_ORDER, int(count.packages), int(count.orders), int(step.quantity), float(step.price), best,
        limit_at(world, step), float(step.reserve_rate), edge,
    )  # fmt: skip
    send_alone(world, state, log, plan, at_us)


@rule
def forbidden_buy(world: World, rows: Candidates, state: State, at: int, leg: int) -> int:
    """Return why nothing may be bought on a leg now, or SENT."""
    at_us = int(rows.at_us[at])
    worth, ask = world.signal.worth[tick_at(world.rules, at_us), leg], world.market.price[BUY, rows.row[at, leg], 0]
    outcome = forbidden(world, state, edge_bps(worth, ask), state.combinations[combination_of(leg, BUY)].last_decision_us, at_us)
    paused = at_us < state.bets[leg].stopped_us + world.rules[0].pause_us
    return COOL_DOWN if outcome == SENT and paused else outcome


@rule
def decide_side(world: World, rows: Candidates, state: State, log: Log, scratch: Scratch, at: int, side: int) -> None:
    """Decide on the buys, or the sells, of a candidate, best first."""
    at_us, step = int(rows.at_us[at]), scratch.plan[0]
    for rank in range(rank_side(world, rows, state, at, side, scratch)):
        leg, edge = int(scratch.ranked[rank]), float(scratch.edges[rank])
        outcome = forbidden_buy(world, rows, state, at, leg) if side == BUY else SENT
        if outcome == SENT:
            view(world, rows, state, at, side, leg, step)
            outcome = size_buy(world, state, step, tick_at(world.rules, at_us)) if side == BUY else size_sell(world, state, step)
            if outcome == SENT:
                send_planned(world, state, log, step, edge, at_us)
        list_opportunity(state, log, combination_of(leg, side), at_us, edge, outcome)


@rule
def decide_peg(world: World, rows: Candidates, state: State, log: Log, scratch: Scratch, at: int) -> None:
    """Decide on a candidate once its legs are valued: what is sold first, then what is bought."""
    decide_side(world, rows, state, log, scratch, at, SELL)
    decide_side(world, rows, state, log, scratch, at, BUY)


@rule
def close_if_empty(world: World, state: State, leg: int) -> None:
    """Forget a position of which less than a lot is left and nothing is under way; what is left of it stays in the wallet."""
    position = state.bets[leg]
    if position.under_way == 0 and not holds(world, state, leg):
        position.held = position.bought = position.paid = 0
        position.since_us = NEVER_US


@rule
def take_notice_of_peg(world: World, state: State, log: Log, o: int, at_us: int) -> None:
    """Count in its position what an order came to."""
    order = log.orders[o]
    position, leg = state.bets[order.leg], int(order.leg)
    base, quote = moved(order)
    position.under_way -= 1
    if order.side == BUY:
        position.held += base
        position.bought += base
        position.paid -= quote
    else:
        position.held += order.planned - order.filled
    close_if_empty(world, state, leg)
    state.counts[0].open_packages -= 1
    count_miss(world, state, order.outcome != FILLED, at_us)


@rule
def is_known(market: Market, leg: int, row: int, at_us: int) -> bool:
    """Tell whether what is in view of a leg at a tick is good, has a bid, and is young enough to go by."""
    if row < market.series[leg].first or not market.good[row]:
        return False
    return bool(market.price[SELL, row, 0] > 0 and at_us - market.event_us[row] <= KNOWN_US)


@rule
def due_to(world: World, position: Records, proceeds: float, at_us: int) -> int:
    """Return why a position is sold at a tick at which a coin of it would bring so much: STOP_ORDER, TIME_ORDER, or -1 for not at all."""
    rules = world.rules[0]
    if rules.stop > 0 and proceeds <= average_of(position) * (1 - rules.stop):
        return STOP_ORDER
    return TIME_ORDER if at_us >= position.since_us + rules.hold_us else -1


@rule
def list_stop(state: State, log: Log, leg: int, at_us: int, edge: float) -> None:
    """Write what was sold at a tick, as an opportunity and an episode of its own."""
    count, row = state.counts[0], log.opportunities[state.counts[0].opportunities]
    row.at_us, row.combination, row.edge_bps = at_us, combination_of(leg, SELL), edge
    row.episode, row.outcome, row.package = count.episodes, SENT, count.packages - 1
    count.episodes += 1
    count.opportunities += 1


@rule
def sell_out(world: World, state: State, log: Log, leg: int, role: int, bid: float, edge: float, at_us: int) -> None:
    """Sell what there is of a position, as a residual order is sold."""
    one, position, count = world.legs[leg], state.bets[leg], state.counts[0]
    quantity = int(min(position.held, state.wallets[one.base_wallet].free) // one.lot * one.lot)
    if quantity <= 0 or flow_of(bid, quantity) < one.min_notional:
        return
    limit = sell_limit(bid, world.rules[0].residual_tolerance, one.tick)
    plan = Plan(leg, SELL, role, int(count.packages), int(count.orders), quantity, bid, bid, limit, 0.0, edge)
    send_alone(world, state, log, plan, at_us)
    position.stopped_us = at_us
    list_stop(state, log, leg, at_us, edge)


@rule
def stop_positions(world: World, state: State, log: Log, at_us: int) -> None:
    """Sell at a tick what has fallen too far below what it cost, or was held for too long."""
    look(world, state, at_us)
    for leg in range(state.bets.size):
        row = int(state.seen[leg].row)
        if not holds(world, state, leg) or not is_known(world.market, leg, row, at_us):
            continue
        position, bid = state.bets[leg], float(world.market.price[SELL, row, 0])
        proceeds = received(bid, rate_of(world, state, leg, at_us), 1.0)
        role = due_to(world, position, proceeds, at_us)
        if role >= 0:
            sell_out(world, state, log, leg, role, bid, edge_bps(proceeds, average_of(position)), at_us)
