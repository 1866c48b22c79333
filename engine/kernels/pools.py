"""Pools: what a swap moves, in closed form, and how it meets the chain (docs/model.md, "Pools")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.amounts import LARGEST_ATOMS, whole_atoms
from engine.kernels.cache import rule
from engine.kernels.fees import rate_of
from engine.kernels.market import BUY, CHARGED_QUOTE, SELL, World, is_in_force, last_at
from engine.kernels.sizing import side_of
from engine.kernels.state import FILLED, MISSED_ABSENT, MISSED_LIMIT, State

_SLACK = 2.0**-48
"""More than what a few operations on floats are off by: amounts are rounded against us by so much, then to whole atoms."""

_LEAST = 2.0**-20
"""Of its base a pool keeps as much at least."""


@rule
def is_pool(legs: Records, leg: int) -> bool:
    """Tell whether a leg is a pool."""
    return bool(legs[leg + 1].first_state > legs[leg].first_state)


@rule
def state_of(world: World, leg: int, row: int) -> Records:
    """Return the state of a pool at an observation."""
    return world.pools[world.legs[leg].first_state + row - world.market.series[leg].first]


@rule
def root_after(pool: Records, moved: int) -> float:
    """Return the square root of the price after we put in so many atoms of base, net."""
    return float(pool.root / max(1 + moved * pool.root / pool.liquidity, _LEAST))


@rule
def most_in(pool: Records, root: float, inverse: float, rate: float) -> int:
    """Return how much base a sale may put in until 1 / root of the price is `inverse`, or the range ends [atoms], its fee included."""
    return max(whole_atoms(pool.liquidity * (min(inverse, pool.reach_in) - 1 / root) / (1 - rate)), 0)


@rule
def most_out(pool: Records, root: float, inverse: float) -> int:
    """Return how much base a buy may take out until 1 / root of the price is `inverse`, or the range ends [atoms]."""
    return max(whole_atoms(pool.liquidity * (1 / root - max(inverse, pool.reach_out))), 0)


@rule
def most_swapped(pool: Records, root: float, side: int, rate: float) -> int:
    """Return how much base a swap may move within the active range [atoms]."""
    return most_in(pool, root, np.inf, rate) if side == SELL else most_out(pool, root, 0.0)


@rule
def proceeds(pool: Records, root: float, amount: float) -> int:
    """Return what the pool pays for base that comes in [atoms of quote]: against us, and whole."""
    paid = amount * root * root / (1 + amount * root / pool.liquidity)
    return int(np.floor(min(paid * (1 - _SLACK), LARGEST_ATOMS)))


@rule
def costs(pool: Records, root: float, quantity: int) -> int:
    """Return what the pool takes for base that goes out [atoms of quote], its fee apart: against us, and whole."""
    room = 1 - quantity * root / pool.liquidity
    return int(np.ceil(min(quantity * root * root / room * (1 + _SLACK / room), LARGEST_ATOMS)))


@rule
def fee_on_top(flow: int, rate: float) -> int:
    """Return the fee of a buy: that share of all that goes in [atoms of quote]."""
    return int(np.ceil(flow * rate / (1 - rate) * (1 + _SLACK)))


@rule
def swap(pool: Records, root: float, side: int, quantity: int, rate: float) -> tuple[int, int]:
    """Return what a swap moves without a fee, and the fee [atoms of quote]."""
    if side == BUY:
        flow = costs(pool, root, quantity)
        return flow, fee_on_top(flow, rate)
    flow = proceeds(pool, root, float(quantity))
    return flow, flow - proceeds(pool, root, quantity * (1 - rate))


@rule
def swap_reserve(limit: float, quantity: int, rate: float) -> int:
    """Return what a buy of a pool reserves: its cost at the limit, with the fee [atoms of quote]."""
    flow = int(np.ceil(limit * quantity * (1 + _SLACK)))
    return flow + fee_on_top(flow, rate)


@rule
def is_swap_funded(world: World, state: State, leg: int, side: int, quantity: int, limit: float, rate: float) -> bool:
    """Tell whether a swap's reserve and its gas are free."""
    one, needed = world.legs[leg], quantity
    wallet = one.quote_wallet if side == BUY else one.base_wallet
    if side == BUY:
        needed = swap_reserve(limit, quantity, rate)
    if wallet == one.gas_wallet:
        return bool(needed + one.gas <= state.wallets[wallet].free)
    return bool(needed <= state.wallets[wallet].free and one.gas <= state.wallets[one.gas_wallet].free)


