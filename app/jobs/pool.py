"""Children of a worker: started before they are needed, lent to one run at a time, replaced when they end."""

import asyncio
from types import TracebackType
from typing import Self

from app import log
from app.jobs.process import Child, ChildOptions

_log = log.get(__name__)


class Pool:
    """`size` children, ready or on their way; `async with` starts and ends them."""

    def __init__(self, options: ChildOptions, *, size: int) -> None:
        self.size = size
        self._options = options
        self._ready: asyncio.Queue[Child] = asyncio.Queue()
        self._children: set[Child] = set()
        self._starting: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        for _ in range(self.size):
            self._replace()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for task in self._starting:
            task.cancel()
        await asyncio.gather(*self._starting, return_exceptions=True)
        await asyncio.gather(*(child.end() for child in self._children))

    @property
    def held_bytes(self) -> int:
        """How much memory the children hold."""
        return sum(child.held_bytes for child in self._children)

    async def borrow(self) -> Child:
        """Wait for a child that is ready; it comes back through `give_back`."""
        while True:
            child = await self._ready.get()
            if child.alive:
                return child
            self.give_back(child)

    def give_back(self, child: Child) -> None:
        """Make a child available again, or replace it if it is not fit for another run."""
        if child.usable and child.alive:
            self._ready.put_nowait(child)
        else:
            child.kill()
            self._replace(child)

    def _replace(self, old: Child | None = None) -> None:
        task = asyncio.create_task(self._start(old))
        self._starting.add(task)
        task.add_done_callback(self._starting.discard)

    async def _start(self, old: Child | None) -> None:
        if old:
            await old.end()
            self._children.discard(old)
        pause = 0.1
        while True:
            try:
                child = await Child.start(self._options)
            except (OSError, TimeoutError) as error:  # ChildProcessError is an OSError
                _log.error("child did not start", error=str(error), again_in_s=pause)
                await asyncio.sleep(pause)
                pause = min(pause * 2, 30.0)
            else:
                self._children.add(child)
                self._ready.put_nowait(child)
                return
