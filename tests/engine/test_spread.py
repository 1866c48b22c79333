"""The spread of the pair that matters most: taken with what was there, small however long the run, and with every extreme."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import run
from engine.events import Opportunities, Path
from engine.spread import BUCKETS, main_combination
from tests.engine.paper import CHEAP, DEAR, IDLE, OPPORTUNITIES, PATH, SPEC, ordinals
from tests.engine.small import Bar, Book, after, bars, books, dear_alfa, level, small
from tests.strategies import World


def table(world: World) -> pl.DataFrame:
    """Return the spread of a world's run."""
    return run(world.spec, world.data, stress=False).spread


def at(found: pl.DataFrame, seconds: float) -> list[float | None]:
    """Return the spreads of a time."""
    return found.filter(pl.col("ts").dt.epoch("us") == after(seconds))["spread_bps"].to_list()


def test_the_main_combination_has_sent_the_most_packages_the_way_that_was_mostly_sent() -> None:
    assert main_combination(SPEC, PATH) == (CHEAP, DEAR)  # one each way: the first by name
    only = replace(OPPORTUNITIES, combination=ordinals(DEAR, CHEAP, DEAR, CHEAP, CHEAP))
    assert main_combination(SPEC, replace(PATH, opportunities=only)) == (DEAR, CHEAP)


def test_both_ways_of_a_combination_count_together() -> None:
    # alfa and bravo two each way are more than three from charlie to alfa: pairs of (a, b, c) are ab, ac, ba, bc, ca, cb
    spec = small({f"{venue} BTC/USD": bars() for venue in ("alfa", "bravo", "charlie")}).spec
    sent = [0] * 2 + [2] * 2 + [4] * 3
    assert main_combination(spec, _sent(sent)) == (0, 2)
    assert main_combination(spec, _sent([*sent, 4, 1])) == (4, 1)


def test_a_cycle_whose_reverse_was_not_looked_for_is_alone() -> None:
    # listed one way only
    series = {"alfa BTC/USD": level(100.0), "alfa BTC/USDC": level(100.0), "alfa USDC/USD": level(1.0)}
    listed = [["alfa BTC/USD", "alfa BTC/USDC", "alfa USDC/USD"]]
    spec = small(
        series,
        strategy={"kind": "triangular", "start": "USD", "cycles": listed},
        instruments={key: {"use": "trade"} for key in series},
    ).spec
    assert main_combination(spec, _sent([0])) == (0, -1)


def _sent(combinations: list[int]) -> Path:
    count = len(combinations)
    columns = {name: getattr(OPPORTUNITIES, name)[:1].repeat(count) for name in ("at_us", "edge_bps", "episode", "outcome")}
    return replace(PATH, opportunities=Opportunities(combination=ordinals(*combinations), package=np.arange(count), **columns))


def test_without_packages_it_is_that_of_most_opportunities_and_without_those_the_first() -> None:
    none_sent = replace(OPPORTUNITIES, package=np.full(5, -1))
    assert main_combination(SPEC, replace(IDLE, opportunities=none_sent)) == (DEAR, CHEAP)
    assert main_combination(SPEC, IDLE) == (CHEAP, DEAR)


def test_the_spread_is_that_of_mids_at_marks() -> None:
    # BTC at 101 against 102 USDC of 0.99 each: 102 * 0.99 / 101 - 1 = -0.0198 %
    series = {"alfa BTC/USD": level(101.0), "bravo BTC/USDC": level(102.0), "bravo USDC/USD": level(0.99)}
    found = table(small(series))
    assert set(found["legs"]) == {"sell alfa BTC/USD, buy bravo BTC/USDC"}
    np.testing.assert_allclose(found["spread_bps"].to_numpy(), 1e4 * (101 / (102 * 0.99) - 1), rtol=1e-9)


def test_the_spread_of_a_cycle_is_what_a_round_trip_gains_at_mids() -> None:
    # 1 USD buys 1/100 BTC, which brings 102/100 USDC of 0.99 each: 1.0098 USD
    series = {"alfa BTC/USD": level(100.0), "alfa BTC/USDC": level(102.0), "alfa USDC/USD": level(0.99)}
    world = small(
        series,
        strategy={"kind": "triangular", "start": "USD", "threshold_bps": 5_000.0},
        instruments={"alfa USDC/USD": {"use": "trade"}},
    )
    found = table(world)
    assert set(found["legs"]) == {"buy alfa BTC/USD, sell alfa BTC/USDC, sell alfa USDC/USD"}
    np.testing.assert_allclose(found["spread_bps"].to_numpy(), 98.0, rtol=1e-9)


