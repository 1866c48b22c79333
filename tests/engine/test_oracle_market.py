"""The oracle reads the market as it could be known: times, flags, outages, epochs, marks and wicks."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest

from engine.errors import DataError
from engine.oracle import replay
from engine.oracle.market import read_market
from engine.oracle.marks import Marks
from engine.oracle.observations import Observation
from engine.schema import SeriesKey
from tests.engine.small import Bar, Book, Table, after, bars, books, level, small
from tests.strategies import QuoteRow, World, iso, quote_frame

NAN = float("nan")
ALFA, BRAVO = "alfa BTC/USD", "bravo BTC/USD"


def world_of(alfa: pl.DataFrame, venue: Table | None = None, **changes: object) -> World:
    return small({ALFA: alfa, BRAVO: books()}, venues={"alfa": venue or {}}, **changes)  # type: ignore[arg-type]


def rows(alfa: Sequence[QuoteRow], venue: Table | None = None) -> list[Observation]:
    """Return alfa's observations."""
    world = world_of(quote_frame(alfa), venue)
    return read_market(world.spec, world.data)[0][SeriesKey("alfa", "BTC/USD")].rows


def quote(event: float | None, received: float | None, *levels: float | None) -> QuoteRow:
    times = [None if at is None else after(at) for at in (event, received)]
    return (*times, *(levels or (100.0, 1.0, 101.0, 1.0)))  # type: ignore[return-value]


def times(found: Sequence[Observation]) -> list[tuple[float, float]]:
    return [((row.event - after(0)) / 1e6, (row.available - after(0)) / 1e6) for row in found]


def test_with_both_times_a_quote_is_available_when_it_was_received_but_never_before_it_happened() -> None:
    found = rows([quote(1, 1.2), *(quote(n, n + 0.1) for n in range(2, 200)), quote(200, 199.9)], {"feed_latency": "5s"})
    assert times(found)[:2] == [(1, 1.2), (2, 2.1)]
    assert times(found)[-1] == (200, 200)


def test_with_an_event_time_only_it_is_available_after_the_feed_latency() -> None:
    assert times(rows([quote(1, None)], {"feed_latency": "5s"})) == [(1, 6)]


def test_with_a_receive_time_only_it_happened_the_feed_latency_before() -> None:
    assert times(rows([quote(None, 9)], {"feed_latency": "5s", "clock_offset": "-500ms"})) == [(3.5, 8.5)]


def test_the_clock_offset_moves_what_was_received() -> None:
    assert times(rows([quote(1, 0.5)], {"clock_offset": "1500ms"})) == [(1, 2)]


def test_times_that_fall_are_raised_to_the_largest_so_far() -> None:
    found = rows([quote(1, 4), quote(3, 3.5), quote(2, 5)])
    assert times(found) == [(1, 4), (3, 4), (3, 5)]


def test_only_events_from_five_minutes_before_the_start_to_the_end_are_read() -> None:
    assert times(rows([quote(at, None) for at in (-300.000001, -300, 360, 360.000001)])) == [(-300, -300), (360, 360)]


def test_receive_times_before_events_are_refused_above_one_in_a_hundred() -> None:
    late = [quote(n, n) for n in range(99)]
    assert len(rows([*late, quote(99, 98)])) == 100
    with pytest.raises(DataError, match=r"2 of 100 quotes came before their event; add 1.5e\+06 us"):
        rows([*late[:98], quote(98, 97), quote(99, 97)])


LEVELS: list[tuple[tuple[float | None, ...], bool]] = [
    ((100.0, 1.0, 100.0, 1.0), True),
    ((100.0, 0.0, 101.0, 0.0), True),
    ((NAN, 1.0, 101.0, 1.0), False),
    ((None, 1.0, 101.0, 1.0), False),
    ((100.0, NAN, 101.0, 1.0), False),
    ((100.0, 1.0, float("inf"), 1.0), False),
    ((0.0, 1.0, 101.0, 1.0), False),
    ((100.0, -1.0, 101.0, 1.0), False),
    ((100.01, 1.0, 100.0, 1.0), False),
    ((100.0, 1.0, 101.0, 1.0, 99.0, NAN, 102.0, 1.0), False),
    ((100.0, 1.0, 101.0, 1.0, 99.0, 1.0, 0.0, 1.0), False),
    ((100.0, 1.0, 101.0, 1.0, NAN, NAN, None, -1.0), True),
]


@pytest.mark.parametrize(("levels", "good"), LEVELS)
def test_what_is_no_quote_is_flagged(levels: tuple[float | None, ...], good: bool) -> None:
    assert [row.good for row in rows([quote(1, None), quote(2, None, *levels)])] == [True, good]


