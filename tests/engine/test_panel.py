"""All series of a run together: what they must bring, and that nothing later changes what was seen."""

from contextlib import suppress
from dataclasses import fields

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine import market, panel, stress
from engine.config import parse_spec
from engine.errors import DataError, SpecError
from engine.schema import SeriesKey
from engine.series import Series
from tests.engine.small import Bar, Book, after, bars, books, small
from tests.strategies import MINUTE, World, quote_frame, worlds

ALFA, BRAVO, LINK = SeriesKey("alfa", "BTC/USD"), SeriesKey("bravo", "BTC/USDC"), SeriesKey("alfa", "USDC/USD")


def world(**changes: object) -> World:
    series = {"alfa BTC/USD": bars(), "bravo BTC/USDC": bars(), "alfa USDC/USD": bars(level=1.0)}
    return small(series, **changes)  # type: ignore[arg-type]


def refused(market: World) -> str:
    with pytest.raises(DataError) as error:
        panel.build(market.spec, market.data)
    return str(error.value)


def test_series_stand_in_the_order_of_the_spec_and_are_found_by_name() -> None:
    found = panel.build(world().spec, world().data)
    assert [s.key for s in found.series] == [ALFA, LINK, BRAVO]
    assert found.of(BRAVO) is found.series[2]
    assert [(row["venue"], row["instrument"]) for row in found.quality] == [ALFA, LINK, BRAVO]
    assert found.marks.ticks["USDC"].tolist() == [1.0] * 7


def test_a_series_that_is_not_given_is_named_beside_those_that_are() -> None:
    market = world()
    lacking = {key: frame for key, frame in market.data.items() if key != BRAVO}
    assert refused(market.on(lacking)) == "bravo BTC/USDC: expected its data, found none; there are alfa BTC/USD, alfa USDC/USD"
    assert refused(market.on({})) == "alfa BTC/USD: expected its data, found none; there are no series at all"


def test_bars_quotes_and_quote_bars_are_read_side_by_side() -> None:
    quotes = books({n: Book(99.0, 101.0) for n in range(0, 360, 2)})
    market = small(
        {"alfa BTC/USD": bars(), "bravo BTC/USDC": bars(), "alfa USDC/USD": quotes, "bravo USDC/USD": books({0: Book(1.0, 1.5)})},
        instruments={"bravo USDC/USD": {"data": "quote_bars", "max_age": None}},
    )
    found = panel.build(market.spec, market.data)
    assert [(s.instrument.data, s.open_us.size == s.event_us.size) for s in found.series] == [
        ("bars", True),
        ("quotes", False),
        ("bars", True),
        ("quote_bars", False),
    ]
    assert [row["data"] for row in found.quality] == ["bars", "quotes", "bars", "quote_bars"]


def test_series_and_market_are_parts_of_the_columns_and_no_copies() -> None:
    seen = panel.build(world().spec, world().data)
    given = market.market(world().spec, seen)
    assert given.price is seen.columns.price
    for one in seen.series:
        assert np.shares_memory(one.bid, given.price)
        assert np.shares_memory(one.available_us, given.available_us)


def same(a: panel.Panel, b: panel.Panel) -> None:
    """Hold two panels to be equal in all that a walk or a mark goes by."""
    for name, column in a.columns._asdict().items():
        np.testing.assert_array_equal(column, getattr(b.columns, name), err_msg=name)
    np.testing.assert_array_equal(a.epoch, b.epoch)
    for one, other in zip(a.series, b.series, strict=True):
        for field in fields(Series):
            np.testing.assert_array_equal(getattr(one, field.name), getattr(other, field.name), err_msg=field.name)
    for currency, values in a.marks.ticks.items():
        np.testing.assert_array_equal(values, b.marks.ticks[currency])


@settings(max_examples=60)
@given(worlds(data="quotes") | worlds())
def test_a_panel_with_other_latencies_is_that_of_a_run_that_has_them(found: World) -> None:
    slower = found.spec.model_copy(update={"venues": {name: stress._slower(venue) for name, venue in found.spec.venues.items()}})
    with suppress(SpecError, DataError):  # a feed as late as a bar is long, or no mark at the start
        slower = parse_spec(slower.canonical())
        expected = panel.build(slower, found.data)
        same(panel.delayed(slower, found.data, panel.build(found.spec, found.data)), expected)