def test_mids_are_of_bid_and_ask_and_not_of_the_close() -> None:
    series = {"alfa BTC/USD": books(first=Book(100.0, 104.0)), "bravo BTC/USD": books(first=Book(100.0, 100.0))}
    found = table(small(series, minutes=4))
    assert at(found, 60) == [pytest.approx(200.0)]


def test_at_a_tick_it_is_what_was_in_force_whenever_it_was_known() -> None:
    late = {"alfa": {"feed_latency": "20s"}}
    world = dear_alfa(0, venues=late, strategy={"threshold_bps": 5_000.0})
    # the bar that opens at the start ends a minute later, at 101, and is known 20 s after that
    assert at(table(world), 60) == [pytest.approx(100.0)]
    assert at(table(world), 120) == [pytest.approx(0.0)]


def test_a_leg_that_is_too_old_or_flagged_leaves_a_gap() -> None:
    gone = {"alfa BTC/USD": bars(dict.fromkeys((1, 2, 3))), "bravo BTC/USD": bars()}
    found = table(small(gone, strategy={"threshold_bps": 5_000.0}))
    assert at(found, 60) == [0.0]
    assert at(found, 180) == [None]
    assert at(found, 300) == [0.0]
    crossed = {"alfa BTC/USD": books({60: Book(101.0, 100.0), 120: Book(100.0, 100.0)}), "bravo BTC/USD": books()}
    found = table(small(crossed, strategy={"threshold_bps": 5_000.0}))
    assert at(found, 90) == [None]
    assert at(found, 180) == [0.0]


def test_an_extreme_between_ticks_that_was_an_opportunity_is_there_with_its_package() -> None:
    # for a tenth of a second, 30 s after the start
    short = {"alfa BTC/USD": books({30: Book(103.0, 103.0), 30.1: Book(100.0, 100.0)}), "bravo BTC/USD": books()}
    found = table(small(short))
    peak = found.filter(pl.col("spread_bps") == pl.col("spread_bps").max())
    assert peak["spread_bps"].to_list() == [pytest.approx(300.0)]
    assert peak["package"].to_list() == [0]
    assert peak["ts"].dt.epoch("us").to_list() == [after(30)]
    assert found["package"].drop_nulls().to_list() == [0]


def test_opportunities_of_other_pairs_are_not_in_it() -> None:
    books_of = {"alfa": {30: Book(103.0, 103.0), 31: Book(100.0, 100.0), 40: Book(103.0, 103.0), 41: Book(100.0, 100.0)}, "bravo": {}, "charlie": {}}
    series = {f"{venue} BTC/USD": books(changes) for venue, changes in books_of.items()}
    world = small(series, strategy={"max_notional": "300"})
    result = run(world.spec, world.data, stress=False)
    legs = [f"sell alfa BTC/USD, buy {venue} BTC/USD" for venue in ("bravo", "charlie")]
    assert result.packages["legs"].to_list() == legs * 2
    assert set(result.spread["legs"]) == {legs[0]}
    assert result.spread["package"].drop_nulls().to_list() == [0, 2]


def test_a_long_run_is_no_larger_and_keeps_the_lowest_and_the_highest() -> None:
    minutes = 5_000
    chance = np.random.default_rng(2)
    close = np.round(100 + np.cumsum(chance.normal(0, 0.01, minutes)), 2).tolist()
    close[777], close[4_321] = 130.0, 70.0
    series = {"alfa BTC/USD": bars({n: Bar(price) for n, price in enumerate(close)}, last=minutes), "bravo BTC/USD": bars(last=minutes)}
    found = table(small(series, minutes=minutes, strategy={"threshold_bps": 9_000.0}, risk={"max_gross_edge_bps": 1e6}))
    assert found.height <= 2 * BUCKETS + 4
    assert found["ts"].is_sorted()
    assert (found["spread_bps"].max(), found["spread_bps"].min()) == (pytest.approx(3_000.0), pytest.approx(-3_000.0))
    assert (at(found, 0), at(found, 60 * minutes)) == ([pytest.approx(0.0)], [pytest.approx(1e4 * (close[-1] / 100 - 1))])


def test_every_package_is_kept_however_many_there_are() -> None:
    world = small(
        {"alfa BTC/USD": books({k / 50: Book(101.0 + k % 2, 101.0 + k % 2) for k in range(1, 9_000)}), "bravo BTC/USD": books()},
        minutes=3,
        strategy={"max_notional": "0.1", "threshold_bps": 1.0},
        instruments={name: {"lot": "0.0001"} for name in ("alfa BTC/USD", "bravo BTC/USD")},
    )
    result = run(world.spec, world.data, stress=False)
    assert result.packages.height > BUCKETS
    assert result.spread["package"].drop_nulls().len() == result.packages.height
