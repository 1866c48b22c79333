"""Schedules, tiers and reserves; a day here begins at a multiple of DAY."""

from typing import Any

import pytest

from tests.engine.kernels.hand import fresh, ints, legs, observations, records, rules, world
from tests.engine.kernels.plain import fees, market

DAY = 86_400_000_000
NOTHING = observations([], [])

SPANS = records(
    market.SPAN,
    [
        # alfa: 1 % from 0 (0.5 % from a volume of 10), 2 % in base from 100, 3 % in an asset from 200; bravo: 4 %; what ends the last
        {"start_us": 0, "first_tier": 0, "asset_wallet": -1},
        {"start_us": 100, "first_tier": 2, "asset_wallet": -1, "charged": market.CHARGED_RECEIVED},
        {"start_us": 200, "first_tier": 3, "asset_wallet": 4, "charged": market.CHARGED_ASSET},
        {"start_us": 0, "first_tier": 4, "asset_wallet": -1},
        {"first_tier": 5},
    ],
)
TIERS = records(market.TIER, [{"rate": 0.01}, {"rate": 0.005, "volume": 10}, {"rate": 0.02}, {"rate": 0.03}, {"rate": 0.04}])


def scheduled(*, latency: int = 0, stated: int = 0, start: int = 0) -> Any:
    both = legs({"order_latency_us": latency}, {"first_span": 3}, {"first_span": 4})
    return world(NOTHING, legs=both, spans=SPANS, tiers=TIERS, stated_volume=ints(stated, 0), rules=rules(start_us=start))


@pytest.mark.parametrize(("leg", "at", "row"), [(0, 0, 0), (0, 99, 0), (0, 100, 1), (0, 199, 1), (0, 200, 2), (0, 10**9, 2), (1, 10**9, 3)])
def test_a_row_holds_from_its_time_to_that_of_the_next_of_its_leg(leg: int, at: int, row: int) -> None:
    assert fees.span_of(scheduled().legs, SPANS, leg, at) == row


@pytest.mark.parametrize(("stated", "rate"), [(0, 0.01), (9, 0.01), (10, 0.005), (10**9, 0.005)])
def test_a_tier_begins_with_its_volume(stated: int, rate: float) -> None:
    one = scheduled(stated=stated)
    assert fees.rate_of(one, fresh(NOTHING), 0, 50) == rate


def test_a_row_without_further_tiers_has_one_rate_whatever_the_volume() -> None:
    one = scheduled(stated=10**9)
    assert [fees.rate_of(one, fresh(NOTHING), leg, 150) for leg in (0, 1)] == [0.02, 0.04]


@pytest.mark.parametrize(("day", "volume"), [(0, 1), (1, 3), (2, 7), (30, 63), (31, 61), (32, 57)])
def test_a_volume_is_what_was_stated_and_the_thirty_days_before_today(day: int, volume: int) -> None:
    # 2 on the first day of the run, 4 on the second, then 8, 16, 32, and nothing after; 1 is stated
    now = fresh(NOTHING, days=40)
    now.notional[0, :5] = [2, 4, 8, 16, 32]
    one = scheduled(stated=1, start=5 * DAY + 7)
    assert [fees.volume_of(one, now, 0, (5 + day) * DAY + time) for time in (0, DAY - 1)] == [volume, volume]


def test_a_tier_counts_the_volume_of_the_legs_own_venue() -> None:
    spans = records(market.SPAN, [{"first_tier": 0}, {"first_tier": 2}, {"first_tier": 4}])
    both = records(market.TIER, [{"rate": 0.01}, {"rate": 0.005, "volume": 10}] * 2)
    now = fresh(NOTHING, days=2)
    now.notional[1, 0] = 10
    assert [fees.rate_of(world(NOTHING, spans=spans, tiers=both), now, leg, DAY + 1) for leg in (0, 1)] == [0.01, 0.005]


def test_what_is_charged_goes_by_the_row_in_force() -> None:
    assert [fees.charged_in(scheduled(), 0, at) for at in (99, 100, 200)] == [
        market.CHARGED_QUOTE,
        market.CHARGED_RECEIVED,
        market.CHARGED_ASSET,
    ]


@pytest.mark.parametrize(
    ("at", "latency", "rate"),
    [
        (50, 0, 0.01),  # the first tier, whatever the volume
        (150, 0, 0.0),  # the fee is of coins
        (50, 100, 0.01),  # 1 % now, of coins at arrival
        (150, 100, 0.03),  # of coins now, 3 % at arrival
        (50, 200, 0.03),  # 1 % now, 3 % at arrival
        (199, 1, 0.03),
    ],
)
def test_a_buy_reserves_the_worst_rate_of_now_and_of_arrival(at: int, latency: int, rate: float) -> None:
    assert fees.reserve_rate(scheduled(latency=latency, stated=10**9), 0, at) == rate


@pytest.mark.parametrize(("at", "tick"), [(7, 0), (66, 0), (67, 1), (127, 2)])
def test_a_tick_is_the_last_at_or_before_a_time(at: int, tick: int) -> None:
    assert fees.tick_at(rules(start_us=7), at) == tick
