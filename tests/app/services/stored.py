"""The rows of series as the tables have them, without snapshots."""

from collections.abc import Mapping

import polars as pl

from app.db import adbc
from app.services import market
from app.services.wanted import Reach
from engine.schema import SeriesKey


def load(libpq_uri: str, wanted: Mapping[SeriesKey, Reach]) -> dict[SeriesKey, pl.DataFrame]:
    """Return the rows of each series within its reach, or raise what a run is told."""
    with adbc.transaction(libpq_uri) as cursor:
        covers = market.covers(cursor, wanted)
        found = {key: market.rows(cursor, covers[key], reach.start, reach.end) for key, reach in wanted.items()}
    for key, frame in found.items():
        if not frame.height:
            raise market.nothing(key, covers[key], wanted[key])
    return found
