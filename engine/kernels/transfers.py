"""Moving funds between venues (docs/model.md, "Transfers")."""

from typing import NamedTuple

import numpy as np

from engine.arrays import Int64s, Records
from engine.kernels.amounts import value_of, whole_atoms
from engine.kernels.cache import rule
from engine.kernels.market import DAY_US, World
from engine.kernels.state import CREDIT, NEVER_US, Log, State, push

_NEVER = 2**62

ROUTE = np.dtype(
    [("source", np.int64), ("destination", np.int64)]  # wallets
    + [("fee", np.int64), ("minimum", np.int64), ("daily_limit", np.int64)]  # [atoms]; 2**62: no limit
    + [("delay_us", np.int64), ("first_opening", np.int64)]  # rows of openings; none: always open
)
"""(R + 1,) in the order in which routes are tried for two wallets: cheapest, fastest, first by name; the last row ends the openings."""

TARGET = np.dtype(
    [("listed", np.bool_), ("floor", np.int64), ("target", np.int64), ("weight", np.float64)]  # [atoms]; weight nan: as given
    + [("first_withdrawal", np.int64), ("first_deposit", np.int64)]  # rows of suspensions
)
"""(W + 1,) what rebalancing aims at, and when a wallet is suspended; the last row ends the suspensions."""


DESK = np.dtype(
    [("coin_wallet", np.int64), ("pays_wallet", np.int64)]
    + [("fee_rate", np.float64), ("fee", np.int64), ("minimum", np.int64)]  # [fraction], [atoms of what it pays], [atoms of the coin]
    + [("delay_us", np.int64), ("after_us", np.int64), ("gain_bps", np.float64)]
)
"""(1,) the desk that redeems a coin at par; none: (0,)."""


class Funding(NamedTuple):
    """How funds can be moved, and what for."""

    routes: Records  # ROUTE
    targets: Records  # TARGET
    band: float
    openings: Int64s  # (·, 2) [µs] from, to; to not included
    withdrawals: Int64s  # (·, 2) suspensions
    deposits: Int64s  # (·, 2)
    desk: Records  # DESK
    back: Int64s  # (V,) wallet of what the desk pays at the venue of each leg; -1: there is none
    starts: Int64s  # (·, 2) when the desk starts redemptions
    pays: Int64s  # (·, 2) when it pays


@rule
def end_of(suspensions: Int64s, first: int, last: int, at_us: int) -> int:
    """Return when the suspension in force at a time ends, those that follow on included; the time itself if none is."""
    for k in range(first, last):
        if suspensions[k, 0] <= at_us < suspensions[k, 1]:
            at_us = int(suspensions[k, 1])
    return at_us


@rule
def start_of(funding: Funding, route: int, at_us: int) -> int:
    """Return the first time at or after a request at which a route is open [µs]."""
    first, last = funding.routes[route].first_opening, funding.routes[route + 1].first_opening
    if first == last:
        return at_us
    for k in range(first, last):
        if at_us < funding.openings[k, 1]:
            return max(at_us, int(funding.openings[k, 0]))
    return _NEVER


@rule
def has(state: State, wallet: int) -> int:
    """Return what a wallet has, as far as is known, with what is in flight to it [atoms]."""
    one = state.wallets[wallet]
    return int(one.free + one.committed + one.coming)


@rule
def credit_us(funding: Funding, route: int, at_us: int) -> int:
    """Return when what is requested at a time is credited [µs]."""
    started, to = start_of(funding, route, at_us), funding.routes[route].destination
    if started == _NEVER:
        return _NEVER
    due = int(started + funding.routes[route].delay_us)
    return end_of(funding.deposits, funding.targets[to].first_deposit, funding.targets[to + 1].first_deposit, due)


@rule
def request(world: World, funding: Funding, state: State, log: Log, route: int, amount: int, at_us: int) -> None:
    """Debit a transfer and schedule its credit."""
    way, x, today = funding.routes[route], state.counts[0].transfers, at_us // DAY_US
    transfer, used, currency = log.transfers[x], state.routes[route], state.currencies[world.wallet_currency[way.source]]
    transfer.route, transfer.requested_us, transfer.credited_us = route, at_us, credit_us(funding, route, at_us)
    transfer.amount, transfer.fee, transfer.credited = amount, way.fee, 0
    transfer.leg, transfer.paid, transfer.paid_us, transfer.is_paid = -1, 0, NEVER_US, 0
    state.wallets[way.source].free -= amount
    state.wallets[way.destination].coming += amount - way.fee
    currency.in_flight += amount - way.fee
    currency.held -= way.fee
    used.amount = amount + (used.amount if used.day == today else 0)
    used.day = today
    push(log.queue, state.counts, (int(transfer.credited_us), CREDIT, x))
    state.counts[0].transfers += 1


