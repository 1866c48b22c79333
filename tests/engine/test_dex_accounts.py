"""What a run with swaps comes to: gas in the books, in its tables, and in what it says of itself."""

from collections import Counter

import pytest
from hypothesis import given

from engine.backtest import run
from engine.errors import SpecError
from engine.oracle import replay
from engine.schema import micros
from engine.units import atoms
from tests.engine.engines import by_kernel, by_oracle
from tests.engine.small import Book
from tests.engine.test_kernel_equals_oracle import assert_same
from tests.engine.test_model_dex_cex import pond
from tests.profiles import examples, untraced
from tests.strategies import World, iso
from tests.strategies.dex import POND, dex_world_of, dex_worlds


@examples(30)
@given(dex_worlds())
def test_kernel_and_oracle_agree_on_pools_against_books(world: World) -> None:
    assert_same(by_kernel(world), by_oracle(world))


def test_worlds_of_pools_trade_and_all_that_can_become_of_a_swap_happens_in_some() -> None:
    with untraced():
        found = [by_oracle(dex_world_of(seed)) for seed in range(40)]
    assert sum(bool(one.orders) for one in found) >= 20
    swaps = Counter((order.role, order.outcome) for one in found for order in one.orders if order.venue == POND)
    assert {("leg", outcome) for outcome in ("filled", "limit", "absent", "open")} | {("residual", "filled")} <= set(swaps)
    decided = Counter(outcome for one in found for outcome in one.decisions)
    assert {"sent", "no_volume", "no_funds", "below_minimum", "cool_down"} <= set(decided)


@examples(20)
@given(dex_worlds())
def test_money_is_conserved_to_the_atom_after_every_event(world: World) -> None:
    found = replay(world.spec, world.data)
    pool = next(leg for leg in world.spec.legs if leg.venue == POND)
    burnt = Counter[str]()
    for entry in found.journal:
        assert all(min(parts) >= 0 for parts in entry.balances.values())
    for order in found.orders:
        if order.venue == POND and order.recorded_us is not None and order.outcome != "absent":
            burnt[str(pool.gas_currency)] += atoms(pool.gas or 0)  # type: ignore[arg-type]
    moved = Counter[str]()
    for order in found.orders:
        sign = 1 if order.side == "buy" else -1
        base, _, quote = order.instrument.partition("/")
        moved[base] += sign * order.filled
        moved[quote] -= sign * order.flow
        if order.fee_currency is not None:
            moved[order.fee_currency] -= order.fee
    for transfer in found.transfers:
        moved[next(r.currency for r in world.spec.routes if r.name == transfer.route)] -= transfer.fee
    first, last = found.journal[0], found.journal[-1]
    for currency in world.spec.currencies:
        assert last.held(currency) - first.held(currency) == moved[currency] - burnt[currency]


