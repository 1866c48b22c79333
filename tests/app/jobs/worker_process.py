"""A worker in a process of its own: `python -m tests.app.jobs.worker_process DATABASE_URL REDIS_URL FOLDER [CRASHES LEASE_S]`."""

import asyncio
import dataclasses
import sys
from pathlib import Path

from arq.connections import RedisSettings

from app.db.session import make_sessions
from app.jobs import queue
from app.jobs.worker import serve, stop_on_signals
from tests.app.jobs.stage import QUICK, options


async def main(database_url: str, redis_url: str, folder: str, crashes: str = "3", lease_s: str = str(QUICK.lease_s)) -> None:
    rules = dataclasses.replace(QUICK, max_crashes=int(crashes), lease_s=float(lease_s))
    stop = stop_on_signals()
    engine, sessions = make_sessions(database_url, 5)
    redis = await queue.connect(RedisSettings.from_dsn(redis_url))
    try:
        await serve(sessions, redis, options(Path(folder), rules=rules), stop=stop)
    finally:
        await redis.aclose(close_connection_pool=True)
        await engine.dispose()


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
