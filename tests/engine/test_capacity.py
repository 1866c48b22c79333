"""What a run comes to at other sizes, against runs whose spec says so."""

from typing import Any

import pytest

from engine.backtest import run
from tests.engine.small import Bar, bars, small
from tests.strategies import World

DEAR = {"alfa BTC/USD": bars({0: Bar(101.0, volume=20.0), 1: Bar(100.0, open=101.0)}), "bravo BTC/USD": bars({1: Bar(100.0, volume=20.0)})}


def dear(times: float) -> World:
    """Return a world with so many times one BTC at alfa, and a limit of 400 dollars a package and of 10 of drawdown."""
    return small(
        DEAR,
        venues={"alfa": {"balances": {"BTC": str(times), "USD": str(50 * times)}}, "bravo": {"balances": {"USD": str(5000 * times)}}},
        strategy={"max_notional": str(400 * times)},
        risk={"max_drawdown": str(10 * times)},
    )


def said(world: World, *, stress: bool) -> dict[str, Any]:
    """Return the summary of a world's run."""
    return run(world.spec, world.data, stress=stress).summary


def test_the_curve_is_that_of_runs_with_so_much_money() -> None:
    curve = said(dear(1), stress=True)["capacity"]
    assert [row["scale"] for row in curve] == [0.5, 1, 2, 4, 8, 16, 32]
    for row in curve:
        alone = said(dear(row["scale"]), stress=False)
        assert row == {"scale": row["scale"], "excess": alone["excess"], "after_trading_back": alone["trade_back"]["excess"]}
    # one BTC earns 1 dollar, eight earn eight; bravo's bar had ten as we decided, so 16 earn ten, and 32 are one size too many
    assert [row["excess"] for row in curve] == [pytest.approx(earned) for earned in (0.5, 1, 2, 4, 8, 10, 10)]


def test_the_curve_says_where_it_turns() -> None:
    # through (8, 8), (16, 10) and (32, 10): slopes 1/4 and 0, so its vertex is midway between the last two
    turn = said(dear(1), stress=True)["capacity_turn"]
    assert turn == {"best_scale": 16.0, "best_pnl": pytest.approx(10), "turning_scale": pytest.approx(24), "zero_scale": None}


def test_a_curve_that_does_not_turn_ends_and_one_that_loses_goes_no_further() -> None:
    endless = {name: table.with_columns(volume=table["volume"] * 1e6) for name, table in DEAR.items()}
    rich = dear(1)
    found = said(World(form=rich.form, spec=rich.spec, data={key: endless[str(key)] for key in rich.data}), stress=True)
    assert (found["capacity"][-1]["scale"], found["capacity_turn"]["turning_scale"]) == (4096, None)
    losing = small(DEAR, strategy={"threshold_bps": -500.0}, venues={"alfa": {"fee_bps": 300}})
    assert [row["scale"] for row in said(losing, stress=True)["capacity"]] == [0.5, 1, 2, 4, 8]


def test_a_run_without_packages_or_without_stress_has_no_curve() -> None:
    assert (said(dear(1), stress=False)["capacity"], said(dear(1), stress=False)["capacity_turn"]) == ([], None)
    calm = small({name: bars() for name in DEAR})
    assert said(calm, stress=True)["capacity"] == []
