"""Identifiers of rows: UUIDs of version 7, which sort by the time they were made."""

import secrets
import time
from uuid import UUID

_RANDOM_BITS = 74


def uuid7_at(ms: int, random: int) -> UUID:
    """Return the UUID of RFC 9562 §5.7 for a time in ms since the epoch and 74 random bits."""
    high, low = random >> 62, random & (1 << 62) - 1
    return UUID(int=ms << 80 | 0x7 << 76 | high << 64 | 0b10 << 62 | low)


def new_id() -> UUID:
    """Return a new time-ordered identifier."""
    return uuid7_at(time.time_ns() // 1_000_000, secrets.randbits(_RANDOM_BITS))
