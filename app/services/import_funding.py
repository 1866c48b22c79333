"""Payments of funding among those that are stored: each time has one."""

from datetime import timedelta

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import funding_rates, series
from app.db.bars import Merged
from app.db.series import Series
from app.errors import BadInput, Conflict
from engine.schema import SeriesKey


def store(cursor: Cursor, place: Series, frame: pl.DataFrame, *, label: str, key: SeriesKey, replace: bool) -> Merged:
    """Store payments that came from `label`; Conflict where others are stored and `replace` does not say to take these."""
    offered = frame.unique(maintain_order=True)
    _refuse_two_of_one_time(offered, label)
    there = funding_rates.load(cursor, place, offered["ts"][0], offered["ts"][-1] + timedelta(microseconds=1))
    other = offered.join(there, on="ts", how="semi", maintain_order="left").join(there, on=there.columns, how="anti", nulls_equal=True)
    if other.height and not replace:
        raise _conflict(cursor, place, other.sort("ts"), there, label, key)
    if other.height:
        funding_rates.delete(cursor, place, other)
    new = offered.join(there, on="ts", how="anti")
    if new.height or other.height:
        funding_rates.append(cursor, place, pl.concat([new, other]).sort("ts"))
    return Merged(new.height, other.height)


def _refuse_two_of_one_time(offered: pl.DataFrame, label: str) -> None:
    twice = offered.filter(pl.col("ts") == pl.col("ts").shift())
    if twice.height:
        at = twice["ts"][0]
        rates = " and ".join(map(repr, offered.filter(pl.col("ts") == at)["rate"]))
        raise BadInput(f"{label}: expected one payment for {at:%Y-%m-%d %H:%M:%S}, found two that differ (rates {rates}); find out which is right")


def _conflict(cursor: Cursor, place: Series, other: pl.DataFrame, there: pl.DataFrame, label: str, key: SeriesKey) -> Conflict:
    found = other.row(0, named=True)
    stored = there.filter(pl.col("ts") == found["ts"]).row(0, named=True)
    name = next(name for name in ("rate", "published") if found[name] != stored[name])
    before = series.imported_from(cursor, place, "funding", found["ts"])
    return Conflict(
        f"{label}: {key} at {found['ts']:%Y-%m-%d %H:%M:%S}: expected the stored {name} {stored[name]} (from {before}), found {found[name]};"
        " find out which is right: --replace stores these payments instead"
    )
