"""What an amount becomes on its way through a cycle, and the largest that may go (docs/model.md, "Strategy triangular", "Size")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import buy_limit, cost_of, fee_of, flow_of, sell_limit, value_of, whole_atoms
from engine.kernels.cache import rule
from engine.kernels.fees import charged_in, rate_of, reserve_rate
from engine.kernels.market import BUY, CHARGED_RECEIVED, SELL, SEQUENCE, Market, World, edge_bps, received, spent
from engine.kernels.sizing import levels_of, skip_of, take
from engine.kernels.state import ASSET_LIMIT, BELOW_MINIMUM, NO_FUNDS, NO_VOLUME, SENT, VENUE_LIMIT, State

BOOKS, FUNDS, VENUES, ASSETS = range(4)
LINES = 4
"""What the size must keep to, in this order."""


@rule
def left_of(market: Market, side: int, row: int, skip: int, limit: float) -> int:
    """Return what is left of a side after what is skipped, on levels within a limit [atoms of base]."""
    left = 0
    for level in range(levels_of(market, side, row)):
        price, size = market.price[side, row, level], market.size[side, row, level]
        if price > limit if side == BUY else price < limit:
            break
        cut = min(skip, size)
        skip -= cut
        left += size - cut
    return left


@rule
def deepest_price(market: Market, step: Records, quantity: int) -> float:
    """Return the price of the level that the last unit of a quantity comes from; of the best that has something left where it is 0."""
    skip, left, level, size = step.skip, quantity, -1, 0
    while level < 0 or size <= 0 or left > 0:
        level += 1
        if level >= levels_of(market, step.side, step.row):
            return np.nan
        size = market.size[step.side, step.row, level]
        cut = min(skip, size)
        skip -= cut
        size -= cut
        left -= size
    return float(market.price[step.side, step.row, level])


@rule
def cost_through(market: Market, step: Records, quantity: int) -> int:
    """Return what buying a quantity through the levels costs with its fee, where that is not taken in base [atoms of quote]."""
    flow, _ = take(market, BUY, step.row, step.skip, quantity)
    return int(flow) if step.charged == CHARGED_RECEIVED else int(flow + fee_of(flow, step.rate))


@rule
def about_buyable(market: Market, step: Records, amount: int) -> float:
    """Return what an amount pays for of what is left, about [atoms of base]."""
    skip, rest, found = step.skip, float(amount), 0.0
    for level in range(levels_of(market, BUY, step.row)):
        size = market.size[BUY, step.row, level]
        cut = min(skip, size)
        skip -= cut
        price = market.price[BUY, step.row, level] * (1.0 if step.charged == CHARGED_RECEIVED else 1 + step.rate)
        if (size - cut) * price >= rest:
            return found + rest / price
        found += size - cut
        rest -= (size - cut) * price
    return found


@rule
def buyable(market: Market, step: Records, lot: int, amount: int) -> int:
    """Return the largest multiple of the lot that is left and that an amount pays for [atoms of base]; looked for where it is about."""
    about = about_buyable(market, step, amount)
    around, slack = int(about / lot), 2 + int(about / lot * 1e-13)
    most = step.left // lot
    least = min(max(around - slack, 0), most)
    if least > 0 and cost_through(market, step, least * lot) > amount:
        least = 0
    if around + slack < most and cost_through(market, step, (around + slack) * lot) > amount:
        most = around + slack - 1
    while least < most:
        middle = (least + most + 1) // 2
        if cost_through(market, step, middle * lot) <= amount:
            least = middle
        else:
            most = middle - 1
    return int(least * lot)


@rule
def brought_by(step: Records) -> int:
    """Return what a step as planned brings, less the fee that is taken from it [atoms]."""
    if step.side == SELL:
        return int(step.flow - fee_of(step.flow, step.rate))
    return int(step.quantity - fee_of(step.quantity, step.rate)) if step.charged == CHARGED_RECEIVED else int(step.quantity)


@rule
def settle_plan(market: Market, step: Records) -> None:
    """Write what follows from a step's quantity."""
    step.flow, step.price, step.deepest = 0, np.nan, deepest_price(market, step, int(step.quantity))
    if step.quantity > 0:
        step.flow, step.price = take(market, step.side, step.row, step.skip, step.quantity)
    step.brings = brought_by(step)


