"""The table of trades: a row each, as the venue printed it."""

import polars as pl

from app.db.placed import Table
from engine.schema import TRADES


def _nothing(_frame: pl.DataFrame) -> list[pl.Series]:
    return []


TABLE = Table(name="trades", key=("instrument_id",), columns=TRADES, further=_nothing, back=_nothing)
