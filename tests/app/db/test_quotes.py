"""Quotes are stored by their places and come back bit by bit, in the order in which they were sent."""

from datetime import UTC, datetime, timedelta
from math import nan

import numpy as np
import polars as pl

from app.db import quotes
from app.db.adbc import transaction
from app.db.placed import Times
from app.db.series import Series, series_id
from engine.schema import QUOTES, TIMESTAMP, SeriesKey, quotes_schema

KEY = SeriesKey("binance", "BTC/USDT")
START = datetime(2024, 8, 9, tzinfo=UTC)
AWAY = START + timedelta(days=1)


def at(us: int) -> datetime:
    """Return a time."""
    return START + timedelta(microseconds=us)


def placed(*places: tuple[int, int], levels: int = 1, bid: float = 100.123456789012345) -> pl.DataFrame:
    """Return quotes at places: µs and number."""
    numbers = np.arange(len(places) * 4 * levels, dtype=float).reshape(len(places), -1) / 7 + bid
    names = list(quotes_schema(levels))[2:]
    columns = {name: numbers[:, index] for index, name in enumerate(names)}
    times = {"at": [at(us) for us, _ in places], "seq": pl.Series([number for _, number in places], dtype=pl.Int32)}
    frame = pl.DataFrame(times).with_columns(pl.col("at").cast(TIMESTAMP))
    return frame.with_columns(ts=pl.lit(None, TIMESTAMP), received=pl.col("at")).with_columns(**columns)


def store(libpq_uri: str, frame: pl.DataFrame, *, interval_us: int = 0) -> None:
    """Append in a transaction of its own."""
    with transaction(libpq_uri) as cursor:
        quotes.TABLE.append(cursor, Series(series_id(cursor, KEY), interval_us), frame)


def load(libpq_uri: str, start: datetime = START, end: datetime = AWAY, *, interval_us: int = 0) -> pl.DataFrame:
    """Return what is stored."""
    with transaction(libpq_uri) as cursor:
        return quotes.TABLE.load(cursor, Series(series_id(cursor, KEY), interval_us), start, end)


def test_quotes_come_back_bit_by_bit_in_the_order_of_their_places(libpq_uri: str) -> None:
    frame = placed((5, 0), (5, 1), (5, 2), (7, 0)).with_columns(bid_size=pl.Series([nan, -1.0, 0.0, 1e300]))
    store(libpq_uri, frame.reverse())
    assert load(libpq_uri).equals(frame.drop("at", "seq"))
    assert load(libpq_uri).schema == QUOTES
    assert load(libpq_uri, at(6), at(7)).schema == QUOTES
    assert load(libpq_uri, at(6), at(7)).is_empty()
    assert load(libpq_uri, at(5), at(7)).height == 3
    assert load(libpq_uri, interval_us=60_000_000).is_empty()


def test_levels_are_stored_in_one_array_and_filled_up_to_the_deepest(libpq_uri: str) -> None:
    deep = placed((1, 0), (2, 0), levels=3).with_columns(ask_3=pl.Series([nan, 5.0]))
    store(libpq_uri, deep)
    assert load(libpq_uri).equals(deep.drop("at", "seq"))
    store(libpq_uri, placed((3, 0)))
    store(libpq_uri, placed((4, 0), levels=2))
    mixed = load(libpq_uri)
    assert mixed.schema == quotes_schema(3)
    assert mixed["bid_2"].is_nan().to_list() == [False, False, True, False]
    assert mixed["bid_3"].is_nan().to_list() == [False, False, True, True]
    with transaction(libpq_uri) as cursor:
        assert cursor.execute("SELECT array_length(levels, 1) FROM quotes ORDER BY at").fetchall() == [(8,), (8,), (None,), (4,)]


def test_stored_quotes_are_found_between_places_and_at_a_time(libpq_uri: str) -> None:
    frame = placed((5, 0), (5, 1), (5, 2), (7, 0), (9, 0))
    store(libpq_uri, frame)
    with transaction(libpq_uri) as cursor:
        series = Series(series_id(cursor, KEY), 0)
        assert quotes.TABLE.between(cursor, series, (at(5), 1), (at(7), 0)).equals(frame[1:4])
        assert quotes.TABLE.at_time(cursor, series, at(5)).equals(frame[:3])
        assert quotes.TABLE.delete(cursor, series, (at(5), 0), (at(7), 0)) == 3
        assert quotes.TABLE.between(cursor, series, (at(0), 0), (at(99), 0)).equals(frame[[0, 4]])
        assert quotes.TABLE.delete(cursor, series, (at(5), -1), (at(5), 9)) == 1


def test_which_times_are_stored_is_told_by_any_row(libpq_uri: str) -> None:
    with transaction(libpq_uri) as cursor:
        series = Series(series_id(cursor, KEY), 0)
        assert quotes.TABLE.times(cursor, series) is None
        quotes.TABLE.append(cursor, series, placed((1, 0)))
        assert quotes.TABLE.times(cursor, series) == Times(events=False, receipts=True)
        quotes.TABLE.append(cursor, series._replace(interval_us=60_000_000), placed((1, 0)).with_columns(ts=pl.col("received")))
        assert quotes.TABLE.times(cursor, series._replace(interval_us=60_000_000)) == Times(events=True, receipts=True)