def test_levels_end_at_the_first_without_a_price_each_side_for_itself() -> None:
    (found,) = rows([quote(1, None, 100.0, 1.0, 101.0, 2.0, NAN, NAN, 102.0, 3.0, 98.0, 4.0, None, None)])
    assert found.bids == [(100.0, 100_000_000)]
    assert found.asks == [(101.0, 200_000_000), (102.0, 300_000_000)]


def test_an_epoch_begins_where_the_best_price_does_or_after_a_row_that_is_not_good() -> None:
    bids = (100.0, 100.0, 99.0, 100.0, 100.0, NAN, 100.0)
    found = rows([quote(n, None, bid, 1.0 + n, 101.0, 1.0) for n, bid in enumerate(bids)])
    assert [row.bid_epoch for row in found if row.good] == [0, 0, 2, 3, 3, 6]
    assert [row.ask_epoch for row in found if row.good] == [0, 0, 0, 0, 0, 6]


def outage(start: float, end: float) -> list[dict[str, str]]:
    return [{"start": iso(after(start)), "end": iso(after(end))}]


def test_an_outage_takes_quotes_away_from_its_beginning_to_the_first_after_its_end() -> None:
    found = rows([quote(n, None) for n in (1, 4, 5, 6)], {"outages": outage(3, 5)})
    assert [(row.event, row.good) for row in found] == [(after(1), True), (after(3), False), (after(4), False), (after(5), True), (after(6), True)]


def test_a_quote_on_its_way_when_an_outage_begins_comes_before_it() -> None:
    found = rows([quote(1, None), quote(2.5, None), quote(6, None)], {"outages": outage(3, 5), "feed_latency": "1s"})
    assert times(found) == [(1, 2), (2.5, 3.5), (3, 3.5), (6, 7)]


def test_an_outage_makes_an_instant_and_ends_what_stands() -> None:
    # alfa is dear at 5 s; at 6 s bravo is gone, which is no opportunity, and after it a new episode begins
    alfa, bravo = books({5: Book(101.0, 103.0)}), books({8: Book(99.0, 100.0)}, first=Book(99.0, 100.0))
    world = small({ALFA: alfa, BRAVO: bravo}, venues={"bravo": {"outages": outage(6, 7)}})
    found = replay(world.spec, world.data)
    assert found.instants == 3
    assert [(o.at_us, o.episode) for o in found.opportunities] == [(after(5), 0), (after(8), 1)]


def bar_flags(venue: Table) -> list[tuple[int, bool, bool]]:
    """Return (number of the bar, good, blocked) of bars of a minute at alfa."""
    world = small({ALFA: bars(), BRAVO: bars()}, venues={"alfa": venue})
    market, _ = read_market(world.spec, world.data)
    found = market[SeriesKey("alfa", "BTC/USD")].rows
    return [(n - 2, row.good, row.bar.blocked) for n, row in enumerate(found) if row.bar is not None and (row.bar.blocked or not row.good)]


def test_bars_that_overlap_an_outage_are_blocked_and_flagged_where_they_end_or_become_available_in_it() -> None:
    # bar 1 lasts from minute 1 to 2: it overlaps; bar 0 ends with minute 1, at which the outage begins
    assert bar_flags({"outages": outage(60, 90)}) == [(0, False, False), (1, False, True)]
    # 10 s late, bar 0 is no longer told of when the outage is over after 5 s; its end still lies in it
    assert bar_flags({"outages": outage(60, 65), "feed_latency": "10s"}) == [(0, False, False), (1, False, True)]
    # bar 0 becomes available in this one, which only bar 1 overlaps
    assert bar_flags({"outages": outage(65, 75), "feed_latency": "10s"}) == [(0, False, False), (1, False, True)]


def test_nothing_fills_in_a_blocked_bar() -> None:
    alfa = bars({0: Bar(101.0, open=100.0), 1: Bar(101.0)})
    world = small({ALFA: alfa, BRAVO: bars()}, venues={"alfa": {"outages": outage(90, 91)}})
    assert [(o.venue, o.outcome) for o in replay(world.spec, world.data).orders] == [("alfa", "absent"), ("bravo", "filled")]


def wicked(high: float, venues: Sequence[str], *, wick_bps: float = 500.0) -> str:
    """Return the outcome of a sell at alfa in bar 1, whose high it is; the closes are 101 there and 100 at the other venues."""
    series = {f"{venue} BTC/USD": bars() for venue in venues} | {ALFA: bars({0: Bar(101.0, open=100.0), 1: Bar(101.0, high=high)})}
    world = small(series, quality={"wick_bps": wick_bps}, strategy={"max_notional": "100"})
    return next(o.outcome for o in replay(world.spec, world.data).orders if o.venue == "alfa")


