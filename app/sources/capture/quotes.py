"""Quotes out of a capture: every message of its stream is an observation."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import inf, isfinite
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from app.sources.capture.book import Book, Effect, Update
from app.sources.capture.feed import Feed
from app.sources.capture.messages import SNAPSHOT, Message, Stream, bad_line, messages
from app.sources.layout import level_fields
from app.sources.quote_rows import APART_US, quotes
from app.sources.text import Block
from engine.schema import instant

_SAID = {
    Effect.OLD: "updates older than the book",
    Effect.WAITING: "updates without a snapshot",
    Effect.GAP: "gaps in the sequence",
    Effect.UNFIT: "snapshots that do not fit",
}


class Taken(NamedTuple):
    """Quotes of a piece of a capture, and how many lines were left aside, by what they are."""

    frame: pl.DataFrame
    aside: Counter[str]


@dataclass(slots=True, kw_only=True)
class _Rows:
    lines: list[int] = field(default_factory=list)
    received: list[int] = field(default_factory=list)
    events: list[int] = field(default_factory=list)
    numbers: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, message: Message, event_ms: int, numbers: Sequence[float]) -> None:
        self.lines.append(message.line)
        self.received.append(message.received_us)
        self.events.append(event_ms * 1_000)
        self.numbers.extend(numbers)


def taken(block: Block, feed: Feed, book: Book) -> Taken:
    """Return the quotes of some lines; the book goes on from where the lines before left it."""
    aside: Counter[str] = Counter()
    rows = _Rows()
    take = _ticker if feed.stream is Stream.BOOK_TICKER else _depth
    for message in messages(block, feed.unit, feed.takes, aside):
        try:
            take(message, feed, rows, book, aside)
        except (KeyError, ValueError, TypeError) as error:
            raise bad_line(feed.label, message.line, *_fault(message.data, error)) from None
    return Taken(_frame(rows, feed), aside)


def _ticker(message: Message, feed: Feed, rows: _Rows, _book: Book, _aside: Counter[str]) -> None:
    data = own(message, feed)
    numbers = float(data["b"]), float(data["B"]), float(data["a"]), float(data["A"])
    if not isfinite(sum(numbers)):
        raise ValueError(numbers)
    rows.add(message, data["T"] if feed.has_events else 0, numbers)


def _depth(message: Message, feed: Feed, rows: _Rows, book: Book, aside: Counter[str]) -> None:
    if message.stream == SNAPSHOT:
        effect = book.snapshot(message.data["lastUpdateId"], message.data["bids"], message.data["asks"])
    else:
        data = own(message, feed)
        effect = book.update(Update(data["U"], data["u"], data.get("pu"), data["b"], data["a"]))
        if effect in {Effect.APPLIED, Effect.GAP}:
            # After a gap nobody knows the book, and a row without a price says so.
            rows.add(message, data.get("T", data["E"]), book.best(feed.levels))
    if effect is not Effect.APPLIED:
        aside[_SAID[effect]] += 1


def own(message: Message, feed: Feed) -> dict[str, Any]:
    """Return what a message says; refuse one of another symbol."""
    if message.data.get("s") != feed.symbol:
        expected = f"messages of {feed.symbol} alone, as snapshots do not name their symbol"
        raise bad_line(feed.label, message.line, "s", str(message.data.get("s")), expected)
    return message.data


def _frame(rows: _Rows, feed: Feed) -> pl.DataFrame:
    numbers = np.frombuffer(rows.numbers).reshape(-1, 4 * feed.depth)
    received = np.array(rows.received, dtype=np.int64)
    times = {"ts": np.array(rows.events, dtype=np.int64), "received": received} if feed.has_events else {"received": received}
    if feed.has_events:
        apart(zip(rows.lines, rows.events, rows.received, strict=True), feed)
    names = level_fields(feed.depth)
    return quotes(pl.DataFrame(times | {name: np.ascontiguousarray(numbers[:, at]) for at, name in enumerate(names)}))


def apart(rows: Iterable[tuple[int, int, int]], feed: Feed) -> None:
    """Refuse the first line, of those with their event and receive times [µs], that was received long before or after it happened."""
    for line, event, received in rows:
        if abs(event - received) >= APART_US:
            expected = f"a receive time within an hour of the event time {instant(event)}"
            raise bad_line(feed.label, line, "receive time", f"{instant(received)}", expected)


# Which field of a message made trouble, what it holds, what was expected.
def _fault(data: dict[str, Any], error: Exception) -> tuple[str, str, str]:
    if isinstance(error, KeyError):
        return str(error.args[0]), "nothing", "this field, as Binance sends it"
    for name in ("b", "B", "a", "A", "bids", "asks"):
        for number in _flat(data.get(name, ())):
            if not _is_fine(number):
                return name, str(number), "a price or size: a finite number, not below 0, of prices in a book above it"
    return "the message", str(data), "times and numbers of updates as integers, levels as pairs of price and size"


def _flat(value: object) -> Iterator[object]:
    if isinstance(value, list | tuple):
        for inner in value:
            yield from _flat(inner)
    else:
        yield value


def _is_fine(number: object) -> bool:
    try:
        return 0.0 <= float(number) < inf  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return False
