"""Reading a detected file: its rows, checked, batch by batch."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import NamedTuple

import polars as pl

from app.errors import BadInput
from app.sources import coinbase, funding, lean, parquet, pool_tables, quote_rows, rows, text, trade_rows, uniswap
from app.sources.batch import Batch
from app.sources.capture import trades
from app.sources.capture.book import Book
from app.sources.capture.feed import Feed
from app.sources.capture.messages import LONGEST_LINE
from app.sources.capture.quotes import taken
from app.sources.detect import Found
from app.sources.errors import BadRow
from app.sources.files import Stream, opened
from app.sources.formats import Format
from app.sources.kinds import TRADES, Data
from app.sources.rules import Checked, Numbers, Rules
from app.sources.text import Refuse
from engine.schema import SeriesKey

Books = dict[SeriesKey, Book]
"""Where the captures read so far left the books, for those that follow on."""

BAD_ROWS = "bad rows"
"""What rows are called that were set aside."""

UNFINISHED = "line that was being written"
"""What the last line of a file is called that grew while it was read."""

_NOTHING: Mapping[str, int] = MappingProxyType({})
_CHECKS: Mapping[Data, Callable[[Batch, Rules, Numbers | None], Checked]] = MappingProxyType(
    {
        "bars": rows.check,
        "quotes": quote_rows.check,
        "quote_bars": lean.check,
        "trades": trade_rows.check,
        "pool": pool_tables.check,
        "pool_bars": uniswap.check,
        "funding": funding.check,
    }
)


class Read(NamedTuple):
    """A batch of rows in the schema of their kind, how many were repetitions or something else, and how far in the file it ends."""

    frame: pl.DataFrame
    repeated: int
    bytes_read: int
    bytes_total: int
    aside: Mapping[str, int] = _NOTHING
    """What was left aside, by what it is: messages of a capture that are no rows, trades without a size, bad rows."""


def read(found: Found, books: Books | None = None, refuse: Refuse | None = None) -> Iterator[Read]:
    """Yield the rows of a file in its order; raise `BadRow` at the first that breaks a rule, or tell `refuse` of each and leave it out.

    A bad line of a capture is always raised: nobody would know the book behind it.
    """
    if isinstance(found.rules, Feed):
        yield from _capture(found, found.rules, {} if books is None else books)
        return
    last: Numbers | None = None
    refused: list[BadRow] = []
    tail = _Tail()
    for batch, position, size in _batches(found, found.rules, refused.append if refuse else None, tail):
        checked = _passing(batch, found, last, refused) if refuse else _CHECKS[found.kind.data](batch, found.rules, last)
        for bad in refused:
            assert refuse is not None, "else it would have been raised"
            refuse(bad)
        last, aside = checked.last, {**checked.aside, **({BAD_ROWS: len(refused)} if refused else {})}
        refused.clear()
        yield Read(checked.frame, checked.repeated, position, size, aside)
    if tail.left:
        yield Read(checked.frame.clear(), 0, size, size, {UNFINISHED: 1})


@dataclass(slots=True)
class _Tail:
    """Whether a last line without end was left out, since its file grew while it was read."""

    left: bool = False

    def is_unfinished(self, stream: Stream) -> bool:
        self.left = stream.grew()
        return self.left


# What passes of a batch, piece by piece between its bad rows.
def _passing(batch: Batch, found: Found, last: Numbers | None, refused: list[BadRow]) -> Checked:
    assert isinstance(found.rules, Rules), "a table has rules"
    check, rest, pieces = _CHECKS[found.kind.data], batch, list[Checked]()
    while True:
        try:
            pieces.append(check(rest, found.rules, last))
            return _together(pieces, newest_first=found.rules.newest_first)
        except BadRow as bad:
            refused.append(bad)
            pieces.append(check(rest.part(0, bad.index), found.rules, last))
            last, rest = pieces[-1].last, rest.part(bad.index + 1, rest.frame.height)


def _together(pieces: list[Checked], *, newest_first: bool) -> Checked:
    ordered = pieces[::-1] if newest_first else pieces
    aside = sum((Counter(piece.aside) for piece in pieces), Counter[str]())
    return Checked(pl.concat([piece.frame for piece in ordered]), sum(piece.repeated for piece in pieces), pieces[-1].last, aside)


def _batches(found: Found, rules: Rules, refuse: Refuse | None, tail: _Tail) -> Iterator[tuple[Batch, int, int]]:
    if found.format is Format.PARQUET:
        yield from _parquet(found, rules)
        return
    with opened(found.source) as stream:
        if found.format is Format.COINBASE:
            yield coinbase.batch(stream.read, rules.layout, label=found.source.label), stream.size, stream.size
            return
        blocks = text.blocks(stream.read, lambda: tail.is_unfinished(stream), label=found.source.label)
        for batch in text.batches(blocks, rules.layout, refuse):
            yield batch, stream.position(), stream.size


# How far a Parquet file is read is told by its rows.
def _parquet(found: Found, rules: Rules) -> Iterator[tuple[Batch, int, int]]:
    size, done = found.source.path.stat().st_size, 0
    total = parquet.height(found.source)
    for batch in parquet.batches(found.source, rules.layout):
        done += batch.frame.height
        yield batch, size * done // max(total, 1), size


def _capture(found: Found, feed: Feed, books: Books) -> Iterator[Read]:
    book, rows_read, aside, tail = books.setdefault(found.key, Book()), 0, Counter[str](), _Tail()
    with opened(found.source) as stream:
        blocks = text.blocks(stream.read, lambda: tail.is_unfinished(stream), label=feed.label, longest=LONGEST_LINE)
        for block in blocks:
            part = trades.taken(block, feed) if feed.kind == TRADES else taken(block, feed, book)
            rows_read, aside = rows_read + part.frame.height, aside + part.aside
            yield Read(part.frame, 0, stream.position(), stream.size, part.aside)
        if tail.left:
            yield Read(part.frame.clear(), 0, stream.size, stream.size, {UNFINISHED: 1})
    if not rows_read:
        raise _nothing(feed, ", ".join(f"{count:,} {name}" for name, count in sorted(aside.items())))


def _nothing(feed: Feed, there: str) -> BadInput:
    if feed.kind == TRADES:
        return BadInput(f"{feed.label}: expected trades of the market, found {there}; take another stream, or leave the file out")
    return BadInput(
        f"{feed.label}: expected a snapshot that the changes of the book follow on, found {there}; "
        "name the capture that it goes on from before it, or take the best prices: --stream bookTicker"
    )
