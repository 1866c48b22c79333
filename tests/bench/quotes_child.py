"""A run on quotes in a process of its own, as `bench_quotes` starts it: `python -m tests.bench.quotes_child FOLDER VENUES [--stress]`.

It reads what `bench_quotes` saved in the folder, warms up, and prints as JSON what a run took and held, the data included.
"""

import json
import statistics
import sys
import time
from pathlib import Path

import polars as pl

from engine import backtest
from tests.bench.bench_quotes import spec

ROUNDS = 5


def held_bytes(name: str) -> int:
    """Return what this process holds now (VmRSS) or held at most (VmHWM); what getrusage says goes on from the process that started it."""
    return int(Path("/proc/self/status").read_text(encoding="ascii").partition(f"{name}:")[2].split(None, 1)[0]) << 10


def main(folder: Path, venues: int, *, stress: bool) -> None:
    """Run several times, each from frames to files."""
    whole = spec(venues)
    backtest.warm()
    data = {key: pl.read_parquet(folder / f"{key.venue}.parquet").rechunk() for key in whole.series}
    before = held_bytes("VmRSS")
    wall, processor, files = [], [], {}
    for _ in range(ROUNDS + 1):
        began, cpu = time.perf_counter(), time.process_time()
        files = backtest.run(whole, data, stress=stress).files()
        wall.append(time.perf_counter() - began)
        processor.append(time.process_time() - cpu)
    found = {
        "wall_s": statistics.median(wall[1:]),
        "processor_s": statistics.median(processor[1:]),
        "held_before_bytes": before,
        "peak_bytes": held_bytes("VmHWM"),
        "counts": json.loads(files["summary.json"])["counts"],
    }
    print(json.dumps(found))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), stress="--stress" in sys.argv)
