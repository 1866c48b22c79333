"""Counts of what is good and bad about data, by hand."""

from collections.abc import Mapping

import polars as pl
import pytest

from engine import quality
from engine.schema import SeriesKey
from tests.engine.small import Bar, bars, dear_alfa
from tests.strategies import EPOCH_US, MINUTE, World, frame, iso

ALFA = SeriesKey("alfa", "BTC/USD")


def assessed(changes: Mapping[int, Bar | None], *, minutes: int = 10, last: int = 12) -> dict[str, str | int | float | None]:
    """Return what is said about alfa, in a run of ten minutes whose bars begin two minutes before."""
    market = dear_alfa(minutes=minutes)
    found = quality.assess(market.spec, {**market.bars, ALFA: bars(changes, last=last)})
    return found[0]


def test_a_series_without_fault_has_a_bar_an_interval_and_no_gap() -> None:
    assert assessed({}) == {
        "venue": "alfa",
        "instrument": "BTC/USD",
        "bars": 10,
        "no_trade": 0,
        "missing": 0,
        "longest_gap_s": 0.0,
        "wicks": 0,
        "first": "2024-01-01T01:00:00Z",
        "last": "2024-01-01T01:09:00Z",
    }


def test_every_series_of_the_spec_has_a_row_in_its_order() -> None:
    market = dear_alfa()
    rows = quality.assess(market.spec, market.bars)
    assert [(row["venue"], row["instrument"]) for row in rows] == [("alfa", "BTC/USD"), ("bravo", "BTC/USD")]


SILENT = Bar(100.0, volume=0.0)


@pytest.mark.parametrize(
    ("changes", "bars_found", "silent", "missing", "gap_s"),
    [
        ({3: None, 4: None, 8: None}, 7, 0, 3, 120),
        ({3: None, 4: SILENT, 5: SILENT, 8: None}, 8, 2, 2, 180),  # without an observation from minute 3 to minute 6
        ({0: None, 1: SILENT}, 9, 1, 1, 120),  # the start is an end of a gap
        ({7: None, 8: None, 9: SILENT}, 8, 1, 2, 180),  # and so is the end
        ({-1: None, -2: SILENT, 10: None, 11: SILENT}, 10, 0, 0, 0),  # outside the run nothing counts
        (dict.fromkeys(range(10)), 0, 0, 10, 600),
        (dict.fromkeys(range(10), SILENT), 10, 10, 0, 600),
    ],
)
def test_missing_and_silent_bars_are_counted_and_the_longest_stretch_without_an_observation(
    changes: dict[int, Bar | None], bars_found: int, silent: int, missing: int, gap_s: int
) -> None:
    found = assessed(changes)
    assert [found[name] for name in ("bars", "no_trade", "missing", "longest_gap_s")] == [bars_found, silent, missing, gap_s]


def test_the_first_and_last_bar_of_the_run_are_named_or_none() -> None:
    ends = {0: None, 1: None, 9: None}
    assert (assessed(ends)["first"], assessed(ends)["last"]) == ("2024-01-01T01:02:00Z", "2024-01-01T01:08:00Z")
    nothing = assessed(dict.fromkeys(range(10)))
    assert (nothing["first"], nothing["last"]) == (None, None)


@pytest.mark.parametrize(
    ("bar", "wicks"),
    [
        (Bar(100.0, open=98.0, high=105.0), 0),  # 5 % beyond the higher of both: not further
        (Bar(100.0, open=98.0, high=105.1), 1),
        (Bar(100.0, open=98.0, low=93.1), 0),  # 98 × 0.95
        (Bar(100.0, open=98.0, low=93.0), 1),
        (Bar(98.0, open=100.0, high=105.1, low=93.0), 1),  # one bar, whichever end
    ],
)
def test_a_wick_reaches_more_than_500_bps_beyond_open_and_close(bar: Bar, wicks: int) -> None:
    assert assessed({4: bar})["wicks"] == wicks
    assert assessed({-1: bar, 11: bar})["wicks"] == 0


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
    market = off_the_interval(start, end)
    table: pl.DataFrame = frame([(EPOCH_US + n * MINUTE, 1.0, 1.0, 1.0, 1.0, 1.0) for n in opens])
    assert quality.assess(market.spec, {**market.bars, ALFA: table})[0]["missing"] == missing
