"""The loop over the trials of a sweep. Read `walk_trials` first; what happens inside a trial are the rules of a run."""

from typing import NamedTuple

from engine.arrays import Bools, Floats, Int64s, Records
from engine.kernels.cache import compiled, rule
from engine.kernels.decisions import forbidden, note_decision, stand
from engine.kernels.fees import charged_in, rate_of, reserve_rate, tick_at
from engine.kernels.listing import Listing, rank_listed
from engine.kernels.market import Market, Signal, World
from engine.kernels.path import has_room, send_package, settle_until
from engine.kernels.row import Room, Rows, write_row
from engine.kernels.sizing import Pair, is_bar, size_package
from engine.kernels.state import SENT, Log, State
from engine.kernels.ticks import take_tick
from engine.kernels.trading_back import trade_back
from engine.kernels.transfers import Funding

_NEVER = 2**62

FRESH, WALKING, WALKED = range(3)
DONE, FULL, UNKNOWN = range(3)
"""How a call ends: all trials done, the logs are full, marks are missing."""


class Shared(NamedTuple):
    """What the trials have in common."""

    market: Market
    cycles: Records  # of a world; none, as pairs are swept alone
    steps: Records
    pools: Records
    wallet_currency: Int64s  # (W,)
    mark: Floats  # (K, M)
    halted: Bools  # (K,)
    perpetual: Records  # of a world; none, as spot is swept alone
    payments: Records
    signal: Signal  # empty, for the same reason
    funding: Funding
    listing: Listing
    exact: bool  # whether the listing's edges are the trials' own


class Trials(NamedTuple):
    """What differs between trials, (T, ·) each: the parts of a world, what lies in the wallets, and what is traded back on."""

    rules: Records
    legs: Records
    spans: Records
    tiers: Records
    stated_volume: Int64s
    start: Int64s
    max_asset: Floats
    free: Int64s
    backs: Records
    back_tiers: Records


@rule
def clear_bars(legs: Records, state: State, log: Log) -> None:
    """Forget what the last trial took of bars: only of those that its orders met."""
    for o in range(state.counts[0].orders if is_bar(legs, 0) else 0):
        if log.orders[o].row >= 0:
            state.bar_taken[log.orders[o].row] = 0


@rule
def clear_venues(state: State) -> None:
    """Forget what was open at venues, and what was traded there."""
    for venue in range(state.open_value.size):
        state.open_value[venue] = 0
        for day in range(state.notional.shape[1]):
            state.notional[venue, day] = 0


@rule
def begin(world: World, state: State, blank: State, log: Log, free: Int64s, trial: int) -> None:
    """Bring the state to where a run begins."""
    clear_bars(world.legs, state, log)
    clear_venues(state)
    state.counts[0] = blank.counts[0]
    for w in range(state.wallets.size):
        state.wallets[w] = blank.wallets[w]
        state.wallets[w].free = free[trial, w]
    for c in range(state.currencies.size):
        state.currencies[c] = blank.currencies[c]
        state.currencies[c].held = world.start[c]
    for pair in range(state.combinations.size):
        state.combinations[pair] = blank.combinations[pair]
    for side in range(state.sides.size):
        state.sides[side] = blank.sides[side]
    for series in range(state.seen.size):
        state.seen[series] = blank.seen[series]
    for route in range(state.routes.size):
        state.routes[route] = blank.routes[route]


@rule
def decide_listed(shared: Shared, world: World, room: Room, at: int, decided: Int64s, trial: int) -> None:
    """Decide on the opportunities of an instant, best first, and count what becomes of them."""
    state, scratch, listing, legs = room.state, room.scratch, shared.listing, world.legs.size - 1
    at_us = int(listing.at_us[at])
    for rank in range(rank_listed(world, state, listing, at, shared.exact, scratch)):
        entry, edge = listing.pairs[scratch.ranked[rank]], scratch.edges[rank]
        ranked = int(entry.pair)
        stand(state, ranked, int(listing.ordinal[at]))
        if entry.news == 0:
            continue
        outcome = forbidden(world, state, entry.gross_bps, state.combinations[ranked].last_decision_us, at_us)
        if outcome == SENT:
            sell, buy = ranked // legs, ranked % legs
            pair = Pair(
                sell, buy, int(entry.sell_row), int(entry.buy_row), rate_of(world, state, sell, at_us), rate_of(world, state, buy, at_us),
                charged_in(world, buy, at_us), reserve_rate(world, buy, at_us), float(entry.received_at), float(entry.spent_at),
            )  # fmt: skip
            quantity, outcome = size_package(world, state, pair, scratch, tick_at(world.rules, at_us))
            if outcome == SENT:
                send_package(world, state, room.log, pair, scratch, quantity, edge, at_us)
        note_decision(state, ranked, at_us, outcome)
        decided[trial, outcome] += 1


@rule
def walk_listed(shared: Shared, world: World, room: Room, decided: Int64s, trial: int) -> bool:
    """Walk instants and ticks in time order; False where the logs are full."""
    rules, count, listing = world.rules[0], room.state.counts[0], shared.listing
    threshold, instants = rules.threshold_bps, listing.at_us.size
    while has_room(room.state, room.log, room.scratch.plan.size):
        at = count.candidate
        while at < instants and listing.best_bps[at] < threshold:
            at += 1
        count.candidate = at
        next_row = listing.at_us[at] if at < instants else _NEVER
        next_tick = rules.start_us + count.tick * rules.clock_us if rules.works_at_ticks and count.tick < world.mark.shape[0] else _NEVER
        if min(next_row, next_tick) == _NEVER:
            settle_until(world, shared.funding, room.state, room.log, rules.end_us)
            return True
        settle_until(world, shared.funding, room.state, room.log, min(next_row, next_tick))
        if next_tick <= next_row:
            take_tick(world, shared.funding, room.state, room.log, count.tick)
            count.tick += 1
        else:
            decide_listed(shared, world, room, at, decided, trial)
            count.candidate += 1
    return False


@compiled
def walk_trials(shared: Shared, trials: Trials, room: Room, rows: Rows) -> int:
    """Run trials from `room.place` on, and write a row for each; return DONE, or why it stopped: call again once that is mended.

    Parameters
    ----------
    shared, trials : Shared, Trials
        What does not change.
    room, rows : Room, Rows
        Written to.
    """
    place, state, log = room.place[0], room.state, room.log
    while place.trial < trials.rules.shape[0]:
        at = place.trial
        world = World(  # here, not in a rule: rules make no arrays (engine.kernels.cache)
            shared.market, trials.legs[at], trials.spans[at], trials.tiers[at], shared.cycles, shared.steps, shared.pools, trials.stated_volume[at],
            shared.wallet_currency, trials.start[at], trials.max_asset[at], shared.mark, shared.halted,
            shared.perpetual, shared.payments, trials.rules[at], shared.signal,
        )  # fmt: skip
        if place.stage == FRESH:
            begin(world, state, room.blank, log, trials.free, at)
            for outcome in range(rows.decided.shape[1]):
                rows.decided[at, outcome] = 0
            place.stage = WALKING
        if place.stage == WALKING:
            if not walk_listed(shared, world, room, rows.decided, at):
                return FULL
            place.stage = WALKED
        if not write_row(world, shared.funding, room, rows, at):
            return UNKNOWN
        backs, back_tiers = trials.backs[at], trials.back_tiers[at]
        rows.figures[at].trade_back = trade_back(world, state, backs, back_tiers, room.ledger.surplus)
        place.stage, place.trial = FRESH, at + 1
    return DONE
