"""A tape of random bytes from which a world is read: a seed says it all, and where the tape ends nothing is special any more."""

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Tape:
    """Bytes that are read one after the other; behind the last there are zeros, which mean the first of what there is to choose."""

    def __init__(self, code: bytes) -> None:
        self._code = code
        self._at = 0

    def take(self, count: int) -> bytes:
        """Return the next so many bytes."""
        found = self._code[self._at : self._at + count]
        self._at += count
        return found + bytes(count - len(found))

    def number(self, low: int, high: int) -> int:
        """Return a number from low to high, both included; low on zeros."""
        return low + int.from_bytes(self.take(3)) % (high - low + 1)

    def pick(self, options: Sequence[T]) -> T:
        """Return one of the options, the first on zeros."""
        return options[self.take(1)[0] % len(options)]

    def once_in(self, count: int) -> bool:
        """Tell whether the rarer of two things happens; never on zeros."""
        return self.take(1)[0] % count == count - 1

    def some(self, options: Sequence[T], least: int, most: int) -> list[T]:
        """Return some of the options, each once, in any order."""
        left = list(options)
        return [left.pop(self.take(1)[0] % len(left)) for _ in range(min(self.number(least, most), len(left)))]
