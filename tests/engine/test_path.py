"""What a run did: candidates give what all instants give, room grows, logs become columns."""

from collections.abc import Iterator
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given, settings

from engine import guard, market, panel, path
from engine.events import DECISIONS, LEG, LIQUIDATION, OUTCOMES, RESIDUAL, ROLES, SIDES, STOP, TIME, Opportunities, Orders, Path, Transfers
from engine.kernels import state
from tests.engine.small import Bar, Book, after, bars, books, coins, dear_alfa, small
from tests.strategies import World, worlds


def walked(world: World, *, compact: bool = True) -> Path:
    """Return the path of a world, by its candidates or by all its instants."""
    seen = panel.build(world.spec, world.data)
    built = market.world(world.spec, seen, guard.build(world.spec, seen.marks))
    return path.walk_path(world.spec, built, path.candidates(built, world.spec.strategy.threshold_bps if compact else -np.inf))


def columns(found: Path) -> Iterator[tuple[str, np.ndarray]]:
    """Yield every column of the logs."""
    for table in (found.orders, found.transfers, found.opportunities):
        for field in fields(table):
            yield f"{type(table).__name__}.{field.name}", getattr(table, field.name)


@settings(max_examples=60)
@given(worlds())
def test_all_instants_give_what_the_candidates_alone_give(world: World) -> None:
    few, many = walked(world), walked(world, compact=False)
    for (name, one), (_, other) in zip(columns(few), columns(many), strict=True):
        np.testing.assert_array_equal(one, other, err_msg=name)
    np.testing.assert_array_equal(few.balances, many.balances)
    assert (few.stops, few.best_edge_bps, few.instants) == (many.stops, many.best_edge_bps, many.instants)


def test_names_are_those_of_the_kernels() -> None:
    assert (state.OUTCOMES, state.DECISIONS) == (OUTCOMES, DECISIONS)
    assert SIDES == ("sell", "buy")
    assert ROLES == ("leg", "residual", "liquidation", "stop", "time")
    assert (state.LEG_ORDER, state.RESIDUAL_ORDER, state.LIQUIDATION_ORDER) == (LEG, RESIDUAL, LIQUIDATION)
    assert (state.STOP_ORDER, state.TIME_ORDER) == (STOP, TIME)


def test_a_package_is_two_rows_that_share_their_edge_sell_first() -> None:
    orders = walked(dear_alfa()).orders
    assert (orders.leg.tolist(), orders.side.tolist(), orders.package.tolist()) == ([0, 1], [0, 1], [0, 0])
    assert orders.decision_price.tolist() == [101.0, 100.0]
    assert orders.edge_bps.tolist() == pytest.approx([100.0, 100.0])


def test_columns_have_their_own_types() -> None:
    found = walked(dear_alfa())
    kinds = {name: column.dtype for name, column in columns(found)}
    small_ints = {"Orders.leg", "Orders.side", "Orders.role", "Orders.outcome", "Transfers.route", "Transfers.leg"}
    small_ints |= {"Opportunities.combination", "Opportunities.outcome"}
    assert {name for name, kind in kinds.items() if kind == np.int32} == small_ints
    assert kinds["Transfers.credited"] == kinds["Transfers.is_paid"] == np.bool_
    assert {name for name, kind in kinds.items() if kind == np.float64} == {
        "Orders.decision_price", "Orders.limit_price", "Orders.price", "Orders.edge_bps", "Opportunities.edge_bps",
    }  # fmt: skip
    assert [len(fields(table)) for table in (Orders, Transfers, Opportunities)] == [22, 10, 6]


def test_a_run_longer_than_the_first_room_for_orders_loses_none() -> None:
    # alfa is dear in every one of 300 minutes: one package a minute, the last of which is decided at the end
    world = small(
        {"alfa BTC/USD": bars(last=299, level=102.0), "bravo BTC/USD": bars(last=299)},
        minutes=300,
        strategy={"max_notional": "1"},
        venues={name: {"balances": {"BTC": "10", "USD": "1000"}} for name in ("alfa", "bravo")},
    )
    found = walked(world)
    assert found.orders.leg.size == 2 * 301
    assert np.unique(found.orders.decided_us[0::2]).size == found.instants == 301
    # 1 / 100 = 0.01 BTC each, at 102 and at 100
    assert set(found.orders.planned.tolist()) == {coins(0.01)}
    assert found.orders.outcome[:-2].tolist() == [OUTCOMES.index("filled")] * 600
    assert found.opportunities.package.tolist() == list(range(301))


