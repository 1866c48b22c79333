"""Parts of a sweep, run apart, are the sweep."""

from typing import Any

import polars as pl

from engine.sweep import parse_sweep, run, run_part
from engine.synth import depeg_weekend
from tests.app.services.test_sweeps import the_sweep

PARAMETERS: list[dict[str, Any]] = [
    {"path": "strategy.threshold_bps", "values": [0, 10]},
    {"path": "quality.wick_bps", "values": [20, 100, 500]},
]


def test_the_rows_of_all_parts_make_the_sweep_and_those_of_a_panel_lie_together() -> None:
    sweep, bars = the_sweep(parameters=PARAMETERS), depeg_weekend(1).bars
    assert parse_sweep(sweep.canonical()) == sweep
    rows: list[list[pl.DataFrame]] = [[], [], [], []]
    for at, frames in enumerate(rows):
        run_part(sweep, bars, range(2 * at, 2 * at + 2), on_rows=frames.append, threads=1)
    assert rows.pop() == [], "places beyond the last trial are empty"
    assert [sorted(pl.concat(frames)["trial"]) for frames in rows] == [[0, 3], [1, 4], [2, 5]]
    together = run(sweep, bars, done=pl.concat(pl.concat(frames) for frames in rows), threads=1)
    assert together.files() == run(sweep, bars, threads=1).files()


def test_rows_that_are_there_are_not_made_again() -> None:
    sweep, bars = the_sweep(parameters=PARAMETERS), depeg_weekend(1).bars
    first: list[pl.DataFrame] = []
    run_part(sweep, bars, range(1), on_rows=first.append, threads=1)
    fresh: list[pl.DataFrame] = []
    fractions: list[float] = []
    run_part(sweep, bars, range(2), on_rows=fresh.append, on_progress=fractions.append, done=first[0], threads=1)
    assert [frame["trial"].to_list() for frame in (*first, *fresh)] == [[0], [3]]
    assert fractions == [1.0]
