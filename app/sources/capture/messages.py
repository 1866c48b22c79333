"""The lines of a capture: which stream each is of, and the messages of those that are wanted."""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import cache
from typing import Any, NamedTuple

import orjson

from app.sources.clock import FROM_US, TO_US, Unit
from app.sources.errors import BadRow
from app.sources.text import Block
from engine.schema import US_PER_SECOND

LONGEST_LINE = 4 << 20
"""Bytes of a line: a snapshot of 5,000 levels a side has 400,000."""

SNAPSHOT = "snapshot"
"""Name of the lines that hold a whole book."""

_WRAPPED = b'{"stream":"'
_CHANGES = re.compile(r"depth(@\d+ms)?")
_TICKER = frozenset("usbBaA")


class Stream(StrEnum):
    """What quotes are made of, and trades."""

    BOOK_TICKER = "bookTicker"
    DEPTH = "depth"
    TRADE = "trade"
    AGG_TRADE = "aggTrade"


OF_TRADES = frozenset({Stream.TRADE, Stream.AGG_TRADE})
"""Those that are not of quotes."""


class Message(NamedTuple):
    """A message of a stream that is wanted."""

    line: int
    received_us: int
    stream: str
    """Its name without symbol, such as `depth@100ms`, or `SNAPSHOT`."""
    data: dict[str, Any]


def messages(block: Block, unit: Unit, wanted: Callable[[str], bool], aside: Counter[str]) -> Iterator[Message]:
    """Yield the messages of streams that are wanted; the others are counted by name, and not looked into."""
    times, per_us = max(US_PER_SECOND // unit.per_second, 1), max(unit.per_second // US_PER_SECOND, 1)
    for number, line in enumerate(block.data.split(b"\n"), block.line):
        if not line.strip():
            continue
        time, _, body = line.partition(b" ")
        received = int(time) * times // per_us if time.isdigit() else 0
        if not FROM_US <= received < TO_US:
            raise bad_line(block.label, number, "receive time", time, f"a time of 2009 to 2099 in {unit}, as in the first line")
        name = _wrapped_name(body)
        if name is not None and not wanted(name):
            aside[name] += 1
            continue
        name, data = _opened(block.label, number, body)
        if wanted(name):
            yield Message(number, received, name, data)
        else:
            aside[name] += 1


@cache
def stream_of(name: str) -> Stream | None:
    """Return what a stream's name says that it is; None where we take nothing from it."""
    if name in set(Stream):
        return Stream(name)
    return Stream.DEPTH if _CHANGES.fullmatch(name) else None


def bad_line(label: str, line: int, field: str, value: bytes | str, expected: str) -> BadRow:
    """Return the error of a line that is refused."""
    text = value if isinstance(value, str) else value[:200].decode("utf-8", "replace")
    advice = "was the file cut off or edited? get it again, or take the line out"
    return BadRow(file=label, place=f"line {line}", field=field, value=text, expected=expected, advice=advice)


# What the wrapper of combined streams says, without decoding the message.
def _wrapped_name(body: bytes) -> str | None:
    if not body.startswith(_WRAPPED) or not body.rstrip().endswith(b"}"):
        return None
    return body[len(_WRAPPED) : body.find(b'"', len(_WRAPPED))].decode("ascii", "replace").partition("@")[2]


def _opened(label: str, number: int, body: bytes) -> tuple[str, dict[str, Any]]:
    try:
        found = orjson.loads(body)
        data = found.get("data", found)
        name = str(found["stream"]).partition("@")[2] if "stream" in found else _name(data)
    except (ValueError, AttributeError, TypeError):
        raise bad_line(label, number, "the message", body, "a JSON object after the receive time") from None
    if not isinstance(data, dict):
        raise bad_line(label, number, "data", body, "a JSON object in the message")
    return name, data


def _name(data: dict[str, Any]) -> str:
    if "lastUpdateId" in data:
        return SNAPSHOT
    if data.get("e") == "depthUpdate":
        return Stream.DEPTH
    return Stream.BOOK_TICKER if data.keys() >= _TICKER else str(data.get("e", "other"))
