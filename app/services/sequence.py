"""The places of rows (quotes, trades, states of pools) in their series, by which they are known again: order without a number in the data.

A row's place is the time by which rows arrived so far (the running maximum of receive times, or of event times where only those are
known) and its number among rows of that time. So places increase in the order of a file, another reading of it gives the same ones, and
files may be cut between any two rows. Nothing is said of rows that are alike: they are rows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from math import nan
from typing import NamedTuple

import polars as pl

from engine.schema import TIMESTAMP, quote_levels, quotes_schema

PLACE = ("at", "seq")
"""Columns of a place: time and int32."""

_SAYS = slice(4, 8)  # the columns of a placed row behind its times


class Place(NamedTuple):
    """Where a row stands in its series."""

    at: datetime
    seq: int


class Clash(NamedTuple):
    """Rows of one time that two sources tell differently; none where one of them has no row."""

    at: datetime
    ours: tuple[object, ...] | None
    theirs: tuple[object, ...] | None

    @property
    def said(self) -> str:
        """What each of them tells: of quotes bid, its size, ask and its size, of trades price, size, side and number, of pools block to lower."""
        return " and ".join("no row" if row is None else str(row) for row in (self.ours, self.theirs))


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What the rows of one series have in common."""

    events: bool
    receipts: bool

    def __str__(self) -> str:
        return "event and receive times" if self.events and self.receipts else f"{'event' if self.events else 'receive'} times alone"


def shape(frame: pl.DataFrame) -> Shape:
    """Return which times rows have."""
    return Shape(events=frame["ts"].null_count() < frame.height, receipts=frame["received"].null_count() < frame.height)


def placed(frame: pl.DataFrame, after: Place | None, *, first: int = 0) -> pl.DataFrame:
    """Return rows with their places, behind the place `after`; without one, numbers at the first time begin with `first`."""
    arrived = pl.coalesce("received", "ts").cum_max()
    at = arrived if after is None else pl.max_horizontal(arrived, pl.lit(after.at, TIMESTAMP))
    found = frame.select(at.alias("at"), pl.all()).with_row_index("row")
    opened = pl.when(pl.col("at").ne_missing(pl.col("at").shift())).then("row").forward_fill()
    goes_on = pl.col("at") == (pl.col("at").first() if after is None else pl.lit(after.at, TIMESTAMP))
    begin = pl.when(goes_on).then(first if after is None else after.seq + 1).otherwise(0)
    seq = (pl.col("row").cast(pl.Int64) - opened.cast(pl.Int64) + begin).cast(pl.Int32)
    return found.select("at", seq.alias("seq"), pl.exclude("row", "at"))


def last_place(frame: pl.DataFrame) -> Place:
    """Return the place of the last of placed rows."""
    return Place(frame["at"][-1], int(frame["seq"][-1]))


def first_number(there: pl.DataFrame, frame: pl.DataFrame) -> int:
    """Return the number of a file's first row at its time, at which the placed rows `there` are known: the same rows have the same numbers."""
    known = _values(there)
    opening = frame.filter(pl.coalesce("received", "ts").cum_max() == frame.select(pl.coalesce("received", "ts").first()).item())
    offered = _values(opening)
    for start in range(len(known)):
        shared = min(len(known) - start, len(offered))
        if known[start : start + shared] == offered[:shared]:
            return int(there["seq"][start])
    return int(there["seq"][-1]) + 1 if len(known) else 0


def missing(there: pl.DataFrame, offered: pl.DataFrame) -> pl.DataFrame | Clash:
    """Return the offered rows that are not there, or the first that differs; both are placed, and may overlap.

    Where both have rows, one must have all that the other has: two recordings of one market do not make one series.
    """
    there, offered = padded([there, offered])
    if not there.height or not offered.height:
        return offered
    first, last = max(_first(there), _first(offered)), min(last_place(there), last_place(offered))
    known, news = _between(there, first, last), _between(offered, first, last)
    same = known.join(news, on=known.columns, how="semi", nulls_equal=True)
    if same.height < min(known.height, news.height):
        return _clash(known, news)
    return offered.join(there, on=list(PLACE), how="anti", maintain_order="left")


def padded(frames: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """Return rows, placed or not; quotes with as many levels as the deepest of them."""
    if "bid" not in frames[0].columns:
        return list(frames)
    levels = max(quote_levels(frame.select(pl.exclude(PLACE))) for frame in frames)
    names = list(quotes_schema(levels))
    return [_deep(frame, names) for frame in frames]


def _deep(frame: pl.DataFrame, names: Sequence[str]) -> pl.DataFrame:
    new = {name: pl.lit(nan) for name in names if name not in frame.columns}
    return frame.with_columns(**new).select(*(name for name in PLACE if name in frame.columns), *names)


def _values(frame: pl.DataFrame) -> list[str]:
    # As texts, in which what is no number equals its like.
    return [str(row) for row in frame.select(pl.exclude(PLACE)).rows()]


def _first(frame: pl.DataFrame) -> Place:
    return Place(frame["at"][0], int(frame["seq"][0]))


def _between(frame: pl.DataFrame, first: Place, last: Place) -> pl.DataFrame:
    at, seq = pl.col("at"), pl.col("seq")
    from_first = (at > first.at) | ((at == first.at) & (seq >= first.seq))
    to_last = (at < last.at) | ((at == last.at) & (seq <= last.seq))
    return frame.filter(from_first & to_last)


def _clash(known: pl.DataFrame, news: pl.DataFrame) -> Clash:
    ours = known.join(news, on=known.columns, how="anti", nulls_equal=True, maintain_order="left")
    theirs = news.join(known, on=known.columns, how="anti", nulls_equal=True, maintain_order="left")
    at = min(ours["at"][0], theirs["at"][0])
    row = [side.filter(pl.col("at") == at).select(side.columns[_SAYS]).rows()[:1] for side in (ours, theirs)]
    return Clash(at, *(found[0] if found else None for found in row))
