"""The path of a run: what depends on what happened before (docs/model.md). Read `walk` first; each rule is a small function."""

import numpy as np

from engine.kernels.amounts import buy_limit, sell_limit
from engine.kernels.cache import compiled, rule
from engine.kernels.fees import charged_in, rate_of, reserve_rate, tick_at
from engine.kernels.market import ABSENT, BUY, SELL, Candidates, Market, World, edge_bps, received, spent
from engine.kernels.orders import Plan, completes, learn, resolve, send
from engine.kernels.residuals import complete
from engine.kernels.sizing import Pair, segment_of, size_package, skip_of, take
from engine.kernels.state import (
    ALARM,
    COOL_DOWN,
    CREDIT,
    HALTED,
    LEG_ORDER,
    NEVER_US,
    RESIDUAL,
    RESIDUAL_ORDER,
    RESOLVE,
    SENT,
    STOPPED,
    Log,
    Scratch,
    State,
    pop,
)
from engine.kernels.ticks import take_tick
from engine.kernels.transfers import Funding, credit

_NEVER = 2**62


@rule
def take_notice(world: World, state: State, log: Log, o: int, at_us: int) -> None:
    """Take the notice of an order, and do what follows for its package."""
    learn(world, state, log, o)
    order = log.orders[o]
    if order.role == RESIDUAL_ORDER:
        state.counts[0].net_residual += order.filled if order.side == BUY else -order.filled
    elif completes(log.orders, o):
        complete(world, state, log, int(order.first), at_us)


@rule
def settle_until(world: World, funding: Funding, state: State, log: Log, until_us: int) -> None:
    """Let happen what waits in the queue, in its order, up to and at a time."""
    while state.counts[0].queue > 0 and log.queue[0, 0] <= until_us:
        at_us, kind, number = pop(log.queue, state.counts)
        if kind == CREDIT:
            credit(world, funding, state, log, number)
        elif kind == RESOLVE:
            resolve(world, state, log, number)
        else:
            take_notice(world, state, log, number, at_us)


@rule
def value_legs(world: World, rows: Candidates, state: State, at: int, scratch: Scratch) -> None:
    """Write what a unit brings and costs on each leg at a candidate, at the fees in force; nan where the leg is absent."""
    at_us = rows.at_us[at]
    for leg in range(scratch.received.size):
        scratch.received[leg] = scratch.spent[leg] = np.nan
        row = rows.row[at, leg]
        if row != ABSENT:
            rate = rate_of(world, state, leg, at_us)
            scratch.received[leg] = received(world.market.price[SELL, row, 0], rate, rows.received_at[at, leg])
            scratch.spent[leg] = spent(world.market.price[BUY, row, 0], rate, rows.spent_at[at, leg], charged_in(world, leg, at_us))


@rule
def note_standing(state: State, ranked: int, ordinal: int) -> None:
    """Go on with the episode of a pair that stands at an instant, or end it where it did not stand at the one before."""
    pair = state.pairs[ranked]
    if pair.stood != ordinal - 1:
        pair.episode = -1
    pair.stood = ordinal


@rule
def rank_pairs(rows: Candidates, state: State, at: int, threshold_bps: float, scratch: Scratch) -> int:
    """Write the opportunities (sell * V + buy) and their edges, best first, ties by pair; return their number.

    A pair that stands without news goes on with its episode and is no opportunity.
    """
    found, legs, ordinal = 0, scratch.received.size, rows.ordinal[at]
    for sell in range(legs):
        for buy in range(legs):
            edge = edge_bps(scratch.received[sell], scratch.spent[buy])  # nan where a leg is absent: never ≥
            if sell == buy or not edge >= threshold_bps:
                continue
            note_standing(state, sell * legs + buy, ordinal)
            if not (rows.news[at, sell] or rows.news[at, buy]):
                continue
            place = found
            while place > 0 and scratch.edges[place - 1] < edge:
                scratch.edges[place], scratch.ranked[place] = scratch.edges[place - 1], scratch.ranked[place - 1]
                place -= 1
            scratch.edges[place], scratch.ranked[place] = edge, sell * legs + buy
            found += 1
    return found


@rule
def pair_of(world: World, rows: Candidates, state: State, at: int, sell: int, buy: int) -> Pair:
    """Return an opportunity with all that its decision needs."""
    at_us = int(rows.at_us[at])
    return Pair(
        sell, buy, int(rows.row[at, sell]), int(rows.row[at, buy]), rate_of(world, state, sell, at_us), rate_of(world, state, buy, at_us),
        charged_in(world, buy, at_us), reserve_rate(world, buy, at_us), float(rows.received_at[at, sell]), float(rows.spent_at[at, buy]),
    )  # fmt: skip


@rule
def gross_bps(market: Market, pair: Pair) -> float:
    """Return the edge of the best prices before fees [bps]."""
    bid, ask = market.price[SELL, pair.sell_row, 0], market.price[BUY, pair.buy_row, 0]
    return float(1e4 * (bid * pair.received_at / (ask * pair.spent_at) - 1))


@rule
def forbidden(world: World, state: State, gross: float, last_decision_us: int, at_us: int) -> int:
    """Return why no package of a gross edge [bps] may start now whatever its size, or SENT."""
    rules, count, tick = world.rules[0], state.counts[0], tick_at(world.rules, at_us)
    if gross > rules.max_gross_edge_bps:
        return ALARM
    if count.stopped_us != NEVER_US:
        return STOPPED
    if world.halted[tick]:
        return HALTED
    if abs(count.net_residual) * world.mark[tick, rules.base_currency] / 1e8 > rules.max_residual:
        return RESIDUAL
    if at_us < last_decision_us + rules.cool_down_us:
        return COOL_DOWN
    return SENT