def test_a_wick_blocks_its_bar_where_there_are_three_to_tell() -> None:
    three = ("alfa", "bravo", "charlie")
    assert wicked(105.0, three) == "filled"
    assert wicked(105.01, three) == "absent"
    assert wicked(105.01, three, wick_bps=502.0) == "filled"
    assert wicked(150.0, three[:2]) == "filled"


def marks_of(series: Mapping[str, pl.DataFrame], **changes: object) -> Marks:
    flat = {ALFA: level(100.0), BRAVO: level(100.0)}
    marking = {name: {"use": "mark", "tick": "0.0001"} for name in series}
    world = small({**flat, **series}, instruments=marking, **changes)  # type: ignore[arg-type]
    return read_market(world.spec, world.data)[1]


def mark_path(frame_of: Mapping[float, float]) -> pl.DataFrame:
    first, *later = [(at, Book(price, price)) for at, price in frame_of.items()]
    return books(dict(later), first=first[1])


def test_a_mark_is_the_median_of_fresh_mids_whichever_way_they_are_quoted() -> None:
    found = marks_of(
        {
            "alfa USDC/USD": books(first=Book(0.98, 1.0)),
            "bravo USD/USDC": books(first=Book(1.0, 1.0)),
            "charlie USDC/USD": books(first=Book(0.9, 0.9)),
            "delta USDC/USD": books({-9: Book(0.5, 0.5)}, first=Book(1.2, 1.2)),
        }
    )
    assert found.at("USDC", after(-10)) == (0.99 + 1.0) / 2
    assert found.at("USDC", after(0)) == (0.9 + 0.99) / 2
    assert found.at("USD", after(0)) == 1.0


def test_without_a_direct_price_a_mark_goes_over_a_third_currency() -> None:
    found = marks_of({"alfa EUR/USDC": books(first=Book(1.1, 1.1)), "alfa USDC/USD": level(0.9), "bravo USDC/EUR": books(first=Book(0.8, 0.8))})
    assert found.at("EUR", after(0)) == pytest.approx((1.1 * 0.9 + (1 / 0.8) * 0.9) / 2)


def test_a_mark_that_is_not_fresh_is_that_of_the_last_time_at_which_it_was() -> None:
    found = marks_of({"alfa USDC/USD": mark_path({-10: 0.9, 3: 0.95}), "bravo USDC/USD": mark_path({-10: 0.8})}, minutes=20)
    assert found.at("USDC", after(290)) == pytest.approx((0.95 + 0.8) / 2)
    assert found.at("USDC", after(290.000001)) == 0.95
    assert found.at("USDC", after(900)) == 0.95


def test_the_last_time_is_looked_for_again_where_a_route_was_not_fresh_then() -> None:
    # EUR/USDC is known from 0 and 600 s, USDC/USD from 0 and 294 s: at 720 s, 594 s seems the last, but EUR/USDC was stale since 300 s then
    found = marks_of({"alfa EUR/USDC": mark_path({-10: 1.1, 600: 1.5}), "alfa USDC/USD": mark_path({-10: 0.9, 284: 0.8})}, minutes=20)
    assert found.at("EUR", after(720)) == pytest.approx(1.1 * 0.8)


def test_a_row_that_is_not_good_does_not_take_a_mark_away() -> None:
    found = marks_of({"alfa USDC/USD": books({1: Book(NAN, 1.0)}, first=Book(0.9, 0.9))})
    assert found.at("USDC", after(2)) == 0.9


def test_a_series_without_a_good_observation_and_a_start_without_marks_are_refused() -> None:
    broken = world_of(books(first=Book(2.0, 1.0)))
    with pytest.raises(DataError, match="alfa BTC/USD: no good observation"):
        replay(broken.spec, broken.data)
    late = small({ALFA: quote_frame([(after(61), None, 1.0, 1.0, 1.0, 1.0)]), BRAVO: quote_frame([(after(62), None, 1.0, 1.0, 1.0, 1.0)])})
    with pytest.raises(DataError, match=r"no mark in USD for BTC at the start.*start that works is 2024-01-01T01:02:00Z"):
        replay(late.spec, late.data)


def test_a_bid_of_zero_makes_a_bar_absent_and_still_marks() -> None:
    world = small({ALFA: bars(level=0.004), BRAVO: bars(level=0.004)}, strategy={"threshold_bps": -9_999.0})
    found = replay(world.spec, world.data)
    assert found.opportunities == []
    assert found.marks[0][1]["BTC"] == 0.004
