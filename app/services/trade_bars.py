"""Bars made of stored trades, on request: only of intervals in which somebody traded, and that are known whole."""

import hashlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, series, trades
from app.db.ids import new_id
from app.db.series import Series
from app.errors import BadInput, NotFound
from app.services.import_bars import store
from app.services.import_job import ImportSummary, Origin, import_row, summary_of
from app.services.tally import Tally
from app.sources.kinds import Kind
from app.sources.quote_rows import APART_US
from engine.schema import BARS, TIMESTAMP, SeriesKey
from engine.units import format_duration

_DAY, _APART = timedelta(days=1), timedelta(microseconds=APART_US)
RULE = "open, high, low, close and volume of each interval in which somebody traded; intervals that are not known whole are left out"


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """Which bars to make; where a window is said, the stored trades are taken to be whole in it."""

    key: SeriesKey
    interval_us: int
    start: datetime | None = None
    end: datetime | None = None
    replace: bool = False


def bars_of(frame: pl.DataFrame, interval_us: int) -> pl.DataFrame:
    """Return the bars of trades in the schema `BARS`: prices in the order of the rows, volumes added up in that order.

    A trade belongs to the interval of its event time, of its receive time where it has no other.
    """
    opened = frame.select(ts=pl.coalesce("ts", "received").dt.epoch("us") // interval_us * interval_us)["ts"]
    times, group = np.unique(opened.to_numpy(), return_inverse=True)
    price = pl.col("price")
    prices = frame.with_columns(ts=opened).group_by("ts", maintain_order=True).agg(
        open=price.first(), high=price.max(), low=price.min(), close=price.last()
    )  # fmt: skip
    volume = pl.DataFrame({"ts": times, "volume": np.bincount(group, weights=frame["size"].to_numpy(), minlength=times.size)})
    return prices.sort("ts").join(volume, on="ts", maintain_order="left").with_columns(pl.col("ts").cast(TIMESTAMP)).select(BARS.names()).cast(BARS)


def make_bars(libpq_uri: str, request: Request) -> ImportSummary:
    """Make bars of stored trades and store them, in one transaction."""
    started, tally = time.perf_counter(), Tally(interval_us=request.interval_us)
    with adbc.transaction(libpq_uri) as cursor:
        place = Series(series.series_id(cursor, request.key), request.interval_us)
        made = pl.concat(list(_made(cursor, place, request)))
        if not made.height:
            length = format_duration(request.interval_us)
            raise BadInput(f"{request.key}: expected trades that fill an interval of {length}, found none; say --from and --to where they are whole")
        stored = store(cursor, place, made, label=f"trades of {request.key}", key=request.key, replace=request.replace)
        tally.add(made, 0, {})
        origin = Origin(f"trades of {request.key}", "trades", RULE, request.key, Kind("bars", request.interval_us))
        summary = summary_of(origin, tally, new=stored.new, replaced=stored.replaced, seconds=time.perf_counter() - started)
        series.record(cursor, place, import_row(new_id(), hashlib.sha256(made.write_ipc(None).getvalue()).hexdigest(), summary))
    return summary


# A day at a time: what arrived within an hour of a day holds all that happened in it.
def _made(cursor: Cursor, place: Series, request: Request) -> Iterator[pl.DataFrame]:
    first, last = _ends(cursor, place, request)
    step = timedelta(microseconds=request.interval_us)
    day = first.replace(hour=0, minute=0, second=0, microsecond=0)
    while day < last:
        happened = pl.coalesce("ts", "received")
        found = trades.TABLE.load(cursor, place, day - _APART, day + _DAY + _APART).filter(happened.is_between(day, day + _DAY, closed="left"))
        bars = bars_of(found, request.interval_us)
        yield bars.filter((pl.col("ts") >= first) & (pl.col("ts") + step <= last))
        day += _DAY


# The interval of the first trade may have begun before it, that of the last may go on: only what lies between is known whole.
def _ends(cursor: Cursor, place: Series, request: Request) -> tuple[datetime, datetime]:
    ends = trades.ends(cursor, place)
    if ends is None:
        raise NotFound(f"{request.key}: no trades are stored; import some with usdc-arb data import")
    return request.start or ends[0], request.end or ends[1]
