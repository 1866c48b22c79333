"""A run of three venues with 500,000 one-minute bars each, from Parquet to metrics: `python -m tests.bench.bench_backtest`.

Equality first: on a stretch of the same bars the oracle must come to the same orders. Then best of five, beside what reading the
same files costs and what the machine's memory gives.
"""

import sys
import tempfile
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import numpy as np
import polars as pl

from engine import backtest
from engine.config import Spec, parse_spec
from engine.oracle import replay
from engine.schema import ATOMS_PER_UNIT, BARS, TIMESTAMP, SeriesKey, instant, micros
from tests.bench.probe import best_of, copy_gib_per_s, machine, two_thread_speedup

BARS_EACH = 500_000
START = "2022-01-01T00:10:00Z"
MINUTE_US = 60_000_000


def spec(bars: int) -> Spec:
    """Return a spec of three venues over the given number of minutes."""
    end = instant(micros(parse_time(START)) + (bars - 20) * MINUTE_US)
    fees = {"ask": 2, "bid": 3, "cost": 4}
    return parse_spec(
        {
            "version": 2,
            "name": "bench",
            "start": START,
            "end": end.strftime("%Y-%m-%dT%H:%M:%SZ"),
            "interval": "1m",
            "strategy": {"kind": "spatial", "threshold_bps": 5.0, "max_notional": 20_000},
            "execution": {"tolerance_bps": 3.0},
            "venues": {
                name: {"fee_bps": fee, "feed_latency": "50ms", "order_latency": "50ms", "balances": {"USD": 5_000_000, "BTC": 200}}
                for name, fee in fees.items()
            },
            "instruments": [
                {"venue": name, "name": "BTC/USD", "half_spread_bps": 0.5, "tick": "0.01", "lot": "0.0001", "min_notional": 10} for name in fees
            ],
        }
    )


def parse_time(text: str) -> pl.Datetime:
    """Return an ISO time."""
    return pl.Series([text]).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")[0]


def world(keys: tuple[SeriesKey, ...]) -> dict[SeriesKey, pl.DataFrame]:
    """Return correlated seeded bars: one fair price, and around it a venue's own mean-reverting deviation."""
    rng = np.random.default_rng(20220101)
    fair = 30_000 * np.exp(np.cumsum(rng.normal(0, 2e-4, BARS_EACH)))
    found = {}
    for key in keys:
        own = np.zeros(BARS_EACH)
        shocks = rng.normal(0, 2e-4, BARS_EACH)
        for at in range(1, BARS_EACH):
            own[at] = 0.8 * own[at - 1] + shocks[at]
        close = np.round(fair * (1 + own), 2)
        opened = np.concatenate([close[:1], close[:-1]])
        ts = micros(parse_time(START)) + (np.arange(BARS_EACH) - 10) * MINUTE_US
        found[key] = pl.DataFrame(
            {
                "ts": pl.Series(ts, dtype=pl.Int64).cast(TIMESTAMP),
                "open": opened,
                "high": np.maximum(opened, close),
                "low": np.minimum(opened, close),
                "close": close,
                "volume": np.round(rng.lognormal(1, 1, BARS_EACH) * (rng.random(BARS_EACH) > 0.02), 4),
            },
            schema=BARS,
        )
    return found


def hold_against_oracle(bars: Mapping[SeriesKey, pl.DataFrame], minutes: int) -> int:
    """Return the number of orders on which engine and oracle agree over the first minutes; exit where they do not."""
    short = spec(minutes)
    ours, theirs = backtest.run(short, bars).fills, replay(short, bars).orders
    same = [
        (a["venue"], a["side"], round(a["filled"] * ATOMS_PER_UNIT), round(a["flow"] * ATOMS_PER_UNIT), a["outcome"])
        == (b.venue, b.side, b.filled, b.flow, b.outcome)
        for a, b in zip(ours.iter_rows(named=True), theirs, strict=True)
    ]
    if not same or not all(same):
        sys.exit(f"engine and oracle differ in {same.count(False)} of {len(same)} orders")
    return len(same)


def main() -> None:
    """Print one table."""
    whole = spec(BARS_EACH)
    made = world(whole.series)
    agreed = hold_against_oracle(made, 5_000)
    with tempfile.TemporaryDirectory() as folder:
        paths = {key: Path(folder) / f"{key.venue}.parquet" for key in made}
        for key, frame in made.items():
            frame.write_parquet(paths[key])
        read = lambda: {key: pl.read_parquet(path) for key, path in paths.items()}  # noqa: E731
        backtest.warm()
        reading = best_of(5, read)
        running = best_of(5, lambda: backtest.run(whole, read()))
        result = backtest.run(whole, made)
    counts = result.summary["counts"]
    assert isinstance(counts, dict)
    rows = len(made) * BARS_EACH
    print(machine())
    print(f"probe: memory copy {copy_gib_per_s():.1f} GiB/s, two threads {two_thread_speedup():.2f} times one")
    print(f"equality: {agreed} orders of the first {timedelta(minutes=5000)} equal the oracle's")
    rate = f"{rows / running / 1e6:.1f}M bars/s"
    print(f"run, Parquet to metrics with three stress runs: {running:.3f} s for {rows:,} bars ({rate}), {counts['packages']:,} packages")
    print(f"of that, reading the files: {reading:.3f} s")


if __name__ == "__main__":
    main()
