"""What a benchmark says about the machine that it ran on."""

import hashlib
import os
import platform
import statistics
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl
from numba import njit


def best_of(times: int, work: Callable[[], object]) -> float:
    """Return the shortest of several timings [s]."""
    return min(_timings(times, work))


def median_of(times: int, work: Callable[[], object]) -> float:
    """Return the median of several timings after one that warms up [s]."""
    return statistics.median(_timings(times + 1, work)[1:])


def _timings(times: int, work: Callable[[], object]) -> list[float]:
    found = []
    for _ in range(times):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return found


def copy_gib_per_s() -> float:
    """Return how fast one thread copies memory, read and written counted [GiB/s]."""
    source = np.ones(2**25)
    target = np.empty_like(source)
    return 2 * source.nbytes / 2**30 / best_of(5, lambda: np.copyto(target, source))


def sha256_gb_per_s() -> float:
    """Return how fast one thread hashes memory by SHA-256 [GB/s]: what checking files costs at least."""
    source = np.random.default_rng(0).bytes(2**26)
    return len(source) / 1e9 / best_of(5, lambda: hashlib.sha256(source))


def gflop_per_s() -> float:
    """Return how many additions and multiplications, each waiting for the one before, a core does in a second, in billions."""
    count, value = 20_000_000, 1.0

    @njit(nogil=True)
    def chain(value: float, count: int) -> float:
        for _ in range(count):
            value = value * 0.999_999 + 1e-6
        return value

    chain(value, 1)
    return 2 * count / 1e9 / best_of(5, lambda: chain(value, count))


def two_thread_speedup() -> float:
    """Return how much faster two processes' worth of arithmetic finishes on two Polars threads than on one: the machine's scaling now."""
    frame = pl.DataFrame({"a": np.random.default_rng(0).random(2**22)})
    one = best_of(3, lambda: frame.select(pl.col("a").sin().sum()))
    two = best_of(3, lambda: frame.select(pl.col("a").sin().sum(), pl.col("a").sin().sum().alias("b")))
    return 2 * one / two


def machine() -> str:
    """Return one line on processor, cores, versions and commit."""
    model = next((line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")), "unknown")
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False).stdout.strip()
    cores = len(os.sched_getaffinity(0))
    return f"{model}, {cores} cores, Python {platform.python_version()}, NumPy {np.__version__}, Polars {pl.__version__}, commit {commit}"
