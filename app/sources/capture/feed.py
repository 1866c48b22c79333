"""Whose capture a file is, which streams it holds, and which of them becomes its rows."""

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

from app.errors import BadInput
from app.sources.capture.messages import LONGEST_LINE, OF_TRADES, SNAPSHOT, Message, Stream, bad_line, messages, stream_of
from app.sources.clock import Unit, unit_of
from app.sources.kinds import QUOTES, TRADES, Kind
from app.sources.text import blocks

HEAD = 4 << 20
"""Bytes that are looked at, unpacked; the snapshot comes within the first seconds."""

SPOT, USDM = "binance", "binance-usdm"
"""Venues: one account each."""

_START = re.compile(rb"(\d{10,19}) \{")


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """What the beginning of a capture says of it, and what is taken of it."""

    label: str
    venue: str
    symbol: str
    unit: Unit
    first_us: int
    seen: frozenset[str]
    """Names of the streams at the beginning."""
    snapshot: int | None
    """Line of the first snapshot there."""
    levels: int
    stream: Stream = Stream.BOOK_TICKER

    @property
    def depth(self) -> int:
        """Levels of its quotes."""
        return self.levels if self.stream is Stream.DEPTH else 1

    @property
    def kind(self) -> Kind:
        """Of its rows."""
        return TRADES if self.stream in OF_TRADES else QUOTES

    @property
    def has_events(self) -> bool:
        """Tell whether its quotes have event times."""
        return self.stream is Stream.DEPTH or self.venue == USDM

    def has(self, stream: Stream) -> bool:
        """Tell whether messages of a stream are there."""
        return any(stream_of(name) is stream for name in self.seen)

    def takes(self, name: str) -> bool:
        """Tell whether messages of this name become rows."""
        return stream_of(name) is self.stream or (name == SNAPSHOT and self.stream is Stream.DEPTH)

    def why(self) -> str:
        """Say what it was taken for."""
        market = "USD-M" if self.venue == USDM else "spot"
        others = "".join(f", not {other} (--stream)" for other in Stream if other is not self.stream and self.has(other))
        return f"Binance WebSocket capture of {market} {self.symbol}; receive times in {self.unit}; {self._taken()}{others}"

    def _taken(self) -> str:
        if self.stream in OF_TRADES:
            return f"every {self.stream}"
        if self.stream is Stream.BOOK_TICKER:
            return f"best prices of {Stream.BOOK_TICKER}"
        changes = ", ".join(sorted(name for name in self.seen if stream_of(name) is Stream.DEPTH))
        start = "which begins in an earlier file" if self.snapshot is None else f"which begins with the snapshot at line {self.snapshot}"
        return f"{self.levels} levels of the book of {changes}, {start}"


def is_one(head: bytes) -> bool:
    """Tell whether a file begins as captures do."""
    return _START.match(head) is not None


def look(head: bytes, *, label: str, levels: int) -> Feed:
    """Return what the beginning of a capture holds; `settled` chooses its stream."""
    unit = _unit(head, label)
    whole = iter((head if len(head) < HEAD else head[: head.rfind(b"\n") + 1], b""))
    aside: Counter[str] = Counter()
    found = [
        message
        for block in blocks(lambda _: next(whole), label=label, longest=LONGEST_LINE)
        for message in messages(block, unit, lambda name: name == SNAPSHOT or stream_of(name) is not None, aside)
    ]
    quoted = [message for message in found if message.stream != SNAPSHOT]
    if not quoted:
        raise BadInput(
            f"{label}: expected messages of {', '.join(Stream)}, found {', '.join(sorted(aside)) or 'a snapshot alone'}; capture one of them"
        )
    return Feed(
        label=label,
        venue=USDM if any("T" in message.data and "M" not in message.data for message in quoted) else SPOT,  # M: of trades on spot alone
        symbol=_symbol(quoted, label),
        unit=unit,
        first_us=found[0].received_us,
        seen=frozenset({*aside, *(message.stream for message in quoted)}),
        snapshot=next((message.line for message in found if message.stream == SNAPSHOT), None),
        levels=levels,
    )


def settled(feeds: Sequence[Feed], wanted: Stream | None) -> list[Feed]:
    """Return the captures of one series in order of time, all with the stream that is wanted, or with the one that says most.

    That is the book where the first of them holds a snapshot, as the others follow on; else the best prices; trades where there are neither.
    """
    ordered = sorted(feeds, key=lambda feed: feed.first_us)
    stream = wanted or _best(ordered)
    for feed in ordered:
        if not feed.has(stream):
            there = ", ".join(sorted(feed.seen))
            raise BadInput(f"{feed.label}: expected messages of {stream}, found {there}; say with --stream what to take, or leave the file out")
    return [replace(feed, stream=stream) for feed in ordered]


def _best(ordered: Sequence[Feed]) -> Stream:
    there = [stream for stream in Stream if all(feed.has(stream) for feed in ordered)]
    if Stream.DEPTH in there and (ordered[0].snapshot is not None or Stream.BOOK_TICKER not in there):
        return Stream.DEPTH
    return there[0] if there else Stream.BOOK_TICKER


def _unit(head: bytes, label: str) -> Unit:
    found = _START.match(head)
    unit = unit_of(int(found[1])) if found else None
    if found is None or unit is None:
        raise bad_line(label, 1, "receive time", head.partition(b" ")[0], "a time of 2009 to 2099 in s, ms, us or ns")
    return unit


def _symbol(quoted: Sequence[Message], label: str) -> str:
    symbols = sorted({str(message.data.get("s")) for message in quoted})
    if len(symbols) > 1:
        named = ", ".join(symbols[:5])
        raise BadInput(f"{label}: expected messages of one symbol, as snapshots do not name theirs, found {named}; write a file for each")
    if any("ps" in message.data for message in quoted):
        raise BadInput(f"{label}: expected sizes in base units, found COIN-M futures of {symbols[0]}, which count contracts; capture spot or USD-M")
    return symbols[0]
