"""The table of quotes: the best prices in columns, further levels in one array."""

from collections.abc import Sequence
from math import nan

import numpy as np
import polars as pl

from app.db.placed import PLACE, Table
from engine.schema import QUOTES, quotes_schema


def _deeper(frame: pl.DataFrame) -> list[pl.Series]:
    names = [name for name in frame.columns if name not in {*PLACE, *QUOTES}]
    if not names:
        return [pl.Series("levels", [None], dtype=pl.List(pl.Float64)).new_from_index(0, frame.height)]
    return [pl.Series("levels", np.ascontiguousarray(frame.select(names).to_numpy())).arr.to_list()]


def _levels(rows: pl.DataFrame) -> list[pl.Series]:
    stored = rows["levels"]
    counts = stored.list.len().fill_null(0).to_numpy()
    width = int(counts.max(initial=0))
    numbers = np.full((len(stored), width), nan)
    numbers[np.arange(width) < counts[:, None]] = stored.drop_nulls().explode().to_numpy()
    names: Sequence[str] = list(quotes_schema(width // 4 + 1))[len(QUOTES) :]
    return [pl.Series(name, np.ascontiguousarray(numbers[:, at])) for at, name in enumerate(names)]


TABLE = Table(name="quotes", key=("instrument_id", "interval_us"), columns=QUOTES, further=_deeper, back=_levels, beyond=("levels",))
