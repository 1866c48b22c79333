"""How much a package trades: a walk down both books, cut by funds and limits (docs/model.md, "Strategy", step 4)."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import affordable, buy_limit, flow_of, least_common_multiple, whole_atoms
from engine.kernels.cache import rule
from engine.kernels.market import BUY, SELL, Market, World, edge_bps, received, spent
from engine.kernels.state import ASSET_LIMIT, BELOW_MINIMUM, NO_FUNDS, NO_VOLUME, SENT, VENUE_LIMIT, Scratch, State


class Pair(NamedTuple):
    """An opportunity under decision."""

    sell: int  # legs
    buy: int
    sell_row: int  # observations in view
    buy_row: int
    sell_rate: float  # taker fees [fraction]
    buy_rate: float
    buy_charged: int
    reserve_rate: float  # of the buy's fee [fraction]
    received_at: float  # conversions
    spent_at: float


@rule
def is_bar(legs: Records, leg: int) -> bool:
    """Tell whether a leg's series is made of bars."""
    return bool(legs[leg + 1].first_bar > legs[leg].first_bar)


@rule
def side_of(state: State, side: int, leg: int) -> Records:
    """Return what we have under way and have taken on a leg's bids (SELL) or asks (BUY)."""
    return state.sides[side * (state.sides.size // 2) + leg]


@rule
def skip_of(world: World, state: State, side: int, leg: int, row: int) -> int:
    """Return what comes off a side's best levels before we may decide on them: what we took or may be taking [atoms of base]."""
    if is_bar(world.legs, leg):
        return int(side_of(state, SELL, leg).under_way + side_of(state, BUY, leg).under_way)
    book = side_of(state, side, leg)
    known = book.known_taken if world.market.epoch[side, row] == book.known_epoch else 0
    return int(known + book.under_way)


@rule
def levels_of(market: Market, side: int, row: int) -> int:
    """Return how many levels a side has."""
    count = 0
    while count < market.price.shape[2] and not np.isnan(market.price[side, row, count]):
        count += 1
    return count


@rule
def next_level(market: Market, side: int, row: int, place: tuple[int, int, int]) -> tuple[int, int, int]:
    """Return (level, what is left of it, what is still to be skipped) of the first level at or after a place that has something left."""
    level, left, skip = place
    while left == 0 and level < levels_of(market, side, row):
        size = market.size[side, row, level]
        cut = min(skip, size)
        left, skip = size - cut, skip - cut
        level += 1
    return level, left, skip


@rule
def walk_down(world: World, state: State, pair: Pair, scratch: Scratch) -> int:
    """Write the segments of the walk down both books while a unit's own edge reaches the threshold; return their number."""
    market, found, total = world.market, 0, 0
    bids = (0, 0, skip_of(world, state, SELL, pair.sell, pair.sell_row))
    asks = (0, 0, skip_of(world, state, BUY, pair.buy, pair.buy_row))
    while True:
        bids, asks = next_level(market, SELL, pair.sell_row, bids), next_level(market, BUY, pair.buy_row, asks)
        if bids[1] == 0 or asks[1] == 0:
            return found
        gets = received(market.price[SELL, pair.sell_row, bids[0] - 1], pair.sell_rate, pair.received_at)
        pays = spent(market.price[BUY, pair.buy_row, asks[0] - 1], pair.buy_rate, pair.spent_at, pair.buy_charged)
        if not edge_bps(gets, pays) >= world.rules[0].threshold_bps:
            return found
        chunk = min(bids[1], asks[1])
        total += chunk
        scratch.reach[found], scratch.level[SELL, found], scratch.level[BUY, found] = total, bids[0] - 1, asks[0] - 1
        bids, asks = (bids[0], bids[1] - chunk, bids[2]), (asks[0], asks[1] - chunk, asks[2])
        found += 1


@rule
def segment_of(scratch: Scratch, quantity: int) -> int:
    """Return the segment that the last unit of a quantity lies in."""
    segment = 0
    while scratch.reach[segment] < quantity:
        segment += 1
    return segment


@rule
def fit(world: World, state: State, pair: Pair, scratch: Scratch, most: int, step: int) -> tuple[int, int]:
    """Return the largest multiples of step, at most `most`, that funds allow, and that funds and the largest notional allow.

    Limit and price rise with the quantity, level by level, so both are looked for from the deepest segment up.
    """
    rules, buy = world.rules[0], world.legs[pair.buy]
    most = min(most, state.wallets[world.legs[pair.sell].base_wallet].free // step * step)
    free, funded = state.wallets[buy.quote_wallet].free, 0
    while most > 0:
        segment = segment_of(scratch, most)
        above = scratch.reach[segment - 1] if segment > 0 else 0
        price = world.market.price[BUY, pair.buy_row, scratch.level[BUY, segment]]
        quantity = affordable(most, buy_limit(price, rules.tolerance, buy.tick), pair.reserve_rate, free, step)
        if quantity > above:
            funded = max(funded, quantity)
            capped = min(quantity, whole_atoms(rules.max_notional / (price * pair.spent_at)) // step * step)
            if capped > above:
                return funded, capped
        most = above // step * step
    return funded, 0


@rule
def venue_cap(world: World, state: State, leg: int, price: float, tick: int) -> int:
    """Return the quantity that the largest open value of a leg's venue leaves [atoms of base]."""
    if world.rules[0].max_venue_open == np.inf:
        return whole_atoms(np.inf)
    mark = world.mark[tick, world.legs[leg].quote_currency]
    return whole_atoms((world.rules[0].max_venue_open - state.open_value[world.legs[leg].venue]) / (price * mark))


@rule
def asset_cap(world: World, state: State, pair: Pair, bid: float, tick: int) -> int:
    """Return the quantity that the largest holding of what the sell brings leaves [atoms of base]."""
    asset = world.legs[pair.sell].quote_currency
    if asset == world.legs[pair.buy].quote_currency or world.max_asset[asset] == np.inf:
        return whole_atoms(np.inf)
    held = state.currencies[asset].held + state.currencies[asset].expected
    return whole_atoms((world.max_asset[asset] / world.mark[tick, asset] - held) / bid)


@rule
def take(market: Market, side: int, row: int, skip: int, quantity: int) -> tuple[int, float]:
    """Return flow [atoms of quote] and average price of taking a quantity off a side's levels, after what is skipped.

    Notes
    -----
    flow = Σ rint(p_k q_k); price = p_1 + (Σ_{k ≥ 2} (p_k - p_1) q_k) / q over the levels that something is taken from.
    """
    flow, left, first, more, level = 0, quantity, np.nan, 0.0, 0
    while left > 0:
        size, price = market.size[side, row, level], market.price[side, row, level]
        cut = min(skip, size)
        taken = min(size - cut, left)
        skip -= cut
        level += 1
        if taken <= 0:
            continue
        if np.isnan(first):
            first = price
        else:
            more += (price - first) * taken
        flow += flow_of(price, taken)
        left -= taken
    return flow, first + more / quantity


@rule
def below_minimum(world: World, state: State, pair: Pair, quantity: int) -> bool:
    """Tell whether a leg's flow as decided is below its minimum notional."""
    sold, _ = take(world.market, SELL, pair.sell_row, skip_of(world, state, SELL, pair.sell, pair.sell_row), quantity)
    bought, _ = take(world.market, BUY, pair.buy_row, skip_of(world, state, BUY, pair.buy, pair.buy_row), quantity)
    return bool(sold < world.legs[pair.sell].min_notional or bought < world.legs[pair.buy].min_notional)


@rule
def size_package(world: World, state: State, pair: Pair, scratch: Scratch, tick: int) -> tuple[int, int]:
    """Return quantity [atoms of base] and SENT, or 0 and why there is none."""
    step, fixed = least_common_multiple(world.legs[pair.sell].lot, world.legs[pair.buy].lot), world.rules[0].fixed_notional
    bid, ask = world.market.price[SELL, pair.sell_row, 0], world.market.price[BUY, pair.buy_row, 0]
    wanted = whole_atoms(fixed / (ask * pair.spent_at)) // step * step
    if fixed > 0 and wanted <= 0:
        return 0, BELOW_MINIMUM
    least = wanted if fixed > 0 else 1
    segments = walk_down(world, state, pair, scratch)
    quantity = scratch.reach[segments - 1] // step * step if segments > 0 else 0
    if quantity < least:
        return 0, NO_VOLUME
    funded, quantity = fit(world, state, pair, scratch, wanted if fixed > 0 else quantity, step)
    if funded < least:
        return 0, NO_FUNDS
    if quantity < least:
        return 0, BELOW_MINIMUM
    quantity = min(quantity, venue_cap(world, state, pair.sell, bid, tick), venue_cap(world, state, pair.buy, ask, tick)) // step * step
    if quantity < least:
        return 0, VENUE_LIMIT
    quantity = min(quantity, asset_cap(world, state, pair, bid, tick)) // step * step
    if quantity < least:
        return 0, ASSET_LIMIT
    if below_minimum(world, state, pair, quantity):
        return 0, BELOW_MINIMUM
    return quantity, SENT
