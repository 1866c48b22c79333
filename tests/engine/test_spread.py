"""The spread of the pair that matters most: taken with what was there, small however long the run, and with every extreme."""

from dataclasses import replace

import numpy as np
import polars as pl
import pytest

from engine.backtest import run
from engine.spread import BUCKETS, main_pair
from tests.engine.paper import ALFA, BRAVO, IDLE, OPPORTUNITIES, ORDERS, PATH, ordinals
from tests.engine.small import Bar, Book, after, bars, books, dear_alfa, level, small
from tests.strategies import World


def table(world: World) -> pl.DataFrame:
    """Return the spread of a world's run."""
    return run(world.spec, world.data, stress=False).spread


def at(found: pl.DataFrame, seconds: float) -> list[float | None]:
    """Return the spreads of a time."""
    return found.filter(pl.col("ts").dt.epoch("us") == after(seconds))["spread_bps"].to_list()


def test_the_pair_is_that_of_most_packages_the_leg_mostly_sold_first() -> None:
    assert main_pair(2, replace(PATH, orders=ORDERS)) == (ALFA, BRAVO)  # one each way: the first by name
    legs = ordinals(BRAVO, ALFA, BRAVO, ALFA, BRAVO)
    assert main_pair(2, replace(PATH, orders=replace(ORDERS, leg=legs))) == (BRAVO, ALFA)


def test_both_directions_of_a_pair_count_together() -> None:
    # 0 to 1 twice and 1 to 0 twice are more than 2 to 0 three times
    legs = ordinals(*[0, 1] * 2, *[1, 0] * 2, *[2, 0] * 3)
    orders = replace(ORDERS, leg=legs, role=np.zeros(legs.size, np.int32))
    assert main_pair(3, replace(PATH, orders=orders)) == (0, 1)
    three = replace(orders, leg=np.concatenate([legs, ordinals(2, 0, 0, 2)]), role=np.zeros(legs.size + 4, np.int32))
    assert main_pair(3, replace(PATH, orders=three)) == (2, 0)


def test_without_packages_the_pair_is_that_of_most_opportunities_and_without_those_the_first_two() -> None:
    assert main_pair(2, replace(IDLE, opportunities=OPPORTUNITIES)) == (BRAVO, ALFA)
    assert main_pair(2, IDLE) == (0, 1)


def test_the_spread_is_that_of_mids_at_marks() -> None:
    # BTC at 101 against 102 USDC of 0.99 each: 102 * 0.99 / 101 - 1 = -0.0198 %
    series = {"alfa BTC/USD": level(101.0), "bravo BTC/USDC": level(102.0), "bravo USDC/USD": level(0.99)}
    found = table(small(series))
    assert set(found["sell_instrument"]) == {"BTC/USD"}
    assert set(found["buy_venue"]) == {"bravo"}
    np.testing.assert_allclose(found["spread_bps"].to_numpy(), 1e4 * (101 / (102 * 0.99) - 1), rtol=1e-9)


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
    assert result.packages["buy_venue"].to_list() == ["bravo", "charlie"] * 2
    assert set(result.spread["buy_venue"]) == {"bravo"}
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
