"""The further cost at which nothing is left."""

import pytest

from engine.backtest import run
from engine.statistics.breakeven import breakeven_bps
from tests.engine.small import Book, books, small


def test_it_is_excess_over_turnover() -> None:
    # 12.50 left of 50,000: 2.5 bps; what is lost already is below 0
    assert breakeven_bps(12.5, 50_000.0) == pytest.approx(2.5)
    assert breakeven_bps(-12.5, 50_000.0) == pytest.approx(-2.5)
    assert breakeven_bps(12.5, 0.0) is None


def test_charged_on_every_fill_of_a_run_it_takes_the_whole_excess() -> None:
    dear, cheap = books({5: Book(102.0, 102.2)}), books({5.2: Book(99.9, 100.0)})
    world = small({"alfa BTC/USD": dear, "bravo BTC/USD": cheap}, venues={"alfa": {"fee_bps": 2}})
    result = run(world.spec, world.data, stress=False)
    bps, excess = result.summary["metrics"]["breakeven_bps"], float(result.equity["excess"][-1])  # type: ignore[index]
    charged = sum(flow * bps * 1e-4 for flow in result.fills["flow"])  # all of them are USD, the numeraire
    assert excess > 0
    assert charged == pytest.approx(excess, rel=1e-12)
