"""How large a package of a cycle is, and why there is none; cycles of a venue are in `hand_cycles`."""

from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import coins, records
from tests.engine.kernels.hand_cycles import BUY, ETH, FORTH, SELL, begun, cyclic, fees, legs, planned, seen, step, viewed
from tests.engine.kernels.plain import chain, market, state

DEEP = seen(btc=([(99.0, 2.0), (98.0, 3.0)], [(100.0, 2.0), (101.0, 3.0), (102.0, 4.0)]))
IN_BASE = market.CHARGED_RECEIVED


def sized(way: Any = FORTH, *, quotes: Any = None, now: dict[str, float] | None = None, taken: dict[int, float] | None = None, **changes: Any) -> Any:
    """Return the outcome of a cycle at 0, and what its steps plan; `taken` by row of sides."""
    quotes = seen() if quotes is None else quotes
    one, was = cyclic(quotes, way, **changes), begun(quotes, **(now or {}))
    for side, amount in (taken or {}).items():
        was.sides[side].under_way = coins(amount)
    steps = viewed(one, was, way)
    outcome = chain.size_cycle(one, was, steps, 3, 0)
    return outcome, [round(float(q) / 1e8, 8) for q in steps.quantity] if outcome == state.SENT else None


def assets(**limits: float) -> Any:
    """Return the largest holdings, by currency [numeraire]."""
    return np.array([limits.get(name, np.inf) for name in ("btc", "usd", "eth")]) * 1e8


SEQUENCE = {"sends": market.SEQUENCE}


