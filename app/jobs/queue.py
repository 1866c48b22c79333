"""The doorbell: arq on Redis or Valkey. It holds nothing that PostgreSQL does not know; losing it delays runs, no more.

A ring's job id is `run:attempt`, so that each attempt rings by itself and no lock of a dead worker stands in the way.
Jobs are JSON, not pickles: whoever writes to the queue server gets no code executed here.
"""

from collections.abc import Iterable
from uuid import UUID

import orjson
from arq.connections import ArqRedis, RedisSettings, create_pool
from arq.constants import in_progress_key_prefix, job_key_prefix, retry_key_prefix

QUEUE = "usdc-arb:runs"
EXECUTE = "execute"

Ring = tuple[UUID, int]
"""A run and the attempt at it that wants a worker."""


def dumps(job: dict[str, object]) -> bytes:
    """Return an arq job as JSON; an exception, which arq writes as a job's result, as its text."""
    return orjson.dumps(job, default=str)


async def connect(settings: RedisSettings) -> ArqRedis:
    """Return a pool of connections to the queue server; the caller closes it."""
    return await create_pool(settings, job_serializer=dumps, job_deserializer=orjson.loads, default_queue_name=QUEUE)


async def ring(redis: ArqRedis, run_id: UUID, attempt: int) -> None:
    """Ask for a worker; asking again while the first ring is unanswered changes nothing."""
    await redis.enqueue_job(EXECUTE, str(run_id), attempt, _job_id=_job_id(run_id, attempt))


async def ring_again(redis: ArqRedis, rings: Iterable[Ring]) -> int:
    """Ring for those that are no longer in the queue, and return how many."""
    lost = [which for which in rings if await redis.zscore(QUEUE, _job_id(*which)) is None]
    for run_id, attempt in lost:
        await forget(redis, run_id, attempt)  # what is left of a ring makes arq drop the next of the same id
        await ring(redis, run_id, attempt)
    return len(lost)


async def forget(redis: ArqRedis, run_id: UUID, attempt: int) -> None:
    """Take a ring out of the queue.

    arq leaves a job there until it ends and reads only the first 100; those of a hundred long runs would starve all others.
    """
    job_id = _job_id(run_id, attempt)
    async with redis.pipeline(transaction=True) as pipe:
        pipe.zrem(QUEUE, job_id)
        pipe.delete(*(prefix + job_id for prefix in (job_key_prefix, in_progress_key_prefix, retry_key_prefix)))
        await pipe.execute()


def _job_id(run_id: UUID, attempt: int) -> str:
    return f"{run_id}:{attempt}"
