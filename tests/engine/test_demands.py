"""A run on days below what its spec demands is refused, or says so and is the same run."""

from collections.abc import Iterable, Mapping

import pytest

from engine import backtest, demands, panel
from engine.errors import DataError, SpecError
from tests.engine.small import Bar, Book, bars, books, small
from tests.strategies import World

SILENT = Bar(100.0, volume=0.0)


def demanding(market: World, **asked: object) -> World:
    """Return a world that warns of days below what is demanded."""
    return market.but(quality={"demands": {"below": "warn", **asked}})


def said(market: World, **asked: object) -> list[str]:
    """Return what the days are that are below."""
    world = demanding(market, **asked)
    return [f"{day.key} on {day}" for day in demands.unmet(world.spec, world.data)]


def two(changes: Mapping[int, Bar | None], minutes: int = 10) -> World:
    """Return a market of two venues, alfa with these bars, from 01:00 on."""
    return small({"alfa BTC/USD": bars(changes), "bravo BTC/USD": bars()}, minutes=minutes)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({"min_covered": 0.7}, []),
        ({"min_covered": 0.71}, ["a price for 70% of the time (at least 71%)"]),
        ({"max_gap": "2m"}, []),
        ({"max_gap": "119s"}, ["no observation for 120 s on end (at most 119 s)"]),
        (
            {"min_covered": 0.9, "max_gap": "1m"},
            ["a price for 70% of the time (at least 90%) and no observation for 120 s on end (at most 60 s)"],
        ),
    ],
)
def test_bars_are_held_against_what_is_demanded(asked: dict[str, object], found: list[str]) -> None:
    market = two({3: None, 4: SILENT, 8: None})  # seven of ten minutes, two of the others together
    assert said(market, **asked) == [f"alfa BTC/USD on 2024-01-01 with {why}" for why in found]


@pytest.mark.parametrize("at", [0, 1, 8, 9])
def test_the_ends_of_the_run_are_ends_of_a_stretch(at: int) -> None:
    near = {n: None for n in (0, 1) if at < 5} | {n: None for n in (8, 9) if at > 5}
    assert said(two(near), max_gap="1m") == ["alfa BTC/USD on 2024-01-01 with no observation for 120 s on end (at most 60 s)"]
    assert said(two(near), max_gap="2m") == []


def test_what_lies_outside_the_run_is_nobodys_business() -> None:
    assert said(two({-2: SILENT, -1: None, 5: None, 6: None}, minutes=5), min_covered=1.0, max_gap="0s") == []


def hourly(hours: Iterable[int], last: int) -> World:
    """Return a market of hourly bars from 01:00 of the first of January on: alfa has some of them, bravo all."""
    first, every = (bars({60 * n: Bar(100.0) for n in some}, first=0, last=0) for some in ([0, *hours], range(last)))
    return small({"alfa BTC/USD": first, "bravo BTC/USD": every}, minutes=60 * last, interval="1h", clock="1h")


def test_a_stretch_over_midnight_is_of_the_day_on_which_it_ends_and_a_day_without_any_goes_on() -> None:
    market = hourly(range(50, 73), last=73)  # nothing from 02:00 on the first to 03:00 on the third
    assert said(market, max_gap="2940m") == []
    assert said(market, max_gap="2939m") == ["alfa BTC/USD on 2024-01-03 with no observation for 176,400 s on end (at most 176,340 s)"]
    assert [line.partition(" with ")[0] for line in said(market, max_gap="10h")] == ["alfa BTC/USD on 2024-01-03"]  # told once, where it ends
    assert [line.partition(" with ")[0] for line in said(market, min_covered=0.01)] == ["alfa BTC/USD on 2024-01-02"]


