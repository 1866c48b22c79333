"""What happens at ticks: the drawdown stop, stops of positions and rebalancing (docs/model.md, "Risk", "Strategy peg" and "Transfers")."""

from engine.kernels.cache import rule
from engine.kernels.market import ALONE, BASIS, World
from engine.kernels.peg import stop_positions
from engine.kernels.perpetuals import value_at
from engine.kernels.redemption import visit_desk
from engine.kernels.state import NEVER_US, STOP_DRAWDOWN, Log, State
from engine.kernels.transfers import Funding, rebalance

_ATOMS_PER_UNIT = 1e8


@rule
def excess_at(world: World, state: State, tick: int) -> float:
    """Return what is held beyond the starting balances, at the marks of a tick [numeraire]; summed by currency."""
    excess = 0.0
    for currency in range(state.currencies.size):
        excess += (state.currencies[currency].held - world.start[currency]) * world.mark[tick, currency] / _ATOMS_PER_UNIT
    if world.rules[0].sends == BASIS:
        margin = world.legs[world.perpetual[0].leg].quote_currency
        excess += value_at(world, state, int(world.rules[0].start_us + tick * world.rules[0].clock_us), world.mark[tick, margin]) / _ATOMS_PER_UNIT
    return excess


@rule
def stop_on_drawdown(world: World, state: State, tick: int, at_us: int) -> None:
    """Stop for good where the excess has fallen too far below its high."""
    count, excess = state.counts[0], excess_at(world, state, tick)
    count.high = max(count.high, excess)
    if count.high - excess >= world.rules[0].max_drawdown and count.stopped_us == NEVER_US:
        count.stopped_us, count.stopped_by = at_us, STOP_DRAWDOWN


@rule
def take_tick(world: World, funding: Funding, state: State, log: Log, tick: int) -> None:
    """Do what a tick asks for."""
    rules = world.rules[0]
    at_us = rules.start_us + tick * rules.clock_us
    stop_on_drawdown(world, state, tick, at_us)
    if rules.sends == ALONE:
        stop_positions(world, state, log, at_us)
        visit_desk(world, funding, state, log, tick)
    if rules.rebalance_every_us > 0 and at_us % rules.rebalance_every_us == 0:
        rebalance(world, funding, state, log, tick)
