"""Which cycles stand, in which order they are decided, and what a package of one sends."""

from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import coins, ints, log, scratch
from tests.engine.kernels.hand_cycles import BACK, BUY, ETH, FORTH, SELL, begun, cyclic, legs, seen
from tests.engine.kernels.plain import cycles, market, path, state, walks


def candidate(*, row: tuple[int, ...] = (0, 1, 2), news: tuple[bool, ...] = (True, True, True), ordinal: int = 5, at: int = 60) -> Any:
    """Return an instant at which decisions are made."""
    return market.Candidates(
        at_us=ints(at),
        ordinal=ints(ordinal),
        row=np.array([row], dtype=np.int32),
        news=np.array([news], dtype=np.bool_),
        received_at=np.ones((1, 3)),
        spent_at=np.ones((1, 3)),
    )


def valued(**prices: tuple[float, float]) -> Any:
    """Return room in which the legs bring and cost this: 200 bps forth, a loss back."""
    room = scratch(legs=3)
    for k, (brings, costs) in enumerate({"btc": (99.0, 100.0), "cross": (0.049, 0.05), "eth": (5.1, 5.2), **prices}.values()):
        room.received[k], room.spent[k] = brings, costs
    return room


def test_an_edge_is_what_a_unit_of_the_start_becomes_step_by_step() -> None:
    one, room = cyclic(seen(), FORTH, BACK), valued()
    assert cycles.edge_of(one, 0, room) == pytest.approx(1e4 * (5.1 / (100 * 0.05) - 1), abs=1e-9)
    assert cycles.edge_of(one, 1, room) == pytest.approx(1e4 * (0.049 * 99 / 5.2 - 1), abs=1e-9)
    assert np.isnan(cycles.edge_of(one, 0, valued(eth=(np.nan, np.nan))))


def test_a_gross_edge_is_that_of_the_best_prices_in_view_before_fees() -> None:
    one = cyclic(seen(), FORTH, BACK)
    assert cycles.gross_of(one, candidate(), 0, 0) == pytest.approx(1e4 * (5.1 / (100 * 0.05) - 1), abs=1e-9)
    assert cycles.gross_of(one, candidate(), 0, 1) == pytest.approx(1e4 * (0.049 * 99 / 5.2 - 1), abs=1e-9)
    # ETH/USD in the place of BTC/USD: 1 / 5.2 / 0.05 × 5.1
    assert cycles.gross_of(one, candidate(row=(2, 1, 2)), 0, 0) == pytest.approx(1e4 * (5.1 / (5.2 * 0.05) - 1), abs=1e-9)


@pytest.mark.parametrize(
    ("news", "found"), [((False,) * 3, (False, False)), ((True, False, False), (True, True)), ((False, False, True), (True, False))]
)
def test_a_cycle_has_news_of_any_of_its_legs_and_of_no_other(news: tuple[bool, ...], found: tuple[bool, bool]) -> None:
    one = cyclic(seen(), FORTH, ((0, BUY), (1, BUY)))
    assert tuple(bool(cycles.has_news(one, candidate(news=news), 0, cycle)) for cycle in (0, 1)) == found


def ranked(ways: Any, threshold: float, **changes: Any) -> tuple[list[int], list[float], list[int]]:
    """Return what is ranked, its edges, and which cycles stand at the fifth instant."""
    one, now, room = cyclic(seen(), *ways, threshold_bps=threshold), begun(seen()), valued()
    number = cycles.rank_cycles(one, candidate(**changes), now, 0, room)
    return room.ranked[:number].tolist(), room.edges[:number].tolist(), np.flatnonzero(now.combinations.stood == 5).tolist()