@rule
def send_package(world: World, state: State, log: Log, pair: Pair, scratch: Scratch, quantity: int, edge: float, at_us: int) -> None:
    """Send both legs of a package."""
    market, count, segment = world.market, state.counts[0], segment_of(scratch, quantity)
    first, package, tolerance = int(count.orders), int(count.packages), world.rules[0].tolerance
    lowest = market.price[SELL, pair.sell_row, scratch.level[SELL, segment]]
    highest = market.price[BUY, pair.buy_row, scratch.level[BUY, segment]]
    sell_at, buy_at = sell_limit(lowest, tolerance, world.legs[pair.sell].tick), buy_limit(highest, tolerance, world.legs[pair.buy].tick)
    _, sold = take(market, SELL, pair.sell_row, skip_of(world, state, SELL, pair.sell, pair.sell_row), quantity)
    _, bought = take(market, BUY, pair.buy_row, skip_of(world, state, BUY, pair.buy, pair.buy_row), quantity)
    bid, ask = market.price[SELL, pair.sell_row, 0], market.price[BUY, pair.buy_row, 0]
    send(world, state, log, Plan(pair.sell, SELL, LEG_ORDER, package, first, quantity, sold, bid, sell_at, 0.0, edge), at_us)
    send(world, state, log, Plan(pair.buy, BUY, LEG_ORDER, package, first, quantity, bought, ask, buy_at, pair.reserve_rate, edge), at_us)
    count.packages += 1
    count.open_packages += 1


@rule
def note_decision(state: State, ranked: int, at_us: int, outcome: int) -> None:
    """Give an opportunity its episode, and begin the cool-down of what was sent."""
    count, pair = state.counts[0], state.pairs[ranked]
    if pair.episode < 0:
        pair.episode = count.episodes
        count.episodes += 1
    if outcome == SENT:
        pair.last_decision_us = at_us


@rule
def list_opportunity(state: State, log: Log, ranked: int, at_us: int, edge: float, outcome: int) -> None:
    """Write an opportunity and what became of it."""
    count, pair, legs = state.counts[0], state.pairs[ranked], state.sides.size // 2
    row = log.opportunities[count.opportunities]
    note_decision(state, ranked, at_us, outcome)
    row.at_us, row.sell, row.buy, row.edge_bps = at_us, ranked // legs, ranked % legs, edge
    row.episode, row.outcome, row.package = pair.episode, outcome, count.packages - 1 if outcome == SENT else -1
    count.opportunities += 1


@rule
def decide(world: World, rows: Candidates, state: State, log: Log, scratch: Scratch, at: int) -> None:
    """Decide on the opportunities of a candidate, best first; each gets what the earlier left."""
    at_us, legs = int(rows.at_us[at]), scratch.received.size
    value_legs(world, rows, state, at, scratch)
    for rank in range(rank_pairs(rows, state, at, world.rules[0].threshold_bps, scratch)):
        ranked, edge = scratch.ranked[rank], scratch.edges[rank]
        pair = pair_of(world, rows, state, at, ranked // legs, ranked % legs)
        outcome = forbidden(world, state, gross_bps(world.market, pair), state.pairs[ranked].last_decision_us, at_us)
        if outcome == SENT:
            quantity, outcome = size_package(world, state, pair, scratch, tick_at(world.rules, at_us))
            if outcome == SENT:
                send_package(world, state, log, pair, scratch, quantity, edge, at_us)
        list_opportunity(state, log, ranked, at_us, edge, outcome)


def rows_needed(state: State, legs: int) -> tuple[int, int, int]:
    """Return how many orders, opportunities and transfers there can be once the next row is done; plain, as the logs grow by it, too."""
    packages, count = legs * (legs - 1), state.counts[0]
    orders = count.orders + count.open_packages + 2 * packages
    return orders, count.opportunities + packages, count.transfers + state.routes.size + 2 * state.wallets.size + 1


_rows_needed = rule(rows_needed)


@rule
def has_room(state: State, log: Log, legs: int) -> bool:
    """Tell whether the logs hold all that can be written until the next row is done; the queue holds an event of each order and transfer."""
    orders, opportunities, transfers = _rows_needed(state, legs)
    return bool(orders <= log.orders.size and opportunities <= log.opportunities.size and transfers <= log.transfers.size)


@compiled
def walk(world: World, funding: Funding, rows: Candidates, state: State, log: Log, scratch: Scratch) -> bool:
    """Walk candidates and ticks in time order; False where the logs are full: call again with larger ones.

    Parameters
    ----------
    world, funding : World, Funding
        What does not change.
    rows : Candidates
        (C,) in time order. A superset of the instants with an opportunity gives the same orders.
    state, log, scratch : State, Log, Scratch
        Written to; after True it is the state at the run's end. Orders and transfers that would happen after it are open.
    """
    rules, count, works_at_ticks = world.rules[0], state.counts[0], world.rules[0].works_at_ticks
    while has_room(state, log, scratch.received.size):
        next_row = rows.at_us[count.candidate] if count.candidate < rows.at_us.size else _NEVER
        next_tick = rules.start_us + count.tick * rules.clock_us if works_at_ticks and count.tick < world.mark.shape[0] else _NEVER
        if min(next_row, next_tick) == _NEVER:
            settle_until(world, funding, state, log, rules.end_us)
            return True
        settle_until(world, funding, state, log, min(next_row, next_tick))
        if next_tick <= next_row:
            take_tick(world, funding, state, log, count.tick)
            count.tick += 1
        else:
            decide(world, rows, state, log, scratch, count.candidate)
            count.candidate += 1
    return False
