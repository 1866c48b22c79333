"""A run of five venues with a million quotes each, whole and by its parts: `python -m tests.bench.bench_quotes`.

Equality first: on a stretch of the same quotes the oracle must come to the same orders, and a walk over every instant to the same
as one over the candidates. Then, beside what the machine's memory and arithmetic give: the run from frames to Parquet in memory, with
hashing, quality, report and all, without and with stress runs, each in a warm process of its own, the median of five and the most that
it held, data included; an eighth of the rows; two runs at once; and, on one core, the best of five, or of what goes into two seconds, of
alignment and edge, and of the path, on five venues and on two.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from engine import backtest, guard, market, panel
from engine import path as walking
from engine.arrays import Floats
from engine.config import Spec, parse_spec
from engine.kernels.market import World
from engine.oracle import replay
from engine.schema import TIMESTAMP, SeriesKey, instant, micros, quotes_schema
from tests.bench.probe import best_of, copy_gib_per_s, gflop_per_s, machine, two_thread_speedup

QUOTES_EACH = 1_000_000
HOURS = 4
START_US = 1_700_000_000_000_000 // 3_600_000_000 * 3_600_000_000
SPAN_US = HOURS * 3_600_000_000


def spec(venues: int, *, minutes: int = 60 * HOURS, threshold_bps: float = 20.0) -> Spec:
    """Return a spec with the rules of the model at work: tiers, limits, a drawdown stop, a cool-down, residual orders, and rebalancing."""
    names = [f"v{n}" for n in range(venues)]
    tiers = [{"volume": 0, "taker_bps": 2.0}, {"volume": 50_000_000, "taker_bps": 1.0}]
    venue = {"feed_latency": "20ms", "order_latency": "30ms", "balances": {"USD": 5_000_000, "BTC": 200}, "fees": [{"tiers": tiers}]}
    routes = [
        {"name": f"{a} to {b}", "currency": "USD", "source": a, "destination": b, "fee": 1, "delay": "10m"}
        for a, b in zip(names, [*names[1:], names[0]], strict=True)
    ]
    wallets = [{"venue": name, "currency": "USD", "floor": 4_000_000, "target": 5_000_000} for name in names]
    risk = {"max_drawdown": 1_000_000, "max_residual": 1_000_000, "max_venue_open": 10_000_000, "max_misses": 1_000_000}
    return parse_spec(
        {
            "version": 2,
            "name": "bench",
            "start": f"{instant(START_US):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{instant(START_US + minutes * 60_000_000):%Y-%m-%dT%H:%M:%SZ}",
            "strategy": {"kind": "spatial", "threshold_bps": threshold_bps, "max_notional": 20_000, "cool_down": "200ms"},
            "execution": {"tolerance_bps": 1.0},
            "risk": risk,
            "routes": routes,
            "rebalance": {"policy": "threshold", "every": "10m", "wallets": wallets},
            "venues": dict.fromkeys(names, venue),
            "instruments": [
                {"venue": name, "name": "BTC/USD", "data": "quotes", "tick": "0.1", "lot": "0.0001", "min_notional": 10} for name in names
            ],
        }
    )


def quotes(keys: tuple[SeriesKey, ...]) -> dict[SeriesKey, pl.DataFrame]:
    """Return seeded quotes at random times: one fair price, and around it a venue's own mean-reverting deviation."""
    rng = np.random.default_rng(20231114)
    clock = np.linspace(-60_000_000, SPAN_US, 200_000)
    fair = 30_000 * np.exp(np.cumsum(rng.normal(0, 2e-5, clock.size)))
    return {key: _series(rng, clock, fair) for key in keys}


def _series(rng: np.random.Generator, clock: Floats, fair: Floats) -> pl.DataFrame:
    at = np.sort(rng.integers(-60_000_000, SPAN_US, QUOTES_EACH))
    own, shocks = np.zeros(QUOTES_EACH), rng.normal(0, 2e-5, QUOTES_EACH)
    for n in range(1, QUOTES_EACH):
        own[n] = 0.9995 * own[n - 1] + shocks[n]
    bid = np.round(np.interp(at, clock, fair) * (1 + own) - 0.5, 1)
    size = lambda: np.round(rng.lognormal(-1, 1, QUOTES_EACH), 4) + 1e-3  # noqa: E731
    columns = {
        "ts": pl.Series(START_US + at).cast(TIMESTAMP),
        "received": pl.Series([None], dtype=TIMESTAMP).new_from_index(0, QUOTES_EACH),
        "bid": bid,
        "bid_size": size(),
        "ask": np.round(bid + 1.0, 1),
        "ask_size": size(),
    }
    return pl.DataFrame(columns, schema=quotes_schema(1))


