"""A sweep in a process of its own, as `bench_sweep` starts it: `python -m tests.bench.sweep_child FOLDER SETS THREADS`.

It reads what `bench_sweep` saved in the folder, warms up, and prints as JSON what the sweep took and held, the data included.
"""

import json
import sys
from pathlib import Path

import polars as pl

from engine.schema import SeriesKey
from tests.bench.bench_sweep import LARGE, SMALL, grid, timed
from tests.bench.quotes_child import held_bytes

ROUNDS = 5


def main(folder: Path, sets: int, threads: int) -> None:
    """Run several times."""
    thresholds = json.loads((folder / "thresholds.json").read_text())
    data = {SeriesKey(path.stem, "BTC/USD"): pl.read_parquet(path).rechunk() for path in sorted(folder.glob("*.parquet"))}
    case = SMALL if len(data) == SMALL.venues else LARGE
    timed(grid(case, thresholds, 2_000), data, threads, times=1)
    before = held_bytes("VmRSS")
    wall, processor, trials = timed(grid(case, thresholds, sets), data, threads, times=ROUNDS)
    found = {
        "wall_s": wall,
        "processor_s": processor,
        "sets": trials.height,
        "median_fills": trials["fills"].median(),
        "mean_fills": trials["fills"].mean(),
        "held_before_bytes": before,
        "peak_bytes": held_bytes("VmHWM"),
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3]))