@pytest.mark.parametrize(
    ("changes", "sizes"),
    [
        # 100 and then 101 for BTC, 0.05 for ETH, which bring 5.1: 200, then 99 bps
        ({}, [1, 20, 20]),
        ({"threshold_bps": 50.0}, [5, 100, 100]),  # 100 ETH are there for 5
        ({"threshold_bps": 50.0, "taken": {4: 50}}, [2.5, 50, 50]),
        ({"quotes": seen(eth=([(5.1, 19.95)], [(5.2, 1.0)]))}, [0.99, 19.8, 19.8]),
        ({"quotes": seen(cross=([(0.049, 1.0)], [(0.05, 10.05)]))}, [0.5, 10, 10]),  # 10 are in whole lots
        ({"taken": {3: 0.4}}, [0.6, 12, 12]),
        ({"now": {"usd": 50}}, [0.5, 10, 10]),
        ({"now": {"btc": 0.4}}, [0.4, 8, 8]),
        ({"now": {"eth": 5}}, [0.25, 5, 5]),
        ({"now": {"btc": 0, "eth": 0}, **SEQUENCE}, [1, 20, 20]),
        ({"now": {"usd": 50}, **SEQUENCE}, [0.5, 10, 10]),
        ({"now": {"usd": 50}, "tolerance": 0.01}, [0.49, 9.8, 9.8]),  # 101 each
        ({"max_notional": 60e8}, [0.6, 12, 12]),
        ({"max_notional": 1e8}, [0.01, 0.2, 0.2]),
        # 100 USD, 1 BTC at 100 and 102 USD a BTC
        ({"max_venue_open": 151e8}, [0.5, 10, 10]),
        ({"max_venue_open": 50e8, **SEQUENCE}, [0.5, 10, 10]),
        ({"max_asset": assets(btc=50)}, [0.5, 10, 10]),
        ({"max_asset": assets(eth=50)}, [0.5, 10, 10]),
        ({"max_asset": assets(usd=0)}, [1, 20, 20]),
        ({"max_asset": assets(btc=50), **SEQUENCE}, [0.5, 10, 10]),
        ({"now": {"usd": 50}, "max_notional": 40e8, "max_venue_open": 100e8, "max_asset": assets(btc=20)}, [0.2, 4, 4]),
        ({"fixed_notional": 50e8}, [0.5, 10, 10]),
        ({"fixed_notional": 101e8}, [1, 20, 20]),
        ({"legs": legs({"min_notional": coins(100)}, {"min_notional": coins(1)}, {"min_notional": coins(102)})}, [1, 20, 20]),
    ],
)
def test_a_package_is_as_large_as_every_line_allows(changes: dict[str, Any], sizes: list[float]) -> None:
    assert sized(**changes) == (state.SENT, sizes)


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ({"threshold_bps": 201.0}, "NO_VOLUME"),
        ({"threshold_bps": 201.0, "now": {"usd": 0.0}}, "NO_VOLUME"),
        ({"taken": {3: 10}}, "NO_VOLUME"),
        ({"taken": {4: 99.91}}, "NO_VOLUME"),  # less than a lot is left
        ({"taken": {2: 1000}, "fixed_notional": 50e8}, "NO_VOLUME"),
        ({"quotes": seen(eth=([(5.1, 0.1)], [(5.2, 1.0)]))}, "NO_VOLUME"),  # a lot of BTC makes two of ETH
        ({"now": {"usd": 0.99}}, "NO_FUNDS"),
        ({"now": {"eth": 0.1}, "max_notional": 0.5e8}, "NO_FUNDS"),
        ({"now": {"btc": 0.0}}, "NO_FUNDS"),
        ({"max_notional": 0.99e8, "max_venue_open": 0.0}, "BELOW_MINIMUM"),
        ({"max_venue_open": 3.01e8, "max_asset": assets(btc=0)}, "VENUE_LIMIT"),
        ({"max_asset": assets(btc=0.99)}, "ASSET_LIMIT"),
        ({"max_asset": assets(eth=0.99)}, "ASSET_LIMIT"),
        ({"fixed_notional": 101.01e8}, "NO_VOLUME"),  # a lot more is at 101
        ({"fixed_notional": 0.99e8}, "NO_VOLUME"),
        ({"fixed_notional": 50e8, "now": {"usd": 49.99}}, "NO_FUNDS"),
        ({"fixed_notional": 50e8, "now": {"eth": 9.9}, "max_venue_open": 0.0}, "NO_FUNDS"),
        ({"fixed_notional": 50e8, "max_venue_open": 150.99e8, "max_asset": assets(btc=0)}, "VENUE_LIMIT"),
        ({"fixed_notional": 50e8, "max_asset": assets(btc=49.99)}, "ASSET_LIMIT"),
        ({"legs": legs({"min_notional": coins(100.01)})}, "BELOW_MINIMUM"),
        ({"legs": legs({}, {"min_notional": coins(1.01)})}, "BELOW_MINIMUM"),
        ({"legs": legs({}, {}, {"min_notional": coins(102.01)}), "fixed_notional": 101e8}, "BELOW_MINIMUM"),
        ({"legs": legs({"min_notional": coins(1000)}), "now": {"usd": 0.0}}, "NO_FUNDS"),
    ],
)
def test_the_first_line_that_leaves_nothing_or_not_all_gives_the_outcome_of_a_cycle(changes: dict[str, Any], outcome: str) -> None:
    assert sized(**changes) == (getattr(state, outcome), None)


@pytest.mark.parametrize(
    ("sends", "elsewhere", "open_value", "quantity"),
    [
        (market.TOGETHER, False, (100, 0), 0.5),  # 302 a BTC
        (market.TOGETHER, True, (0, 999), None),  # the last step goes to the other venue
        (market.TOGETHER, True, (999, 0), None),
        (market.TOGETHER, False, (0, 999), 0.83),  # nothing does
        (market.SEQUENCE, True, (0, 999), 1),
    ],
)
def test_what_is_open_at_a_venue_counts_and_only_where_steps_are_sent(
    sends: int, elsewhere: bool, open_value: tuple[int, int], quantity: float | None
) -> None:
    one, now = cyclic(seen(), sends=sends, max_venue_open=251e8, legs=legs({}, {}, {"venue": int(elsewhere)})), begun(seen())
    now.open_value[:] = [coins(amount) for amount in open_value]
    steps = viewed(one, now)
    outcome = chain.size_cycle(one, now, steps, 3, 0)
    assert outcome == (state.VENUE_LIMIT if quantity is None else state.SENT)
    assert quantity is None or steps[0].quantity == coins(quantity)


