"""Every row of a sweep is what a backtest of the trial's own spec says, to the bit, whatever is shared and however it is cut."""

import io
import json
import threading
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from engine import backtest, sweep
from engine.config import POOLS, Spec, parse_spec, parse_spec_toml
from engine.errors import DataError, SpecError
from engine.sweep import rows as trial_rows
from engine.sweep import trials
from engine.sweep.design import design
from engine.sweep.run import ranked
from engine.sweep.spec import Sweep, parse_sweep
from engine.synth import depeg_weekend
from tests.profiles import examples
from tests.strategies import World, months, worlds

SLOW = {"markout_short_bps", "markout_medium_bps", "markout_long_bps", "mean_age_s", "peak_capital", "median_episode_s", "outlast_rate"}
SLOW |= {"peg", "inventory", "hold"}
"""What the loop of pairs does not work out."""


def said(world: World, made: Sweep, trial: int) -> dict[str, Any]:
    """Return all that a backtest of a trial says in numbers, by the names of a row."""
    summary: dict[str, Any] = backtest.run(design(made).spec_of(trial), world.data, stress=False).summary
    lines = {"transfer_costs" if row["line"] == "transfers" else row["line"]: row["amount"] for row in summary["attribution"]}
    held = {f"perpetual_{name}": value for name, value in summary.get("perpetual", {}).items() if name != "instrument"}
    known = {"after_trading_back": summary["trade_back"]["excess"], "start_equity": summary["equity_start"]}
    return {**summary["counts"], **summary["metrics"], **lines, **held, **known}


def assert_row(result: sweep.SweepResult, world: World, trial: int, *, missing: set[str] = SLOW) -> None:
    """Hold the row of a trial against its backtest: every figure, to the bit, and no name of either is without the other but what is missing."""
    row, expected = result.trials.row(trial, named=True), said(world, result.sweep, trial)
    apart = {"trial", *(parameter.path for parameter in result.sweep.parameters)}
    apart |= {name for name in ("redemption",) if name not in expected and row.get(name, 0.0) is None}  # of other trials, which have a desk
    assert {name: value for name, value in row.items() if name not in apart} == {n: v for n, v in expected.items() if n not in missing}


def swept(world: World, parameters: list[dict[str, Any]], **more: Any) -> Sweep:
    """Return a grid over a world, without full results."""
    return parse_sweep({"version": 1, "name": "test", "design": "grid", "keep": 0, "spec": world.spec.canonical(), "parameters": parameters, **more})


def varied(world: World, chance: np.random.Generator) -> list[dict[str, Any]]:
    """Return two values of a few parameters of a world, picked at random among those that it has."""
    spec, venue = world.spec, str(chance.choice(sorted({leg.venue for leg in world.spec.legs})))
    threshold = spec.strategy.threshold_bps
    choices: list[dict[str, Any]] = [
        {"path": "strategy.threshold_bps", "values": [threshold, threshold + 7.5]},
        {"path": "strategy.cool_down", "values": ["0s", "40s"]},
        {"path": "execution.tolerance_bps", "values": [0.0, 3.0]},
        {"path": "execution.residual", "values": ["unwind", "hedge", "carry"]},
        {"path": "execution.take_share", "values": [1.0, 0.5]},
        {"path": "execution.volume_share", "values": [0.2, 0.1]},
        {"path": f"venues.{venue}.order_latency", "values": ["20ms", "1500ms"]},
        {"path": f"venues.{venue}.feed_latency", "values": ["0s", "30ms"]},
        {"path": "risk.max_misses", "values": [1, 50]},
        {"path": "risk.max_drawdown", "values": ["0.5", "5000"]},
        {"path": "scale", "values": [1, 0.25, 3]},
    ]
    if spec.strategy.kind == "triangular":
        choices.append({"path": "strategy.send", "values": ["together", "sequence"]})
    if spec.strategy.kind == "basis":
        choices += [{"path": "strategy.exit_bps", "values": [-20.0, 3.0, 30.0]}, {"path": "strategy.funding_payments", "values": [0, 2]}]
    choices += _of_pegs(spec) if spec.strategy.kind == "peg" else []
    if spec.strategy.kind == "dex_cex":
        pool = next(leg for leg in spec.legs if leg.data in POOLS)
        choices += [
            {"path": f"instruments.{pool.venue}.{pool.name}.gas", "values": ["0", "0.3"]},
            {"path": "strategy.min_profit", "values": ["0", "1"]},
        ]
    if spec.venues[venue].fee_bps is not None:
        choices.append({"path": f"venues.{venue}.fee_bps", "values": [1.0, 12.5]})
    held = sorted(spec.venues[venue].balances)[:1]
    choices += [{"path": f"venues.{venue}.balances.{currency}", "values": ["0", "3.5"]} for currency in held]
    return [choices[k] for k in sorted(chance.choice(len(choices), 3, replace=False))]


