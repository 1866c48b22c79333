"""Counts of what is good and bad about data, by hand."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import panel, quality
from engine.schema import SeriesKey
from tests.engine.small import Bar, Book, after, bars, books, dear_alfa, small
from tests.strategies import EPOCH_US, MINUTE, QuoteRow, World, frame, iso, quote_frame

ALFA = SeriesKey("alfa", "BTC/USD")
OFFER = (100.0, 1.0, 101.0, 2.0)
NAN, INFINITE = float("nan"), float("inf")


def assessed(changes: Mapping[int, Bar | None], *, minutes: int = 10, last: int = 12) -> quality.Row:
    """Return what is said about alfa, in a run of ten minutes whose bars begin two minutes before."""
    market = dear_alfa(minutes=minutes)
    return panel.build(market.spec, {**market.data, ALFA: bars(changes, last=last)}).quality[0]


def test_bars_without_fault_are_one_an_interval_without_a_gap() -> None:
    assert assessed({}) == {
        "venue": "alfa",
        "instrument": "BTC/USD",
        "data": "bars",
        "rows": 10,
        "no_trade": 0,
        "missing": 0,
        "flagged": 0,
        "wicks": 0,
        "blocked": 0,
        "longest_gap_s": 0.0,
        "first": "2024-01-01T01:00:00Z",
        "last": "2024-01-01T01:09:00Z",
    }


SILENT = Bar(100.0, volume=0.0)


@pytest.mark.parametrize(
    ("changes", "rows", "silent", "missing", "gap_s"),
    [
        ({3: None, 4: None, 8: None}, 7, 0, 3, 120),
        ({3: None, 4: SILENT, 5: SILENT, 8: None}, 8, 2, 2, 180),  # without an observation from minute 3 to minute 6
        ({0: None, 1: SILENT}, 9, 1, 1, 120),  # the start is an end of a gap
        ({7: None, 8: None, 9: SILENT}, 8, 1, 2, 180),  # and so is the end
        ({-2: SILENT, 10: None, 11: SILENT}, 10, 0, 0, 0),  # outside the run nothing counts
        (dict.fromkeys(range(10)), 0, 0, 10, 600),
        (dict.fromkeys(range(10), SILENT), 10, 10, 0, 600),
    ],
)
def test_missing_and_silent_bars_are_counted_and_the_longest_stretch_without_an_observation(
    changes: dict[int, Bar | None], rows: int, silent: int, missing: int, gap_s: int
) -> None:
    found = assessed(changes)
    assert [found[name] for name in ("rows", "no_trade", "missing", "longest_gap_s")] == [rows, silent, missing, gap_s]


def test_the_first_and_last_bar_of_the_run_are_named_or_none() -> None:
    ends = {0: None, 1: None, 9: None}
    assert (assessed(ends)["first"], assessed(ends)["last"]) == ("2024-01-01T01:02:00Z", "2024-01-01T01:08:00Z")
    nothing = assessed(dict.fromkeys(range(10)))
    assert (nothing["first"], nothing["last"]) == (None, None)


def off_the_interval(start: int, end: int) -> World:
    """Return a run over bars of ten minutes that begins and ends at any minute."""
    return dear_alfa().but(interval="10m", start=iso(EPOCH_US + start * MINUTE), end=iso(EPOCH_US + end * MINUTE))


@pytest.mark.parametrize(
    ("start", "end", "opens", "missing"),
    [
        (60, 90, (60, 70, 80), 0),
        (61, 90, (60, 70, 80), 0),  # 70 and 80 are inside
        (61, 89, (60, 70, 80), 0),  # 70
        (61, 81, (70,), 0),
        (61, 101, (60, 70, 90), 1),  # 80
        (61, 69, (50, 60), 0),  # none opens and ends inside
    ],
)
def test_only_bars_that_could_lie_within_the_run_can_be_missing(start: int, end: int, opens: tuple[int, ...], missing: int) -> None:
    table: pl.DataFrame = frame([(EPOCH_US + n * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0) for n in opens])
    assert quality.bar_times(off_the_interval(start, end).spec, table)["missing"] == missing


@pytest.mark.parametrize(
    ("bar", "is_wick"),
    [
        (Bar(100.0, high=105.0), False),  # exactly 500 bps off
        (Bar(100.0, high=105.01), True),
        (Bar(100.0, low=95.0), False),
        (Bar(100.0, low=94.99), True),
        (Bar(106.0, open=106.0, high=106.0, low=106.0), True),  # all of it is far off what others closed at
        (Bar(94.0), True),
        (Bar(104.0, low=96.0, high=105.0), False),  # the median is that of the others
    ],
)
def test_a_wick_reaches_more_than_500_bps_off_the_median_close_of_its_time(bar: Bar, is_wick: bool) -> None:
    market = small({"alfa BTC/USD": bars({1: bar}), "bravo BTC/USD": bars(), "charlie BTC/USD": bars()})
    found = panel.build(market.spec, market.data)
    assert [row["wicks"] for row in found.quality] == [is_wick, 0, 0]
    assert [row["blocked"] for row in found.quality] == [is_wick, 0, 0]


def test_how_far_a_wick_reaches_is_set_by_the_spec() -> None:
    market = small({"alfa BTC/USD": bars({1: Bar(100.0, high=101.5)}), "bravo BTC/USD": bars(), "charlie BTC/USD": bars()})
    counts = [panel.build(spec, market.data).quality[0]["wicks"] for spec in (market.spec, market.but(quality={"wick_bps": 140.0}).spec)]
    assert counts == [0, 1]


def test_the_median_of_two_is_their_mean() -> None:
    # 100 and 112 mean 106: 100 is 566 bps off, 112 too; of 100 and 104, 102, nothing is
    far = small({"alfa BTC/USD": bars({1: Bar(112.0), 2: Bar(104.0)}), "bravo BTC/USD": bars()})
    assert [row["wicks"] for row in panel.build(far.spec, far.data).quality] == [1, 1]


WICKED = bars({1: Bar(100.0, high=110.0), 3: Bar(100.0, high=110.0)})
THREE = {"alfa BTC/USD": WICKED, "bravo BTC/USD": bars(), "charlie BTC/USD": bars({1: None})}
GONE = {"outages": [{"start": "2024-01-01T01:03:10Z", "end": "2024-01-01T01:03:20Z"}]}


def told(series: Mapping[str, pl.DataFrame], charlie: Mapping[str, object], **changes: Any) -> tuple[object, object]:
    """Return how many wicks alfa has, and how many of them block."""
    market = small(series, venues={"charlie": charlie}, **changes)
    row = panel.build(market.spec, market.data).quality[0]
    return row["wicks"], row["blocked"]


def test_a_series_without_a_good_bar_of_the_time_tells_nothing() -> None:
    # charlie has no bar of minute 1, and the one of minute 3 is in its outage
    assert told(THREE, {}) == (2, 1)
    assert told(THREE, GONE) == (2, 0)


def test_a_series_whose_quote_has_no_mark_tells_nothing() -> None:
    # a USDT is two steps from a USD: over BTC, and over USDC
    foreign = {
        "alfa BTC/USDC": WICKED,
        "bravo BTC/USDC": bars(),
        "charlie BTC/USDT": bars(),
        "alfa USDC/USD": bars(level=1.0),
    }
    use = {"charlie BTC/USDT": {"use": "mark"}}
    assert told(foreign, {"balances": {}}, instruments=use) == (2, 0)
    assert told({**foreign, "alfa USDT/USD": bars(level=1.0)}, {"balances": {}}, instruments=use) == (2, 2)


def test_a_bar_in_an_outage_is_no_wick() -> None:
    outage = {"alfa": {"outages": [{"start": "2024-01-01T01:01:10Z", "end": "2024-01-01T01:01:20Z"}]}}
    market = small({"alfa BTC/USD": bars({1: Bar(100.0, high=110.0)}), "bravo BTC/USD": bars()}, venues=outage)
    row = panel.build(market.spec, market.data).quality[0]
    assert [row[name] for name in ("wicks", "flagged", "blocked")] == [0, 1, 1]


def test_a_coin_is_judged_by_its_own_bars_alone() -> None:
    market = small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars(), "alfa USDC/USD": bars({1: Bar(1.0, high=1.2)}, level=1.0)})
    assert [row["wicks"] for row in panel.build(market.spec, market.data).quality] == [0, 1, 0]


def judged(rows: list[QuoteRow], **venue: Any) -> quality.Row:
    """Return what is said about rows at alfa, in a run of six minutes over quotes that count for 5 s."""
    frames = {"alfa BTC/USD": quote_frame(rows), "bravo BTC/USD": books()}
    market = small(frames, instruments={"alfa BTC/USD": {"max_age": None}}, venues={"alfa": venue})
    return panel.build(market.spec, market.data).quality[0]


def calm(first: int = -2, last: int = 360) -> list[QuoteRow]:
    return [(after(n), None, *OFFER) for n in range(first, last + 1)]


def test_quotes_without_fault_have_nothing_to_count() -> None:
    # 5 s apart is not too old; each row differs from the one before
    rows: list[QuoteRow] = [(after(5 * n), None, 100.0 + n % 2, 1.0, 102.0, 1.0) for n in range(73)]
    assert judged(rows) == {
        "venue": "alfa",
        "instrument": "BTC/USD",
        "data": "quotes",
        "rows": 73,
        "flagged": 0,
        "nan": 0,
        "zero_or_negative": 0,
        "crossed": 0,
        "disordered_levels": 0,
        "locked": 0,
        "duplicates": 0,
        "disorder": 0,
        "negative_latency": 0,
        "gaps": 0,
        "truncated": 0,
        "longest_gap_s": 5.0,
        "first": "2024-01-01T01:00:00Z",
        "last": "2024-01-01T01:06:00Z",
    }


@pytest.mark.parametrize(
    ("offer", "checks"),
    [
        ((NAN, 1.0, 101.0, 1.0), ["nan"]),
        ((100.0, None, 101.0, 1.0), ["nan"]),
        ((100.0, 1.0, None, None), ["nan"]),
        ((100.0, 1.0, 101.0, INFINITE), ["nan"]),
        ((100.0, 1.0, INFINITE, 1.0), ["nan"]),
        ((0.0, 1.0, 101.0, 1.0), ["zero_or_negative"]),
        ((-5.0, 1.0, 101.0, 1.0), ["zero_or_negative"]),
        ((100.0, -1.0, 101.0, 1.0), ["zero_or_negative"]),
        ((100.0, 1.0, 101.0, -0.5), ["zero_or_negative"]),
        ((100.0, 1.0, 0.0, 1.0), ["crossed", "zero_or_negative"]),
        ((101.5, 1.0, 101.0, 1.0), ["crossed"]),
        ((-INFINITE, NAN, 101.0, 1.0), ["nan", "zero_or_negative"]),
        ((100.0, NAN, 101.0, 1.0, 99.0, -1.0, 102.0, 1.0), ["nan", "zero_or_negative"]),
        ((100.0, 1.0, 101.0, 1.0, 99.0, -1.0, 102.0, -1.0), ["zero_or_negative"]),
        ((100.0, 1.0, 101.0, 1.0, 100.5, 1.0, 102.0, 1.0), ["disordered_levels"]),
        ((100.0, 1.0, 101.0, 1.0, 99.0, 1.0, 100.9, 1.0), ["disordered_levels"]),
        ((100.0, 1.0, 101.0, 1.0, 101.0, 1.0, 100.0, 1.0), ["disordered_levels"]),
        ((100.0, 1.0, 101.0, 1.0, 99.0, 1.0, 102.0, 1.0, 99.5, 1.0, 103.0, 1.0), ["disordered_levels"]),
        ((100.0, 1.0, 101.0, 1.0, INFINITE, 1.0, 102.0, 1.0), ["disordered_levels", "nan"]),
    ],
)
def test_what_is_no_offer_is_counted_by_what_is_wrong_and_flags_its_row_alone(offer: tuple[float | None, ...], checks: list[str]) -> None:
    whole: QuoteRow = (after(3), None, *OFFER, 99.0, 1.0, 102.0, 1.0)
    row = judged([(after(1), None, *OFFER), (after(2), None, *offer), whole])
    assert sorted(name for name in ("nan", "zero_or_negative", "crossed", "disordered_levels", "locked") if row[name]) == checks
    assert {row[name] for name in checks} == {1}
    assert row["flagged"] == 1


@pytest.mark.parametrize(
    "offer",
    [
        (100.0, 1.0, 100.0, 1.0),
        (100.0, 0.0, 101.0, 0.0),
        (100.0, 1.0, 101.0, 1.0, None, None, NAN, None),
        (100.0, 1.0, 101.0, 1.0, 100.0, 1.0, 101.0, 1.0),
        (100.0, 1.0, 101.0, 1.0, None, 1.0, 102.0, 1.0, 98.0, 1.0, 103.0, 1.0, 99.0, 1.0, 104.0, 1.0),
    ],
)
def test_locked_quotes_sizes_of_zero_levels_that_end_and_levels_of_one_price_flag_nothing(offer: tuple[float | None, ...]) -> None:
    row = judged([(after(1), None, *OFFER), (after(2), None, *offer)])
    assert row["flagged"] == 0
    assert row["locked"] == (offer[0] == offer[2])


def test_a_row_that_comes_again_at_once_is_a_duplicate_and_later_it_is_news() -> None:
    again = (after(2), None, *OFFER)
    other = (after(2), None, 99.0, 1.0, 101.0, 2.0)
    assert judged([again, again, other, again, again, again])["duplicates"] == 3
    missing = (after(2), None, None, NAN, 101.0, 2.0)
    assert judged([again, missing, missing])["duplicates"] == 1
    received = [(after(2), after(3 + n % 2), *OFFER) for n in range(4)]
    assert judged([*received, received[3]])["duplicates"] == 1
    deep = (after(2), None, *OFFER, 99.0, 1.0, 102.0, 1.0)
    assert judged([deep, deep, (*deep[:-1], 2.0)])["duplicates"] == 1


def test_rows_that_happened_before_an_earlier_one_are_in_disorder() -> None:
    assert judged([(after(n), None, *OFFER) for n in (1, 5, 3, 4, 5, 6)])["disorder"] == 2


@pytest.mark.parametrize(
    ("at", "gaps", "truncated", "longest"),
    [
        ([0, 5, 10.000001, 355], 1, 0, 344.999999),  # the old one counts for 5 s; a µs later there is the new one
        ([0, 5.000002, 355], 2, 0, 349.999998),
        ([0, 300, 302, 355], 2, 0, 300.0),
        ([-20, 350], 1, 1, 350.0),  # it ends 10 s before the run does
        ([354.999999], 0, 1, 354.999999),
        ([355], 0, 0, 355.0),
        ([-10], 0, 1, 360.0),
    ],
)
def test_gaps_are_when_the_instrument_is_too_old_and_the_run_s_ends_bound_the_longest(
    at: list[float], gaps: int, truncated: int, longest: float
) -> None:
    row = judged([(after(n), None, *OFFER) for n in at])
    assert [row[name] for name in ("gaps", "truncated", "longest_gap_s")] == [gaps, truncated, longest]


def test_quote_bars_of_one_interval_after_the_other_have_no_gap() -> None:
    every, some = ({float(n): Book(99.0, 101.0) for n in ends} for ends in (range(0, 361, 60), (0, 60, 120, 240, 300, 360)))
    frames = {"alfa BTC/USD": books(every), "bravo BTC/USD": books(some)}
    market = small(frames, instruments={key: {"data": "quote_bars", "max_age": None} for key in frames})
    assert [(row["gaps"], row["truncated"]) for row in panel.build(market.spec, market.data).quality] == [(0, 0), (1, 0)]


def test_feeds_that_end_at_different_times_are_told_apart() -> None:
    frames = {"alfa BTC/USD": quote_frame(calm()), "bravo BTC/USD": quote_frame(calm(last=60))}
    market = small(frames, instruments={key: {"max_age": None} for key in frames})
    rows = panel.build(market.spec, market.data).quality
    assert [(row["truncated"], row["last"]) for row in rows] == [(0, "2024-01-01T01:06:00Z"), (1, "2024-01-01T01:01:00Z")]


values = st.sampled_from((100.0, 101.0, 0.0, -1.0, NAN, INFINITE, -INFINITE))
level = st.tuples(values, values, values, values)


@given(st.lists(st.tuples(level, level), min_size=1, max_size=30))
def test_every_row_is_judged_as_if_it_were_alone(rows: list[tuple[tuple[float, ...], ...]]) -> None:
    def judge(chosen: list[tuple[tuple[float, ...], ...]]) -> quality.Checked:
        columns = np.array(chosen).transpose(1, 2, 0)
        return quality.check_levels([(bid.copy(), bs.copy(), ask.copy(), asz.copy()) for bid, bs, ask, asz in columns])

    together, alone = judge(rows), [judge([row]) for row in rows]
    assert together.good.tolist() == [bool(one.good[0]) for one in alone]
    assert together.counts == {name: sum(one.counts[name] for one in alone) for name in together.counts}
    assert together.good.tolist() == [_is_offer(best, further) for best, further in rows]


def _is_offer(best: tuple[float, ...], further: tuple[float, ...]) -> bool:
    """Tell the same, from the words of the model."""
    bid, bid_size, ask, ask_size = best
    sides = [(bid, bid_size), (ask, ask_size)] + [side for side in (further[:2], further[2:]) if side[0] == side[0]]
    return all(np.isfinite(price) and np.isfinite(size) and price > 0 and size >= 0 for price, size in sides) and bid <= ask
