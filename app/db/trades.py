"""The table of trades: a row each, as the venue printed it."""

from datetime import datetime

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db.placed import Table
from app.db.series import Series
from engine.schema import TRADES


def _nothing(_frame: pl.DataFrame) -> list[pl.Series]:
    return []


TABLE = Table(name="trades", key=("instrument_id",), columns=TRADES, further=_nothing, back=_nothing)


def ends(cursor: Cursor, series: Series) -> tuple[datetime, datetime] | None:
    """Return when the first and the last stored trade of a series arrived; None where there is none."""
    row = cursor.execute("SELECT min(at), max(at) FROM trades WHERE instrument_id = $1", (series.instrument_id,)).fetchone()
    return None if row is None or row[0] is None else (row[0], row[1])
