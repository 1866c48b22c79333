"""Whose turn it is: weighted round-robin between users, by priority and age among the runs of each.

A slot that is free goes to the user with the fewest runs under way for their weight; among equals to the one who has begun the least for
it. What nobody asked for cannot be saved up: whoever comes back begins where the round is. So a user with nothing under way waits, while
another of weight w has turns, for at most w / own weight + 1 of them. Claims take turns under a lock, which makes this exact, and limits
hold.
"""

from uuid import UUID

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncSession

_LOCK = 0x75_74_75_72  # "utur"
_SETTINGS = {
    # Whoever freezes with the lock in hand loses it; whoever waits for it in vain hears of it.
    "idle_in_transaction_session_timeout": "3s",
    "lock_timeout": "10s",
    # A plan of the time at which nothing waited reads all that waits now.
    "plan_cache_mode": "force_custom_plan",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
}
ONE_AT_A_TIME = text(
    f"SELECT {', '.join(f'set_config({name!r}, {value!r}, true)' for name, value in _SETTINGS.items())}, pg_advisory_xact_lock({_LOCK})"
)
_NEXT = text("""
    WITH round AS (SELECT coalesce(max(served_from), 0) AS now FROM shares),
    waiting AS (
        SELECT s.name, s.weight, greatest(s.served_to, round.now) AS turn, s.served_at, first.id, busy.runs
        FROM shares s
        CROSS JOIN round
        CROSS JOIN LATERAL (
            SELECT id FROM runs
            WHERE state = 'queued' AND created_by = s.name AND open_parts = 0 AND (deadline_at IS NULL OR deadline_at > now())
            ORDER BY priority DESC, created_at, id LIMIT 1
        ) first
        CROSS JOIN LATERAL (SELECT count(*) AS runs FROM runs WHERE state = 'running' AND created_by = s.name AND lease_until IS NOT NULL) busy
        WHERE busy.runs < coalesce(s.max_running, :most_running, busy.runs + 1)
    ),
    chosen AS (SELECT * FROM waiting ORDER BY runs / weight, turn, served_at NULLS FIRST, name LIMIT 1)
    UPDATE shares
    SET served_to = chosen.turn + 1 / shares.weight, served_from = chosen.turn, served_at = clock_timestamp(), claims = claims + 1
    FROM chosen WHERE shares.name = chosen.name
    RETURNING chosen.id""")


async def take(session: AsyncSession, *, most_running: int | None) -> UUID | None:
    """Return the run whose turn it is, None where none may begin; the caller's transaction holds off all other claims.

    `most_running` is how many runs of one user may be under way who has no limit of their own.
    """
    await session.execute(ONE_AT_A_TIME)
    found: UUID | None = await session.scalar(_NEXT, {"most_running": most_running})
    return found
