"""From observations to the instants at which some pair can reach the threshold."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from tests.engine.kernels.hand import Quote, legs, observations, records
from tests.engine.kernels.hand_cycles import BACK, FORTH
from tests.engine.kernels.hand_cycles import legs as three_legs
from tests.engine.kernels.plain import market, scan

NO_CYCLES = (records(market.CYCLE, [{}]), records(market.STEP, []))


def flat(at: int, price: float = 100.0, known: int | None = None) -> Quote:
    """Return a quote of one price on both sides."""
    return Quote(at, [(price, 1.0)], [(price, 1.0)], known)


def scanned(
    *series: Sequence[Quote],
    threshold: float = 1.0,
    start: int = 0,
    end: int = 100,
    both: Any = None,
    ways: Any = None,
    room: int = 4096,
    **of_market: Any,
) -> Any:
    """Return candidates, number of instants and best edge; `room` for candidates at first, doubled where they are more."""
    seen = observations(*series, **of_market)
    view = records(scan.IN_VIEW, [{"row": first - 1} for first in seen.series.first[:-1]])
    both = legs() if both is None else both
    units = records(scan.UNIT, [{"gets": np.nan, "pays": np.nan}] * (both.size - 1))
    place = records(scan.PLACE, [{"threshold_bps": threshold, "start_us": start, "end_us": end}])
    found = candidates(room, units.size)
    while not scan.scan(seen, both, ways or NO_CYCLES, view, units, place, found):
        assert place[0].found == found.at_us.size
        found = market.Candidates(*(np.concatenate([old, new]) for old, new in zip(found, candidates(found.at_us.size, units.size), strict=True)))
    return market.Candidates(*(column[: place[0].found] for column in found)), int(place[0].instants), float(place[0].best_bps)


def candidates(rows: int, count: int) -> Any:
    """Return room for candidates."""
    two = (rows, count)
    return market.Candidates(
        np.empty(rows, np.int64), np.empty(rows, np.int64), np.empty(two, np.int32), np.empty(two, np.bool_), np.empty(two), np.empty(two)
    )


def test_candidates_are_the_instants_at_which_the_best_edge_reaches_the_threshold() -> None:
    found, instants, best = scanned([flat(0), flat(10, 101.0), flat(30)], [flat(0), flat(20), flat(40, 100.005)])
    # 0: none; 10: 100 bps; 20: the same; 30: none; 40: half a bps
    assert found.at_us.tolist() == [10, 20]
    assert found.ordinal.tolist() == [1, 2]
    assert found.row.tolist() == [[1, 3], [1, 4]]
    assert found.news.tolist() == [[True, False], [False, True]]
    assert (found.received_at.tolist(), found.spent_at.tolist()) == ([[1.0, 1.0]] * 2, [[1.0, 1.0]] * 2)
    assert (instants, best) == (5, pytest.approx(100.0))


def test_an_edge_at_the_threshold_is_a_candidate_and_no_threshold_keeps_all() -> None:
    rows = [flat(0), flat(10, 101.0)], [flat(0)]
    assert scanned(*rows, threshold=1e4 * (101.0 / 100.0 - 1))[0].at_us.tolist() == [10]
    assert scanned(*rows, threshold=100.1)[0].at_us.tolist() == []
    assert scanned(*rows, threshold=-np.inf)[0].at_us.tolist() == [0, 10]


def test_instants_at_which_no_leg_is_there_are_kept_where_there_is_no_threshold() -> None:
    rows = [Quote(0, [], []), flat(10)], [flat(10)]
    assert scanned(*rows, threshold=-np.inf)[0].at_us.tolist() == [0, 10]
    assert scanned(*rows, threshold=-100.0)[0].at_us.tolist() == [10]


def test_an_instant_is_all_that_becomes_known_at_one_time() -> None:
    found, instants, _ = scanned([flat(0), flat(5, 99.0, 10), flat(10, 101.0)], [flat(0), flat(7, 100.0, 10)])
    assert (found.at_us.tolist(), found.row.tolist(), instants) == ([10], [[2, 4]], 2)
    assert found.news.tolist() == [[True, True]]


def test_what_was_known_before_the_start_is_in_view_at_it_and_is_no_instant() -> None:
    found, instants, best = scanned([flat(0, 101.0)], [flat(0), flat(10), flat(20)], start=10, end=19)
    assert (found.at_us.tolist(), found.ordinal.tolist(), instants) == ([10], [0], 1)
    assert found.news.tolist() == [[False, True]]
    assert best == pytest.approx(100.0)


def test_what_is_not_there_yet_is_no_news() -> None:
    assert scanned([flat(0), flat(20)], [flat(10)], threshold=-np.inf)[0].news.tolist() == [[True, False], [False, True], [True, False]]


def test_the_end_counts() -> None:
    assert scanned([flat(0), flat(10, 101.0), flat(20, 101.0)], [flat(0)], end=20)[0].at_us.tolist() == [10, 20]


def test_a_leg_that_is_absent_has_no_row_and_makes_no_edge() -> None:
    found, _, best = scanned([flat(0), Quote(10, [], []), flat(20, 98.0)], [flat(0)], threshold=-np.inf)
    assert found.row.tolist() == [[0, 3], [market.ABSENT, 3], [2, 3]]
    assert found.news.tolist() == [[True, True], [True, False], [True, False]]
    # at 20 bravo sells for 100 what costs 98
    assert best == pytest.approx(1e4 * (100 / 98 - 1))


def test_the_best_edge_is_of_two_different_legs() -> None:
    # alfa's own bid over its own ask is a hundred bps; against bravo it is a loss
    crossed = Quote(0, [(101.0, 1.0)], [(100.0, 1.0)])
    assert scanned([crossed], [Quote(0, [(50.0, 1.0)], [(202.0, 1.0)])])[2] == pytest.approx(1e4 * (101 / 202 - 1))


def test_the_best_edge_may_come_after_a_larger_bound() -> None:
    # at 0 the bound is alfa's own 200 bps, and the best pair a loss; at 10 it is 50 bps
    wide = Quote(0, [(50.0, 1.0)], [(202.0, 1.0)])
    assert scanned([Quote(0, [(102.0, 1.0)], [(100.0, 1.0)])], [wide])[2] < 0
    first = [Quote(0, [(102.0, 1.0)], [(100.0, 1.0)]), Quote(10, [(100.5, 1.0)], [(101.0, 1.0)])]
    best = scanned(first, [wide, Quote(10, [(99.0, 1.0)], [(100.0, 1.0)])])[2]
    assert best == pytest.approx(50.0)


def test_where_no_two_legs_meet_there_is_no_best_edge() -> None:
    assert np.isnan(scanned([flat(0)], [])[2])


def test_bounds_count_the_lowest_rates_of_the_run_and_fees_of_coins() -> None:
    rows = [flat(0, 101.0)], [flat(0)]
    cheap = {"loosest_rate": 0.001}
    # 101 × 0.999 against 100 × 1.001: 79.8 bps
    assert scanned(*rows, both=legs(cheap, cheap))[2] == pytest.approx(1e4 * (101 * 0.999 / 100.1 - 1))
    # 100 / 0.999 would be dearer than 100 × 1.001: the bound stays with what is cheaper
    assert scanned(*rows, both=legs(cheap, {**cheap, "in_base": True}))[2] == pytest.approx(1e4 * (101 * 0.999 / 100.1 - 1))


def test_news_of_what_converts_a_leg_is_its_own_and_counts_what_is_not_good() -> None:
    rows = [flat(0, 103.0)], [flat(0)], [flat(0, 0.99), flat(10, 0.98), Quote(20, [], [])]
    both = legs({"converts": True}, {"first_conversion": 1}, {"first_conversion": 1})
    found, _, _ = scanned(*rows, both=both, conversions=[(2, False)], threshold=-np.inf)
    assert found.received_at[:, 0].tolist() == [0.99, 0.98, pytest.approx(np.nan, nan_ok=True)]
    assert found.news.tolist() == [[True, True], [True, False], [True, False]]
    assert found.row.tolist() == [[0, 1], [0, 1], [market.ABSENT, 1]]


@pytest.mark.parametrize("room", [1, 100, 256, 1000])
def test_more_candidates_than_there_is_room_for_at_first_are_all_kept(room: int) -> None:
    rows = [flat(n, 101.0 + n % 7) for n in range(256)], [flat(0)]
    found, instants, best = scanned(*rows, end=299, room=room)
    assert instants == found.at_us.size == 256
    assert found.at_us.tolist() == found.ordinal.tolist() == list(range(256))
    assert found.row[:, 0].tolist() == list(range(256))
    assert found.news[:, 1].tolist() == [True] + [False] * 255
    assert best == pytest.approx(1e4 * (107 / 100 - 1))


def test_an_observation_counts_until_it_is_too_old() -> None:
    rows = [flat(0, 101.0)], [flat(0), flat(15), flat(16), flat(20)]
    found, instants, _ = scanned(*rows, max_age=15)
    assert (found.at_us.tolist(), instants) == ([0, 15], 4)
    assert found.row[:, 0].tolist() == [0, 0]
    assert scanned(*rows, max_age=15, threshold=-np.inf)[0].row.tolist() == [[0, 1], [0, 2], [market.ABSENT, 3], [market.ABSENT, 4]]


def test_age_counts_from_the_event_however_late_it_is_known() -> None:
    found, _, _ = scanned([flat(0, 101.0, known=5)], [flat(0), flat(15), flat(16)], max_age=15)
    assert found.at_us.tolist() == [5, 15]


def test_what_is_not_good_or_has_no_bid_takes_its_leg_away() -> None:
    rows = [flat(0, 101.0), flat(10, 101.0), flat(20, 101.0)], [flat(0), flat(15)]
    found, _, _ = scanned(*rows, good=np.array([True, False, True, True, True]), threshold=-np.inf)
    assert found.row[:, 0].tolist() == [0, market.ABSENT, market.ABSENT, 2]
    none = Quote(10, [(0.0, 1.0)], [(101.0, 1.0)])
    found, _, _ = scanned([flat(0, 101.0), none, flat(20, 101.0)], [flat(0), flat(15)], threshold=-np.inf)
    assert found.row[:, 0].tolist() == [0, market.ABSENT, market.ABSENT, 2]


def test_the_best_edge_is_of_legs_that_are_there_together() -> None:
    # at 16 charlie's own bid and ask bound all edges by 300 bps, but alfa is too old for its ask of 101 to be sold for 103
    three = legs()[[0, 1, 1, 2]].view(np.recarray)
    wide, crossed = Quote(16, [(90.0, 1.0)], [(200.0, 1.0)]), Quote(16, [(103.0, 1.0)], [(100.0, 1.0)])
    assert scanned([flat(0, 101.0)], [flat(0), wide], [crossed], max_age=15, both=three)[2] == pytest.approx(100.0)
    assert scanned([flat(0, 101.0)], [flat(0), wide], [crossed], max_age=16, both=three)[2] == pytest.approx(1e4 * (103 / 101 - 1))


def cycles(*ways: Sequence[tuple[int, int]]) -> Any:
    """Return cycles as a scan is given them."""
    firsts = np.cumsum([0, *map(len, ways)])
    steps = [{"leg": leg, "side": side} for way in ways for leg, side in way]
    return records(market.CYCLE, [{"first_step": first} for first in firsts]), records(market.STEP, steps)


def around(*later: Quote, eth: Sequence[Quote] = (), **changes: Any) -> Any:
    """Return what is found of a dollar's two ways round: BTC for 100, ETH for 0.05 BTC or later prices, 5.1 for ETH: 200 bps at first."""
    rows = [Quote(0, [(99.0, 1.0)], [(100.0, 1.0)])], [Quote(0, [(0.049, 1.0)], [(0.05, 1.0)]), *later], [Quote(0, [(5.1, 1.0)], [(5.2, 1.0)]), *eth]
    return scanned(*rows, **{"ways": cycles(FORTH, BACK), "both": three_legs(), **changes})


