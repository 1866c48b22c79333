"""Spot against its perpetual: what enters, what exits, how much, and what is closed at ticks (docs/model.md, "Strategy basis")."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import cost_of, fee_of, flow_of, least_common_multiple, whole_atoms
from engine.kernels.cache import rule
from engine.kernels.chain import limit_at, settle_plan, view_step
from engine.kernels.decisions import forbidden, list_opportunity, stand
from engine.kernels.fees import charged_in, rate_of, reserve_rate, tick_at
from engine.kernels.market import BUY, CARRY, SELL, Candidates, World, conversion, edge_bps, received, spent
from engine.kernels.orders import Plan, send, spends_from
from engine.kernels.perpetuals import is_perpetual, margin_of, mid_at, position_of, signed
from engine.kernels.residuals import look, price_in_view, send_residual
from engine.kernels.sizing import side_of, venue_cap
from engine.kernels.state import (
    ALARM,
    BELOW_MINIMUM,
    CLOSES,
    COOL_DOWN,
    LEG_ORDER,
    LIQUIDATION_ORDER,
    NO_FUNDS,
    NO_VOLUME,
    OPENS,
    SENT,
    STOPPED,
    VENUE_LIMIT,
    Log,
    Scratch,
    State,
)

NEITHER, ENTERS, EXITS, CLOSES_NOW = range(4)
"""What a pair does: nothing, enter, exit at its threshold, exit whatever that costs."""

BOOKS, OPEN, FUNDS, NOTIONAL, VENUES = range(5)
LINES = 5
"""What the size must keep to, in this order."""


class Deal(NamedTuple):
    """A pair under decision."""

    role: int
    least_bps: float
    counted_bps: float  # funding that counts towards that
    received_at: float  # conversions
    spent_at: float
    tick: int


@rule
def value_both(world: World, state: State, at_us: int, scratch: Scratch) -> None:
    """Write what a unit brings and costs on each leg in view, at the fees in force; nan where the leg is absent."""
    for leg in range(2):
        received_at, spent_at = conversion(world.market, world.legs, leg, state.seen, at_us)
        rate, charged = rate_of(world, state, leg, at_us), charged_in(world, leg, at_us)
        scratch.received[leg] = received(price_in_view(world, state, SELL, leg, at_us), rate, received_at)
        scratch.spent[leg] = spent(price_in_view(world, state, BUY, leg, at_us), rate, spent_at, charged)


@rule
def gross_of(world: World, state: State, sell: int, at_us: int) -> float:
    """Return the edge of a pair at the best prices, before fees [bps]."""
    received_at, _ = conversion(world.market, world.legs, sell, state.seen, at_us)
    _, spent_at = conversion(world.market, world.legs, 1 - sell, state.seen, at_us)
    bid, ask = price_in_view(world, state, SELL, sell, at_us), price_in_view(world, state, BUY, 1 - sell, at_us)
    return edge_bps(bid * received_at, ask * spent_at)


@rule
def stance(world: World, state: State) -> int:
    """Return the sign of the position as known; where there is none, of what orders under way may make of it."""
    leg, known = int(world.perpetual[0].leg), state.position[0].known
    if known == 0:
        known = side_of(state, BUY, leg).under_way - side_of(state, SELL, leg).under_way
    return 1 if known > 0 else (-1 if known < 0 else 0)


@rule
def role_of(world: World, state: State, sell: int) -> int:
    """Return what a pair does, given the leg that it sells."""
    now, after = stance(world, state), -1 if is_perpetual(world, sell) else 1
    if now == -after:
        return EXITS
    return ENTERS if after < 0 or world.perpetual[0].is_two_way else NEITHER


@rule
def counted_bps(world: World, state: State, sell: int, at_us: int) -> float:
    """Return the funding that counts towards an entry: some payments at the rate published last [bps]."""
    position, payments = state.position[0], world.payments
    while position.published < payments.size and payments[position.published].known_us <= at_us:
        position.published += 1
    if position.published == 0 or world.perpetual[0].counted == 0:
        return 0.0
    bps = 1e4 * (world.perpetual[0].counted * payments[position.published - 1].rate)
    return float(bps if is_perpetual(world, sell) else -bps)


@rule
def threshold_of(world: World, role: int) -> float:
    """Return the least edge of a pair in its role [bps]."""
    return float(world.rules[0].threshold_bps if role == ENTERS else world.perpetual[0].exit_bps)


@rule
def rank_both(world: World, rows: Candidates, state: State, at: int, scratch: Scratch) -> int:
    """Write what the pairs that stand and have news sell, and their edges, best first, ties by pair; return their number."""
    found, at_us, ordinal = 0, int(rows.at_us[at]), int(rows.ordinal[at])
    for sell in range(2):
        role = role_of(world, state, sell)
        edge = edge_bps(scratch.received[sell], scratch.spent[1 - sell])
        if role == ENTERS:
            edge += counted_bps(world, state, sell, at_us)
        if role == NEITHER or not edge >= threshold_of(world, role):
            continue
        stand(state, sell + 1, ordinal)
        if not (rows.news[at, 0] or rows.news[at, 1]):
            continue
        place = found
        while place > 0 and scratch.edges[place - 1] < edge:
            scratch.edges[place], scratch.ranked[place] = scratch.edges[place - 1], scratch.ranked[place - 1]
            place -= 1
        scratch.edges[place], scratch.ranked[place] = edge, sell
        found += 1
    return found


@rule
def refused(world: World, state: State, sell: int, role: int, at_us: int) -> int:
    """Return why no package of a pair may start now whatever its size, or SENT; exits go on where entries are stopped."""
    rules, gross = world.rules[0], gross_of(world, state, sell, at_us)
    last_us = state.combinations[sell + 1].last_decision_us
    if gross > rules.max_gross_edge_bps:
        return ALARM
    if role == ENTERS:
        return STOPPED if state.position[0].is_closing else forbidden(world, state, gross, last_us, at_us)
    return COOL_DOWN if at_us < last_us + rules.cool_down_us else SENT


@rule
def view_both(world: World, state: State, scratch: Scratch, sell: int, at_us: int) -> None:
    """Write what the sell and the buy of a pair may take, and what they pay."""
    for side in range(2):
        step = scratch.plan[side]
        step.side, step.leg = side, sell if side == SELL else 1 - sell
        step.row = state.seen[step.leg].row
        view_step(world, state, step, at_us, np.inf if side == BUY else -np.inf)
        step.reserve_rate = reserve_rate(world, step.leg, at_us)


@rule
def deal_of(world: World, state: State, sell: int, role: int, at_us: int) -> Deal:
    """Return a pair under decision."""
    received_at, _ = conversion(world.market, world.legs, sell, state.seen, at_us)
    _, spent_at = conversion(world.market, world.legs, 1 - sell, state.seen, at_us)
    least = -np.inf if role == CLOSES_NOW else threshold_of(world, role)
    counted = counted_bps(world, state, sell, at_us) if role == ENTERS else 0.0
    return Deal(role, least, counted, received_at, spent_at, tick_at(world.rules, at_us))


@rule
def reserve_of(world: World, state: State, step: Records) -> int:
    """Return what the order of a planned step reserves [atoms of what it comes from]."""
    position = position_of(world, state, step.side, step.leg)
    if position == CLOSES:
        return 0
    price = limit_at(world, step) if step.side == BUY else world.market.price[SELL, step.row, 0]
    if position == OPENS:
        return margin_of(world, price, step.quantity, step.reserve_rate)
    return cost_of(price, step.quantity, step.reserve_rate) if step.side == BUY else int(step.quantity)


@rule
def are_funded(world: World, state: State, sell: Records, buy: Records) -> bool:
    """Tell whether both reserves are free; they never come from one wallet."""
    gives, pays = state.wallets[spends_from(world.legs, SELL, sell.leg)], state.wallets[spends_from(world.legs, BUY, buy.leg)]
    return bool(reserve_of(world, state, sell) <= gives.free and reserve_of(world, state, buy) <= pays.free)


@rule
def left_open(world: World, state: State) -> int:
    """Return what of the position no order under way closes [atoms of base]."""
    known, leg = state.position[0].known, int(world.perpetual[0].leg)
    return int(max(abs(known) - side_of(state, BUY if known < 0 else SELL, leg).under_way, 0))


@rule
def keeps_to(world: World, state: State, scratch: Scratch, deal: Deal, line: int, quantity: int) -> bool:
    """Tell whether a quantity keeps to a line; what a line allows, it allows of less."""
    sell, buy = scratch.plan[SELL], scratch.plan[BUY]
    for side in range(2):
        scratch.plan[side].quantity = quantity
        settle_plan(world.market, scratch.plan[side])
    if line == BOOKS:
        gets, pays = received(sell.deepest, sell.rate, deal.received_at), spent(buy.deepest, buy.rate, deal.spent_at, buy.charged)
        return bool(edge_bps(gets, pays) + deal.counted_bps >= deal.least_bps)
    if line == OPEN:
        return bool(deal.role == ENTERS or quantity <= left_open(world, state))
    if line == FUNDS:
        return are_funded(world, state, sell, buy)
    if line == NOTIONAL:
        return bool(deal.role == CLOSES_NOW or quantity <= whole_atoms(world.rules[0].max_notional / (buy.deepest * deal.spent_at)))
    within = quantity <= venue_cap(world, state, sell.leg, world.market.price[SELL, sell.row, 0], deal.tick)
    return bool(deal.role != ENTERS or (within and quantity <= venue_cap(world, state, buy.leg, world.market.price[BUY, buy.row, 0], deal.tick)))


@rule
def largest(world: World, state: State, scratch: Scratch, deal: Deal, line: int, step: int, most: int) -> int:
    """Return the largest multiple of step up to a most that keeps to a line."""
    if most <= 0 or keeps_to(world, state, scratch, deal, line, most):
        return most
    least, beyond = 0, most // step
    while beyond - least > 1:
        middle = (least + beyond) // 2
        if keeps_to(world, state, scratch, deal, line, middle * step):
            least = middle
        else:
            beyond = middle
    return least * step


@rule
def outcome_of(line: int) -> int:
    """Return the outcome where a line leaves nothing."""
    if line == BOOKS:
        return NO_VOLUME
    if line == NOTIONAL:
        return BELOW_MINIMUM
    return VENUE_LIMIT if line == VENUES else NO_FUNDS


@rule
def size_both(world: World, state: State, scratch: Scratch, deal: Deal) -> int:
    """Write the quantity of both steps, which are in view; return SENT, or why there is none."""
    sell, buy = scratch.plan[SELL], scratch.plan[BUY]
    step = least_common_multiple(world.legs[sell.leg].lot, world.legs[buy.leg].lot)
    quantity = min(sell.left, buy.left) // step * step
    if quantity <= 0:
        return NO_VOLUME
    for line in range(LINES):
        quantity = largest(world, state, scratch, deal, line, step, quantity)
        if quantity <= 0:
            return outcome_of(line)
    for side in range(2):
        scratch.plan[side].quantity = quantity
        settle_plan(world.market, scratch.plan[side])
    below = sell.flow < world.legs[sell.leg].min_notional or buy.flow < world.legs[buy.leg].min_notional
    return BELOW_MINIMUM if below else SENT


@rule
def send_both(world: World, state: State, log: Log, scratch: Scratch, edge: float, at_us: int) -> None:
    """Send both steps as planned."""
    count, first = state.counts[0], int(state.counts[0].orders)
    package = int(count.packages)
    for side in range(2):
        step = scratch.plan[side]
        best, limit = world.market.price[side, step.row, 0], limit_at(world, step)
        plan = Plan(step.leg, side, LEG_ORDER, package, first, step.quantity, step.price, best, limit, step.reserve_rate, edge)
        send(world, state, log, plan, at_us)
    count.packages += 1
    count.open_packages += 1


@rule
def decide_basis(world: World, rows: Candidates, state: State, log: Log, scratch: Scratch, at: int) -> None:
    """Decide on the pairs of a candidate, best first."""
    at_us = int(rows.at_us[at])
    look(world, state, at_us)
    value_both(world, state, at_us, scratch)
    for rank in range(rank_both(world, rows, state, at, scratch)):
        sell, edge = int(scratch.ranked[rank]), scratch.edges[rank]
        role = role_of(world, state, sell)
        outcome = refused(world, state, sell, role, at_us)
        if outcome == SENT:
            view_both(world, state, scratch, sell, at_us)
            outcome = size_both(world, state, scratch, deal_of(world, state, sell, role, at_us))
            if outcome == SENT:
                send_both(world, state, log, scratch, edge, at_us)
        list_opportunity(state, log, sell + 1, at_us, edge, outcome)


@rule
def is_due(world: World, state: State, edge: float, at_us: int) -> bool:
    """Tell whether the position is to be closed whatever that costs, given the edge of an exit."""
    terms, position = world.perpetual[0], state.position[0]
    return bool(position.is_closing or at_us >= position.since_us + terms.max_hold_us or edge <= -terms.stop_bps)


@rule
def list_closing(state: State, log: Log, sell: int, at_us: int, edge: float) -> None:
    """Write an exit that is sent at a tick as an opportunity in an episode of its own."""
    count, row = state.counts[0], log.opportunities[state.counts[0].opportunities]
    row.at_us, row.combination, row.edge_bps = at_us, sell + 1, edge
    row.episode, row.outcome, row.package = count.episodes, SENT, count.packages - 1
    state.combinations[sell + 1].last_decision_us = at_us
    count.episodes += 1
    count.opportunities += 1


@rule
def close_late(world: World, state: State, log: Log, scratch: Scratch, at_us: int) -> None:
    """Exit where the position was held for too long, or has gone too far against us."""
    position = state.position[0]
    if position.known == 0:
        return
    value_both(world, state, at_us, scratch)
    sell = int(world.perpetual[0].leg if position.known > 0 else world.perpetual[0].spot)
    edge = edge_bps(scratch.received[sell], scratch.spent[1 - sell])
    if not is_due(world, state, edge, at_us):
        return
    position.is_closing = True
    if np.isnan(edge):
        return
    view_both(world, state, scratch, sell, at_us)
    if size_both(world, state, scratch, deal_of(world, state, sell, CLOSES_NOW, at_us)) == SENT:
        send_both(world, state, log, scratch, edge, at_us)
        list_closing(state, log, sell, at_us, edge)


@rule
def liquidate(world: World, state: State, log: Log, at_us: int) -> None:
    """Let the venue close the position where its margin wallet no longer holds what is to be maintained."""
    position, terms = state.position[0], world.perpetual[0]
    if position.known == 0 or position.liquidations > 0:
        return
    mid, leg = mid_at(world, state, at_us), int(terms.leg)
    worth = flow_of(mid, position.known)
    has = position.margin + state.wallets[world.legs[leg].quote_wallet].free + worth - position.cost
    if has >= fee_of(abs(worth), terms.maintenance_margin):
        return
    side, limit = (BUY, mid * 2) if position.known < 0 else (SELL, mid / 2)
    seen = price_in_view(world, state, side, leg, at_us)
    price, last = mid if np.isnan(seen) else seen, log.orders[state.counts[0].orders - 1]
    package, first, edge = int(last.package), int(last.first), float(last.edge_bps)
    plan = Plan(leg, side, LIQUIDATION_ORDER, package, first, abs(position.known), price, price, limit, 0.0, edge)
    send(world, state, log, plan, at_us)
    position.liquidations += 1


@rule
def watch_position(world: World, state: State, log: Log, scratch: Scratch, at_us: int) -> None:
    """Do what a tick asks for of a position."""
    look(world, state, at_us)
    liquidate(world, state, log, at_us)
    close_late(world, state, log, scratch, at_us)


@rule
def follow_liquidation(world: World, state: State, log: Log, o: int, at_us: int) -> None:
    """At its notice: trade as much spot back, unless what is left is carried."""
    order = log.orders[o]
    state.position[0].liquidations -= 1
    state.counts[0].net_residual += signed(order)
    if order.filled > 0 and world.rules[0].residual != CARRY:
        look(world, state, at_us)
        send_residual(world, state, log, SELL if order.side == BUY else BUY, int(world.perpetual[0].spot), int(order.filled), order, at_us)