@rule
def credit(world: World, funding: Funding, state: State, log: Log, x: int) -> None:
    """Credit a transfer."""
    transfer = log.transfers[x]
    destination = funding.routes[transfer.route].destination
    sent = transfer.amount - transfer.fee
    state.wallets[destination].free += sent
    state.wallets[destination].coming -= sent
    state.currencies[world.wallet_currency[destination]].in_flight -= sent
    transfer.credited = 1


@rule
def room_in_flight(world: World, state: State, currency: int, tick: int) -> int:
    """Return how much more of a currency may be in flight [atoms]."""
    if world.rules[0].max_in_flight == np.inf:
        return whole_atoms(np.inf)
    value = 0
    for c in range(state.currencies.size):
        value += value_of(state.currencies[c].in_flight, world.mark[tick, c])
    return whole_atoms((world.rules[0].max_in_flight - value) / world.mark[tick, currency])


@rule
def amount_by(funding: Funding, state: State, route: int, most: int, lack: int, at_us: int) -> int:
    """Return what a route would move of at most so much [atoms]; 0 where it takes no part."""
    way, used = funding.routes[route], state.routes[route]
    sent = used.amount if used.day == at_us // DAY_US else 0
    amount = min(lack + way.fee, most, way.daily_limit - sent)
    first, last = funding.targets[way.source].first_withdrawal, funding.targets[way.source + 1].first_withdrawal
    suspended = end_of(funding.withdrawals, first, last, at_us) > at_us
    return 0 if suspended or amount < way.minimum or amount <= way.fee else int(amount)


@rule
def aim(world: World, funding: Funding, state: State, currency: int) -> None:
    """Write floor and target of every listed wallet of a currency [atoms]."""
    total, targets = 0, funding.targets
    for w in range(state.wallets.size):
        if targets[w].listed and world.wallet_currency[w] == currency:
            total += has(state, w)
    for w in range(state.wallets.size):
        wallet = state.wallets[w]
        wallet.floor, wallet.target, wallet.left_out = targets[w].floor, targets[w].target, False
        if not np.isnan(targets[w].weight):
            wallet.target = whole_atoms(targets[w].weight * total)
            wallet.floor = whole_atoms(wallet.target * (1 - funding.band))


@rule
def neediest(world: World, funding: Funding, state: State, currency: int) -> int:
    """Return the wallet of a currency that lacks most, of those not left out; -1: none lacks anything."""
    found, most = -1, 0
    for w in range(state.wallets.size):
        wallet = state.wallets[w]
        if not funding.targets[w].listed or world.wallet_currency[w] != currency or wallet.left_out:
            continue
        if has(state, w) < wallet.floor and wallet.target - has(state, w) > most:
            found, most = w, wallet.target - has(state, w)
    return found


@rule
def next_source(world: World, funding: Funding, state: State, needy: int, last: tuple[int, int]) -> tuple[int, int]:
    """Return (surplus, wallet) that comes after `last`, by falling surplus, ties by wallet; (0, -1): none."""
    found, most = -1, 0
    for w in range(state.wallets.size):
        if not funding.targets[w].listed or w == needy or world.wallet_currency[w] != world.wallet_currency[needy]:
            continue
        surplus = min(state.wallets[w].free, has(state, w) - state.wallets[w].target)
        if surplus > most and (surplus < last[0] or (surplus == last[0] and w > last[1])):
            found, most = w, surplus
    return most, found


@rule
def supply(world: World, funding: Funding, state: State, log: Log, needy: int, tick: int) -> bool:
    """Send from the wallet of largest surplus that has a route that takes part; False where none has."""
    at_us = int(world.rules[0].start_us + tick * world.rules[0].clock_us)
    lack = state.wallets[needy].target - has(state, needy)
    room = room_in_flight(world, state, world.wallet_currency[needy], tick)
    surplus, source = next_source(world, funding, state, needy, (_NEVER, -1))
    while source >= 0:
        for route in range(state.routes.size):
            if funding.routes[route].source == source and funding.routes[route].destination == needy:
                amount = amount_by(funding, state, route, min(surplus, room), lack, at_us)
                if amount > 0:
                    request(world, funding, state, log, route, amount, at_us)
                    return True
        surplus, source = next_source(world, funding, state, needy, (surplus, source))
    return False


@rule
def rebalance(world: World, funding: Funding, state: State, log: Log, tick: int) -> None:
    """Bring the wallets that are below their floor to their target, as far as routes and surpluses go."""
    for currency in range(state.currencies.size):
        aim(world, funding, state, currency)
        needy = neediest(world, funding, state, currency)
        while needy >= 0:
            if not supply(world, funding, state, log, needy, tick):
                state.wallets[needy].left_out = True
            needy = neediest(world, funding, state, currency)