def _of_pegs(spec: Spec) -> list[dict[str, Any]]:
    # a position is held for long or not, and goes to the desk or not
    form: Any = spec.canonical()["strategy"]
    tables = [{**form, "redemption": None}, form] if form.get("redemption") else []
    return [{"path": "strategy.hold_at_most", "values": ["20s", "10m"]}, *([{"path": "strategy", "values": tables}] if tables else [])]


def check(world: World, seed: int) -> None:
    """Hold rows of a random sweep over a world, on one to three threads, against their backtests."""
    chance = np.random.default_rng(seed)
    try:
        made = swept(world, varied(world, chance))
        result = sweep.run(made, world.data, threads=int(chance.integers(1, 4)))
    except (SpecError, DataError) as error:
        event(f"refused: {type(error).__name__}")
        return
    event("traded" if result.trials["fills"].sum() else "nothing filled")
    assert result.periods.shape[1] == result.trials.height == made.most_trials
    for trial in chance.choice(made.most_trials, 3, replace=False).tolist():
        assert_row(result, world, trial, missing=SLOW if world.spec.strategy.kind == "spatial" else set())


@examples(12)
@given(worlds(most=25), st.integers(0, 2**32 - 1))
def test_rows_are_those_of_backtests_on_random_worlds(world: World, seed: int) -> None:
    check(world, seed)


@examples(2)
@given(months(), st.integers(0, 2**32 - 1))
def test_rows_are_those_of_backtests_over_tiers_of_thirty_days(world: World, seed: int) -> None:
    check(world, seed)


WEEKEND = depeg_weekend(7)
GRID = [
    {"path": "strategy.threshold_bps", "values": [-5, 4, 10]},
    {"path": "venues.synthetic-beta.order_latency", "values": ["120ms", "70s"]},
    {"path": "venues.synthetic-alpha.fee_bps", "values": [0, 5]},
    {"path": "quality.wick_bps", "values": [500, 20]},
]


def weekend(**more: Any) -> Sweep:
    """Return a sweep over the synthetic weekend: two panels, two fees, and more trials than a chunk."""
    return swept(World(form={}, spec=parse_spec_toml(WEEKEND.spec_toml), data=WEEKEND.bars), GRID, **more)


@pytest.fixture(scope="module")
def whole() -> sweep.SweepResult:
    """Return the sweep over the weekend, run on one thread."""
    return sweep.run(weekend(keep=2, rank_by="excess"), WEEKEND.bars, threads=1)


def assert_same(one: sweep.SweepResult, other: sweep.SweepResult) -> None:
    """Hold two results of one sweep against each other, to the bit."""
    assert one.trials.equals(other.trials)
    assert one.periods.tobytes() == other.periods.tobytes()


