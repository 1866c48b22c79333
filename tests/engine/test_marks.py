"""What currencies are worth, from data alone."""

from collections.abc import Mapping
from decimal import Decimal
from statistics import median
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import marks, panel
from engine.arrays import Floats, Int64s
from engine.config import MARK_MAX_AGE_US, Instrument
from engine.errors import DataError
from engine.schema import SeriesKey
from engine.series import Series, room, series
from tests.engine.small import Bar, Book, after, bars, books, level, small
from tests.strategies import World, quote_frame

NAN = float("nan")


def marked(world: World) -> marks.Marks:
    return panel.build(world.spec, world.data).marks


def at(found: marks.Marks, currency: str, *seconds: float) -> list[float]:
    """Return the marks of a currency so many seconds after the start."""
    return [float(mark) for mark in found.at(np.array([after(s) for s in seconds], np.int64))[currency]]


def two(**changes: object) -> World:
    return small({"alfa BTC/USD": bars({0: Bar(104.0)}), "bravo BTC/USD": bars({0: Bar(102.0), 3: Bar(90.0)})}, **changes)  # type: ignore[arg-type]


sources = st.lists(st.lists(st.sampled_from((NAN, 1.0, 2.0, 2.5, 7.0)), min_size=4, max_size=4), min_size=1, max_size=5)


@given(sources)
def test_the_median_is_that_of_the_sources_that_have_a_value(table: list[list[float]]) -> None:
    present = [[row[n] for row in table if row[n] == row[n]] for n in range(4)]
    expected = [median(values) if values else NAN for values in present]
    np.testing.assert_array_equal(marks.median([np.array(row) for row in table], 4), expected)


def test_the_median_of_no_source_is_unknown() -> None:
    assert np.isnan(marks.median([], 3)).tolist() == [True, True, True]


def test_a_mark_holds_from_when_its_source_is_known() -> None:
    found = marked(two(minutes=2, venues={"bravo": {"feed_latency": "5s"}}))
    # bars that end with minute 1 are known 5 s later; the mark is the mean of 104 and 102
    assert at(found, "BTC", 0, 60, 64.999999, 65, 120) == [100.0, 100.0, 100.0, 103.0, 103.0]
    assert at(found, "USD", 0, 65) == [1.0, 1.0]


def test_times_may_come_in_any_order_and_more_than_once() -> None:
    assert at(marked(two()), "BTC", 240, 0, 60, 240, 60) == [95.0, 100.0, 103.0, 95.0, 103.0]


def test_marks_at_ticks_are_kept_and_follow_the_clock() -> None:
    found = marked(two(minutes=2, clock="30s"))
    assert found.ticks_us.tolist() == [after(s) for s in (0, 30, 60, 90, 120)]
    assert {currency: value.tolist() for currency, value in found.ticks.items()} == {
        "BTC": [100.0, 100.0, 103.0, 103.0, 100.0],
        "USD": [1.0] * 5,
    }
    assert found.stale == {"BTC": 0, "USD": 0}


def test_the_price_of_a_quote_is_the_middle_of_bid_and_ask_and_of_a_bar_its_close() -> None:
    market = small({"alfa BTC/USD": books({5: Book(98.0, 100.0)}), "bravo BTC/USD": books()})
    assert at(marked(market), "BTC", 0, 5) == [100.0, 99.5]
    beside = small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars(), "charlie BTC/USD": books()}, instruments={"charlie BTC/USD": {"use": "mark"}})
    assert at(marked(beside), "BTC", 0) == [100.0]


def test_a_price_is_fresh_for_five_minutes_after_its_event_however_late_it_came() -> None:
    rows = [(after(-10), after(-10), 100.0, 1.0, 100.0, 1.0), (after(0), after(60), 104.0, 1.0, 104.0, 1.0)]
    market = small({"alfa BTC/USD": quote_frame(rows), "bravo BTC/USD": books({0: Book(90.0, 90.0), 290: Book(80.0, 80.0)}, first=Book(90.0, 90.0))})
    found = marked(market)
    assert at(found, "BTC", 0, 59.999999, 60, 290, 300, 300.000001) == [95.0, 95.0, 97.0, 92.0, 92.0, 80.0]


