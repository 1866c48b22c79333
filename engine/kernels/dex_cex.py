"""Packages of a pool against a book: how much they trade, and what is sent (docs/model.md, "Strategy dex_cex")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import fee_of, least_common_multiple, whole_atoms
from engine.kernels.cache import rule
from engine.kernels.chain import is_funded, limit_at, settle_plan, view_step
from engine.kernels.cycles import rank_cycles, step_of
from engine.kernels.decisions import forbidden, list_opportunity
from engine.kernels.fees import charged_in, rate_of, reserve_rate, tick_at
from engine.kernels.market import BUY, SELL, Candidates, World, edge_bps, received, spent
from engine.kernels.orders import Plan, send
from engine.kernels.pools import is_pool, is_swap_funded, limit_after, most_in, most_out, root_in_view, state_of, swap
from engine.kernels.sizing import Pair, asset_cap, levels_of, venue_cap
from engine.kernels.state import ASSET_LIMIT, BELOW_MINIMUM, LEG_ORDER, NO_FUNDS, NO_VOLUME, SENT, VENUE_LIMIT, Log, Scratch, State

_BPS = 1e-4


@rule
def pair_at(world: World, rows: Candidates, state: State, at: int, pair: int) -> Pair:
    """Return an opportunity with all that its decision needs."""
    at_us, sell, buy = int(rows.at_us[at]), int(step_of(world, pair, 0).leg), int(step_of(world, pair, 1).leg)
    return Pair(
        sell, buy, int(rows.row[at, sell]), int(rows.row[at, buy]), rate_of(world, state, sell, at_us), rate_of(world, state, buy, at_us),
        charged_in(world, buy, at_us), reserve_rate(world, buy, at_us), float(rows.received_at[at, sell]), float(rows.spent_at[at, buy]),
    )  # fmt: skip


@rule
def gross_of(world: World, pair: Pair) -> float:
    """Return the edge of a pair at the prices in view, before fees [bps]."""
    bid, ask = world.market.price[SELL, pair.sell_row, 0], world.market.price[BUY, pair.buy_row, 0]
    return edge_bps(bid * pair.received_at, ask * pair.spent_at)


@rule
def view_leg(world: World, state: State, planned: Records, leg: int, side: int, row: int, at_us: int) -> None:
    """Write what a leg may take, and what it pays."""
    planned.leg, planned.side, planned.row = leg, side, row
    if not is_pool(world.legs, leg):
        view_step(world, state, planned, at_us, np.inf if side == BUY else -np.inf)
        planned.root = 0.0
        return
    planned.rate, planned.charged, planned.skip = rate_of(world, state, leg, at_us), charged_in(world, leg, at_us), 0
    planned.reserve_rate = reserve_rate(world, leg, at_us) if side == BUY else 0.0
    planned.root = root_in_view(world, state, side, leg, row)


@rule
def until(world: World, pair: Pair, of_pool: Records, price: float) -> int:
    """Return how much the pool moves before a unit's own edge against a price of the book falls below the threshold [atoms of base]."""
    pool, least = state_of(world, of_pool.leg, of_pool.row), 1 + world.rules[0].threshold_bps * _BPS
    if of_pool.side == SELL:
        target = least * spent(price, pair.buy_rate, pair.spent_at, pair.buy_charged) / ((1 - of_pool.rate) * pair.received_at)
        return most_in(pool, of_pool.root, 1 / np.sqrt(target), of_pool.rate)
    target = received(price, pair.sell_rate, pair.received_at) * (1 - of_pool.rate) / (least * pair.spent_at)
    return most_out(pool, of_pool.root, 1 / np.sqrt(target))


@rule
def worth_it(world: World, pair: Pair, of_pool: Records, of_book: Records) -> int:
    """Return how many units reach the threshold: the levels of the book one by one, and the pool in closed form within each [atoms of base]."""
    market, skip, found = world.market, of_book.skip, 0
    for level in range(levels_of(market, of_book.side, of_book.row)):
        size = market.size[of_book.side, of_book.row, level]
        cut = min(skip, size)
        skip -= cut
        most = until(world, pair, of_pool, market.price[of_book.side, of_book.row, level])
        if most < found + size - cut:
            return max(most, found)
        found += size - cut
    return int(found)


@rule
def plan_leg(world: World, planned: Records, quantity: int) -> None:
    """Write what a leg does with a quantity; `deepest` of a pool: the limit of its swap."""
    planned.quantity = quantity
    if not is_pool(world.legs, planned.leg):
        settle_plan(world.market, planned)
        return
    pool, tolerance = state_of(world, planned.leg, planned.row), world.rules[0].tolerance
    planned.flow, planned.fee = swap(pool, planned.root, planned.side, quantity, planned.rate)
    planned.price = planned.flow / quantity
    planned.deepest = limit_after(planned.flow, quantity, planned.side, tolerance)


@rule
def limit_of_leg(world: World, planned: Records) -> float:
    """Return the limit of a leg's order as planned."""
    return float(planned.deepest) if is_pool(world.legs, planned.leg) else limit_at(world, planned)


@rule
def is_leg_funded(world: World, state: State, planned: Records) -> bool:
    """Tell whether the reserve of a leg's order is free, and the gas of a swap."""
    if not is_pool(world.legs, planned.leg):
        return is_funded(world, state, planned)
    return is_swap_funded(world, state, planned.leg, planned.side, planned.quantity, planned.deepest, planned.reserve_rate)


@rule
def plan_both(world: World, plan: Records, quantity: int) -> None:
    """Write what both legs do with a quantity."""
    plan_leg(world, plan[0], quantity)
    plan_leg(world, plan[1], quantity)


