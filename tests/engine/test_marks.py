"""What currencies are worth, from data alone."""

from statistics import median

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import marks, panel
from engine.errors import DataError
from tests.engine.small import START, Bar, after, bars, small
from tests.strategies import World

NAN = float("nan")


def marked(world: World) -> marks.Marks:
    return marks.build(world.spec, panel.build(world.spec, world.bars))


def two(**changes: object) -> World:
    return small({"alfa BTC/USD": bars({0: Bar(104.0)}), "bravo BTC/USD": bars({0: Bar(102.0), 3: Bar(90.0)})}, **changes)


sources = st.lists(st.lists(st.sampled_from((NAN, 1.0, 2.0, 2.5, 7.0)), min_size=4, max_size=4), min_size=1, max_size=5)


@given(sources)
def test_the_median_is_that_of_the_sources_that_have_a_value(table: list[list[float]]) -> None:
    present = [[row[n] for row in table if row[n] == row[n]] for n in range(4)]
    expected = [median(values) if values else NAN for values in present]
    np.testing.assert_array_equal(marks.median([np.array(row) for row in table], 4), expected)


def test_the_median_of_no_source_is_unknown() -> None:
    assert np.isnan(marks.median([], 3)).tolist() == [True, True, True]


def test_rows_are_the_ticks_and_every_time_at_which_something_became_available() -> None:
    found = marked(two(minutes=2, venues={"bravo": {"feed_latency": "5s"}}))
    assert found.at_us.tolist() == [after(s) for s in (0, 5, 60, 65, 120)]
    assert found.ticks.tolist() == [0, 2, 4]
    # bars that end with minute 1 are known 5 s later; the mark is the mean of 104 and 102
    assert found.value["BTC"].tolist() == [100.0, 100.0, 100.0, 103.0, 103.0]
    assert found.value["USD"].tolist() == [1.0] * 5
    assert found.stale == {"BTC": 0, "USD": 0}


def test_ticks_follow_the_clock() -> None:
    found = marked(two(minutes=2, clock="30s"))
    assert found.at_us[found.ticks].tolist() == [after(s) for s in (0, 30, 60, 90, 120)]


def test_the_row_that_stands_at_a_time_is_the_last_at_or_before_it() -> None:
    found = marked(two(minutes=2))
    assert found.row_at(np.array([after(0), after(59.9), after(60), after(119.999999), after(300)])).tolist() == [0, 0, 1, 1, 2]


def test_a_close_is_fresh_for_five_minutes_after_its_event() -> None:
    market = two(minutes=8)
    series = panel.build(market.spec, {**market.bars, market.spec.series[0]: bars({0: Bar(104.0)}, last=0)}).series[0]
    at = np.array([after(s) for s in (0, 60, 360, 360.000001)])
    # bar 0 ends with the first minute
    np.testing.assert_array_equal(marks.fresh_closes(series, at), [100.0, 104.0, 104.0, NAN])


def test_a_direct_price_goes_before_any_over_another_currency() -> None:
    market = small(
        {"alfa BTC/USDC": bars(level=200.0), "bravo BTC/USD": bars(), "alfa USDC/USD": bars(level=0.9)},
    )
    # over USDC it would be 180
    assert set(marked(market).value["BTC"].tolist()) == {100.0}
    assert set(marked(market).value["USDC"].tolist()) == {0.9}


def test_prices_over_another_currency_count_at_its_own_mark_and_inverted_where_they_must() -> None:
    market = small(
        {
            "alfa BTC/USDC": bars(level=100.0),
            "bravo BTC/USDC": bars(level=104.0),
            "alfa USD/USDC": bars(level=1.25),
            "bravo USDC/USD": bars(level=0.9),
        },
        instruments={"alfa USD/USDC": {"use": "mark"}, "bravo USDC/USD": {"use": "mark"}},
    )
    found = marked(market)
    # a USDC: the mean of 1 / 1.25 and 0.9 = 0.85; a BTC: the mean of 100 × 0.85 and 104 × 0.85
    assert found.value["USDC"][0] == pytest.approx(0.85, rel=1e-12)
    assert found.value["BTC"][0] == pytest.approx(86.7, rel=1e-12)


def test_a_currency_two_steps_away_has_no_mark() -> None:
    market = small(
        {"alfa BTC/USDC": bars(), "bravo BTC/USDC": bars(), "alfa USDC/USDT": bars(level=1.0), "bravo USDT/USD": bars(level=1.0)},
        instruments={"alfa USDC/USDT": {"use": "mark"}, "bravo USDT/USD": {"use": "mark"}},
    )
    with pytest.raises(DataError, match=r"^expected a mark of BTC at the start \(2024-01-01T01:00:00Z\)"):
        marked(market)


def test_the_last_mark_stands_and_is_counted_where_nothing_is_fresh() -> None:
    gone = dict.fromkeys(range(1, 8))
    market = small({"alfa BTC/USD": bars({0: Bar(104.0), **gone}), "bravo BTC/USD": bars({0: Bar(104.0), **gone})}, minutes=9)
    found = marked(market)
    # bar 0 ends with minute 1 and is fresh until minute 6; bar 8 ends with minute 9
    assert found.value["BTC"].tolist() == [100.0, *[104.0] * 8, 100.0]
    assert found.stale == {"BTC": 2, "USD": 0}


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


def test_a_currency_that_is_only_held_needs_a_mark_too() -> None:
    held = {"balances": {"BTC": "1", "USDT": "5"}}
    with pytest.raises(DataError, match="expected a mark of USDT at the start"):
        marked(two(venues={"alfa": held}))


def test_nothing_after_a_time_changes_a_mark_at_it() -> None:
    market = two(minutes=9)
    poisoned = market.on({key: bars({n: Bar(1e6) for n in range(4, 10)} | {0: Bar(104.0)}) for key in market.bars})
    calm = market.on({key: bars({0: Bar(104.0)}) for key in market.bars})
    before = marked(calm).at_us < START + 300_000_000
    assert marked(poisoned).value["BTC"][before].tolist() == marked(calm).value["BTC"][before].tolist()