@rule
def limit_after(flow: float, quantity: int, side: int, tolerance: float) -> float:
    """Return the worst average price that a swap accepts [quote per base]."""
    return float(flow * (1 + tolerance if side == BUY else 1 - tolerance) / quantity)


@rule
def moved_by(side: int, quantity: int, rate: float) -> int:
    """Return what a swap puts into a pool, its fee apart; below 0 what it takes out [atoms of base]."""
    return -quantity if side == BUY else int(np.rint(quantity * (1 - rate)))


@rule
def root_in_view(world: World, state: State, side: int, leg: int, row: int) -> float:
    """Return the root of the price that a swap decided now is to meet: after ours that are known of, and those of its side under way."""
    book, own = side_of(state, SELL, leg), side_of(state, side, leg)
    moved = book.known_taken if book.known_epoch == row else 0
    return root_after(state_of(world, leg, row), moved + own.under_way if side == SELL else moved - own.under_way)


@rule
def row_before(world: World, leg: int, at_us: int, row: int) -> int:
    """Return the last observation of a leg before a time; gallops from `row`."""
    series = world.market.series
    return last_at(world.market.event_us, at_us - 1, series[leg].first, series[leg + 1].first, row)


@rule
def block_us(world: World, state: State, leg: int, arrival_us: int) -> int:
    """Return when the block is that a swap gets into: the first that is recorded at or after its arrival, or one in which nothing else was [µs]."""
    row, latest = row_before(world, leg, arrival_us, state.seen[leg].in_force) + 1, arrival_us + world.legs[leg].block_us
    return int(min(world.market.event_us[row], latest)) if row < world.market.series[leg + 1].first else int(latest)


@rule
def fill_on_pool(world: World, state: State, order: Records) -> int:
    """Return the outcome of a swap on the state before its block; writes quantity, price, flow and fee."""
    market, leg, side, seen = world.market, int(order.leg), int(order.side), state.seen[order.leg]
    row = row_before(world, leg, order.arrival_us, seen.in_force)
    seen.in_force = order.row = row
    at = row_before(world, leg, order.recorded_us + 1, row)  # what is recorded of its block
    if not is_in_force(market, leg, row, order.recorded_us) or not market.good[at]:
        return MISSED_ABSENT
    pool, book, rate = state_of(world, leg, row), side_of(state, SELL, leg), rate_of(world, state, leg, order.arrival_us)
    if book.taken_epoch != row:
        book.taken_epoch, book.taken = row, 0
    root = root_after(pool, book.taken)
    order.gas = world.legs[leg].gas
    if order.planned > most_swapped(pool, root, side, rate):
        return MISSED_LIMIT
    flow, fee = swap(pool, root, side, order.planned, rate)
    price = flow / order.planned
    if price > order.limit_price if side == BUY else price < order.limit_price:
        return MISSED_LIMIT
    order.filled, order.flow, order.fee, order.price = order.planned, flow, fee, price
    order.charged, order.fee_wallet = CHARGED_QUOTE, world.legs[leg].quote_wallet
    book.taken += moved_by(side, order.planned, rate)
    return FILLED


@rule
def reserve_gas(world: World, state: State, leg: int) -> None:
    """Reserve the gas of a swap."""
    wallet, gas = state.wallets[world.legs[leg].gas_wallet], world.legs[leg].gas
    wallet.free -= gas
    wallet.reserved += gas
    wallet.committed += gas


@rule
def burn_gas(world: World, state: State, order: Records) -> None:
    """Take the gas of a resolved swap out of what is reserved; what was not burnt is pending until the notice."""
    wallet, gas = state.wallets[world.legs[order.leg].gas_wallet], world.legs[order.leg].gas
    wallet.reserved -= gas
    wallet.pending += gas - order.gas


@rule
def learn_gas(world: World, state: State, order: Records) -> None:
    """Take the notice of a swap's gas, and of what it moved."""
    leg, book = world.legs[order.leg], side_of(state, SELL, order.leg)
    wallet = state.wallets[leg.gas_wallet]
    wallet.pending -= leg.gas - order.gas
    wallet.free += leg.gas - order.gas
    wallet.committed -= leg.gas
    state.currencies[world.wallet_currency[leg.gas_wallet]].held -= order.gas
    if order.filled > 0:
        if book.known_epoch != order.row:
            book.known_epoch, book.known_taken = order.row, 0
        book.known_taken += moved_by(int(order.side), order.filled, rate_of(world, state, order.leg, order.arrival_us))
