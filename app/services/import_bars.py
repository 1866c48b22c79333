"""Bars among those that are stored: each open time has one."""

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import bars, series
from app.db.series import Series
from app.errors import Conflict
from app.sources.rows import NOISE
from engine.schema import SeriesKey


def store(cursor: Cursor, place: Series, frame: pl.DataFrame, *, label: str, key: SeriesKey, replace: bool) -> bars.Merged:
    """Store bars that came from `label`; Conflict where others are stored and `replace` does not say to take these."""
    if bars.is_free(cursor, place, frame):
        bars.append(cursor, place, frame)
        return bars.Merged(frame.height, 0)
    stored = bars.merge(cursor, place, frame, noise=NOISE, replace=replace)
    if isinstance(stored, bars.Conflict):
        origin = series.imported_from(cursor, place, "bars", stored.ts)
        raise Conflict(
            f"{label}: {key} at {stored.ts:%Y-%m-%d %H:%M:%S}: expected the stored {stored.field} {stored.stored!r}"
            f" (from {origin}), found {stored.offered!r}; find out which is right: --replace stores these bars instead"
        )
    return stored
