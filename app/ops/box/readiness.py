"""Wait until a process answers, or say what it said when it ended instead."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path

from app.errors import AppError, Unavailable
from app.ops.box import disk, logs
from app.ops.box.process import Process

_PAUSE = 0.01


async def until(ready: Callable[[], Awaitable[bool]], *, process: Process, log: Path, began: int, seconds: float) -> None:
    """Wait for `ready`; a process that ends instead is an error that quotes its log since byte `began`."""
    ended = asyncio.ensure_future(process.wait())
    try:
        async with asyncio.timeout(seconds):
            while not await ready():
                if ended.done():
                    raise failure(process.name, log, began)
                await asyncio.wait([ended], timeout=_PAUSE)
    except TimeoutError:
        raise Unavailable(f"{process.name} was not ready after {seconds:.0f} s; its log is {log}") from None
    finally:
        ended.cancel()
        with suppress(asyncio.CancelledError):
            await ended


def failure(name: str, log: Path, began: int) -> AppError:
    """Return the error for a program that ended too early, with what it wrote."""
    said = logs.since(log, began)
    if disk.MESSAGE in said:
        return disk.full(log.parent.parent)
    return Unavailable(f"{name} ended before it was ready; its log {log} says:\n{said or '(nothing)'}")


async def http_ok(host: str, port: int, path: str) -> bool:
    """Tell whether a GET of the path is answered with 200 now."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await asyncio.open_connection(host, port)
            try:
                writer.write(f"GET {path} HTTP/1.1\r\nHost: {host}:{port}\r\nConnection: close\r\n\r\n".encode())
                return (await reader.readline()).split()[1:2] == [b"200"]
            finally:
                writer.close()
    except (OSError, TimeoutError):
        return False
