"""Sweeps of ten thousand sets: `python -m tests.bench.bench_sweep [--large]`.

Equality first: rows of some sets must be what backtests of their specs say. Then, beside what the machine's memory and arithmetic give: a grid
whose thresholds are the deciles of the edges of the candidates, one row in a hundred, on two venues with 200,000 quotes each; how it scales
over threads and sets; and, with --large, five venues with five million quotes each. Times are the median of five, in a warm process of its own, of
the trials with all that they share (reading, alignment, marks, candidates), without full results and statistics; processor time beside them,
since a machine may be shared.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine import backtest, market, panel, sweep
from engine import guard as guards
from engine import path as walking
from engine.config import Spec, parse_spec
from engine.schema import TIMESTAMP, SeriesKey, instant, quotes_schema
from engine.sweep.design import design
from engine.sweep.spec import Sweep, parse_sweep
from tests.bench.probe import copy_gib_per_s, machine, two_thread_speedup

START_US = 1_700_000_000_000_000 // 86_400_000_000 * 86_400_000_000
SHARE = 0.01
"""Of the instants that are candidates."""


COOL_DOWNS = {2: ("6s", "24s"), 5: ("30s", "120s")}
"""By venues: so that sets have as many fills as they should."""


@dataclass(frozen=True, kw_only=True)
class Case:
    """How much data, and how long it takes to come."""

    venues: int
    rows: int  # of each venue
    days: int


SMALL, LARGE = Case(venues=2, rows=200_000, days=4), Case(venues=5, rows=5_000_000, days=20)


def spec(case: Case, threshold_bps: float) -> Spec:
    """Return a spec whose sets all trade."""
    venue = {"feed_latency": "20ms", "order_latency": "30ms", "balances": {"USD": 5_000_000, "BTC": 200}, "fee_bps": 1.0}
    names = [f"v{n}" for n in range(case.venues)]
    return parse_spec(
        {
            "version": 2,
            "name": "bench",
            "start": f"{instant(START_US):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{instant(START_US + case.days * 86_400_000_000):%Y-%m-%dT%H:%M:%SZ}",
            "clock": "1h",
            "strategy": {"kind": "spatial", "threshold_bps": threshold_bps, "max_notional": 2_000},
            "venues": dict.fromkeys(names, venue),
            "instruments": [
                {"venue": name, "name": "BTC/USD", "data": "quotes", "tick": "0.1", "lot": "0.0001", "min_notional": 10, "max_age": "60s"}
                for name in names
            ],
        }
    )


def quotes(case: Case) -> dict[SeriesKey, pl.DataFrame]:
    """Return seeded quotes at random times: one fair price, and around it a venue's own mean-reverting deviation."""
    rng, span = np.random.default_rng(20231114), case.days * 86_400_000_000
    clock = np.linspace(-60_000_000, span, 200_000)
    fair = 30_000 * np.exp(np.cumsum(rng.normal(0, 2e-5, clock.size)))
    found = {}
    for venue in range(case.venues):
        at = np.sort(rng.integers(-60_000_000, span, case.rows))
        own = np.repeat(rng.normal(0, 2.2e-4, case.rows // 20 + 1), 20)[: case.rows]  # a level lasts for twenty quotes
        bid = np.round(np.interp(at, clock, fair) * (1 + own) - 0.5, 1)
        sizes = [np.round(rng.lognormal(-1, 1, case.rows), 4) + 1e-3 for _ in range(2)]
        columns = {
            "ts": pl.Series(START_US + at).cast(TIMESTAMP),
            "received": pl.Series([None], dtype=TIMESTAMP).new_from_index(0, case.rows),
            "bid": bid,
            "bid_size": sizes[0],
            "ask": np.round(bid + 1.0, 1),
            "ask_size": sizes[1],
        }
        found[SeriesKey(f"v{venue}", "BTC/USD")] = pl.DataFrame(columns, schema=quotes_schema(1))
    return found


def deciles(case: Case, data: dict[SeriesKey, pl.DataFrame]) -> list[float]:
    """Return the deciles, from the lowest, of the edges of the best hundredth of the instants [bps]."""
    loose = spec(case, -9_999.0)
    seen = panel.build(loose, data)
    world = market.world(loose, seen, guards.build(loose, seen.marks))
    rows, _ = walking.candidates(world, -np.inf)
    price = world.market.price
    bid, ask = (np.where(rows.row >= 0, price[side, :, 0][rows.row], np.nan) for side in (0, 1))
    best = np.nanmax(bid, axis=1) * (1 - 1e-4) / (np.nanmin(ask, axis=1) * (1 + 1e-4))
    edges = np.sort(1e4 * (best - 1))[-int(SHARE * best.size) :]
    return [float(f"{edge:.6g}") for edge in edges[np.arange(10) * edges.size // 10]]


def grid(case: Case, thresholds: list[float], sets: int) -> Sweep:
    """Return ten thresholds, ten cool-downs, ten tolerances, and as many notionals as make so many sets."""
    parameters: list[dict[str, Any]] = [
        {"path": "strategy.threshold_bps", "values": thresholds},
        {"path": "strategy.cool_down", "low": COOL_DOWNS[case.venues][0], "high": COOL_DOWNS[case.venues][1], "count": 10},
        {"path": "execution.tolerance_bps", "low": 0, "high": 0.9, "count": 10},
        {"path": "strategy.max_notional", "low": 1_000, "high": 4_000, "count": max(sets // 1_000, 2)},
    ]
    return parse_sweep(
        {"version": 1, "name": "bench", "design": "grid", "keep": 0, "spec": spec(case, thresholds[0]).canonical(), "parameters": parameters}
    )


def hold_equal(made: Sweep, data: dict[SeriesKey, pl.DataFrame], trials: pl.DataFrame, picked: list[int]) -> int:
    """Return how many figures of how many fills agree with backtests; exit where one does not."""
    agreed = 0
    for trial in picked:
        said: dict[str, Any] = backtest.run(design(made).spec_of(trial), data, stress=False).summary
        known = said["metrics"] | said["counts"] | {"after_trading_back": said["trade_back"]["excess"]}
        row = trials.row(trial, named=True)
        wrong = [name for name in row.keys() & known.keys() if row[name] != known[name]]
        if wrong:
            sys.exit(f"trial {trial}: row and backtest differ in {', '.join(wrong)}")
        agreed += len(row.keys() & known.keys())
    return agreed


def timed(made: Sweep, data: dict[SeriesKey, pl.DataFrame], threads: int, times: int = 1) -> tuple[float, float, pl.DataFrame]:
    """Return the median time of several runs up to the last row [s], that of its processors [s], and the rows."""
    wall, used, trials = [], [], pl.DataFrame()
    for _ in range(times):
        trials = trials.clear()  # or the rows of two rounds would be held at the same time
        began, cpu, ended = time.perf_counter(), time.process_time(), [(0.0, 0.0)]

        def note(stage: str, _fraction: float, ended: list[tuple[float, float]] = ended) -> None:
            if stage == "running the trials":
                ended[0] = time.perf_counter(), time.process_time()

        trials = sweep.run(made, data, threads=threads, on_progress=note).trials
        wall.append(ended[0][0] - began)
        used.append(ended[0][1] - cpu)
    return statistics.median(wall), statistics.median(used), trials


def in_child(folder: Path, sets: int, threads: int) -> dict[str, Any]:
    """Return what a sweep on the saved data took, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.sweep_child", str(folder), str(sets), str(threads)]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return found


def report(case: Case, sets: int, *, scaling: bool) -> None:
    """Print the lines of a case."""
    data = quotes(case)
    thresholds = deciles(case, data)
    few = grid(case, thresholds, 2_000)
    agreed = hold_equal(few, data, timed(few, data, 2)[2], [0, 777, 1500] if scaling else [777])
    print(f"equality: {agreed} figures equal those of backtests", flush=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for key, frame in data.items():
            frame.write_parquet(folder / f"{key.venue}.parquet")
        (folder / "thresholds.json").write_text(json.dumps(thresholds))
        del data
        tell(case, folder, sets, scaling=scaling)


def tell(case: Case, folder: Path, sets: int, *, scaling: bool) -> None:
    """Print what the sweeps of a case took and held, each in a process of its own."""
    two = in_child(folder, sets, 2)
    rate = f"{two['wall_s']:.2f} s, {two['processor_s']:.2f} s of processors ({two['sets'] / two['wall_s']:,.0f} sets/s)"
    held = f"{two['peak_bytes'] / 1e6:,.0f} MB held at most, {two['held_before_bytes'] / 1e6:,.0f} of it by process and data before"
    print(f"{case.venues} venues × {case.rows:,} quotes, {two['sets']:,} sets: {rate}; {held}")
    print(f"fills of a set: median {two['median_fills']:,.0f}, mean {two['mean_fills']:,.0f}", flush=True)
    if scaling:
        one, more = in_child(folder, sets, 1), in_child(folder, 8 * sets, 2)
        print(f"1 → 2 threads: {one['wall_s']:.2f} s → {two['wall_s']:.2f} s, {one['wall_s'] / two['wall_s']:.2f} ×")
        times = f"{more['wall_s'] / two['wall_s']:.2f} × the time ({more['processor_s'] / two['processor_s']:.2f} × of processors)"
        print(f"8 × the sets: {times}, {more['peak_bytes'] / two['peak_bytes']:.2f} × the memory")


def main() -> None:
    """Print the lines of one case or both."""
    parser = argparse.ArgumentParser(description="Sweeps of ten thousand sets.")
    parser.add_argument("--large", action="store_true", help="five venues with five million quotes each, too")
    large = parser.parse_args().large
    print(machine())
    print(f"probe: memory copy {copy_gib_per_s():.1f} GiB/s, two threads {two_thread_speedup():.2f} times one")
    report(SMALL, 10_000, scaling=True)
    if large:
        report(LARGE, 2_000, scaling=False)


if __name__ == "__main__":
    main()