def test_cycles_that_stand_and_have_news_go_by_edge_then_by_their_order() -> None:
    assert ranked((FORTH, BACK, FORTH), -1e4)[0] == [0, 2, 1]
    assert ranked((BACK, FORTH, FORTH), -1e4)[0] == [1, 2, 0]
    assert ranked((BACK, BACK, FORTH), -1e4)[0] == [2, 0, 1]
    best, worst = cycles.edge_of(cyclic(seen()), 0, valued()), cycles.edge_of(cyclic(seen(), BACK), 0, valued())
    assert ranked((BACK, FORTH), -1e4)[1] == [best, worst]
    # the threshold itself is enough
    assert ranked((BACK, FORTH), best) == ([1], [best], [1])
    assert ranked((BACK, FORTH), np.nextafter(best, 1e4)) == ([], [], [])


def test_a_cycle_stands_with_or_without_news() -> None:
    assert ranked((FORTH, BACK), 0.0, news=(False, False, False)) == ([], [], [0])


def decided(*ways: Any, now: Any = None, quotes: Any = None, **changes: Any) -> tuple[Any, Any]:
    """Return state and log after the decisions of 60."""
    quotes = seen() if quotes is None else quotes
    now, done = begun(quotes) if now is None else now, log()
    one, room = cyclic(quotes, *ways, **changes), scratch(legs=3)
    path.value_legs(one, candidate(), now, 0, room)
    cycles.decide_cycles(one, candidate(), now, done, room, 0)
    return now, done


def test_together_a_package_sends_its_steps_in_their_order() -> None:
    before = begun(seen())
    before.counts[0].packages, before.counts[0].orders = 4, 2
    now, done = decided(FORTH, now=before, threshold_bps=50.0, tolerance=0.01)
    first, second, third = done.orders[2:5]
    assert [(int(o.leg), int(o.side), int(o.role), int(o.package)) for o in (first, second, third)] == [
        (0, BUY, state.LEG_ORDER, 4),
        (1, BUY, state.LEG_ORDER, 4),
        (2, SELL, state.LEG_ORDER, 4),
    ]
    assert [(int(o.first), int(o.before)) for o in (first, second, third)] == [(2, -1), (2, 2), (2, 3)]
    assert [int(o.planned) for o in (first, second, third)] == [coins(5), coins(100), coins(100)]
    # 1 at 100 and 4 at 101; the limit is a hundredth from the last level
    assert [float(o.decision_price) for o in (first, second, third)] == [100.8, 0.05, 5.1]
    assert [float(o.limit_price) for o in (first, second, third)] == [102.01, 0.0505, 5.05]
    assert [int(o.reserve) for o in (first, second, third)] == [coins(510.05), coins(5.05), coins(100)]
    # the best prices in view: 500 USD, 5 BTC at 100, 510 USD
    assert [int(o.open_value) for o in (first, second, third)] == [coins(500), coins(500), coins(510)]
    assert {round(float(o.edge_bps), 6) for o in (first, second, third)} == {200.0}
    package = done.packages[4]
    assert (package.combination, package.first, package.last, package.step, package.noticed, package.brought) == (0, 2, 4, 0, 0, 0)
    assert bool(package.is_whole)
    assert (now.counts[0].orders, now.counts[0].packages, now.counts[0].open_packages) == (5, 5, 1)
    assert (done.opportunities[0].combination, done.opportunities[0].outcome, done.opportunities[0].package) == (0, state.SENT, 4)
    assert done.opportunities[0].at_us == now.combinations[0].last_decision_us == 60


def test_in_sequence_a_package_sends_its_first_step() -> None:
    now, done = decided(FORTH, sends=market.SEQUENCE)
    assert (now.counts[0].orders, now.counts[0].packages, now.counts[0].open_packages) == (1, 1, 1)
    assert (done.orders[0].leg, done.orders[0].planned, done.orders[0].before) == (0, coins(1), -1)
    assert (done.packages[0].first, done.packages[0].last, done.packages[0].step) == (0, 0, 0)


def test_a_buys_reserve_has_its_fee() -> None:
    changes = {"tiers": cyclic(seen()).tiers}
    changes["tiers"].rate = [0.001, 0.0, 0.0]
    _, done = decided(FORTH, **changes)
    assert (done.orders[0].planned, done.orders[0].reserve) == (coins(1), coins(100.1))


