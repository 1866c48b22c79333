"""Quotes as observations: two clocks, levels, what is odd, and outages, by hand."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl
import pytest

from engine.errors import DataError
from engine.observations import Observed, window
from engine.schema import SeriesKey
from tests.engine.small import Book, after, alone, books, small
from tests.strategies import QuoteRow, World, quote_frame

BRAVO = SeriesKey("bravo", "BTC/USD")
OFFER = (100.0, 1.0, 101.0, 2.0)
NAN = float("nan")


def world(bravo: pl.DataFrame, *, venue: dict[str, object] | None = None, **changes: Any) -> World:
    series = {"alfa BTC/USD": books(), "bravo BTC/USD": bravo}
    return small(series, venues={"bravo": venue or {}}, **changes)


def observed(rows: Sequence[QuoteRow], **changes: Any) -> Observed:
    """Return what becomes of rows at bravo, whose feed latency is 2 s unless told otherwise."""
    market = world(quote_frame(rows), venue={"feed_latency": "2s", **changes.pop("venue", {})}, **changes)
    return alone(market.spec, market.spec.instruments[1], market.data[BRAVO])


def refused(rows: Sequence[QuoteRow], **changes: Any) -> str:
    with pytest.raises(DataError) as error:
        observed(rows, **changes)
    return str(error.value)


def seconds(times: np.ndarray[Any, Any]) -> list[float]:
    return [(int(us) - after(0)) / 1e6 for us in times]


def test_a_quote_with_an_event_time_alone_is_known_a_feed_latency_later() -> None:
    series = observed([(after(0), None, *OFFER), (after(5), None, *OFFER)]).series
    assert seconds(series.event_us) == [0, 5]
    assert seconds(series.available_us) == [2, 7]


def test_a_quote_with_both_times_is_known_when_it_was_received() -> None:
    series = observed([(after(0), after(0.5), *OFFER), (after(5), after(9), *OFFER)]).series
    assert seconds(series.event_us) == [0, 5]
    assert seconds(series.available_us) == [0.5, 9]


def test_a_quote_with_a_receive_time_alone_happened_a_feed_latency_before() -> None:
    series = observed([(None, after(10), *OFFER)], venue={"clock_offset": "3s"}).series
    assert (seconds(series.event_us), seconds(series.available_us)) == ([11], [13])


def test_a_clock_that_is_behind_is_shifted_and_one_that_is_ahead_too() -> None:
    behind = observed([(after(10), after(9), *OFFER)], venue={"clock_offset": "1270ms"}).series
    ahead = observed([(after(10), after(10.05), *OFFER)], venue={"clock_offset": "-20ms"}).series
    assert (seconds(behind.available_us), seconds(ahead.available_us)) == ([10.27], [10.03])
    assert (seconds(behind.event_us), seconds(ahead.event_us)) == ([10], [10])


def test_the_order_of_the_file_stands_and_times_never_go_back() -> None:
    rows = [(after(at), after(known), float(n), 1.0, 200.0, 1.0) for n, (at, known) in enumerate([(0, 3), (10, 11), (5, 12), (6, 7), (20, 21)], 1)]
    found = observed(rows)
    assert seconds(found.series.event_us) == [0, 10, 10, 10, 20]
    assert seconds(found.series.available_us) == [3, 11, 12, 12, 21]
    assert found.series.bid[:, 0].tolist() == [1, 2, 3, 4, 5]
    assert found.row["disorder"] == 2


def test_a_clock_that_is_too_far_behind_is_refused_with_what_is_missing() -> None:
    # two of 100 rows are late by 300 and 500 ms: at the median 400; one is allowed
    rows: list[QuoteRow] = [(after(n), after(n + 1), *OFFER) for n in range(98)]
    late: list[QuoteRow] = [(after(98), after(97.7), *OFFER), (after(99), after(98.5), *OFFER)]
    assert refused([*rows, *late]) == (
        "bravo BTC/USD: expected quotes that were received after they happened, found 2 of 100 received before, by 400 ms at the median: "
        "the recorder's clock was behind; venues.bravo.clock_offset (0 ms) must be larger by that and by the feed's true latency"
    )
    assert observed([*rows, (after(98), after(99), *OFFER), late[1]]).row["negative_latency"] == 1
    assert "clock_offset (-20 ms)" in refused([(after(0), after(0.01), *OFFER)], venue={"clock_offset": "-20ms"})


def test_a_quote_is_never_known_before_it_happened() -> None:
    rows: list[QuoteRow] = [(after(n), after(n), *OFFER) for n in range(100)]
    rows[50] = (after(50), after(49), *OFFER)
    found = observed(rows)
    assert seconds(found.series.available_us) == list(range(100))
    assert found.row["negative_latency"] == 1


def test_the_window_is_one_stretch_of_the_file_by_events_that_never_go_back() -> None:
    at = [-301, -300, -302, -100, 361, 100, 360]
    frame = quote_frame([(after(n), None, float(k + 1), 1.0, 200.0, 1.0) for k, n in enumerate(at)])
    market = world(frame)
    kept = window(market.spec, market.spec.instruments[1], frame)
    # the third happened before the second; what follows 361 counts as later
    assert kept["bid"].to_list() == [2.0, 3.0, 4.0]
    assert seconds(alone(market.spec, market.spec.instruments[1], frame).series.event_us) == [-300, -300, -100]


def test_what_was_before_the_window_delays_nothing_in_it() -> None:
    frame = quote_frame([(after(-400), after(200), *OFFER), (after(0), after(1), *OFFER)])
    market = world(frame)
    assert seconds(alone(market.spec, market.spec.instruments[1], frame).series.available_us) == [1]


def test_a_quote_offers_our_share_of_what_is_displayed_in_whole_atoms() -> None:
    series = observed([(after(0), None, 100.0, 0.00000031, 100.5, 21.95)], execution={"take_share": 0.1}).series
    # 3.1 atoms; 0.1 × 21.95 is 2.1949999999999998
    assert (series.bid_size.tolist(), series.ask_size.tolist()) == ([[3]], [[219_499_999]])
    assert (series.bid.tolist(), series.ask.tolist(), series.prices(slice(None)).tolist()) == ([[100.0]], [[100.5]], [100.25])


def test_recorded_prices_stand_as_they_are_beside_the_tick() -> None:
    series = observed([(after(0), None, 100.004, 1.0, 100.006, 1.0)]).series
    assert (series.bid[0, 0], series.ask[0, 0]) == (100.004, 100.006)


def test_quotes_have_no_columns_of_bars() -> None:
    series = observed([(after(0), None, *OFFER)]).series
    assert {c.size for c in (series.open_us, series.fill_bid, series.fill_ask, series.volume_cap, series.blocked)} == {0}


def test_each_side_has_levels_up_to_the_first_without_a_price() -> None:
    rows: list[QuoteRow] = [
        (after(0), None, *OFFER, 99.0, 3.0, 102.0, 4.0, 98.0, 5.0, 103.0, 6.0),
        (after(1), None, *OFFER, None, None, 102.0, 4.0, 98.0, 5.0, 103.0, 6.0),
        (after(2), None, *OFFER, 99.0, 0.0, NAN, 4.0, 98.0, 5.0, -1.0, -1.0),  # what follows the end of a side is nothing
    ]
    series = observed(rows).series
    np.testing.assert_array_equal(series.bid, [[100, 99, 98], [100, NAN, NAN], [100, 99, 98]])
    np.testing.assert_array_equal(series.ask, [[101, 102, 103], [101, 102, 103], [101, NAN, NAN]])
    assert (series.bid_size / 1e8).tolist() == [[1, 3, 5], [1, 0, 0], [1, 0, 5]]
    assert (series.ask_size / 1e8).tolist() == [[2, 4, 6], [2, 4, 6], [2, 0, 0]]
    assert series.good.all()


@pytest.mark.parametrize(
    "further",
    [(99.0, None, 102.0, 1.0), (99.0, NAN, 102.0, 1.0), (99.0, 1.0, 102.0, -1.0), (0.0, 1.0, 102.0, 1.0), (99.0, 1.0, float("inf"), 1.0)],
)
def test_a_further_level_that_is_no_offer_flags_the_whole_row(further: tuple[float | None, float | None, float, float]) -> None:
    flagged: QuoteRow = (after(1), None, *OFFER, *further)
    series = observed([(after(0), None, *OFFER, 99.0, 1.0, 102.0, 1.0), flagged]).series
    assert series.good.tolist() == [True, False]
    assert np.isnan(series.bid[1]).all()
    assert np.isnan(series.ask[1]).all()
    assert series.bid_size[1].tolist() == series.ask_size[1].tolist() == [0, 0]


def test_a_level_that_is_better_than_the_one_before_it_takes_the_instrument_away() -> None:
    rows: list[QuoteRow] = [
        (after(n), None, *OFFER, bid, 1.0, ask, 1.0) for n, (bid, ask) in enumerate([(99.0, 102.0), (100.5, 102.0), (99.0, 100.5)])
    ]
    found = observed(rows)
    assert found.series.good.tolist() == [True, False, False]
    assert (found.row["disordered_levels"], found.row["crossed"], found.row["flagged"]) == (2, 0, 2)


def test_an_outage_flags_what_happens_in_it_and_puts_in_a_row_as_it_begins() -> None:
    outage = {"start": "2024-01-01T01:00:10Z", "end": "2024-01-01T01:00:20Z"}
    rows: list[QuoteRow] = [(after(n), after(n + 0.5), float(n + 50), 1.0, 100.0, 1.0) for n in (0, 9, 10, 15, 20, 25)]
    found = observed(rows, venue={"outages": [outage]})
    series = found.series
    assert seconds(series.event_us) == [0, 9, 10, 10, 15, 20, 25]
    assert seconds(series.available_us) == [0.5, 9.5, 10, 10.5, 15.5, 20.5, 25.5]
    assert series.good.tolist() == [True, True, False, False, False, True, True]
    np.testing.assert_array_equal(series.bid[:, 0], [50, 59, NAN, NAN, NAN, 70, 75])
    np.testing.assert_array_equal(series.prices(slice(None)), [75, 79.5, NAN, NAN, NAN, 85, 87.5])
    assert series.bid_size[:, 0].tolist() == series.ask_size[:, 0].tolist() == [10**8, 10**8, 0, 0, 0, 10**8, 10**8]
    assert (found.row["rows"], found.row["flagged"]) == (6, 2)


def test_what_was_under_way_as_an_outage_began_comes_before_the_news_of_it() -> None:
    outage = {"start": "2024-01-01T01:00:10Z", "end": "2024-01-01T01:00:20Z"}
    series = observed([(after(8), None, *OFFER), (after(9.5), None, *OFFER)], venue={"outages": [outage]}).series
    assert seconds(series.event_us) == [8, 9.5, 10]
    assert seconds(series.available_us) == [10, 11.5, 11.5]
    assert series.good.tolist() == [True, True, False]


def test_outages_that_begin_outside_the_window_put_in_nothing() -> None:
    before = {"start": "2024-01-01T00:54:59Z", "end": "2024-01-01T00:55:10Z"}
    after_it = {"start": "2024-01-01T01:06:01Z", "end": "2024-01-01T02:00:00Z"}
    at_its_ends = [{"start": "2024-01-01T00:55:00Z", "end": "2024-01-01T00:55:10Z"}, {"start": "2024-01-01T01:06:00Z", "end": "2024-01-01T01:07:00Z"}]
    rows: list[QuoteRow] = [(after(-295), None, *OFFER), (after(0), None, *OFFER)]
    outside = observed(rows, venue={"outages": [before, after_it]}).series
    assert (seconds(outside.event_us), outside.good.tolist()) == ([-295, 0], [False, True])
    inside = observed(rows, venue={"outages": at_its_ends}).series
    assert (seconds(inside.event_us), inside.good.tolist()) == ([-300, -295, 0, 360], [False, False, True, False])


@pytest.mark.parametrize("offer", [(None, 1.0, 101.0, 1.0), (102.0, 1.0, 101.0, 1.0), (0.0, 1.0, 101.0, 1.0)])
def test_a_series_without_a_good_quote_in_the_window_is_refused(offer: tuple[float | None, ...]) -> None:
    assert refused([(after(0), None, *offer), (after(400), None, *OFFER)]) == (
        "bravo BTC/USD: expected good quotes between 2024-01-01 01:00:00+00:00 and 2024-01-01 01:06:00+00:00, found none; it has 2 rows from "
        "2024-01-01 01:00:00+00:00 to 2024-01-01 01:06:40+00:00, outages of the venue apart: choose start and end within that, or add data"
    )


def test_a_series_with_nothing_in_the_window_or_nothing_at_all_is_refused() -> None:
    assert "expected good quotes" in refused([(after(400), None, *OFFER)])
    assert "expected good quotes" in refused([(None, after(400), *OFFER)])
    assert refused([]).endswith("found none; the series is empty: add data")
    gone = {"outages": [{"start": "2024-01-01T00:00:00Z", "end": "2024-01-02T00:00:00Z"}]}
    assert "expected good quotes" in refused([(after(0), None, *OFFER)], venue=gone)


def test_quote_bars_have_the_time_of_their_interval_s_end_and_no_other() -> None:
    market = {"instruments": {"bravo BTC/USD": {"data": "quote_bars", "max_age": None}, "alfa BTC/USD": {"data": "quote_bars", "max_age": None}}}
    found = observed([(after(60), None, *OFFER), (after(120), None, *OFFER)], **market)
    assert (seconds(found.series.event_us), seconds(found.series.available_us)) == ([60, 120], [62, 122])
    assert "expected quote bars without receive times" in refused([(after(60), after(61), *OFFER)], **market)


def test_columns_of_another_kind_of_data_are_refused() -> None:
    market = world(books())
    instrument = market.spec.instruments[1]
    with pytest.raises(DataError, match="bravo BTC/USD: expected columns"):
        alone(market.spec, instrument, books().drop("received"))


@pytest.mark.parametrize(
    ("sizes", "fits"),
    [((4.6e8,), True), ((4.7e8,), False), ((2.3e8, 2.3e8), True), ((2.4e8, 2.3e8), False), ((1e300,), False)],
)
def test_sizes_and_prices_whose_product_leaves_int64_are_refused(sizes: tuple[float, ...], fits: bool) -> None:
    # 2**62 atoms are 4.61e10 units; an order may take all levels
    levels = [x for n, size in enumerate(sizes) for x in (90.0 - n, 1.0, 100.0, size)]
    rows: list[QuoteRow] = [(after(0), None, *levels)]
    if fits:
        observed(rows, execution={"residual_bps": 0.0})
    else:
        assert "bravo BTC/USD: expected volumes × prices below 4.6e10, found" in refused(rows, execution={"residual_bps": 0.0})


def test_nulls_and_frames_in_pieces_are_read_like_any_other() -> None:
    whole = quote_frame([(after(n), None, None if n == 3 else 100.0 + n, 1.0, 200.0, 1.0) for n in range(6)])
    pieces = pl.concat([whole[:2], whole[2:]], rechunk=False)
    market = world(whole)
    a, b = (alone(market.spec, market.spec.instruments[1], frame).series for frame in (whole, pieces))
    np.testing.assert_array_equal(a.bid, b.bid)
    assert a.good.tolist() == b.good.tolist() == [True, True, True, False, True, True]


def test_a_book_that_is_renewed_by_the_second_keeps_every_row() -> None:
    frame = books({n: Book(99.0, 101.0) for n in range(300)})
    market = world(frame)
    found = alone(market.spec, market.spec.instruments[1], frame)
    assert found.series.event_us.size == found.row["rows"] == 301
