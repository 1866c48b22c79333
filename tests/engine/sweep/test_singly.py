"""Sweeps of strategies that have no loop of their own: a row is what the trial's backtest says, to the bit, whatever trials share."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import panel, sweep
from engine.config import Spec
from engine.sweep import estimate, parse_sweep, singly
from tests.engine.small import Book, cyclic
from tests.engine.sweep.test_run import SLOW, WEEKEND, assert_row, assert_same, check, swept, weekend
from tests.engine.test_model_redemption import redeemed
from tests.profiles import examples
from tests.strategies import World, basis_worlds, cycle_worlds, peg_worlds
from tests.strategies.dex import dex_worlds

TIERS = [{"volume": "0", "taker_bps": 9}, {"volume": "100", "taker_bps": 2}]
GRID: list[dict[str, Any]] = [
    {"path": "strategy.threshold_bps", "values": [1, 40]},
    {"path": "strategy.send", "values": ["together", "sequence"]},
    {"path": "venues.alfa.fees", "values": [[{"taker_bps": 1}], [{"tiers": TIERS}]]},
    {"path": "venues.alfa.order_latency", "values": ["50ms", "800ms"]},
    {"path": "scale", "values": [1, 0.01]},
]


def cycles() -> World:
    """Return a world of cycles, of which a leg misses after a while."""
    rises = {5: Book(101.0, 101.0, 2.0, 2.0), 5.5: Book(100.2, 100.2, 2.0, 2.0), 30: Book(100.6, 100.6), 30.3: Book(99.0, 99.0)}
    return cyclic(rises, venues={"alfa": {"fees": [{"taker_bps": 1}]}}, execution={"residual": "hedge"})


def cycles_swept(**more: Any) -> sweep.SweepResult:
    """Return the sweep of that world."""
    world = cycles()
    return sweep.run(swept(world, GRID, **more), world.data, threads=1)


@examples(6)
@given(basis_worlds(most=25), st.integers(0, 2**32 - 1))
def test_rows_of_spot_against_a_perpetual_are_those_of_backtests_on_random_worlds(world: World, seed: int) -> None:
    check(world, seed)


@examples(6)
@given(dex_worlds(most=25), st.integers(0, 2**32 - 1))
def test_rows_of_a_pool_against_a_book_are_those_of_backtests_on_random_worlds(world: World, seed: int) -> None:
    check(world, seed)


@examples(6)
@given(peg_worlds(most=25), st.integers(0, 2**32 - 1))
def test_rows_of_bets_on_a_peg_are_those_of_backtests_on_random_worlds(world: World, seed: int) -> None:
    check(world, seed)


@examples(6)
@given(cycle_worlds(most=25), st.integers(0, 2**32 - 1))
def test_rows_of_cycles_are_those_of_backtests_on_random_worlds(world: World, seed: int) -> None:
    check(world, seed)


def test_every_row_of_cycles_is_that_of_its_backtest_however_they_are_sent_and_charged() -> None:
    world, result = cycles(), cycles_swept()
    assert result.trials.height == 32
    assert min(result.trials[name].n_unique() for name in ("packages", "leg_misses", "fees", "miss_rate", "gross", "excess")) > 2
    for trial in range(32):
        assert_row(result, world, trial, missing=set())


def test_strategies_share_the_panel(monkeypatch: pytest.MonkeyPatch) -> None:
    world, build, built = cycles(), panel.build, list[Spec]()

    def counted(spec: Spec, *data: Any) -> panel.Panel:
        built.append(spec)
        return build(spec, *data)

    monkeypatch.setattr(panel, "build", counted)
    trials = sweep.run(swept(world, GRID), world.data, threads=1).trials
    assert trials.height > 10
    assert len(built) == 2, "for all trials, and for what the checks counted in the data of the best"


def test_both_loops_write_the_same_rows_of_pairs(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = sweep.run(weekend(keep=0), WEEKEND.bars, threads=1)
    monkeypatch.setattr(singly, "_TRIALS_A_CHUNK", 5)
    slow = sweep.run(weekend(keep=0, figures="all"), WEEKEND.bars, threads=3)
    assert slow.trials.select(fast.trials.columns).equals(fast.trials)
    assert slow.periods.tobytes() == fast.periods.tobytes()
    assert set(slow.trials.columns) - set(fast.trials.columns) == SLOW
    assert_row(slow, World(form={}, spec=slow.sweep.spec, data=WEEKEND.bars), 23, missing=set())


def test_whole_strategies_are_swept() -> None:
    world = cycles()
    tables = [{"kind": "triangular", "start": "USD", "threshold_bps": bps} for bps in (1, 40)]
    result = sweep.run(swept(world, [{"path": "strategy", "values": tables}]), world.data)
    assert result.trials["packages"].to_list() == cycles_swept().trials["packages"].to_list()[:: 32 // 2][:2]


def test_rows_of_all_trials_have_one_set_of_columns_though_some_have_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(singly, "_TRIALS_A_CHUNK", 1)
    world, kept = redeemed(), list[pl.DataFrame]()
    desk: Any = world.spec.canonical()["strategy"]
    made = swept(world, [{"path": "strategy", "values": [{**desk, "redemption": None}, desk]}])
    whole = sweep.run(made, world.data, on_rows=kept.append)
    assert [rows.columns for rows in kept] == [[*whole.trials.columns, "periods"]] * 2
    paid = 999 * (1 - 0.001) - 2  # of 1,000 coins a route took 1, the desk 10 bps and 2; a coin was worth 0.9840 then
    assert whole.trials["redemption"].to_list() == [None, pytest.approx(paid - 999 * 0.9840)]


def test_a_sweep_of_cycles_is_resumed_and_its_best_are_run_in_full() -> None:
    world, whole, kept = cycles(), cycles_swept(keep=1, rank_by="excess"), list[pl.DataFrame]()
    sweep.run(swept(world, GRID), world.data, on_rows=kept.append)
    again = sweep.run(whole.sweep, world.data, done=pl.concat(kept).sample(20, seed=1))
    assert_same(whole, again)
    assert whole.best[0][1].summary["excess"] == whole.trials["excess"].max()


def test_trials_that_are_walked_one_by_one_are_said_to_take_longer() -> None:
    world = cycles()
    pairs, one_by_one = estimate(weekend(), 1_000, threads=1), estimate(swept(world, GRID), 1_000, threads=1)
    assert one_by_one.seconds / one_by_one.trials > 10 * pairs.seconds / pairs.trials


def test_a_sweep_of_cycles_parses_from_its_canonical_form() -> None:
    made = swept(cycles(), GRID)
    assert parse_sweep(made.canonical()) == made