@rule
def are_funded(world: World, state: State, pair: Pair, plan: Records, is_capped: bool) -> bool:
    """Tell whether a plan is covered by what is free and, where that is asked, within the largest notional."""
    if is_capped and plan[1].flow * pair.spent_at > world.rules[0].max_notional:
        return False
    return bool(is_leg_funded(world, state, plan[0]) and is_leg_funded(world, state, plan[1]))


@rule
def largest_funded(world: World, state: State, pair: Pair, plan: Records, most: int, step: int, is_capped: bool) -> int:
    """Return the largest multiple of a step up to a most that is covered: what is, is so for less."""
    least, top = 0, most // step
    while least < top:
        middle = (least + top + 1) // 2
        plan_both(world, plan, middle * step)
        if are_funded(world, state, pair, plan, is_capped):
            least = middle
        else:
            top = middle - 1
    return least * step


@rule
def traded(planned: Records) -> float:
    """Return what a leg moves of quote, after its fee; those in other currencies as if in quote [atoms]."""
    fee = planned.fee if planned.root > 0 else fee_of(planned.flow, planned.rate)
    return float(planned.flow + fee if planned.side == BUY else planned.flow - fee)


@rule
def profit_of(world: World, pair: Pair, plan: Records, leg: int, tick: int) -> float:
    """Return what a plan gains after fees and the gas of its pool [atoms of the comparison currency]."""
    rules, swapped = world.rules[0], world.legs[leg]
    gas = swapped.gas * world.mark[tick, world.wallet_currency[swapped.gas_wallet]] / world.mark[tick, rules.comparison_currency]
    return float(traded(plan[0]) * pair.received_at - traded(plan[1]) * pair.spent_at - gas)


@rule
def is_too_small(world: World, pair: Pair, plan: Records, leg: int, tick: int) -> bool:
    """Tell whether a leg is below its minimum notional, or the gain is below the least."""
    for k in range(2):
        if plan[k].flow < world.legs[plan[k].leg].min_notional:
            return True
    return bool(profit_of(world, pair, plan, leg, tick) < world.rules[0].min_profit)


@rule
def size_swap(world: World, state: State, pair: Pair, plan: Records, tick: int) -> tuple[int, int]:
    """Return the quantity of a package whose legs are in view [atoms of base] and SENT, or 0 and why there is none."""
    step, fixed = least_common_multiple(world.legs[pair.sell].lot, world.legs[pair.buy].lot), world.rules[0].fixed_notional
    bid, ask = world.market.price[SELL, pair.sell_row, 0], world.market.price[BUY, pair.buy_row, 0]
    of_pool, of_book = (plan[0], plan[1]) if is_pool(world.legs, pair.sell) else (plan[1], plan[0])
    wanted = whole_atoms(fixed / (ask * pair.spent_at)) // step * step
    if fixed > 0 and wanted <= 0:
        return 0, BELOW_MINIMUM
    least = wanted if fixed > 0 else 1
    quantity = worth_it(world, pair, of_pool, of_book) // step * step
    if quantity < least:
        return 0, NO_VOLUME
    quantity = largest_funded(world, state, pair, plan, wanted if fixed > 0 else quantity, step, False)
    if quantity < least:
        return 0, NO_FUNDS
    quantity = largest_funded(world, state, pair, plan, quantity, step, True)
    if quantity < least:
        return 0, BELOW_MINIMUM
    quantity = min(quantity, venue_cap(world, state, pair.sell, bid, tick), venue_cap(world, state, pair.buy, ask, tick)) // step * step
    if quantity < least:
        return 0, VENUE_LIMIT
    quantity = min(quantity, asset_cap(world, state, pair, bid, tick)) // step * step
    if quantity < least:
        return 0, ASSET_LIMIT
    plan_both(world, plan, quantity)
    if is_too_small(world, pair, plan, int(of_pool.leg), tick):
        return 0, BELOW_MINIMUM
    return quantity, SENT


@rule
def send_leg(world: World, state: State, log: Log, planned: Records, first: int, edge: float, at_us: int) -> None:
    """Send the order of a planned leg."""
    best, package = world.market.price[planned.side, planned.row, 0], int(state.counts[0].packages)
    plan = Plan(
        int(planned.leg), int(planned.side), LEG_ORDER, package, first, int(planned.quantity), float(planned.price), best,
        limit_of_leg(world, planned), float(planned.reserve_rate), edge,
    )  # fmt: skip
    send(world, state, log, plan, at_us)


@rule
def decide_swaps(world: World, rows: Candidates, state: State, log: Log, scratch: Scratch, at: int) -> None:
    """Decide on the pairs of a candidate, best first, once its legs are valued."""
    at_us, plan = int(rows.at_us[at]), scratch.plan
    tick = tick_at(world.rules, at_us)
    for rank in range(rank_cycles(world, rows, state, at, scratch)):
        ranked, edge = int(scratch.ranked[rank]), float(scratch.edges[rank])
        pair = pair_at(world, rows, state, at, ranked)
        outcome = forbidden(world, state, gross_of(world, pair), state.combinations[ranked].last_decision_us, at_us)
        if outcome == SENT:
            view_leg(world, state, plan[0], pair.sell, SELL, pair.sell_row, at_us)
            view_leg(world, state, plan[1], pair.buy, BUY, pair.buy_row, at_us)
            _, outcome = size_swap(world, state, pair, plan, tick)
        if outcome == SENT:
            first = int(state.counts[0].orders)
            send_leg(world, state, log, plan[0], first, edge, at_us)
            send_leg(world, state, log, plan[1], first, edge, at_us)
            state.counts[0].packages += 1
            state.counts[0].open_packages += 1
        list_opportunity(state, log, ranked, at_us, edge, outcome)
