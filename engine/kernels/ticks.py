"""What happens at ticks: the drawdown stop and rebalancing (docs/model.md, "Risk" and "Transfers")."""

from engine.kernels.cache import rule
from engine.kernels.market import World
from engine.kernels.state import NEVER_US, STOP_DRAWDOWN, Log, State
from engine.kernels.transfers import Funding, rebalance

ATOMS_PER_UNIT = 1e8


@rule
def time_of(world: World, tick: int) -> int:
    """Return when a tick is [µs]."""
    return int(world.rules[0].start_us + tick * world.rules[0].clock_us)


@rule
def excess_at(world: World, state: State, tick: int) -> float:
    """Return what is held beyond the starting balances, at the marks of a tick [numeraire]; summed by currency."""
    excess = 0.0
    for currency in range(state.currencies.size):
        excess += (state.currencies[currency].held - world.start[currency]) * world.mark[tick, currency] / ATOMS_PER_UNIT
    return excess


@rule
def stop_on_drawdown(world: World, state: State, excess: float, at_us: int) -> None:
    """Stop for good where the excess has fallen too far below its high."""
    count = state.counts[0]
    count.high = max(count.high, excess)
    if count.high - excess >= world.rules[0].max_drawdown and count.stopped_us == NEVER_US:
        count.stopped_us, count.stopped_by = at_us, STOP_DRAWDOWN


@rule
def rebalance_at(world: World, funding: Funding, state: State, log: Log, tick: int) -> None:
    """Rebalance where a tick is one at which it is asked for."""
    every = world.rules[0].rebalance_every_us
    if every > 0 and time_of(world, tick) % every == 0:
        rebalance(world, funding, state, log, tick)


@rule
def take_tick(world: World, funding: Funding, state: State, log: Log, tick: int) -> None:
    """Do what a tick asks for of every run."""
    stop_on_drawdown(world, state, excess_at(world, state, tick), time_of(world, tick))
    rebalance_at(world, funding, state, log, tick)