def test_quotes_are_held_by_their_events_and_by_what_is_flagged() -> None:
    crossed = Book(101.0, 100.0)
    alfa = books({1: Book(99, 100), 2: crossed, 30: Book(99, 100), 59: Book(99, 100)})
    market = small({"alfa BTC/USD": alfa, "bravo BTC/USD": books({n: Book(99, 100) for n in range(0, 61, 5)})}, minutes=1, interval="30s")
    assert said(market, max_flagged=0.25) == []  # one of four
    assert said(market, max_flagged=0.24) == ["alfa BTC/USD on 2024-01-01 with 25% of its rows flagged (at most 24%)"]
    assert said(market, max_gap="29s") == []
    assert said(market, max_gap="28s") == ["alfa BTC/USD on 2024-01-01 with no observation for 29 s on end (at most 28 s)"]
    # five seconds after seconds 1 and 30, one after 59; the interval of bars is none of theirs
    assert said(market, min_covered=11 / 60) == []
    assert len(said(market, min_covered=12 / 60)) == 1


def test_receipts_count_by_the_clock_of_the_run() -> None:
    received = books({1: Book(99, 100), 30: Book(99, 100)}).select("ts", "bid", "bid_size", "ask", "ask_size").rename({"ts": "received"})
    frame = books({1: Book(99, 100), 30: Book(99, 100)}).with_columns(ts=None, received=received["received"])
    frame = frame.cast(dict(books().schema))
    market = small({"alfa BTC/USD": frame, "bravo BTC/USD": books({n: Book(99, 100) for n in range(0, 61, 5)})}, minutes=1)
    late = market.but(venues={**market.form["venues"], "alfa": {**market.form["venues"]["alfa"], "clock_offset": "10s"}})
    assert said(market, max_gap="29s") == ["alfa BTC/USD on 2024-01-01 with no observation for 30 s on end (at most 29 s)"]  # from 30 to 60
    assert said(late, max_gap="29s") == []  # at 0, 11 and 40


@pytest.mark.parametrize(("use", "days"), [("mark", 0), ("convert", 1)])
def test_what_only_marks_may_be_as_it_is(use: str, days: int) -> None:
    series = {"alfa BTC/USD": bars(), "bravo BTC/USD": bars(), "bravo USDC/USD": bars({3: None}, level=1.0)}
    assert len(said(small(series, minutes=10, instruments={"bravo USDC/USD": {"use": use}}), max_gap="30s")) == days


def test_a_run_is_refused_before_it_begins_and_says_all() -> None:
    market = two({3: None}).but(quality={"demands": {"max_gap": "30s"}})
    with pytest.raises(DataError, match=r"alfa BTC/USD is below what is demanded on 1 day: 2024-01-01 with no observation for 60 s") as refused:
        backtest.run(market.spec, market.data)
    assert 'set quality.demands.below = "warn"' in str(refused.value)


def test_only_the_first_of_many_days_are_named() -> None:
    market = hourly([], last=7 * 24)
    with pytest.raises(DataError, match=r"demanded on 8 days: 2024-01-01 with .*; 2024-01-05 with [^;]*; and 3 more\. Take") as refused:
        panel.build(market.but(quality={"demands": {"min_covered": 0.5}}).spec, market.data)
    assert "2024-01-06" not in str(refused.value)


def test_a_run_that_warns_is_the_run_that_it_would_be_without() -> None:
    market = two({3: None, 5: Bar(103.0)})
    plain, warned = (backtest.run(world.spec, world.data, stress=False) for world in (market, demanding(market, max_gap="30s")))
    sentence = "quality.demands: alfa BTC/USD is below what is demanded on 1 day: 2024-01-01 with no observation for 60 s on end (at most 30 s)"
    assert sentence in warned.summary["warnings"]  # type: ignore[operator]
    assert plain.fills.equals(warned.fills)
    assert plain.equity.equals(warned.equity)
    assert plain.fills.height > 0


def test_a_spec_that_demands_nothing_is_what_it_was() -> None:
    market = two({})
    assert "demands" not in market.spec.canonical()["quality"]  # type: ignore[operator]
    demanded = demanding(market, max_gap="30s")
    assert demanded.spec.canonical()["quality"]["demands"] == {  # type: ignore[index]
        "below": "warn", "min_covered": None, "max_flagged": None, "max_gap": "30s",
    }  # fmt: skip
    assert demanded.spec.hash() != market.spec.hash()
    with pytest.raises(SpecError, match=r"quality\.demands: demands nothing: name min_covered, max_flagged or max_gap"):
        market.but(quality={"demands": {}})