@examples(15)
@given(dex_worlds())
def test_what_comes_later_changes_nothing_that_was(world: World) -> None:
    whole, ticks = by_oracle(world), [t for t, _, _ in by_oracle(world).equity]
    cut = ticks[len(ticks) // 2]
    if cut <= micros(world.spec.start):
        return
    short = by_kernel(world.but(end=iso(cut)))
    assert [(o.decided, o.side, o.planned) for o in short.orders] == [(o.decided, o.side, o.planned) for o in whole.orders if o.decided <= cut]
    assert [o for o in short.orders if o.recorded is not None and o.notice is not None] == [
        o for o in whole.orders if o.decided <= cut and o.notice is not None and o.notice <= cut
    ]


@pytest.mark.parametrize("fee", [0.5, 30.0])
def test_equal_prices_and_a_fee_are_no_trade(fee: float) -> None:
    moves = {5.0: (101.0, 1000.0, 0.0, 1e9), 15.0: (99.0, 500.0, 98.0, 102.0)}
    books = {at: Book(state[0], state[0], 50.0, 50.0) for at, state in moves.items()}
    world = pond(moves, {**books}, venues={"pond": {"fee_bps": fee}}, pool={"gas": "0"})
    assert by_kernel(world).orders == by_oracle(world).orders == []


def test_gas_is_a_line_of_its_own_and_part_of_what_a_package_made() -> None:
    found = run((world := pond()).spec, world.data, stress=False)
    lines = {row["line"]: row["amount"] for row in found.summary["attribution"]}  # type: ignore[attr-defined]
    assert lines["gas"] == -0.5
    assert sum(lines.values()) == pytest.approx(found.summary["equity_end"] - found.summary["equity_start"], abs=1e-9)  # type: ignore[operator]
    (package,) = found.packages.iter_rows(named=True)
    assert package["gas"] == -0.5
    assert package["pnl"] == pytest.approx(package["gross"] + package["slippage"] + package["leg_misses"] + package["fees"] - 0.5)
    (swap,) = found.fills.filter(venue="pond").iter_rows(named=True)
    assert (swap["gas"], swap["gas_currency"]) == (0.5, "USD")
    assert found.fills.filter(venue="alfa")["gas_currency"].to_list() == [None]
    (day,) = found.summary["attribution_days"]  # type: ignore[misc]
    assert day["gas"] == -0.5
    assert "after fees, gas, slippage and missed legs" in str(found.summary["verdict"])
    assert found.summary["indicative"] is False
    assert any("first block at or after its arrival" in said for said in found.summary["assumptions"])  # type: ignore[union-attr]


def test_gas_that_a_revert_burns_is_on_its_day() -> None:
    late = {"pond": {"order_latency": "2s"}}
    world = pond({6: (101.0, 1000.0, 0.0, 1e9)}, venues=late)
    found = run(world.spec, world.data, stress=False)
    (day,) = found.summary["attribution_days"]  # type: ignore[misc]
    assert (day["gas"], day["fees"]) == (-0.5, 0.0)
    assert sum(value for name, value in day.items() if name not in {"day", "change"}) == pytest.approx(day["change"], abs=1e-9)


def test_what_a_pool_cannot_be_is_refused() -> None:
    wrong = {
        'pond BTC/USD has data = "pool", which only a strategy of kind "dex_cex" trades': {"strategy": {"kind": "spatial", "threshold_bps": 1.0}},
    }
    world = pond()
    for said, change in wrong.items():
        with pytest.raises(SpecError, match=said):
            world.but(**change)
    named = world.form["strategy"]
    for pools, said in (
        (["alfa BTC/USD"], "name in strategy.pools those, and only those"),
        (["pond BTC/USD", "pond ETH/USD"], "'pond ETH/USD' is no instrument with use = \"trade\""),
        (["pond BTC/USD", "alfa BTC/USD"], "all instruments that are traded are pools"),
        ([], "at least 1 item"),
    ):
        with pytest.raises(SpecError, match=said):
            world.but(strategy={**named, "pools": pools})
    book, pool = world.form["instruments"]
    for change, said in (
        ({"gas": None}, 'gas must be given with data = "pool" and use = "trade"'),
        ({"block_time": "0s"}, "block_time must be longer than 0"),
        ({"use": "convert"}, 'use = "convert" is not for data = "pool"'),
        ({"gas_currency": "POL"}, "nothing marks POL, which is burnt as gas"),
    ):
        with pytest.raises(SpecError, match=said):
            world.but(instruments=[book, {key: value for key, value in {**pool, **change}.items() if value is not None}])
    with pytest.raises(SpecError, match="gas belongs to pools that are traded"):
        world.but(instruments=[{**book, "gas": "1"}, pool])
    venues = {**world.form["venues"], "pond": {**world.form["venues"]["pond"], "fee_currency": "received"}}
    with pytest.raises(SpecError, match="a pool keeps its fee of what goes in"):
        world.but(venues=venues)