def test_last_units_at_the_threshold_are_traded() -> None:
    best = chain.edge_through(planned(100)[1], 3)
    assert best == pytest.approx(200.0)
    assert sized(threshold_bps=best) == (state.SENT, [1, 20, 20])
    assert sized(threshold_bps=float(np.nextafter(best, 1e4))) == (state.NO_VOLUME, None)


def test_the_most_that_can_go_is_what_the_first_step_has_left() -> None:
    one = cyclic(seen(), **fees(0.01))
    # 1 at 100 and 9 at 101, and a hundredth of it
    assert chain.most_of(one, viewed(one, begun(seen())), 3) == coins(1009 * 1.01)
    # any amount up to the next lot sells the same
    assert chain.most_of(one, viewed(one, begun(seen()), ((0, SELL), (1, BUY), (2, SELL))), 3) == coins(20.01) - 1
    for k in range(3):
        steps = viewed(one, begun(seen()))
        steps[k].left = 0
        assert chain.most_of(one, steps, 3) == 0


def test_the_largest_amount_is_the_last_that_a_line_allows() -> None:
    one, now = cyclic(seen()), begun(seen())
    steps = viewed(one, now)
    # 1.01 BTC would cost 101.01, of which the last lies at 101
    assert chain.largest(one, now, steps, 3, coins(1009), chain.BOOKS, 0) == coins(101.01) - 1
    assert chain.largest(one, now, steps, 3, coins(70), chain.BOOKS, 0) == coins(70)
    now.wallets[ETH].free = coins(10.1)
    # 0.51 BTC would make 10.2 ETH
    found = {chain.largest(one, now, steps, 3, coins(70) + more, chain.FUNDS, 0) for more in range(16)}
    assert found == {coins(51) - 1}


def test_what_a_step_may_take_is_seen_with_its_fees() -> None:
    quotes, schedule = seen(), fees(0.002)
    schedule["spans"][0].charged = IN_BASE
    one, now = cyclic(quotes, legs=legs({}, {"order_latency_us": 5}, {}), **schedule), begun(quotes)
    now.sides[3].under_way, now.sides[3].known_taken, now.sides[3].known_epoch = coins(0.3), coins(0.255), 0
    found = viewed(one, now)
    assert found.skip.tolist() == [coins(0.555), 0, 0]
    assert found.left.tolist() == [coins(9.44), coins(100), coins(1000)]  # of 9.445, in lots of 0.01
    assert found.charged.tolist() == [IN_BASE, 0, 0]
    assert found.rate.tolist() == [0.002] * 3
    # a fee in base needs no reserve, and a sell none
    assert found.reserve_rate.tolist() == [0.0, 0.002, 0.0]


def test_a_step_is_seen_within_a_limit() -> None:
    one, now, found = cyclic(DEEP), begun(DEEP), step(0, BUY)
    chain.view_step(one, now, found, 0, 101.0)
    assert found.left == coins(5)


def test_a_reserve_is_at_the_worst_tier_and_a_plan_at_the_rate_in_force() -> None:
    spans = records(market.SPAN, [{"first_tier": first, "asset_wallet": -1} for first in (0, 2, 3, 4)])
    rates = records(market.TIER, [{"rate": rate, "volume": volume} for rate, volume in ((0.002, 0), (0.001, 0), (0.0, 0), (0.0, 0))])
    found = viewed(cyclic(seen(), spans=spans, tiers=rates), begun(seen()))[0]
    assert (found.rate, found.reserve_rate) == (0.001, 0.002)
