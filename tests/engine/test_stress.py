"""What a run would have come to under worse conditions, against runs whose spec says so."""

import numpy as np
import pytest

from engine import guard, market, panel, stress
from engine.backtest import run
from engine.path import candidates
from engine.wording import STRESS
from tests.engine.small import Bar, Book, bars, books, dear_alfa, small
from tests.strategies import World


def stressed(world: World) -> dict[str, float]:
    """Return the excess of each variant of a world."""
    seen = panel.build(world.spec, world.data)
    watch = guard.build(world.spec, seen.marks)
    found = candidates(market.world(world.spec, seen, watch), world.spec.strategy.threshold_bps)
    return stress.excesses(world.spec, world.data, seen, guard=watch, found=found)


def excess(world: World) -> float:
    """Return the excess of a run of a world as it is."""
    found = run(world.spec, world.data, stress=False).summary["excess"]
    assert isinstance(found, float)
    return found


LEVELS = ((101.0, 3.0, 103.0, 5.0), (100.5, 0.5, None, None))
QUOTED = {
    "alfa BTC/USD": books({5: Book(102.0, 102.1, 2.25, 4.0, LEVELS), 5.5: Book(101.3, 102.1, 0.125)}),
    "bravo BTC/USD": books({5.2: Book(99.9, 100.0, 7.0, 3.33, LEVELS[:1]), 6.4: Book(100.2, 100.6, 1.0, 1.0)}),
}
QUICK = {"alfa": {"order_latency": "300ms"}, "bravo": {"feed_latency": "100ms", "order_latency": "250ms"}}


def test_latencies_are_those_of_a_run_with_twice_as_much_of_each() -> None:
    slow = {"alfa": {"order_latency": "600ms"}, "bravo": {"feed_latency": "200ms", "order_latency": "500ms"}}
    world, slower = (small(QUOTED, venues=venues) for venues in (QUICK, slow))
    assert stressed(world)["latencies_doubled"] == excess(slower) != excess(world)


def test_without_latencies_or_where_twice_as_much_cannot_run_they_are_left_out() -> None:
    assert list(stressed(dear_alfa())) == ["shares_halved"]
    # a feed that is as late as a bar is long is refused
    assert list(stressed(dear_alfa(venues={"alfa": {"feed_latency": "30s"}}))) == ["shares_halved"]
    assert list(stressed(dear_alfa(venues={"alfa": {"feed_latency": "29s"}}))) == ["latencies_doubled", "shares_halved"]
    # quotes of 10 s before the start that are 12 s late leave it without a mark
    late = small({name: books() for name in ("alfa BTC/USD", "bravo BTC/USD")}, venues={v: {"feed_latency": "6s"} for v in ("alfa", "bravo")})
    assert list(stressed(late)) == ["shares_halved"]


TIERS = [{"volume": volume, "taker_bps": bps} for volume, bps in (("0", 40), ("500", 30), ("1000", 20))]
SHIFTED = [{"volume": volume, "taker_bps": bps} for volume, bps in (("0", 40), ("500", 40), ("1000", 30))]


@pytest.mark.parametrize("volume", ["0", "500", "2000"])
def test_the_next_worse_tier_is_that_of_a_schedule_that_asks_for_one_tier_more(volume: str) -> None:
    world, worse = (small(QUOTED, venues={"alfa": {"fees": [{"tiers": tiers}], "volume_30d": volume}}) for tiers in (TIERS, SHIFTED))
    assert stressed(world)["worse_tier"] == excess(worse)
    assert (excess(world) == excess(worse)) == (volume == "0")


def test_a_venue_without_tiers_has_no_worse_one() -> None:
    assert "worse_tier" not in stressed(small(QUOTED, venues={"alfa": {"fee_bps": 10}}))
    assert "worse_tier" not in stressed(small(QUOTED, venues={"alfa": {"fees": [{"taker_bps": 10}]}}))


def test_shares_are_those_of_a_run_with_half_of_each() -> None:
    dear = {"alfa BTC/USD": bars({0: Bar(101.0, volume=3.3333), 1: Bar(100.0, open=101.0)}), "bravo BTC/USD": bars({1: Bar(100.0, volume=1.77)})}
    for series in (QUOTED, dear):
        shares = {"take_share": 0.7, "volume_share": 0.3}
        world, halved = (small(series, execution={name: share / by for name, share in shares.items()}) for by in (1, 2))
        assert stressed(world)["shares_halved"] == excess(halved) != excess(world)


@pytest.mark.parametrize("share", [1.0, 0.7, 1 / 3])
def test_half_of_the_sizes_is_what_a_panel_of_half_the_share_has(share: float) -> None:
    sizes = iter(np.random.default_rng(3).exponential(1, 4 * 99).tolist())
    deep = books({at: Book(100.0, 101.0, next(sizes), next(sizes), ((99.0, next(sizes), 102.0, next(sizes)),)) for at in range(99)})
    series = {"alfa BTC/USD": deep, "bravo BTC/USD": deep, "bravo USDC/USD": bars({n: Bar(1.0, volume=1.1**n) for n in range(9)}, level=1.0)}
    world, halved = (small(series, execution={"take_share": share / by, "volume_share": share / by}) for by in (1, 2))
    built, whole = (market.market(w.spec, panel.build(w.spec, w.data)) for w in (halved, world))
    for name, column in stress._halved(whole)._asdict().items():
        np.testing.assert_array_equal(column, getattr(built, name), err_msg=name)


def test_every_variant_has_words() -> None:
    world = small(QUOTED, venues={**QUICK, "alfa": {"fees": [{"tiers": TIERS}]}})
    assert list(stressed(world)) == list(STRESS)
