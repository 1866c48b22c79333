"""The kernel as the engine calls it: the same orders from all instants as from the candidates, and wallets that add up."""

from collections import Counter

import numpy as np
from hypothesis import given, settings

from engine import edges, panel
from engine.kernels.path import BUY, OPEN, Orders
from engine.oracle import replay
from engine.path import Path, walk_path, wallet_names
from engine.schema import ATOMS_PER_UNIT
from tests.engine.small import bars, dear_alfa, small
from tests.strategies import World, worlds


def walked(world: World, *, all_instants: bool = False) -> Path:
    aligned = panel.build(world.spec, world.bars)
    quotes = edges.quotes(world.spec, aligned)
    return walk_path(world.spec, aligned, quotes if all_instants else quotes.take(edges.candidates(quotes, world.spec.strategy.threshold_bps)))


@settings(max_examples=100)
@given(worlds())
def test_all_instants_give_what_the_candidates_alone_give(world: World) -> None:
    compacted, full = walked(world), walked(world, all_instants=True)
    for name, few, many in zip(Orders._fields, compacted.orders, full.orders, strict=True):
        np.testing.assert_array_equal(few, many, err_msg=name)
    assert compacted.dropped == full.dropped
    assert compacted.wallets == full.wallets


@settings(max_examples=100)
@given(worlds())
def test_wallets_end_as_the_oracles_do(world: World) -> None:
    assert walked(world).wallets == replay(world.spec, world.bars).balances


@settings(max_examples=60)
@given(worlds())
def test_every_atom_is_accounted_for_and_no_wallet_is_below_zero(world: World) -> None:
    found = walked(world)
    expected: Counter[tuple[str, str]] = Counter(dict.fromkeys(found.wallets, 0))
    for name, venue in world.spec.venues.items():
        for currency, amount in venue.balances.items():
            expected[name, currency] += int(amount * ATOMS_PER_UNIT)
    orders = found.orders
    for order, leg in enumerate(world.spec.legs[k] for k in orders.leg):
        sign = 1 if order % 2 == BUY else -1
        expected[leg.venue, leg.key.base] += sign * int(orders.filled[order])
        expected[leg.venue, leg.key.quote] -= sign * int(orders.flow[order]) + int(orders.cost[order])
    assert {wallet: sum(amounts) for wallet, amounts in found.wallets.items()} == expected
    assert min(amount for amounts in found.wallets.values() for amount in amounts) >= 0


@settings(max_examples=60)
@given(worlds())
def test_what_stays_reserved_is_the_reserve_of_open_orders(world: World) -> None:
    found = walked(world)
    still_open = int(found.orders.reserve[found.orders.outcome == OPEN].sum())
    assert sum(reserved for _, reserved, _ in found.wallets.values()) == still_open


def test_wallets_are_those_with_a_balance_and_those_of_the_legs() -> None:
    market = small(
        {"alfa BTC/USD": bars(), "bravo BTC/USDC": bars(), "charlie USDC/USD": bars(level=1.0)},
        venues={"alfa": {"balances": {"USD": "5", "USDC": "1"}}, "bravo": {"balances": {}}, "charlie": {"balances": {}}},
    )
    assert wallet_names(market.spec) == [("alfa", "BTC"), ("alfa", "USD"), ("alfa", "USDC"), ("bravo", "BTC"), ("bravo", "USDC")]


def test_a_run_longer_than_the_first_room_for_orders_loses_none() -> None:
    # alfa is dear in every one of 300 minutes: one package a minute, the last of which is decided at the end
    market = small(
        {"alfa BTC/USD": bars(last=299, level=102.0), "bravo BTC/USD": bars(last=299)},
        minutes=300,
        strategy={"max_notional": "1"},
        venues={name: {"balances": {"BTC": "10", "USD": "1000"}} for name in ("alfa", "bravo")},
    )
    orders = walked(market).orders
    assert orders.leg.size == 2 * 301
    assert np.unique(orders.decided_us[0::2]).size == 301
    # 1 / 100 = 0.01 BTC each, at 102 and at 100
    assert set(orders.planned.tolist()) == {ATOMS_PER_UNIT // 100}
    assert orders.outcome[:-2].tolist() == [1] * 600


def test_orders_alternate_sell_and_buy_and_share_their_packages_edge() -> None:
    orders = walked(dear_alfa()).orders
    # alfa (leg 0) sells at 101, bravo (leg 1) buys at 100: 100 bps
    assert orders.leg.tolist() == [0, 1]
    assert orders.decision_price.tolist() == [101.0, 100.0]
    assert orders.edge_bps.tolist() == [orders.edge_bps[0]] * 2
    assert abs(orders.edge_bps[0] - 100) < 1e-9
