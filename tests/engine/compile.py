"""Compile every kernel once, before several workers of the tests do it at the same time: `python -m tests.engine.compile`."""

import os
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from engine import sweep
from engine.backtest import warm
from tests.engine.engines import by_kernel
from tests.engine.sweep.test_run import WEEKEND, weekend
from tests.engine.sweep.test_singly import cycles
from tests.engine.test_model_basis import dear
from tests.engine.test_model_dex_cex import pond
from tests.engine.test_model_redemption import redeemed


def walk_trials() -> None:
    """Sweep pairs."""
    sweep.run(weekend(keep=0), WEEKEND.bars, threads=1)


def walk_cycles() -> None:
    """Send cycles."""
    by_kernel(cycles())


def walk_peg() -> None:
    """Bet on a peg."""
    by_kernel(redeemed())


def walk_basis() -> None:
    """Trade spot against a perpetual."""
    by_kernel(dear())


def walk_swaps() -> None:
    """Trade a pool against a book."""
    by_kernel(pond())


def main() -> None:
    """Compile on all processors, what takes longest first."""
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        for done in [pool.submit(job) for job in (walk_trials, walk_peg, walk_cycles, walk_basis, walk_swaps, warm)]:
            done.result()


if __name__ == "__main__":
    main()
