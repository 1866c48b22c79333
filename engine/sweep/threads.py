"""Work that several threads take turns at, in an order that does not matter."""

from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from itertools import islice
from typing import TypeVar

Task = TypeVar("Task")
Done = TypeVar("Done")


def in_threads(work: Callable[[Task], Done], tasks: Iterable[Task], threads: int) -> Generator[Done, None, None]:
    """Yield what comes of tasks as they are done, at most two a thread ahead; close it to stop: what runs is waited for, and no more begins."""
    executor = ThreadPoolExecutor(threads)
    try:
        waiting = (executor.submit(work, task) for task in tasks)
        running: set[Future[Done]] = set(islice(waiting, 2 * threads))
        while running:
            done, running = wait(running, return_when=FIRST_COMPLETED)
            running |= set(islice(waiting, len(done)))
            for future in done:
                yield future.result()
    finally:
        executor.shutdown(wait=True, cancel_futures=True)