def test_later_cycles_of_an_instant_get_what_earlier_ones_left() -> None:
    _, done = decided(FORTH, FORTH)
    # 1 BTC at 100 is under way, and 101 does not pay
    assert done.opportunities.combination[:2].tolist() == [0, 1]
    assert done.opportunities.outcome[:2].tolist() == [state.SENT, state.NO_VOLUME]


@pytest.mark.parametrize(
    ("limits", "outcomes"),
    [
        # before fees forth is 200 bps, and back a loss of 671
        ({"max_gross_edge_bps": 199.0}, ["ALARM", "SENT"]),
        ({"max_gross_edge_bps": 201.0}, ["SENT", "SENT"]),
        ({"cool_down_us": 10}, ["COOL_DOWN", "SENT"]),
        ({"cool_down_us": 5}, ["SENT", "SENT"]),
    ],
)
def test_what_forbids_a_package_is_of_its_own_cycle(limits: dict[str, Any], outcomes: list[str]) -> None:
    now, fees = begun(seen()), cyclic(seen()).tiers
    now.combinations[0].last_decision_us, fees.rate = 55, 0.001
    _, done = decided(FORTH, BACK, now=now, threshold_bps=-2000.0, tiers=fees, **limits)
    assert done.opportunities.outcome[:2].tolist() == [getattr(state, outcome) for outcome in outcomes]


def test_opportunities_are_listed_as_they_are_decided() -> None:
    _, done = decided(BACK, FORTH, threshold_bps=-2000.0)
    assert done.opportunities.combination[:2].tolist() == [1, 0]
    assert done.opportunities.edge_bps[:2].tolist() == pytest.approx([200.0, 1e4 * (0.049 * 99 / 5.2 - 1)])


def test_a_cycle_that_cannot_be_sent_is_listed_without_a_package() -> None:
    now, done = decided(FORTH, legs=legs({"min_notional": coins(101)}))
    assert (done.opportunities[0].outcome, done.opportunities[0].package) == (state.BELOW_MINIMUM, -1)
    assert (now.counts[0].opportunities, now.counts[0].orders, now.combinations[0].last_decision_us) == (1, 0, state.NEVER_US)


def test_steps_of_a_cycle_are_seen_at_the_rows_of_their_candidate() -> None:
    quotes, room = seen(), scratch(legs=3)
    cycles.view_cycle(cyclic(quotes, BACK), candidate(), begun(quotes), 0, 0, room)
    assert [(int(s.leg), int(s.side), int(s.row), int(s.left)) for s in room.plan] == [
        (2, BUY, 2, coins(1000)),
        (1, SELL, 1, coins(100)),
        (0, SELL, 0, coins(20)),
    ]
    cycles.view_cycle(cyclic(quotes, BACK), candidate(row=(2, 1, 0)), begun(quotes), 0, 0, room)
    assert [(int(s.row), int(s.left)) for s in room.plan] == [(0, coins(10)), (1, coins(100)), (2, coins(1000))]


@pytest.mark.parametrize("sends", [market.TOGETHER, market.SEQUENCE])
def test_a_notice_of_a_cycle_is_taken_by_its_package(sends: int) -> None:
    now, done = decided(FORTH, sends=sends)
    one, room = cyclic(seen(), sends=sends), scratch(legs=3)
    walks.settle_cycles(one, None, now, done, room, 60)
    # all fill at once, whole: 100 USD became 102
    assert [int(o.leg) for o in done.orders[: now.counts[0].orders]] == [0, 1, 2]
    assert [int(o.outcome) for o in done.orders[:3]] == [state.FILLED] * 3
    assert [int(amount) for amount in now.wallets.free[:3]] == [coins(100), coins(100_002), coins(1000)]
    assert (now.counts[0].open_packages, now.counts[0].misses, now.currencies[ETH].residual) == (0, 0, 0)
