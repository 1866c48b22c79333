"""What a run sees of the market, by the engine and by the oracle, to the last bit."""

import numpy as np
from hypothesis import given, settings

from engine import panel
from engine.arrays import Floats, Int64s
from engine.oracle.market import read_market
from engine.oracle.rules import Levels
from engine.schema import US_PER_SECOND
from tests.strategies import World, worlds

LATER = 301 * US_PER_SECOND
"""Later than any mark is fresh."""


@settings(max_examples=40)
@given(worlds())
def test_engine_and_oracle_see_the_same_observations_flags_and_blocks(world: World) -> None:
    seen, (market, _) = panel.build(world.spec, world.data), read_market(world.spec, world.data)
    for series in seen.series:
        rows = market[series.key].rows
        assert series.event_us.tolist() == [row.event for row in rows]
        assert series.available_us.tolist() == [row.available for row in rows]
        assert series.good.tolist() == [row.good for row in rows]
        assert series.blocked.tolist() == [row.bar.blocked for row in rows if row.bar is not None]
        assert series.volume_cap.tolist() == [row.bar.volume_cap for row in rows if row.bar is not None]
        for n in np.flatnonzero(series.good):
            assert float(series.prices(np.array([n]))[0]) == rows[n].price
            assert levels(series.bid[n], series.bid_size[n]) == told(rows[n].bids)
            assert levels(series.ask[n], series.ask_size[n]) == told(rows[n].asks)


@settings(max_examples=40)
@given(worlds())
def test_engine_and_oracle_mark_the_same_at_any_time(world: World) -> None:
    seen, (_, marks) = panel.build(world.spec, world.data), read_market(world.spec, world.data)
    start = int(seen.marks.ticks_us[0])
    known = np.unique(np.concatenate([series.available_us for series in seen.series]))
    times = np.concatenate([known[known >= start], seen.marks.ticks_us, seen.marks.ticks_us + LATER])
    stale = seen.marks.is_stale(times)
    for currency, value in seen.marks.at(times).items():
        assert value.tolist() == [marks.at(currency, t) for t in times.tolist()]
        assert stale[currency].tolist() == [marks.fresh(currency, t) is None for t in times.tolist()]


def levels(prices: Floats, sizes: Int64s) -> list[tuple[float, int]]:
    return [(float(price), int(size)) for price, size in zip(prices, sizes, strict=True) if not np.isnan(price)]


def told(side: Levels) -> list[tuple[float, int]]:
    return [(level.price, level.size) for level in side]
