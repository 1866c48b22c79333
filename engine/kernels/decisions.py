"""What decisions on pairs and on cycles have in common (docs/model.md, "Strategy")."""

from engine.kernels.cache import rule
from engine.kernels.fees import tick_at
from engine.kernels.market import BASIS, PAIRS, World
from engine.kernels.state import ALARM, COOL_DOWN, HALTED, NEVER_US, RESIDUAL, SENT, STOPPED, Log, State


@rule
def stand(state: State, combination: int, ordinal: int) -> None:
    """Note that a combination stands at an instant; its episode ends where it did not at the one before."""
    standing = state.combinations[combination]
    if standing.stood != ordinal - 1:
        standing.episode = -1
    standing.stood = ordinal


@rule
def residual_value(world: World, state: State, tick: int) -> float:
    """Return what packages left over is worth [numeraire]."""
    if world.rules[0].sends == PAIRS or world.rules[0].sends == BASIS:
        return float(abs(state.counts[0].net_residual) * world.mark[tick, world.rules[0].base_currency] / 1e8)
    value = 0.0
    for currency in range(state.currencies.size):
        value += abs(state.currencies[currency].residual) * world.mark[tick, currency] / 1e8
    return value


@rule
def forbidden(world: World, state: State, gross_bps: float, last_decision_us: int, at_us: int) -> int:
    """Return why no package may start now whatever its size, or SENT."""
    rules, count, tick = world.rules[0], state.counts[0], tick_at(world.rules, at_us)
    if gross_bps > rules.max_gross_edge_bps:
        return ALARM
    if count.stopped_us != NEVER_US:
        return STOPPED
    if world.halted[tick]:
        return HALTED
    if residual_value(world, state, tick) > rules.max_residual:
        return RESIDUAL
    if at_us < last_decision_us + rules.cool_down_us:
        return COOL_DOWN
    return SENT


@rule
def note_decision(state: State, combination: int, at_us: int, outcome: int) -> None:
    """Give an opportunity its episode, and begin the cool-down of what was sent."""
    count, standing = state.counts[0], state.combinations[combination]
    if standing.episode < 0:
        standing.episode = count.episodes
        count.episodes += 1
    if outcome == SENT:
        standing.last_decision_us = at_us


@rule
def list_opportunity(state: State, log: Log, combination: int, at_us: int, edge: float, outcome: int) -> None:
    """Write an opportunity and what became of it."""
    count, row = state.counts[0], log.opportunities[state.counts[0].opportunities]
    note_decision(state, combination, at_us, outcome)
    row.at_us, row.combination, row.edge_bps = at_us, combination, edge
    row.episode, row.outcome, row.package = state.combinations[combination].episode, outcome, -1
    if outcome == SENT:
        row.package = count.packages - 1
    count.opportunities += 1