def test_outages_that_begin_together_are_as_late_as_each_other_and_no_earlier_than_what_was_before_them() -> None:
    outages = [{"start": "2024-01-01T01:00:10Z", "end": f"2024-01-01T01:00:{end}Z"} for end in (20, 30)]
    quotes = {"alfa BTC/USD": books({5: Book(99.0, 101.0), 9.5: Book(99.0, 101.0)}), "bravo BTC/USD": books()}
    slow, slower = (small(quotes, venues={"alfa": {"outages": outages, "feed_latency": latency}}) for latency in ("1s", "2s"))
    then = panel.delayed(slower.spec, slower.data, panel.build(slow.spec, slow.data))
    assert then.of(ALFA).available_us.tolist() == [after(-8), after(7), after(11.5), after(11.5), after(11.5)]
    same(then, panel.build(slower.spec, slower.data))


def test_marks_see_what_is_known_under_other_latencies() -> None:
    quotes = {"alfa BTC/USD": books({58.5: Book(109.0, 111.0)}), "bravo BTC/USD": books()}
    slow, slower = (small(quotes, minutes=1, venues={"alfa": {"feed_latency": latency}}) for latency in ("1s", "2s"))
    seen = panel.build(slow.spec, slow.data)
    then = panel.delayed(slower.spec, slower.data, seen)
    assert [one.marks.ticks["BTC"].tolist() for one in (seen, then)] == [[100.0, 105.0], [100.0, 100.0]]


def test_a_panel_without_feed_latencies_stays_the_same_whatever_orders_take() -> None:
    seen = panel.build(world().spec, world().data)
    assert panel.delayed(world(venues={"alfa": {"order_latency": "9s"}}).spec, world().data, seen) is seen


WICKED = bars({2: Bar(100.0, high=106.0)})