def test_a_quote_that_is_doubted_leaves_the_price_before_it_standing() -> None:
    doubted: dict[float, Book] = {5: Book(110.0, 90.0), 6: Book(NAN, 90.0), 310: Book(120.0, 90.0)}
    market = small({"alfa BTC/USD": books(doubted), "bravo BTC/USD": books({0: Book(100.0, 100.0), 300: Book(80.0, 80.0)})}, minutes=8)
    # alfa's 100 of ten seconds before the start is fresh until 290
    assert at(marked(market), "BTC", 5, 290, 290.000001, 300, 320) == [100.0, 100.0, 100.0, 80.0, 80.0]


def test_a_venue_in_an_outage_marks_with_what_it_said_before() -> None:
    outage = {"alfa": {"outages": [{"start": "2024-01-01T01:01:00Z", "end": "2024-01-01T01:03:00Z"}]}}
    said = {30: Book(104.0, 104.0), 90: Book(50.0, 50.0), 180: Book(110.0, 110.0)}
    found = marked(small({"alfa BTC/USD": books(said), "bravo BTC/USD": level(100.0)}, venues=outage))  # type: ignore[arg-type]
    assert at(found, "BTC", 29, 60, 90, 179, 180) == [100.0, 102.0, 102.0, 102.0, 105.0]


def test_a_direct_price_goes_before_any_over_another_currency() -> None:
    market = small({"alfa BTC/USDC": bars(level=200.0), "bravo BTC/USD": bars(), "alfa USDC/USD": bars(level=0.9)})
    # over USDC it would be 180
    assert set(marked(market).ticks["BTC"].tolist()) == {100.0}
    assert set(marked(market).ticks["USDC"].tolist()) == {0.9}


def test_prices_over_another_currency_count_at_its_own_mark_and_inverted_where_they_must() -> None:
    market = small(
        {
            "alfa BTC/USDC": bars(level=100.0),
            "bravo BTC/USDC": bars(level=104.0),
            "alfa USD/USDC": bars(level=1.25),
            "bravo USDC/USD": bars(level=0.9),
        },
        instruments={"alfa USD/USDC": {"use": "mark"}, "bravo USDC/USD": {"use": "mark"}},
        assume_par=["USDC"],
    )
    found = marked(market)
    # a USDC: the mean of 1 / 1.25 and 0.9 = 0.85; a BTC: the mean of 100 × 0.85 and 104 × 0.85
    assert found.ticks["USDC"][0] == pytest.approx(0.85, rel=1e-12)
    assert found.ticks["BTC"][0] == pytest.approx(86.7, rel=1e-12)


def test_a_currency_that_is_not_held_has_a_mark_for_who_asks() -> None:
    market = small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars(), "alfa BTC/EUR": bars(level=80.0)}, instruments={"alfa BTC/EUR": {"use": "mark"}})
    bare = market.but(venues={name: {**venue, "balances": {"USD": "1"}} for name, venue in market.form["venues"].items()})
    found = marked(bare)
    times = np.array([after(0), after(60)], np.int64)
    assert "EUR" not in found.currencies
    assert found.of("EUR", times).tolist() == [1.25, 1.25]
    assert np.isnan(found.of("GBP", times)).all()
    assert found.of("USD", times).tolist() == [1.0, 1.0]


def test_a_currency_two_steps_away_has_no_mark() -> None:
    series = {"alfa BTC/USDC": bars(), "bravo BTC/USDC": bars(), "alfa USDC/USD": bars(level=1.0), "alfa BTC/EUR": bars()}
    market = small(series, instruments={"alfa BTC/EUR": {"use": "mark"}}, venues={"alfa": {"balances": {"USDC": "1"}}})
    # from EUR over BTC and USDC
    assert np.isnan(marked(market).of("EUR", np.array([after(0)], np.int64))).all()