def test_candidates_of_cycles_are_the_instants_at_which_the_best_of_them_reaches_the_threshold() -> None:
    # 10: 1 / 100 / 0.0505 × 5.1, a hundred bps; 20: a loss; 30: back, 1 / 5.2 × 0.053 × 99
    later = Quote(10, [(0.049, 1.0)], [(0.0505, 1.0)]), Quote(20, [(0.049, 1.0)], [(0.06, 1.0)]), Quote(30, [(0.053, 1.0)], [(0.06, 1.0)])
    found, instants, best = around(*later)
    assert (found.at_us.tolist(), found.ordinal.tolist(), instants) == ([0, 10, 30], [0, 1, 3], 4)
    assert found.row.tolist() == [[0, 1, 5], [0, 2, 5], [0, 4, 5]]
    assert found.news.tolist() == [[True] * 3, [False, True, False], [False, True, False]]
    assert best == pytest.approx(1e4 * (5.1 / (100 * 0.05) - 1))
    assert around(*later, ways=cycles(BACK))[0].at_us.tolist() == [30]
    assert around(*later, ways=cycles(BACK))[2] == pytest.approx(1e4 * (0.053 * 99 / 5.2 - 1))
    assert around(*later, threshold=around(*later)[2])[0].at_us.tolist() == [0]


def test_a_cycle_is_of_legs_that_are_there_together() -> None:
    gone = Quote(10, [], [])
    assert around(gone, Quote(20, [(0.049, 1.0)], [(0.05, 1.0)]))[0].at_us.tolist() == [0, 20]
    # BTC and ETH/USD are 16 old at 16
    fresh = [Quote(at, [(0.049, 1.0)], [(0.05, 1.0)]) for at in (15, 16)]
    assert around(*fresh, max_age=15)[0].at_us.tolist() == [0, 15]
    assert np.isnan(around(ways=cycles(FORTH), good=np.array([True, False, True]))[2])


def test_bounds_of_cycles_count_the_lowest_rates_of_the_run() -> None:
    three = three_legs()
    three.loosest_rate[:3] = 0.001
    expected = 1e4 * (5.1 * 0.999 / (100 * 1.001 * 0.05 * 1.001) - 1)
    assert around(both=three, ways=cycles(FORTH))[2] == pytest.approx(expected)