def hold_equal(data: Mapping[SeriesKey, pl.DataFrame], venues: int, minutes: int) -> int:
    """Return the number of orders on which kernel and oracle, and full and compact walk agree; exit where they do not."""
    short = spec(venues, minutes=minutes, threshold_bps=12.0)  # so that there are many
    end = instant(micros(short.end) + 1_000_000)
    cut = {key: data[key].filter(pl.col("ts") < end) for key in short.series}
    seen = panel.build(short, cut)
    world = market.world(short, seen, guard.build(short, seen.marks))
    ours, whole = (walking.walk_path(short, world, walking.candidates(world, bps)).orders for bps in (short.strategy.threshold_bps, -np.inf))
    theirs = replay(short, cut).orders
    same = [
        (leg, planned, filled, flow, fee) == (o.leg, o.planned, o.filled, o.flow, o.fee)
        for leg, planned, filled, flow, fee, o in zip(ours.leg, ours.planned, ours.filled, ours.flow, ours.fee, theirs, strict=True)
    ]
    alike = all(np.array_equal(getattr(ours, f.name), getattr(whole, f.name), equal_nan=True) for f in fields(ours))
    if not same or not all(same) or not alike:
        sys.exit(f"kernel and oracle differ in {same.count(False)} of {len(same)} orders; full and compact walk alike: {alike}")
    return len(same)


def cpu_of(work: Callable[[], object]) -> float:
    """Return the least processor time of five runs on this thread [s], or of what goes into two seconds: a neighbour slows short ones all alike."""
    found, ends = [], time.monotonic() + 2
    while len(found) < 5 or time.monotonic() < ends:
        began = time.thread_time()
        work()
        found.append(time.thread_time() - began)
    return min(found)


def parts(venues: int, data: Mapping[SeriesKey, pl.DataFrame]) -> str:
    """Return a line on alignment and path of so many venues, on one core."""
    one = spec(venues)
    seen = panel.build(one, {key: data[key] for key in one.series})
    world: World = market.world(one, seen, guard.build(one, seen.marks))
    rows, place = walking.candidates(world, one.strategy.threshold_bps)
    funding, _ = market.funding(one)
    scanning = cpu_of(lambda: walking.candidates(world, one.strategy.threshold_bps))
    walked = walking.walked(one, world, funding, rows)[1]
    walking_s = cpu_of(lambda: walking.walked(one, world, funding, rows))
    count = rows.at_us.size
    aligned = f"{venues * QUOTES_EACH / scanning / 1e6:.1f}M quotes/s, {venues * int(place.instants) / scanning / 1e6:.0f}M row·venues/s"
    rates = f"alignment and edge {aligned} a core; path {1e9 * walking_s / count:.0f} ns a candidate"
    of = f"{count:,} of {int(place.instants):,} instants; {walked.opportunities.size:,} opportunities, {walked.orders.size:,} orders"
    return f"{venues} venues: {rates} ({of})"


def in_child(folder: Path, *options: str) -> dict[str, Any]:
    """Return what a run on the saved data took, in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.quotes_child", str(folder), *options]
    found: dict[str, Any] = json.loads(subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout)
    return found


def whole_runs(data: Mapping[SeriesKey, pl.DataFrame]) -> list[str]:
    """Return a line on the run without, and one with stress runs."""
    lines = []
    with tempfile.TemporaryDirectory() as name:
        for key, frame in data.items():
            frame.write_parquet(Path(name) / f"{key.venue}.parquet")
        for told, options in (("run, frames to files", ()), ("the same with three stress runs", ("--stress",))):
            found = in_child(Path(name), str(len(data)), *options)
            held = f"{found['peak_bytes'] / 1e9:.3f} GB held at most, {found['held_before_bytes'] / 1e9:.3f} of it by process and data before"
            took = f"{found['wall_s']:.3f} s ({found['processor_s']:.3f} s of processor time)"
            lines.append(f"{told}: {took} for {len(data)} × {QUOTES_EACH:,} quotes, {found['counts']['fills']:,} fills; {held}")
    return lines


def scaling(data: Mapping[SeriesKey, pl.DataFrame]) -> str:
    """Return a line on eight times the rows, and on two walks at once on two threads."""
    few, many = spec(5, minutes=60 * HOURS // 8), spec(5)
    short, long = (best_of(5, lambda one=one: backtest.run(one, data, stress=False).files()) for one in (few, many))
    seen = panel.build(many, data)
    world = market.world(many, seen, guard.build(many, seen.marks))

    def walk() -> None:
        walking.walk_path(many, world, walking.candidates(world, many.strategy.threshold_bps))

    def twice() -> None:
        with ThreadPoolExecutor(2) as threads:
            for done in [threads.submit(walk) for _ in range(2)]:
                done.result()

    one, two = best_of(5, walk), best_of(5, twice)
    return f"scaling: 8 times the rows take {long / short:.1f} times as long; alignment, edge and path on two threads {2 * one / two:.2f} times one"


def main() -> None:
    """Print one table."""
    whole = spec(5)
    data = quotes(whole.series)
    backtest.run(spec(5, minutes=2), data)
    agreed = hold_equal(data, 5, 3)
    print(machine())
    print(f"probe: memory copy {copy_gib_per_s():.1f} GiB/s, a core {gflop_per_s():.2f} Gflop/s, two threads {two_thread_speedup():.2f} times one")
    print(f"equality: {agreed} orders of the first 3 minutes equal the oracle's, and those of a walk over every instant")
    for line in (*whole_runs(data), scaling(data)):
        print(line, flush=True)
    for venues in (5, 2):
        print(parts(venues, data), flush=True)


if __name__ == "__main__":
    main()
