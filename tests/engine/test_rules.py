"""Rules that a run of the list of mutations showed to be without a test."""

from datetime import UTC, datetime

import numpy as np
import pytest

from engine import backtest, opportunities, panel, trading_back
from engine.errors import DataError
from engine.events import Opportunities
from engine.schema import SeriesKey
from tests.engine.small import Bar, Book, bars, books, small


@pytest.mark.parametrize("side", ["bid_size", "ask_size"])
def test_a_size_that_is_too_large_is_refused_wherever_it_stands(side: str) -> None:
    # 1e9 coins at 100 are 1e19 atoms of money, above 2**62
    huge = Book(100.0, 100.0)._replace(**{side: 1e9})
    for quotes in (books({5: Book(100.0, 100.0)}, first=huge), books({5: huge})):
        world = small({"alfa BTC/USD": quotes, "bravo BTC/USD": books()}, minutes=1)
        with pytest.raises(DataError, match=r"volumes × prices below 4\.6e10"):
            panel.build(world.spec, world.data)


@pytest.mark.parametrize(("falls", "blocked"), [(80.0, True), (100.0, False)])
def test_a_wick_goes_by_the_mark_of_when_its_bar_became_known(falls: float, blocked: bool) -> None:
    # the bar of 0 s ends at 60 s and is known at 90 s; its 104 is 4 % above the others' 100, or at 0.9 USD 6.4 % below
    series = {
        "alfa BTC/USD": bars(),
        "bravo BTC/USD": bars(),
        "charlie BTC/USDC": bars({0: Bar(100.0, high=104.0)}),
        "alfa USDC/USD": books({falls: Book(0.9, 0.9)}, first=Book(1.0, 1.0)),
    }
    world = small(series, minutes=4, venues={"bravo": {"feed_latency": "30s"}})
    found = panel.build(world.spec, world.data).of(SeriesKey("charlie", "BTC/USDC"))
    assert found.blocked[2] == blocked


def test_an_outage_is_of_its_venue_alone() -> None:
    down = {"bravo": {"outages": [{"start": "2024-01-01T01:01:00Z", "end": "2024-01-01T01:02:00Z"}]}}
    world = small({"alfa BTC/USD": bars(), "bravo BTC/USD": bars()}, venues=down)
    seen = panel.build(world.spec, world.data)
    assert [seen.of(SeriesKey(venue, "BTC/USD")).good.all() for venue in ("alfa", "bravo")] == [True, False]


@pytest.mark.parametrize(("bar", "counted"), [(-1, 0), (0, 1), (5, 1), (6, 0)])
def test_bars_count_that_open_at_the_start_or_later_and_end_at_the_end_or_before(bar: int, counted: int) -> None:
    # six minutes; the high of one bar is 10 % off
    series = {"alfa BTC/USD": bars({bar: Bar(100.0, high=110.0)}), "bravo BTC/USD": bars(), "charlie BTC/USD": bars()}
    world = small(series)
    row = panel.build(world.spec, world.data).quality[0]
    assert (row["instrument"], row["venue"], row["wicks"]) == ("BTC/USD", "alfa", counted)


def test_a_notice_of_the_end_has_come() -> None:
    # bravo's quote of -10 s is seen at 25 s; the fill of then is noticed at 60 s
    series = {"alfa BTC/USD": books(first=Book(101.0, 102.0)), "bravo BTC/USD": books()}
    for latency, notice in (("35s", datetime(2024, 1, 1, 1, 1, tzinfo=UTC)), ("35000001us", None)):
        world = small(series, minutes=1, venues={"bravo": {"feed_latency": latency}})
        fills = backtest.run(world.spec, world.data, stress=False).fills
        assert fills["notice"].to_list()[1] == notice


def test_the_length_of_episodes_is_their_median() -> None:
    at_us = np.array([0, 10, 20, 50]) * 1_000_000
    none = np.zeros(4, np.int32)
    found = Opportunities(at_us=at_us, combination=none, edge_bps=np.ones(4), episode=np.array([0, 1, 2, 2]), outcome=none, package=np.arange(4))
    spec = small({"alfa BTC/USD": books(), "bravo BTC/USD": books()}, minutes=1).spec
    assert opportunities.episode_figures(spec, found)["median_episode_s"] == 0


@pytest.mark.parametrize(("start", "rate"), [("2024-01-01T01:01:00Z", 2e-4), ("2024-01-01T01:01:00.000001Z", 1e-4)])
def test_a_row_of_fees_that_begins_at_the_end_holds_there(start: str, rate: float) -> None:
    rows = [{"end": start, "taker_bps": 1}, {"start": start, "taker_bps": 2}]
    spec = small({"alfa BTC/USD": books(), "bravo BTC/USD": books()}, minutes=1, venues={"alfa": {"fees": rows}}).spec
    holds = trading_back.in_force(spec, spec.legs[0])
    assert holds is not None
    assert [rate for _, rate in holds.tiers] == [rate]
