"""Kernel and oracle come to the same result in every integer, time and float."""

import re

import pytest
from hypothesis import event, given

from engine.backtest import run
from engine.config import parse_spec_toml
from engine.errors import DataError
from engine.oracle import replay
from engine.schema import ATOMS_PER_UNIT
from engine.synth import depeg_weekend
from tests.engine.engines import Outcome, by_kernel, by_oracle
from tests.profiles import examples, untraced
from tests.strategies import World, cycle_worlds, dirty_worlds, free_books, months, peg_walks, peg_worlds, unmarked_worlds, worlds


def assert_same(kernel: Outcome, oracle: Outcome) -> None:
    """Hold one engine's outcome against the other's: exact, but for sums of floats, which may differ by their order."""
    assert kernel.orders == oracle.orders
    assert kernel.transfers == oracle.transfers
    assert kernel.opportunities == oracle.opportunities
    assert (kernel.stops, kernel.guard) == (oracle.stops, oracle.guard)
    assert kernel.balances == oracle.balances
    assert [t for t, _, _ in kernel.equity] == [t for t, _, _ in oracle.equity]
    assert [x for row in kernel.equity for x in row[1:]] == pytest.approx([x for row in oracle.equity for x in row[1:]], rel=1e-9)
    scale = oracle.equity[0][2] + sum(o.flow for o in oracle.orders) / ATOMS_PER_UNIT
    assert kernel.attribution == pytest.approx(oracle.attribution, rel=1e-9, abs=1e-12 * scale)
    assert [day for day, _ in kernel.attribution_days] == [day for day, _ in oracle.attribution_days]
    for (_, ours), (_, theirs) in zip(kernel.attribution_days, oracle.attribution_days, strict=True):
        assert ours == pytest.approx(theirs, rel=1e-9, abs=1e-12 * scale)
    assert kernel.back_at_marks == oracle.back_at_marks
    assert kernel.quality == oracle.quality
    assert kernel.trade_back == pytest.approx(oracle.trade_back, rel=1e-9, abs=1e-12 * scale)


@examples(80)
@given(worlds())
def test_kernel_and_oracle_agree_on_random_worlds(world: World) -> None:
    found = by_oracle(world)
    event(f"{world.spec.legs[0].data}: {'traded' if found.orders else 'nothing sent'}")
    assert_same(by_kernel(world), found)


@examples(25)
@given(cycle_worlds())
def test_kernel_and_oracle_agree_on_random_worlds_of_cycles(world: World) -> None:
    found = by_oracle(world)
    event(f"{world.form['strategy']['send']}: {'traded' if found.orders else 'nothing sent'}")
    assert_same(by_kernel(world), found)


@examples(30)
@given(peg_worlds())
def test_kernel_and_oracle_agree_on_random_worlds_of_bets_on_a_peg(world: World) -> None:
    found = by_oracle(world)
    event(f"{'redeemed' if any(t.paid for t in found.transfers) else 'traded' if found.orders else 'nothing sent'}")
    assert_same(by_kernel(world), found)


@examples(3)
@given(months())
def test_kernel_and_oracle_agree_on_runs_over_tiers_of_thirty_days(world: World) -> None:
    assert_same(by_kernel(world), by_oracle(world))


@examples(15)
@given(free_books())
def test_kernel_and_oracle_agree_on_books_that_cross_often(world: World) -> None:
    assert_same(by_kernel(world), by_oracle(world))


@examples(15)
@given(peg_walks())
def test_kernel_and_oracle_agree_on_a_lost_peg(world: World) -> None:
    assert_same(by_kernel(world), by_oracle(world))


@examples(25)
@given(dirty_worlds())
def test_kernel_and_oracle_agree_on_dirty_data_and_count_the_same_faults(world: World) -> None:
    try:
        found = by_oracle(world)
    except DataError:
        with pytest.raises(DataError):
            by_kernel(world)
    else:
        assert_same(by_kernel(world), found)


def test_kernel_and_oracle_agree_on_the_depeg_weekend() -> None:
    weekend = depeg_weekend(7)
    spec = parse_spec_toml(weekend.spec_toml)
    world = World(form=spec.canonical(), spec=spec, data=weekend.bars)
    with untraced():
        found = by_oracle(world)
    assert found.orders
    assert_same(by_kernel(world), found)


@examples(15)
@given(unmarked_worlds())
def test_kernel_and_oracle_refuse_a_start_without_marks_and_name_the_same_one_that_works(world: World) -> None:
    with pytest.raises(DataError) as of_oracle:
        replay(world.spec, world.data)
    with pytest.raises(DataError) as of_kernel:
        run(world.spec, world.data)
    assert _named_start(of_kernel.value) == _named_start(of_oracle.value)


def _named_start(error: DataError) -> str | None:
    named = re.search(r"start that works is (\S+Z)", str(error))
    return named[1] if named else None
