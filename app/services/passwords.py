"""Passwords: what may be one, and hashes of them, worked out a few at a time so that signing in cannot take the machine.

argon2id with 19 MiB, two passes and one lane, as OWASP's cheat sheet has it; whoever is found with fewer is hashed anew when they sign in.
"""

import asyncio
import unicodedata
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Final, TypeVar, TypeVarTuple, Unpack

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from zxcvbn import zxcvbn

from app.errors import BadInput, Unavailable

SHORTEST: Final = 12
LONGEST: Final = 256
_AT_ONCE = 2
_WAITING = 32
_WEIGHED = 72  # characters whose guessing is estimated: that grows with the square
_ENOUGH = 3  # of zxcvbn's 0 to 4: 10^8 guesses and more

_T = TypeVar("_T")
_Given = TypeVarTuple("_Given")
_HASHER: Final = PasswordHasher(time_cost=2, memory_cost=19 << 10, parallelism=1)
_pool = ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="password")
_under_way = 0


def check(password: str, *, email: str) -> None:
    """Refuse what is too short, too long, or what others would guess soon; BadInput says why."""
    length = len(_normal(password))
    if not SHORTEST <= length <= LONGEST:
        raise BadInput(f"password: expected {SHORTEST} to {LONGEST} characters, found {length}")
    found = zxcvbn(_normal(password)[:_WEIGHED], user_inputs=[email, *email.split("@"), "usdc", "arbitrage", "usdc-arb"])
    if found["score"] < _ENOUGH:
        said = found["feedback"]["warning"] or "it would be guessed soon"
        raise BadInput(
            f"password: expected one that is hard to guess ({said.rstrip('.')}); three or four words that nobody would put together will do"
        )


async def hashed(password: str) -> str:
    """Return the hash of a password."""
    return await _bounded(_HASHER.hash, _normal(password))


async def matches(password: str, stored: str | None) -> bool:
    """Tell whether a password is the one that was hashed; takes as long where there is nothing to compare it with."""
    return await _bounded(_verified, _normal(password)[: LONGEST + 1], stored if stored is not None else _nobodys()) and stored is not None


def is_outdated(stored: str) -> bool:
    """Tell whether a hash was made with other parameters than today's."""
    return _HASHER.check_needs_rehash(stored)


def _verified(password: str, stored: str) -> bool:
    try:
        return _HASHER.verify(stored, password)
    except (VerificationError, InvalidHashError):
        return False


@cache
def _nobodys() -> str:
    return _HASHER.hash("a password that nobody has")


def _normal(password: str) -> str:
    return unicodedata.normalize("NFKC", password)


async def _bounded(work: Callable[[Unpack[_Given]], _T], *arguments: *_Given) -> _T:
    global _under_way  # noqa: PLW0603  of this process, as the pool
    if _under_way >= _WAITING:
        raise Unavailable("more people sign in at the moment than can be looked after; try again in a few seconds")
    _under_way += 1
    try:
        return await asyncio.get_running_loop().run_in_executor(_pool, work, *arguments)
    finally:
        _under_way -= 1
