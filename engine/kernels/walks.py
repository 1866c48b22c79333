"""The walks of runs that send something else than pairs: cycles, orders alone, a spot leg against a perpetual, swaps.

Each is a kernel of its own, with the rules of its strategy alone: what is compiled into a walk is paid for by whoever runs it first.
"""

from engine.kernels.basis import decide_basis, follow_liquidation, watch_position
from engine.kernels.cache import compiled, rule
from engine.kernels.cycles import decide_cycles, take_notice_of_cycle
from engine.kernels.dex_cex import decide_swaps
from engine.kernels.market import Candidates, World
from engine.kernels.orders import learn, resolve
from engine.kernels.path import follow_pair, has_room, is_due, is_over, next_us, row_us, settle_until, tick_us, value_legs
from engine.kernels.peg import decide_peg, stop_positions, take_notice_of_peg
from engine.kernels.perpetuals import fall_due, pay, value_at
from engine.kernels.redemption import ask, pay_out, visit_desk
from engine.kernels.state import CREDIT, DUE, LIQUIDATION_ORDER, NOTICE, PAID, RESOLVE, Log, Scratch, State, pop
from engine.kernels.ticks import ATOMS_PER_UNIT, excess_at, rebalance_at, stop_on_drawdown, take_tick, time_of
from engine.kernels.transfers import Funding, credit


@rule
def settle_cycles(world: World, funding: Funding, state: State, log: Log, scratch: Scratch, until_us: int) -> None:
    """Let happen what waits in the queue of a run that sends cycles, up to and at a time."""
    while is_due(state, log, until_us):
        at_us, kind, number = pop(log.queue, state.counts)
        if kind == CREDIT:
            credit(world, funding, state, log, number)
        elif kind == RESOLVE:
            resolve(world, state, log, number)
        else:
            learn(world, state, log, number)
            take_notice_of_cycle(world, state, log, scratch, number, at_us)


@compiled
def walk_cycles(world: World, funding: Funding, rows: Candidates, state: State, log: Log, scratch: Scratch) -> bool:
    """Walk a run that sends cycles (`engine.kernels.path.walk`)."""
    count = state.counts[0]
    while has_room(state, log, scratch.plan.size):
        settle_cycles(world, funding, state, log, scratch, next_us(world, rows, state))
        if is_over(world, rows, state):
            return True
        if tick_us(world, state) <= row_us(rows, state):
            take_tick(world, funding, state, log, count.tick)
            count.tick += 1
        else:
            value_legs(world, rows, state, count.candidate, scratch)
            decide_cycles(world, rows, state, log, scratch, count.candidate)
            count.candidate += 1
    return False


@rule
def settle_peg(world: World, funding: Funding, state: State, log: Log, until_us: int) -> None:
    """Let happen what waits in the queue of a bet on a peg, up to and at a time."""
    while is_due(state, log, until_us):
        at_us, kind, number = pop(log.queue, state.counts)
        if kind == CREDIT:
            credit(world, funding, state, log, number)
            ask(world, funding, state, log, number, at_us)
        elif kind == RESOLVE:
            resolve(world, state, log, number)
        elif kind == NOTICE:
            learn(world, state, log, number)
            take_notice_of_peg(world, state, log, number, at_us)
        else:
            pay_out(world, funding, state, log, number)


@rule
def take_tick_of_peg(world: World, funding: Funding, state: State, log: Log, tick: int) -> None:
    """Do what a tick asks for of a bet on a peg."""
    at_us = time_of(world, tick)
    stop_on_drawdown(world, state, excess_at(world, state, tick), at_us)
    stop_positions(world, state, log, at_us)
    visit_desk(world, funding, state, log, tick)
    rebalance_at(world, funding, state, log, tick)


@compiled
def walk_peg(world: World, funding: Funding, rows: Candidates, state: State, log: Log, scratch: Scratch) -> bool:
    """Walk a bet on a peg (`engine.kernels.path.walk`)."""
    count = state.counts[0]
    while has_room(state, log, scratch.plan.size):
        settle_peg(world, funding, state, log, next_us(world, rows, state))
        if is_over(world, rows, state):
            return True
        if tick_us(world, state) <= row_us(rows, state):
            take_tick_of_peg(world, funding, state, log, count.tick)
            count.tick += 1
        else:
            value_legs(world, rows, state, count.candidate, scratch)
            decide_peg(world, rows, state, log, scratch, count.candidate)
            count.candidate += 1
    return False


@rule
def settle_basis(world: World, funding: Funding, state: State, log: Log, until_us: int) -> None:
    """Let happen what waits in the queue of spot against a perpetual, up to and at a time."""
    while is_due(state, log, until_us):
        at_us, kind, number = pop(log.queue, state.counts)
        if kind == CREDIT:
            credit(world, funding, state, log, number)
        elif kind == RESOLVE:
            resolve(world, state, log, number)
        elif kind == DUE:
            fall_due(world, state, log, number)
        elif kind == PAID:
            pay(world, state, number, at_us)
        else:
            learn(world, state, log, number)
            if log.orders[number].role == LIQUIDATION_ORDER:
                follow_liquidation(world, state, log, number, at_us)
            else:
                follow_pair(world, state, log, number, at_us)


@rule
def take_tick_of_basis(world: World, funding: Funding, state: State, log: Log, scratch: Scratch, tick: int) -> None:
    """Do what a tick asks for of spot against a perpetual, whose position counts in the excess."""
    at_us = time_of(world, tick)
    watch_position(world, state, log, scratch, at_us)
    mark = world.mark[tick, world.legs[world.perpetual[0].leg].quote_currency]
    stop_on_drawdown(world, state, excess_at(world, state, tick) + value_at(world, state, at_us, mark) / ATOMS_PER_UNIT, at_us)
    rebalance_at(world, funding, state, log, tick)


@compiled
def walk_basis(world: World, funding: Funding, rows: Candidates, state: State, log: Log, scratch: Scratch) -> bool:
    """Walk a run of spot against a perpetual (`engine.kernels.path.walk`)."""
    count = state.counts[0]
    while has_room(state, log, scratch.plan.size):
        settle_basis(world, funding, state, log, next_us(world, rows, state))
        if is_over(world, rows, state):
            return True
        if tick_us(world, state) <= row_us(rows, state):
            take_tick_of_basis(world, funding, state, log, scratch, count.tick)
            count.tick += 1
        else:
            decide_basis(world, rows, state, log, scratch, count.candidate)
            count.candidate += 1
    return False


@compiled
def walk_swaps(world: World, funding: Funding, rows: Candidates, state: State, log: Log, scratch: Scratch) -> bool:
    """Walk a run of pools against books (`engine.kernels.path.walk`)."""
    count = state.counts[0]
    while has_room(state, log, scratch.plan.size):
        settle_until(world, funding, state, log, next_us(world, rows, state))
        if is_over(world, rows, state):
            return True
        if tick_us(world, state) <= row_us(rows, state):
            take_tick(world, funding, state, log, count.tick)
            count.tick += 1
        else:
            value_legs(world, rows, state, count.candidate, scratch)
            decide_swaps(world, rows, state, log, scratch, count.candidate)
            count.candidate += 1
    return False
