"""A run of five venues with a million quotes each, whole and by its parts: `python -m tests.bench.bench_quotes`.

Equality first: on a stretch of the same quotes the oracle must come to the same orders, and a walk over every instant to the same
as one over the candidates. Then, best of five in a warm process, beside what the machine's memory and arithmetic give: the run from
frames to Parquet in memory, with hashing, quality, report and all; alignment and edge on one core; the path, on five venues and on two.
"""

import resource
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import fields

import numpy as np
import polars as pl

from engine import backtest, guard, market, panel
from engine import path as walking
from engine.arrays import Floats
from engine.config import Spec, parse_spec
from engine.kernels.market import World
from engine.oracle import replay
from engine.schema import TIMESTAMP, SeriesKey, instant, micros, quotes_schema
from tests.bench.probe import best_of, copy_gib_per_s, machine, two_thread_speedup

QUOTES_EACH = 1_000_000
HOURS = 4
START_US = 1_700_000_000_000_000 // 3_600_000_000 * 3_600_000_000
SPAN_US = HOURS * 3_600_000_000


def spec(venues: int, *, minutes: int = 60 * HOURS, threshold_bps: float = 22.0) -> Spec:
    """Return a spec with every rule of the model at work: tiers, limits, a drawdown stop, a cool-down and residual orders."""
    names = [f"v{n}" for n in range(venues)]
    tiers = [{"volume": 0, "taker_bps": 2.0}, {"volume": 50_000_000, "taker_bps": 1.0}]
    venue = {"feed_latency": "20ms", "order_latency": "30ms", "balances": {"USD": 5_000_000, "BTC": 200}, "fees": [{"tiers": tiers}]}
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


def cpu_of(times: int, work: Callable[[], object]) -> float:
    """Return the least processor time of several runs on this thread [s]."""
    found = []
    for _ in range(times):
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
    scanning = cpu_of(5, lambda: walking.candidates(world, one.strategy.threshold_bps))
    walked = walking.walked(one, world, funding, rows)[1]
    walking_s = cpu_of(5, lambda: walking.walked(one, world, funding, rows))
    count = rows.at_us.size
    rates = f"alignment and edge {venues * QUOTES_EACH / scanning / 1e6:.1f}M quotes/s a core; path {1e9 * walking_s / count:.0f} ns a candidate"
    of = f"{count:,} of {int(place.instants):,} instants; {walked.opportunities.size:,} opportunities, {walked.orders.size:,} orders"
    return f"{venues} venues: {rates} ({of})"


def main() -> None:
    """Print one table."""
    whole = spec(5)
    data = quotes(whole.series)
    backtest.run(spec(5, minutes=2), data)
    agreed = hold_equal(data, 5, 3)
    print(machine())
    print(f"probe: memory copy {copy_gib_per_s():.1f} GiB/s, two threads {two_thread_speedup():.2f} times one")
    print(f"equality: {agreed} orders of the first 3 minutes equal the oracle's, and those of a walk over every instant")
    result = backtest.run(whole, data, stress=False)
    counts = result.summary["counts"]
    assert isinstance(counts, dict)
    plain = best_of(5, lambda: backtest.run(whole, data, stress=False).files())
    stressed = best_of(3, lambda: backtest.run(whole, data).files())
    print(f"run, frames to files: {plain:.3f} s for 5 × {QUOTES_EACH:,} quotes, {counts['fills']:,} fills; with three stress runs {stressed:.3f} s")
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB at most, data included")
    for venues in (5, 2):
        print(parts(venues, data))


if __name__ == "__main__":
    main()
