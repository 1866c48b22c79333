"""The drawdown stop, and when rebalancing is due."""

from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import BTC, USD, coins, fresh, funding, ints, log, observations, rules, world
from tests.engine.kernels.plain import state, ticks

NOTHING = observations([], [])


def excess_of(btc: float, usd: float, mark: float) -> Any:
    """Return a world that began with 10 BTC and 1,000 USD, and the state in which so much is held."""
    one = world(NOTHING, start=ints(coins(10), coins(1000), 0), rules=rules(max_drawdown=50.0, start_us=600))
    one.mark[4, BTC] = mark
    now = fresh(NOTHING)
    now.currencies.held = [coins(btc), coins(usd), 0]
    return one, now


def test_the_excess_is_what_is_held_beyond_the_start_at_marks() -> None:
    # 1 BTC more at 90, 120 USD less
    assert ticks.excess_at(*excess_of(11, 880, 90.0), 4) == pytest.approx(-30.0)


@pytest.mark.parametrize(("high", "stopped"), [(0.0, False), (19.99, False), (20.0, True), (100.0, True)])
def test_a_fall_of_the_whole_limit_from_the_high_stops(high: float, stopped: bool) -> None:
    one, now = excess_of(11, 880, 90.0)
    now.counts[0].high = high
    ticks.stop_on_drawdown(one, now, ticks.excess_at(one, now, 4), 840)
    assert now.counts[0].stopped_us == (840 if stopped else state.NEVER_US)


def test_the_high_is_the_largest_excess_so_far() -> None:
    one, now = excess_of(11, 1000, 90.0)
    ticks.stop_on_drawdown(one, now, ticks.excess_at(one, now, 4), 840)
    assert now.counts[0].high == pytest.approx(90.0)
    now.currencies[USD].held -= coins(30)
    ticks.stop_on_drawdown(one, now, ticks.excess_at(one, now, 4), 900)
    assert (now.counts[0].high, now.counts[0].stopped_us) == (pytest.approx(90.0), state.NEVER_US)


def test_the_first_stop_stands() -> None:
    one, now = excess_of(0, 0, 90.0)
    now.counts[0].stopped_by = state.STOP_MISSES
    ticks.stop_on_drawdown(one, now, ticks.excess_at(one, now, 4), 840)
    assert (now.counts[0].stopped_us, now.counts[0].stopped_by) == (840, state.STOP_DRAWDOWN)
    now.counts[0].stopped_us, now.counts[0].stopped_by = 7, state.STOP_MISSES
    ticks.stop_on_drawdown(one, now, ticks.excess_at(one, now, 4), 840)
    assert (now.counts[0].stopped_us, now.counts[0].stopped_by) == (7, state.STOP_MISSES)


@pytest.mark.parametrize(("every", "start", "sent"), [(0, 0, 0), (120, 0, 1), (120, 60, 0), (60, 60, 1), (180, 60, 1)])
def test_rebalancing_is_due_at_the_multiples_of_its_time_whatever_the_start(every: int, start: int, sent: int) -> None:
    # the second tick after the start, of 60 µs each: alfa's coins fill bravo up
    ways = funding([{"source": 0, "destination": 2}], {0: {}, 2: {"floor": coins(200), "target": coins(200)}})
    one, now = world(NOTHING, rules=rules(start_us=start, rebalance_every_us=every)), fresh(NOTHING, routes=1)
    now.wallets.target = 0
    ticks.take_tick(one, ways, now, log(), 2)
    assert now.counts[0].transfers == sent


def test_a_tick_looks_at_its_own_mark() -> None:
    one, now = excess_of(11, 880, 90.0)
    now.counts[0].high = 20.0
    np.testing.assert_array_equal(one.mark[3], [100.0, 1.0, 10.0])
    ticks.take_tick(one, funding([], {}), now, log(), 3)
    assert now.counts[0].stopped_us == state.NEVER_US
    ticks.take_tick(one, funding([], {}), now, log(), 4)
    assert now.counts[0].stopped_us == 600 + 4 * 60