def blocked(market: World, key: SeriesKey = ALFA) -> list[int]:
    """Return the bars of a series, by their minute, in which nothing fills."""
    series = panel.build(market.spec, market.data).of(key)
    return [(int(us) - after(0)) // MINUTE for us in series.open_us[series.blocked]]


def test_a_wick_that_three_series_tell_blocks_its_bar_and_leaves_the_rest_of_it() -> None:
    market = small({"alfa BTC/USD": WICKED, "bravo BTC/USD": bars(), "charlie BTC/USD": bars()})
    found = panel.build(market.spec, market.data)
    assert blocked(market) == [2]
    assert blocked(market, SeriesKey("bravo", "BTC/USD")) == []
    assert found.series[0].good.all()
    assert found.series[0].bid[:, 0].tolist() == [100.0] * 8
    assert [row["wicks"] for row in found.quality] == [1, 0, 0]


def test_a_wick_that_only_two_series_tell_is_counted_and_blocks_nothing() -> None:
    market = small({"alfa BTC/USD": WICKED, "bravo BTC/USD": bars()})
    assert blocked(market) == []
    assert [row["wicks"] for row in panel.build(market.spec, market.data).quality] == [1, 0]


def test_series_of_one_base_tell_wicks_across_quote_currencies_at_marks() -> None:
    # a USDC is worth 0.8, so 125 in it are 100; a high of 132 is 105.6
    market = small(
        {
            "alfa BTC/USD": bars(),
            "bravo BTC/USDC": bars({2: Bar(125.0, high=132.0), 3: Bar(125.0, high=131.0)}, level=125.0),
            "charlie BTC/USD": bars(),
            "alfa USDC/USD": bars(level=0.8),
        }
    )
    assert blocked(market, BRAVO) == [2]
    dear = small({**{str(key): frame for key, frame in market.data.items()}, "alfa USDC/USD": bars(level=1.0)})
    assert blocked(dear, BRAVO) == list(range(-2, 6))  # 125 and 131 of a dollar each are far off 100


def test_bars_beside_the_run_are_judged_and_not_counted() -> None:
    early = {-1: Bar(100.0, high=106.0), 5: Bar(100.0, low=90.0)}
    market = small({"alfa BTC/USD": bars(early), "bravo BTC/USD": bars(), "charlie BTC/USD": bars()})
    assert blocked(market) == [-1, 5]
    assert panel.build(market.spec, market.data).quality[0]["wicks"] == 1


# What can be wrong with a row is drawn as often as what is right.
prices = st.sampled_from((100.0, 100.0, 99.5, 101.0, 0.0, -1.0, float("nan"), float("inf"), None))
quotes = st.tuples(st.integers(-300, 400), st.integers(0, 40), prices, st.sampled_from((5.0, 0.0, -1.0, None)), prices, st.sampled_from((5.0, 0.0)))
received = st.booleans()


@st.composite
def recorded(draw: st.DrawFn) -> pl.DataFrame:
    """Draw quotes of which anything can be wrong, after one that is good; in any order, with or without receive times."""
    known = draw(received)
    rows = [(-10, 0, 100.0, 5.0, 100.0, 5.0), *draw(st.lists(quotes, max_size=12))]
    return quote_frame([(after(at), after(at + lag) if known else None, *offer) for at, lag, *offer in rows])


OUTAGES = {"bravo": {"outages": [{"start": "2024-01-01T01:02:00Z", "end": "2024-01-01T01:03:30Z"}], "feed_latency": "7s"}}


@given(recorded(), recorded(), recorded(), st.integers(0, 360))
def test_what_became_available_later_changes_no_flag_and_no_mark(alfa: pl.DataFrame, bravo: pl.DataFrame, link: pl.DataFrame, seconds: int) -> None:
    market = small({"alfa BTC/USD": alfa, "bravo BTC/USDC": bravo, "alfa USDC/USD": link}, venues=OUTAGES)
    whole = panel.build(market.spec, market.data)
    t = after(seconds)
    cut = panel.build(market.spec, {s.key: known_by(t, market, s.key) for s in whole.series})
    for a, b in zip(whole.series, cut.series, strict=True):
        seen, kept = a.available_us <= t, b.available_us <= t
        assert a.event_us[seen].tolist() == b.event_us[kept].tolist()
        assert a.available_us[seen].tolist() == b.available_us[kept].tolist()
        assert a.good[seen].tolist() == b.good[kept].tolist()
        np.testing.assert_array_equal(a.bid[seen], b.bid[kept])
    times = np.arange(after(0), t + 1, MINUTE // 4)
    before, after_all = whole.marks.at(times), cut.marks.at(times)
    assert {c: v.tolist() for c, v in before.items()} == {c: v.tolist() for c, v in after_all.items()}


def known_by(t: int, market: World, key: SeriesKey) -> pl.DataFrame:
    """Return the rows of a series up to the last that was known by a time; later rows of the frame were known later."""
    frame, latency = market.data[key], market.spec.venues[key.venue].feed_latency
    known = pl.max_horizontal(pl.col("received").dt.epoch("us"), pl.col("ts").dt.epoch("us") + (pl.col("received").is_null()) * latency)
    return frame.filter(known.cum_max() <= t)


@given(
    st.lists(st.tuples(st.integers(0, 5), st.sampled_from((100.0, 104.0, 90.0)), st.sampled_from((100.0, 106.0, 120.0))), max_size=6),
    st.integers(0, 6),
)
def test_what_became_available_later_blocks_no_earlier_bar(odd: list[tuple[int, float, float]], minutes: int) -> None:
    changes = {n: Bar(close, high=max(close, high)) for n, close, high in odd}
    market = small({"alfa BTC/USD": bars(changes), "bravo BTC/USD": bars(), "charlie BTC/USD": bars({3: None})})
    cut = {key: frame.filter(pl.col("ts").dt.epoch("us") + MINUTE <= after(60 * minutes)) for key, frame in market.data.items()}
    early = [n for n in blocked(market) if n < minutes]
    assert blocked(market.on(cut)) == early