def test_wallets_stand_in_the_order_of_the_spec_with_what_is_in_them() -> None:
    # 2 are sold at 101 at once, which the notice of 100 s would tell; the buy, of 2 at 100, is under way at the end
    slow = {"bravo": {"order_latency": "2m"}, "alfa": {"feed_latency": "55s"}}
    world = small({"alfa BTC/USD": books(first=Book(101.0, 102.0, 2.0)), "bravo BTC/USD": books({40: Book(100.0, 100.0)})}, minutes=1, venues=slow)
    found = walked(world)
    assert found.wallets == (("alfa", "BTC"), ("alfa", "USD"), ("bravo", "BTC"), ("bravo", "USD"))
    assert found.orders.decided_us.tolist() == [after(45)] * 2
    assert found.balances.tolist() == [
        [coins(8), 0, 0],
        [coins(10_000), 0, coins(202)],
        [coins(10), 0, 0],
        [coins(9_800), coins(200), 0],
    ]


def test_the_best_edge_is_of_all_instants_whether_or_not_it_is_worth_it() -> None:
    world = dear_alfa(strategy={"threshold_bps": 500.0})
    assert walked(world).opportunities.at_us.size == 0
    assert walked(world).best_edge_bps == pytest.approx(100.0)


def test_without_two_legs_that_meet_there_is_no_best_edge() -> None:
    # bravo's bars are there while alfa has none
    world = small({"alfa BTC/USD": bars(dict.fromkeys(range(10))), "bravo BTC/USD": bars({-2: Bar(100.0), -1: None})})
    assert walked(world).best_edge_bps is None


def test_stops_have_their_time_and_name() -> None:
    one = {"max_notional": "100"}
    missed = dear_alfa(strategy=one, risk={"max_misses": 1}, execution={"volume_share": 1.0, "residual": "carry"})
    assert walked(missed).stops == [(after(120), "misses")]
    assert walked(dear_alfa(strategy=one)).stops == []


def test_transfers_name_their_route_as_the_spec_numbers_it() -> None:
    routes = [
        {"name": name, "currency": "USD", "source": "alfa", "destination": "bravo", "delay": delay, "fee": fee}
        for name, fee, delay in (("dear", "2", "1s"), ("cheap", "1", "1s"), ("later", "0", "2h"))
    ]
    floors = {"alfa": "0", "bravo": "10100"}
    aim = {
        "policy": "threshold",
        "wallets": [{"venue": venue, "currency": "USD", "floor": least, "target": least} for venue, least in floors.items()],
    }
    for limit, names in ((None, ["later"]), ("50", ["later", "cheap"])):
        ways = [{**r, **({"daily_limit": limit} if limit and r["name"] == "later" else {})} for r in routes]
        world = small({"alfa BTC/USD": books(), "bravo BTC/USD": books()}, minutes=1, routes=ways, rebalance=aim)
        found = walked(world).transfers
        assert [world.spec.routes[k].name for k in found.route] == names
        assert found.credited.tolist() == [False, True][: len(names)]


def test_an_episode_of_the_first_instant_is_one_of_its_own() -> None:
    found = walked(small({"alfa BTC/USD": books({0: Book(101.0, 102.0), 10: Book(100.0, 100.0), 20: Book(101.0, 102.0)}), "bravo BTC/USD": books()}))
    assert found.opportunities.at_us.tolist() == [after(0), after(20)]
    assert found.opportunities.episode.tolist() == [0, 1]


def test_balances_are_what_is_held_at_first() -> None:
    # nothing is lost, whereas all of it would be if nothing were held
    assert walked(dear_alfa(strategy={"max_notional": "100"}, risk={"max_drawdown": "5"})).stops == []
