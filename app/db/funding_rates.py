"""Payments of funding in by binary COPY and out as Arrow. The caller holds the transaction."""

from datetime import UTC, datetime

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db.series import Series
from engine.schema import FUNDING


def append(cursor: Cursor, series: Series, frame: pl.DataFrame) -> None:
    """Store payments at times at which none are stored."""
    rows = frame.select(instrument_id=pl.lit(series.instrument_id, pl.Int32), **{name: pl.col(name) for name in FUNDING})
    cursor.adbc_ingest("funding_rates", rows.to_arrow().to_reader(), mode="append")


def delete(cursor: Cursor, series: Series, frame: pl.DataFrame) -> None:
    """Take out the payments of the same times."""
    times = ", ".join(map(_time, frame["ts"]))
    cursor.execute(f"DELETE FROM funding_rates WHERE instrument_id = {series.instrument_id:d} AND ts IN ({times})")  # noqa: S608  numbers and times only


def load(cursor: Cursor, series: Series, start: datetime, end: datetime) -> pl.DataFrame:
    """Return the payments that fall due in [start, end), in order, in the schema `FUNDING`."""
    # Values in the text, not as parameters: the driver then streams by COPY, half as fast again.
    window = f"instrument_id = {series.instrument_id:d} AND ts >= {_time(start)} AND ts < {_time(end)}"
    cursor.execute(f"SELECT {', '.join(FUNDING)} FROM funding_rates WHERE {window} ORDER BY ts")  # noqa: S608  numbers and times only
    payments: pl.DataFrame = cursor.fetch_polars()
    return payments.cast(FUNDING)


def _time(when: datetime) -> str:
    return f"'{when.astimezone(UTC).isoformat()}'::timestamptz"