@rule
def plan_step(world: World, step: Records, amount: int) -> None:
    """Write what a step does with an amount of what it spends [atoms]."""
    market, lot = world.market, world.legs[step.leg].lot
    if step.side == SELL:
        step.fits = amount // lot * lot <= step.left
        step.quantity = min(amount // lot * lot, step.left)
    else:
        step.fits = cost_through(market, step, step.left) >= amount
        step.quantity = buyable(market, step, lot, amount)
    settle_plan(market, step)


@rule
def plan(world: World, steps: Records, count: int, amount: int) -> bool:
    """Write what an amount becomes, step by step; tell whether every step trades something."""
    trades = True
    for k in range(count):
        plan_step(world, steps[k], amount)
        amount = steps[k].brings
        trades = trades and steps[k].quantity > 0
    return trades


@rule
def unit_through(step: Records, price: float) -> float:
    """Return what a unit becomes in a step at a price, after its fee."""
    return received(price, step.rate, 1.0) if step.side == SELL else 1 / spent(price, step.rate, 1.0, step.charged)


@rule
def edge_through(steps: Records, count: int) -> float:
    """Return the edge at the deepest prices of a plan [bps]."""
    product = 1.0
    for k in range(count):
        product *= unit_through(steps[k], steps[k].deepest)
    return edge_bps(product, 1.0)


@rule
def limit_at(world: World, step: Records) -> float:
    """Return the limit of a step's order as planned."""
    tick, tolerance = world.legs[step.leg].tick, world.rules[0].tolerance
    return buy_limit(step.deepest, tolerance, tick) if step.side == BUY else sell_limit(step.deepest, tolerance, tick)


@rule
def is_funded(world: World, state: State, step: Records) -> bool:
    """Tell whether the reserve of a step's order is free."""
    leg = world.legs[step.leg]
    if step.side == SELL:
        return bool(step.quantity <= state.wallets[leg.base_wallet].free)
    return cost_of(limit_at(world, step), step.quantity, step.reserve_rate) <= state.wallets[leg.quote_wallet].free


@rule
def fund(world: World, state: State, step: Records) -> None:
    """Cut a planned step to what free balances cover at its limit."""
    lot = world.legs[step.leg].lot
    least, most = 0, step.quantity // lot
    while least < most:
        middle = (least + most + 1) // 2
        step.quantity = middle * lot
        step.deepest = deepest_price(world.market, step, middle * lot)
        if is_funded(world, state, step):
            least = middle
        else:
            most = middle - 1
    step.quantity = least * lot
    settle_plan(world.market, step)


@rule
def value_at_venue(world: World, steps: Records, count: int, venue: int, tick: int) -> int:
    """Return what the planned steps at a venue are worth at the best prices in view [atoms of the numeraire]."""
    value = 0
    for k in range(count):
        step, leg = steps[k], world.legs[steps[k].leg]
        if leg.venue == venue:
            best = world.market.price[step.side, step.row, 0]
            value += value_of(flow_of(best, step.quantity), world.mark[tick, leg.quote_currency])
    return value


@rule
def is_within_assets(world: World, state: State, steps: Records, count: int, tick: int) -> bool:
    """Tell whether what every step but the last brings is within the largest holdings."""
    for k in range(count - 1):
        leg = world.legs[steps[k].leg]
        asset = leg.quote_currency if steps[k].side == SELL else leg.base_currency
        if world.max_asset[asset] < np.inf:
            held = state.currencies[asset].held + state.currencies[asset].expected
            if held + steps[k].brings > whole_atoms(world.max_asset[asset] / world.mark[tick, asset]):
                return False
    return True


@rule
def are_books_deep(world: World, steps: Records, count: int) -> bool:
    """Tell whether what is left takes all of a plan, and its last units reach the threshold."""
    fits = True
    for k in range(count):
        fits = fits and steps[k].fits
    return bool(fits and edge_through(steps, count) >= world.rules[0].threshold_bps)


@rule
def are_funded(world: World, state: State, steps: Records, count: int) -> bool:
    """Tell whether the reserves of the steps that are sent at once are free."""
    funded = True
    for k in range(count):
        funded = funded and is_funded(world, state, steps[k])
    return funded


@rule
def are_within_venues(world: World, state: State, steps: Records, count: int, tick: int) -> bool:
    """Tell whether the steps that are sent at once are within the largest open values."""
    within = True
    for k in range(count):
        venue = world.legs[steps[k].leg].venue
        value = state.open_value[venue] + value_at_venue(world, steps, count, venue, tick)
        within = within and value <= world.rules[0].max_venue_open
    return within


@rule
def keeps_to(world: World, state: State, steps: Records, count: int, line: int, tick: int) -> bool:
    """Tell whether a plan keeps to a line."""
    sent = 1 if world.rules[0].sends == SEQUENCE else count
    if line == BOOKS:
        return are_books_deep(world, steps, count)
    if line == FUNDS:
        return are_funded(world, state, steps, sent)
    if line == VENUES:
        return are_within_venues(world, state, steps, sent, tick)
    return is_within_assets(world, state, steps, count, tick)


@rule
def largest(world: World, state: State, steps: Records, count: int, most: int, line: int, tick: int) -> int:
    """Return the largest amount up to a most whose plan keeps to a line; what a line allows, it allows of less."""
    plan(world, steps, count, most)
    if keeps_to(world, state, steps, count, line, tick):
        return most
    least, beyond = 0, most
    while beyond - least > 1:
        middle = least + (beyond - least) // 2
        plan(world, steps, count, middle)
        if keeps_to(world, state, steps, count, line, tick):
            least = middle
        else:
            beyond = middle
    return least


@rule
def view_step(world: World, state: State, step: Records, at_us: int, limit: float) -> None:
    """Write what a step whose leg, side and row are known may take, and what it pays."""
    step.skip = skip_of(world, state, step.side, step.leg, step.row)
    lot = world.legs[step.leg].lot
    step.left = left_of(world.market, step.side, step.row, step.skip, limit) // lot * lot
    step.rate, step.charged = rate_of(world, state, step.leg, at_us), charged_in(world, step.leg, at_us)
    step.reserve_rate = reserve_rate(world, step.leg, at_us) if step.side == BUY else 0.0


@rule
def outcome_of(line: int) -> int:
    """Return the outcome where a line leaves nothing."""
    if line == BOOKS:
        return NO_VOLUME
    if line == FUNDS:
        return NO_FUNDS
    return VENUE_LIMIT if line == VENUES else ASSET_LIMIT


@rule
def most_of(world: World, steps: Records, count: int) -> int:
    """Return an amount that no plan can exceed [atoms of the start]; 0 where a step has nothing left."""
    least_left = steps[0].left
    for k in range(count):
        least_left = min(least_left, steps[k].left)
    if least_left <= 0:
        return 0
    if steps[0].side == SELL:
        return int(steps[0].left + world.legs[steps[0].leg].lot - 1)
    return cost_through(world.market, steps[0], steps[0].left)


@rule
def size_fixed(world: World, state: State, steps: Records, count: int, tick: int) -> int:
    """Plan the fixed notional; return SENT, or why it may not go."""
    amount = whole_atoms(world.rules[0].fixed_notional)
    trades = plan(world, steps, count, amount)
    for line in range(LINES):
        if not keeps_to(world, state, steps, count, line, tick):
            return outcome_of(line)
    return SENT if trades else NO_VOLUME


@rule
def size_largest(world: World, state: State, steps: Records, count: int, tick: int) -> int:
    """Plan the largest amount that may go; return SENT, or why there is none."""
    amount = most_of(world, steps, count)
    for line in range(LINES):
        amount = largest(world, state, steps, count, amount, line, tick)
        if not plan(world, steps, count, amount):
            return outcome_of(line)
        if line == FUNDS and amount > world.rules[0].max_notional:
            amount = whole_atoms(world.rules[0].max_notional)
            if not plan(world, steps, count, amount):
                return BELOW_MINIMUM
    return SENT


@rule
def size_cycle(world: World, state: State, steps: Records, count: int, tick: int) -> int:
    """Write the plan of a package, whose steps are in view; return SENT, or why there is none."""
    if most_of(world, steps, count) <= 0:
        return NO_VOLUME
    is_fixed = world.rules[0].fixed_notional > 0
    outcome = size_fixed(world, state, steps, count, tick) if is_fixed else size_largest(world, state, steps, count, tick)
    for k in range(count):
        if outcome == SENT and steps[k].flow < world.legs[steps[k].leg].min_notional:
            outcome = BELOW_MINIMUM
    return outcome