def test_the_last_mark_stands_and_is_counted_where_nothing_is_fresh() -> None:
    gone = dict.fromkeys(range(1, 8))
    market = small({"alfa BTC/USD": bars({0: Bar(104.0), **gone}), "bravo BTC/USD": bars({0: Bar(104.0), **gone})}, minutes=9)
    found = marked(market)
    # bar 0 ends with minute 1 and is fresh until minute 6; bar 8 ends with minute 9
    assert found.ticks["BTC"].tolist() == [100.0, *[104.0] * 8, 100.0]
    assert found.stale == {"BTC": 2, "USD": 0}
    times = np.array([after(s) for s in (360, 360.000001, 539.999999, 540)])
    assert found.is_stale(times)["BTC"].tolist() == [False, True, True, False]
    assert found.is_stale(times)["USD"].tolist() == [False] * 4


def test_a_stale_mark_is_that_of_the_last_source_to_age_alone() -> None:
    # alfa says 110 at 0, bravo 90 at 30: both until 300, bravo alone until 330
    market = small({"alfa BTC/USD": books({0: Book(110.0, 110.0)}), "bravo BTC/USD": books({30: Book(90.0, 90.0)})}, minutes=8)
    assert at(marked(market), "BTC", 300, 300.000001, 330, 400, 480) == [100.0, 90.0, 90.0, 90.0, 90.0]


def test_a_stale_mark_over_another_currency_is_of_when_both_steps_were_fresh_last() -> None:
    market = small(
        {
            "alfa BTC/USDC": books({0: Book(100.0, 100.0), 560: Book(300.0, 300.0)}),
            "bravo BTC/USDC": books({0: Book(100.0, 100.0)}),
            "alfa USDC/USD": books({0: Book(0.8, 0.8), 270: Book(0.5, 0.5)}, first=Book(0.9, 0.9)),
        },
        minutes=15,
    )
    found = marked(market)
    # 100 × 0.5 until 300, when both BTC are over five minutes old; at 560 there is one again, × 0.5 until 570
    assert at(found, "BTC", 269, 270, 300, 559, 560, 570, 571) == pytest.approx([80, 50, 50, 50, 150, 150, 150])
    times = np.array([after(s) for s in (300, 301, 559, 560, 570, 571)])
    assert found.is_stale(times)["BTC"].tolist() == [False, True, True, False, False, True]


def test_steps_of_a_route_that_never_met_again_leave_the_mark_of_when_they_did() -> None:
    # BTC at 0 and 600, USDC at 295: the older of 600 and 295 would be fresh until 595, but BTC was not then
    market = small(
        {
            "alfa BTC/USDC": books({0: Book(100.0, 100.0), 600: Book(300.0, 300.0)}),
            "bravo BTC/USDC": books({0: Book(100.0, 100.0), 600: Book(300.0, 300.0)}),
            "alfa USDC/USD": books({0: Book(0.8, 0.8), 295: Book(0.5, 0.5)}, first=Book(0.9, 0.9)),
        },
        minutes=15,
    )
    found = marked(market)
    assert at(found, "BTC", 294, 300, 301, 595, 600, 700) == pytest.approx([80, 50, 50, 50, 50, 50])
    assert found.is_stale(np.array([after(300), after(301), after(600)]))["BTC"].tolist() == [False, True, True]


def test_a_mark_may_be_very_old() -> None:
    # a BTC every 610 s, and a USDC 305 s after each: only the first of them are fresh together
    ends = range(0, 2_000 * 600, 610)
    coin, peg = {float(s): Book(200.0, 200.0) for s in ends}, {float(s + 305): Book(0.5, 0.5) for s in ends}
    frames = {"alfa BTC/USDC": books(coin), "bravo BTC/USDC": books(coin), "alfa USDC/USD": books(peg, first=Book(0.9, 0.9))}
    found = marked(small(frames, minutes=333 * 60, clock="1h"))
    assert at(found, "BTC", 0, 290, 333 * 3_600) == pytest.approx([180.0] * 3)
    assert found.stale["BTC"] == 333


