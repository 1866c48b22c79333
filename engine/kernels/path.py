"""The path of a run: what depends on what happened before (docs/model.md). Read `walk` first; each rule is a small function.

This is the walk of a run that sends pairs; those of the other strategies are in `engine.kernels.walks`.
"""

import numpy as np

from engine.kernels.amounts import buy_limit, sell_limit
from engine.kernels.cache import compiled, rule
from engine.kernels.decisions import forbidden, list_opportunity, stand
from engine.kernels.fees import charged_in, rate_of, reserve_rate, tick_at
from engine.kernels.market import ABSENT, BUY, SELL, Candidates, World, edge_bps, received, spent
from engine.kernels.orders import Plan, completes, learn, resolve, send
from engine.kernels.residuals import complete
from engine.kernels.sizing import Pair, segment_of, size_package, skip_of, take
from engine.kernels.state import CREDIT, LEG_ORDER, RESIDUAL_ORDER, RESOLVE, SENT, Log, Scratch, State, pop
from engine.kernels.ticks import take_tick
from engine.kernels.transfers import Funding, credit

NEVER = 2**62
"""A time that does not come."""


@rule
def follow_pair(world: World, state: State, log: Log, o: int, at_us: int) -> None:
    """Do what follows for the package of a pair's order at its notice."""
    order = log.orders[o]
    if order.role == RESIDUAL_ORDER:
        state.counts[0].net_residual += order.filled if order.side == BUY else -order.filled
    elif completes(log.orders, o):
        complete(world, state, log, int(order.first), at_us)


@rule
def is_due(state: State, log: Log, until_us: int) -> bool:
    """Tell whether something waits in the queue that happens up to and at a time."""
    return bool(state.counts[0].queue > 0 and log.queue[0, 0] <= until_us)


@rule
def settle_until(world: World, funding: Funding, state: State, log: Log, until_us: int) -> None:
    """Let happen what waits in the queue, in its order, up to and at a time."""
    while is_due(state, log, until_us):
        at_us, kind, number = pop(log.queue, state.counts)
        if kind == CREDIT:
            credit(world, funding, state, log, number)
        elif kind == RESOLVE:
            resolve(world, state, log, number)
        else:
            learn(world, state, log, number)
            follow_pair(world, state, log, number, at_us)


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
            stand(state, sell * legs + buy, ordinal)
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
def gross_of(world: World, pair: Pair) -> float:
    """Return the edge of a pair at the best prices, before fees [bps]."""
    bid, ask = world.market.price[SELL, pair.sell_row, 0], world.market.price[BUY, pair.buy_row, 0]
    return edge_bps(bid * pair.received_at, ask * pair.spent_at)


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
def decide_pairs(world: World, rows: Candidates, state: State, log: Log, scratch: Scratch, at: int) -> None:
    """Decide on the pairs of a candidate, best first; each gets what the earlier left."""
    value_legs(world, rows, state, at, scratch)
    at_us, legs = int(rows.at_us[at]), scratch.received.size
    for rank in range(rank_pairs(rows, state, at, world.rules[0].threshold_bps, scratch)):
        ranked, edge = scratch.ranked[rank], scratch.edges[rank]
        pair = pair_of(world, rows, state, at, ranked // legs, ranked % legs)
        outcome = forbidden(world, state, gross_of(world, pair), state.combinations[ranked].last_decision_us, at_us)
        if outcome == SENT:
            quantity, outcome = size_package(world, state, pair, scratch, tick_at(world.rules, at_us))
            if outcome == SENT:
                send_package(world, state, log, pair, scratch, quantity, edge, at_us)
        list_opportunity(state, log, ranked, at_us, edge, outcome)


def rows_needed(state: State, most_steps: int) -> tuple[int, int, int, int]:
    """Return how many orders, packages, opportunities and transfers there can be once the next row is done; plain, as the logs grow by it, too.

    A package that is open may send every step twice until then.
    """
    starts, count = state.combinations.size, state.counts[0]
    orders = count.orders + (2 * count.open_packages + starts) * most_steps
    transfers = count.transfers + state.routes.size + 2 * state.wallets.size + state.sides.size + 1
    return orders, count.packages + starts, count.opportunities + starts, transfers


_rows_needed = rule(rows_needed)


@rule
def has_room(state: State, log: Log, most_steps: int) -> bool:
    """Tell whether the logs hold all that can be written until the next row is done; the queue holds an event of each order and transfer."""
    orders, packages, opportunities, transfers = _rows_needed(state, most_steps)
    lists = opportunities <= log.opportunities.size and transfers <= log.transfers.size
    return bool(orders <= log.orders.size and packages <= log.packages.size and lists)


@rule
def row_us(rows: Candidates, state: State) -> int:
    """Return when the next candidate is [µs]."""
    at = state.counts[0].candidate
    return int(rows.at_us[at]) if at < rows.at_us.size else NEVER


@rule
def tick_us(world: World, state: State) -> int:
    """Return when the next tick is at which there is work [µs]."""
    rules, tick = world.rules[0], state.counts[0].tick
    return int(rules.start_us + tick * rules.clock_us) if rules.works_at_ticks and tick < world.mark.shape[0] else NEVER


@rule
def next_us(world: World, rows: Candidates, state: State) -> int:
    """Return when the next candidate or tick is, or the run's end, up to which the queue is emptied first [µs]."""
    return min(row_us(rows, state), tick_us(world, state), int(world.rules[0].end_us))


@rule
def is_over(world: World, rows: Candidates, state: State) -> bool:
    """Tell whether neither a candidate nor a tick is left."""
    return min(row_us(rows, state), tick_us(world, state)) == NEVER


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
    count = state.counts[0]
    while has_room(state, log, scratch.plan.size):
        settle_until(world, funding, state, log, next_us(world, rows, state))
        if is_over(world, rows, state):
            return True
        if tick_us(world, state) <= row_us(rows, state):
            take_tick(world, funding, state, log, count.tick)
            count.tick += 1
        else:
            decide_pairs(world, rows, state, log, scratch, count.candidate)
            count.candidate += 1
    return False
