"""Series of one instrument against each other: who stands apart, and who is late."""

import numpy as np
import polars as pl
import pytest

from engine.cross_checks import Recorded, compare
from engine.day_checks import DAY_US
from engine.schema import BARS, QUOTES, TIMESTAMP, TRADES
from tests.engine.test_day_checks import DAY, MINUTE, SECOND, bars, quotes

HOURS = 1_000_000 * 3_600


def closes(venue: str, prices: list[float], *, volume: float = 1.0, interval_us: int = MINUTE, first_us: int = 0) -> Recorded:
    """Return bars with these closes, one after the other."""
    rows = [(DAY + first_us + n * interval_us, p, p, p, p, volume) for n, p in enumerate(prices)]
    return Recorded(venue, "bars", interval_us, pl.DataFrame(rows, schema=BARS, orient="row"))


def mids(venue: str, prices: list[float], *, step_us: int, first_us: int = 0) -> Recorded:
    """Return quotes with these mids, one after the other."""
    rows = [(DAY + first_us + n * step_us, None, p - 0.5, 1.0, p + 0.5, 1.0) for n, p in enumerate(prices)]
    return Recorded(venue, "quotes", 0, pl.DataFrame(rows, schema=QUOTES, orient="row"))


def wander(seed: int, steps: int) -> list[float]:
    """Return prices that change by a ten-thousandth or so at every step."""
    return list(100 * np.exp(np.cumsum(np.random.default_rng(seed).normal(0, 1e-4, steps))))


def test_three_venues_tell_which_of_them_is_off() -> None:
    found = compare([closes("a", [100, 100, 100]), closes("b", [100, 100.2, 100]), closes("c", [100, 106, 100.1])])
    assert [(row["wicks"], row["outliers"]) for row in found] == [(0, 0), (0, 0), (1, 1)]
    # medians 100, 100.2, 100: a is off by 0, 0.2 / 100.2 and 0
    assert [round(row["worst_bps"], 6) for row in found] == [round(0.2 / 100.2 * 1e4, 6), 0, round((106 / 100.2 - 1) * 1e4, 6)]
    assert [row["apart_bps"] for row in found] == pytest.approx([0, 0, 10], abs=1e-9)


def test_two_venues_tell_only_that_one_of_them_is() -> None:
    found = compare([closes("a", [100, 100]), closes("b", [100, 120])])
    assert [(row["wicks"], row["outliers"]) for row in found] == [(1, 0), (1, 0)]


def test_two_series_of_one_venue_are_one_venue() -> None:
    found = compare([closes("a", [100]), closes("a", [100]), closes("b", [130])])
    assert [(row["wicks"], row["outliers"]) for row in found] == [(0, 0), (0, 0), (1, 0)]


def test_a_high_or_low_far_off_is_found_of_minute_bars_and_the_close_alone_counts_of_longer_ones() -> None:
    wick = bars((0, 1.0))  # high 3, low 1, close 2
    found = compare([Recorded("a", "bars", MINUTE, wick), *(closes(venue, [2]) for venue in "bc")])
    assert [(row["wicks"], row["outliers"], row["worst_bps"]) for row in found] == [(1, 1, 0), (0, 0, 0), (0, 0, 0)]
    longer = compare([Recorded("a", "bars", 60 * MINUTE, wick), *(closes(venue, [2], interval_us=60 * MINUTE) for venue in "bc")])
    assert [row["wicks"] for row in longer] == [0, 0, 0]


def test_bars_meet_quotes_and_trades_of_the_minute_at_whose_end_they_end() -> None:
    quoted = Recorded("b", "quotes", 0, quotes((SECOND, None, 89, 91), (MINUTE, None, 99, 101), (MINUTE + 1, None, 1, 3)))
    traded = pl.DataFrame([(DAY + SECOND, None, 90.0, 1.0, 1, 1), (DAY + 2 * SECOND, None, 100.0, 1.0, 1, 2)], schema=TRADES, orient="row")
    found = compare([closes("a", [100]), quoted, Recorded("c", "trades", 0, traded)])
    assert [row["worst_bps"] for row in found] == [0, 0, 0], "100 is the last price of each"
    assert [row["outliers"] for row in found] == [0, 1, 1], "90 was seen before"
    assert [row["wicks"] for row in found] == [0, 1, 1], "alone in the second minute"


def test_one_venue_alone_is_held_against_itself() -> None:
    assert compare([Recorded("a", "bars", MINUTE, bars((0, 1.0), (MINUTE, 0.0)))]) == [{"wicks": 1, "outliers": 0}]


@pytest.mark.parametrize("minutes", [0, 1, -2, 300])
def test_a_series_that_is_stamped_late_is_told_by_its_prices(minutes: int) -> None:
    prices = wander(1, 1440)
    late = closes("late", prices[300 : 1440 - 300], first_us=(300 + minutes) * MINUTE)
    found = compare([closes("a", prices), closes("b", prices), late])
    assert [row["lag_us"] for row in found] == [0, 0, minutes * MINUTE]
    assert found[2]["lag_correlation"] > 0.5


def test_of_two_venues_each_is_late_or_early_against_the_other() -> None:
    prices = wander(2, 500)
    found = compare([closes("a", prices), closes("b", prices, first_us=3 * MINUTE)])
    assert [row["lag_us"] for row in found] == [-3 * MINUTE, 3 * MINUTE]


def test_quotes_are_held_against_each_other_by_tenths_of_a_second() -> None:
    prices = wander(3, 3000)
    found = compare([mids("a", prices, step_us=SECOND // 5), mids("b", prices, step_us=SECOND // 5, first_us=1_300_000)])
    assert [row["lag_us"] for row in found] == [-1_300_000, 1_300_000]


@pytest.mark.parametrize("seconds", [0.0, 0.1, 45.6, -59.9])
def test_any_shift_of_quotes_is_found_to_the_tenth(seconds: float) -> None:
    prices = wander(7, 3000)
    found = compare([mids("a", prices, step_us=SECOND // 5), mids("b", prices, step_us=SECOND // 5, first_us=round(seconds * SECOND))])
    assert [row["lag_us"] for row in found] == [-round(seconds * SECOND), round(seconds * SECOND)]


def test_a_slight_lead_of_one_market_is_no_shift_of_its_clock() -> None:
    prices = np.log(wander(4, 1440))
    behind = 0.52 * np.roll(prices, 1) + 0.48 * prices  # a little more than half of each change comes a minute later
    found = compare([closes("a", list(np.exp(prices)[1:])), closes("b", list(np.exp(behind)[1:]))])
    assert [row["lag_us"] for row in found] == [0, 0]


@pytest.mark.parametrize(
    "others",
    [
        [closes("b", wander(6, 1440))],  # nothing in common
        [closes("b", [100.0] * 1440)],  # no change at all
        [closes("b", wander(5, 1440), first_us=DAY_US)],  # never at the same time
        [closes("b", [100.0])],
        [closes("b", [100.0] * 9, volume=0.0)],
        [closes("a", wander(5, 1440))],  # the same venue
        [],
    ],
)
def test_what_has_nothing_to_compare_tells_no_lag(others: list[Recorded]) -> None:
    found = compare([closes("a", wander(5, 1440)), *others])
    assert all("lag_us" not in row for row in found)


def test_a_column_of_times_alone_is_enough() -> None:
    received = quotes((None, SECOND, 9, 11)).with_columns(pl.col("ts").cast(TIMESTAMP))
    assert compare([Recorded("a", "quotes", 0, received), closes("b", [10])])[0]["worst_bps"] == 0
