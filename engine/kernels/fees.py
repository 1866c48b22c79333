"""What venues charge (docs/model.md, "Fees")."""

from engine.arrays import Records
from engine.kernels.cache import rule
from engine.kernels.market import CHARGED_RECEIVED, DAY_US, World
from engine.kernels.state import State

_TIER_DAYS = 30


@rule
def span_of(legs: Records, spans: Records, leg: int, at_us: int) -> int:
    """Return the row of the leg's schedule that is in force at a time."""
    span = legs[leg].first_span
    while span + 1 < legs[leg + 1].first_span and spans[span + 1].start_us <= at_us:
        span += 1
    return int(span)


@rule
def volume_of(world: World, state: State, venue: int, at_us: int) -> int:
    """Return the venue's volume of the 30 days before the day of a time, stated start included [atoms of the numeraire]."""
    day = at_us // DAY_US - world.rules[0].start_us // DAY_US
    volume = world.stated_volume[venue]
    for earlier in range(max(day - _TIER_DAYS, 0), day):
        volume += state.notional[venue, earlier]
    return int(volume)


@rule
def rate_of(world: World, state: State, leg: int, at_us: int) -> float:
    """Return the taker rate of a leg at a time, by its venue's tier on that day [fraction]."""
    span = span_of(world.legs, world.spans, leg, at_us)
    tier, end = world.spans[span].first_tier, world.spans[span + 1].first_tier
    if tier + 1 < end:
        volume = volume_of(world, state, world.legs[leg].venue, at_us)
        while tier + 1 < end and world.tiers[tier + 1].volume <= volume:
            tier += 1
    return float(world.tiers[tier].rate)


@rule
def charged_in(world: World, leg: int, at_us: int) -> int:
    """Return what a leg's fees are charged in at a time: CHARGED_*."""
    return int(world.spans[span_of(world.legs, world.spans, leg, at_us)].charged)


@rule
def reserve_rate(world: World, leg: int, at_us: int) -> float:
    """Return the rate that a buy sent now reserves its fee at: the worst tier's, now or at arrival; 0 where the fee is taken in base [fraction]."""
    worst = 0.0
    for when in (at_us, at_us + world.legs[leg].order_latency_us):
        span = world.spans[span_of(world.legs, world.spans, leg, when)]
        if span.charged != CHARGED_RECEIVED:
            worst = max(worst, world.tiers[span.first_tier].rate)
    return worst


@rule
def tick_at(rules: Records, at_us: int) -> int:
    """Return the ordinal of the last tick at or before a time."""
    return int((at_us - rules[0].start_us) // rules[0].clock_us)