def apart(count: int) -> marks.Marks:
    """Return the marks of a coin that is priced every 610 s, in USDC, which are priced 305 s after that: together they are fresh at first only."""
    ends_us, none = 610_000_000 * np.arange(count, dtype=np.int64), np.empty(0, np.int64)
    coin = priced("alfa BTC/USDC", ends_us, ends_us, np.full(count, 200.0))
    first = priced("alfa USDC/USD", ends_us[:1], ends_us[:1], np.full(1, 0.9))
    peg = priced("bravo USDC/USD", ends_us + 305_000_000, ends_us + 305_000_000, np.full(count, 0.5))
    return marks.Marks(numeraire="USD", currencies=("BTC",), sources=(coin, first, peg), ticks_us=none, ticks={}, stale={})


def test_what_a_mark_costs_grows_with_what_there_is_and_not_with_its_square(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []
    look = marks.seen

    def counting(source: Series, at_us: Int64s) -> marks.Seen:
        asked.append(at_us.size)
        return look(source, at_us)

    monkeypatch.setattr(marks, "seen", counting)
    looked = []
    for count in (1_000, 8_000):
        asked.clear()
        assert apart(count).at(600_000_000 + 610_000_000 * np.arange(count, dtype=np.int64))["BTC"].tolist() == [180.0] * count
        looked.append(sum(asked))
    assert looked[1] == pytest.approx(8 * looked[0], rel=0.01)


gaps = st.lists(st.tuples(st.integers(0, 900), st.integers(0, 320)), min_size=1, max_size=40)
ROUTES = ("alfa BTC/USDC", "bravo BTC/USDC", "alfa USDC/USD", "bravo USD/USDC")


@given(st.fixed_dictionaries(dict.fromkeys(ROUTES, gaps)), st.lists(st.integers(0, 40_000), min_size=1, max_size=10))
def test_a_stale_mark_is_found_going_back_from_one_time_at_which_something_ended_to_the_one_before(
    spoken: Mapping[str, list[tuple[int, int]]], seconds: list[int]
) -> None:
    sources = tuple(_source(name, rows) for name, rows in spoken.items())
    found = marks.Marks(numeraire="USD", currencies=("BTC", "USDC"), sources=sources, ticks_us=np.empty(0, np.int64), ticks={}, stale={})
    known = {s.key: list(zip(s.available_us // 1_000_000, s.event_us // 1_000_000, s.bid[:, 0], strict=True)) for s in sources}
    for currency, values in found.at(np.array(seconds, dtype=np.int64) * 1_000_000).items():
        np.testing.assert_array_equal(values, [going_back(known, currency, second) for second in seconds])


def _source(name: str, rows: list[tuple[int, int]]) -> Series:
    event_us = np.cumsum([gap for gap, _ in rows]) * 1_000_000
    available_us = np.maximum.accumulate(event_us + np.array([lag for _, lag in rows]) * 1_000_000)
    price = 100.0 + np.arange(len(rows)) if "BTC" in name else 1.0 + np.arange(len(rows)) / 64
    return priced(name, available_us, event_us, price)


def priced(name: str, available_us: Int64s, event_us: Int64s, price: Floats) -> Series:
    """Return quotes whose bids are their asks."""
    columns = room(price.size, 0, 1)
    columns.available_us[:], columns.event_us[:], columns.good[:], columns.price[:, :, 0] = available_us, event_us, True, price
    venue, _, pair = name.partition(" ")
    size = Decimal("0.01")
    return series(Instrument(venue=venue, name=pair, data="quotes", tick=size, lot=size, min_notional=size), columns)


def going_back(known: Mapping[SeriesKey, list[tuple[int, int, float]]], currency: str, second: int) -> float:
    """Return the mark of a time by the words of the model; nan where there was none before."""
    while True:
        mark = fresh_mark(known, currency, second)
        told = {key: seen[-1] for key, rows in known.items() if (seen := [event for at_s, event, _ in rows if at_s <= second])}
        links = [event for key, event in told.items() if "USD" in (key.base, key.quote)]
        ends = links if currency == "USDC" else [min(event, max(links)) for key, event in told.items() if key.base == "BTC" and links]
        if mark is not None or not ends:
            return NAN if mark is None else mark
        second = max(ends) + 300


def test_what_comes_over_five_minutes_late_is_never_a_price() -> None:
    rows = [(after(-10), after(-10), 100.0, 1.0, 100.0, 1.0), (after(10), after(400), 50.0, 1.0, 50.0, 1.0)]
    market = small({"alfa BTC/USD": quote_frame(rows), "bravo BTC/USD": quote_frame(rows)}, minutes=8)
    assert at(marked(market), "BTC", 290, 300, 400, 480) == [100.0] * 4


@pytest.mark.parametrize(
    ("begins", "advice"),
    [
        (2, "the earliest start that works is 2024-01-01T01:03:00Z"),
        (4, "the earliest start that works is 2024-01-01T01:05:00Z"),
        (5, "no later start works either: add an instrument that prices it"),
    ],
)
def test_a_start_without_a_mark_is_refused_with_the_first_start_before_the_end_that_works(begins: int, advice: str) -> None:
    market = small({"alfa BTC/USD": bars(first=begins), "bravo BTC/USD": bars(first=5)}, minutes=6)
    sentence = "expected a mark of BTC at the start (2024-01-01T01:00:00Z), found no price of the five minutes before; "
    with pytest.raises(DataError) as error:
        marked(market)
    assert str(error.value) == sentence + advice


def test_every_currency_without_a_mark_is_named_and_a_start_works_when_all_have_one() -> None:
    market = small({"alfa BTC/USDC": bars(first=1), "bravo BTC/USDC": bars(first=1), "alfa USDC/USD": bars(first=3, level=1.0)}, minutes=9)
    with pytest.raises(DataError, match=r"a mark of BTC, USDC at the start .* the earliest start that works is 2024-01-01T01:04:00Z$"):
        marked(market)


def test_a_start_does_not_work_where_the_mark_is_stale() -> None:
    seen: dict[float, Book] = {10: Book(100.0, 100.0), 500: Book(100.0, 100.0)}
    market = small({"alfa BTC/USDC": books(seen), "bravo BTC/USDC": books(seen), "alfa USDC/USD": bars(dict.fromkeys(range(-2, 7)))}, minutes=12)
    with pytest.raises(DataError, match=r"a mark of BTC, USDC at the start .* the earliest start that works is 2024-01-01T01:09:00Z$"):
        marked(market)


@pytest.mark.parametrize(
    "change",
    [
        {"venues": {"alfa": {"balances": {"BTC": "1", "USDT": "5"}}}},
        {"venues": {"alfa": {"fee_currency": "USDT"}}},
        {"routes": [{"name": "bridge", "currency": "USDT", "source": "alfa", "destination": "bravo", "delay": "1m"}]},
    ],
)
def test_a_currency_that_is_only_held_charged_or_moved_needs_a_mark_too(change: dict[str, Any]) -> None:
    series = {"alfa BTC/USD": bars(), "bravo BTC/USD": bars(), "charlie USDT/USD": bars(first=1, level=1.0)}
    idle: dict[str, Any] = {"instruments": {"charlie USDT/USD": {"use": "mark"}}, "venues": {"charlie": {"balances": {}}}}
    marked(small(series, **idle))
    with pytest.raises(DataError, match="expected a mark of USDT at the start"):
        marked(small(series, **{**idle, **change, "venues": {**idle["venues"], **change.get("venues", {})}}))


def test_nothing_after_a_time_changes_a_mark_at_it() -> None:
    market = two(minutes=9)
    poisoned = market.on({key: bars({n: Bar(1e6) for n in range(4, 10)} | {0: Bar(104.0)}) for key in market.data})
    calm = market.on({key: bars({0: Bar(104.0)}) for key in market.data})
    times = np.arange(after(0), after(300), 7_000_000)
    assert marked(poisoned).at(times)["BTC"].tolist() == marked(calm).at(times)["BTC"].tolist()


# Seconds of events and what was said then; None is a doubted row.
said = st.lists(st.tuples(st.integers(-300, 900), st.integers(0, 400), st.sampled_from((50.0, 80.0, 100.0, 104.0, None))), max_size=6)
INSTRUMENTS = ("alfa BTC/USD", "bravo BTC/USDC", "alfa USDC/USD", "bravo USD/USDC", "alfa BTC/USDT", "bravo USDT/USDC")


@given(st.fixed_dictionaries(dict.fromkeys(INSTRUMENTS, said)), st.lists(st.integers(0, 900), min_size=1, max_size=5))
def test_marks_are_those_of_the_last_second_at_which_something_was_fresh(spoken: Mapping[str, list[Any]], seconds: list[int]) -> None:
    spoken = {name: [(-10, 0, 100.0 if name.startswith("BTC", 5) else 1.0), *rows] for name, rows in spoken.items()}
    frames = {name: spoken_frame(rows) for name, rows in spoken.items()}
    uses = {name: {"use": "mark"} for name in ("bravo USD/USDC", "alfa BTC/USDT", "bravo USDT/USDC")}
    market = small(frames, minutes=15, instruments=uses)
    found = marked(market)
    known = {SeriesKey(*name.split(" ")): seen(rows) for name, rows in spoken.items()}
    for currency in ("BTC", "USDC"):
        assert at(found, currency, *seconds) == [last_mark(known, currency, s) for s in seconds]
    assert [last_mark(known, "USDT", s) for s in seconds] == found.of("USDT", np.array([after(s) for s in seconds])).tolist()


def spoken_frame(rows: list[tuple[int, int, float | None]]) -> pl.DataFrame:
    return quote_frame([(after(event), after(event + lag), price, 1.0, price, 1.0) for event, lag, price in rows])


def seen(rows: list[tuple[int, int, float | None]]) -> list[tuple[int, int, float]]:
    """Return (known, event, price) of the good rows, both times increasing, of those that the run reads."""
    found, event, known = [], -(10**9), -(10**9)
    for at_s, lag, price in rows:
        event, known = max(event, at_s), max(known, at_s + lag)
        if price is not None and event <= 900:
            found.append((known, event, price))
    return found


def last_mark(known: Mapping[SeriesKey, list[tuple[int, int, float]]], currency: str, second: int) -> float:
    """Return the mark of the last whole second, back from one, at which there was any; all times are whole seconds."""
    return next(mark for s in range(second, -302, -1) if (mark := fresh_mark(known, currency, s)) is not None)


def fresh_mark(known: Mapping[SeriesKey, list[tuple[int, int, float]]], currency: str, second: int) -> float | None:
    prices = {}
    for key, rows in known.items():
        told = [(event, price) for at_s, event, price in rows if at_s <= second]
        if told and second - told[-1][0] <= MARK_MAX_AGE_US // 1_000_000:
            prices[key] = told[-1][1]
    direct = directly(prices, currency)
    if direct is not None:
        return direct
    over = [(rate, directly(prices, third)) for third, rate in rates(prices, currency) if third != "USD"]
    hops = [rate * mark for rate, mark in over if mark is not None]
    return median(hops) if hops else None


def directly(prices: Mapping[SeriesKey, float], currency: str) -> float | None:
    found = [rate for third, rate in rates(prices, currency) if third == "USD"]
    return median(found) if found else None


def rates(prices: Mapping[SeriesKey, float], currency: str) -> list[tuple[str, float]]:
    as_base = [(key.quote, price) for key, price in prices.items() if key.base == currency]
    return as_base + [(key.base, 1 / price) for key, price in prices.items() if key.quote == currency]