def test_rows_depend_neither_on_threads_nor_on_chunks(whole: sweep.SweepResult, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_FEWEST", 1)
    monkeypatch.setattr(trials, "_MOST", 2)
    monkeypatch.setattr(trial_rows, "_BLOCK", 5)
    assert_same(whole, sweep.run(weekend(keep=0), WEEKEND.bars, threads=3))


def test_rows_depend_neither_on_the_marks_that_are_known_nor_on_the_room_that_there_is(
    whole: sweep.SweepResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trials, "_PRIMES", (31, 61))
    monkeypatch.setattr(trials, "FIRST_ROWS", 1)
    assert_same(whole, sweep.run(weekend(keep=0), WEEKEND.bars, threads=2))


def test_the_weekend_s_rows_are_those_of_its_backtests(whole: sweep.SweepResult) -> None:
    world = World(form={}, spec=whole.sweep.spec, data=WEEKEND.bars)
    for trial in (0, 3, 10, 23):
        assert whole.trials["fills"][trial] > 0
        assert_row(whole, world, trial)


def test_periods_are_the_changes_of_the_excess(whole: sweep.SweepResult) -> None:
    assert (whole.periods.shape, whole.period_us) == ((48, 24), 3_600_000_000)
    (trial, best), *_ = whole.best
    hours = best.equity.filter(pl.col("ts").dt.minute() == 0)["excess"].to_numpy()
    assert whole.periods[:, trial].tolist() == np.diff(hours).tolist()


def test_the_best_are_run_in_full(whole: sweep.SweepResult) -> None:
    excess = whole.trials["excess"].to_numpy()
    assert [trial for trial, _ in whole.best] == sorted(range(24), key=lambda trial: (-excess[trial], trial))[:2]
    for trial, result in whole.best:
        assert result.spec == design(whole.sweep).spec_of(trial)
        assert result.summary["excess"] == excess[trial]
        assert result.summary == backtest.run(result.spec, WEEKEND.bars).summary


def test_what_is_not_defined_ranks_last_and_equals_go_by_their_ordinal() -> None:
    table = pl.DataFrame({"sharpe": [1.0, None, 2.0, 2.0, -1.0, None]})
    assert ranked(table, "sharpe").tolist() == [2, 3, 0, 4, 1, 5]


def test_a_sweep_that_is_resumed_is_the_whole_one(whole: sweep.SweepResult) -> None:
    kept: list[pl.DataFrame] = []
    sweep.run(weekend(keep=0), WEEKEND.bars, on_rows=kept.append)
    assert sorted(trial for rows in kept for trial in rows["trial"]) == list(range(24))
    rows = pl.concat(kept)
    for done in (rows.sample(11, seed=1), rows, rows.clear()):
        again: list[pl.DataFrame] = []
        resumed = sweep.run(weekend(keep=2, rank_by="excess"), WEEKEND.bars, done=done, on_rows=again.append)
        assert sum(part.height for part in again) == 24 - done.height
        assert_same(whole, resumed)
        assert resumed.best[0][1].summary == whole.best[0][1].summary


def test_rows_of_another_sweep_are_refused(whole: sweep.SweepResult) -> None:
    kept: list[pl.DataFrame] = []
    sweep.run(weekend(keep=0), WEEKEND.bars, on_rows=kept.append)
    first = kept[0]
    wrong = (
        first.drop("trial"),
        first.drop("periods"),
        first.with_columns(pl.col("trial") + 24),
        first.with_columns(pl.col("strategy.threshold_bps") + 1),
    )
    for done in wrong:
        with pytest.raises(DataError, match="rows of done to be of this sweep"):
            sweep.run(weekend(keep=0), WEEKEND.bars, done=done)


def test_a_cancelled_sweep_leaves_nothing_running(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trials, "_FEWEST", 1)
    monkeypatch.setattr(trials, "_MOST", 1)
    told: list[float] = []

    def until_a_third(_stage: str, fraction: float) -> None:
        told.append(fraction)
        if fraction > 1 / 3:
            raise KeyboardInterrupt

    before = threading.active_count()
    with pytest.raises(KeyboardInterrupt):
        sweep.run(weekend(), WEEKEND.bars, on_progress=until_a_third, threads=2)
    assert threading.active_count() == before
    assert told == sorted(told)


def test_progress_ends_with_the_whole() -> None:
    told: list[tuple[str, float]] = []
    sweep.run(weekend(keep=1), WEEKEND.bars, on_progress=lambda stage, fraction: told.append((stage, fraction)))
    assert told[0] == ("reading the sweep", 0.0)
    assert told[-1] == ("done", 1.0)
    assert [fraction for _, fraction in told] == sorted(fraction for _, fraction in told)


def test_a_result_is_files(whole: sweep.SweepResult) -> None:
    files = whole.files()
    trial = whole.best[0][0]
    assert {name for name in files if "/" not in name} == {"trials.parquet", "periods.parquet", "summary.json", "manifest.json", "report.html"}
    page, winner = files["report.html"].decode(), whole.best[0][1].summary
    assert [page.count(f'href="best/{kept}/report.html"') for kept, _ in whole.best] == [2, 1]  # in the table, and where it stands by itself
    assert f"<strong>{winner['headline']}</strong>" in page
    assert all(f'id="chart-{name}"' in page for name in ("heat", "excess", "waterfall", "capacity"))
    assert files[f"best/{trial}/summary.json"] == whole.best[0][1].files()["summary.json"]
    assert pl.read_parquet(io.BytesIO(files["trials.parquet"])).equals(whole.trials)
    assert pl.read_parquet(io.BytesIO(files["periods.parquet"]))["change"].to_list() == whole.periods.T.tolist()
    made_from = json.loads(files["manifest.json"])
    assert made_from["sweep_sha256"] == whole.sweep.hash()
    assert made_from["quality"] == whole.best[0][1].manifest["quality"] == winner["quality"]
    assert json.loads(files["summary.json"])["trials"] == 24


def test_a_result_that_keeps_no_trial_in_full_tells_what_the_checks_counted_all_the_same(whole: sweep.SweepResult) -> None:
    assert sweep.run(weekend(keep=0), WEEKEND.bars).manifest["quality"] == whole.manifest["quality"]


def test_schedules_of_other_lengths_and_assets_share_no_more_than_they_can() -> None:
    tiers = [{"volume": 0, "taker_bps": 9}, {"volume": 1_000, "taker_bps": 1}]
    schedules: list[Any] = [
        [{"taker_bps": 4}],
        [{"tiers": tiers}],
        [{"taker_bps": 4, "end": "2023-03-12T00:00:00Z"}, {"tiers": tiers, "start": "2023-03-12T00:00:00Z"}],
    ]
    form = {**parse_spec_toml(WEEKEND.spec_toml).canonical()}
    venues: Any = form["venues"]
    venues["synthetic-alpha"] |= {"fee_bps": None, "fees": [{"taker_bps": 4}]}
    guards: list[Any] = [{"action": "halt"}, {"action": "go_on"}]
    world = World(form=form, spec=parse_spec(form), data=WEEKEND.bars)
    parameters = [
        {"path": "venues.synthetic-alpha.fees", "values": schedules},
        {"path": "risk.depeg_guard", "values": guards},
        {"path": "strategy.threshold_bps", "values": [-5, 10]},
    ]
    made = swept(world, parameters)
    result = sweep.run(made, WEEKEND.bars)
    for trial in (0, 3, 4, 7, 8, 11):
        assert_row(result, world, trial)
    assert result.trials["fees"].n_unique() > 4
