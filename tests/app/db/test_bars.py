"""The bulk path stores what it is given, finds what contradicts, and reads it back bit by bit."""

from datetime import UTC, datetime, timedelta

import polars as pl
import pytest

from app.db import bars
from app.db.adbc import transaction
from app.db.series import Series, series_id
from app.errors import DiskFull, Unavailable
from engine.schema import BARS, SeriesKey

KEY = SeriesKey("kraken", "BTC/USDC")
START = datetime(2023, 3, 8, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
MINUTE_US = 60_000_000
AWAY = START + timedelta(days=9)


def frame(*minutes: int, close: float = 105.0) -> pl.DataFrame:
    """Return bars of those minutes."""
    return pl.DataFrame([(START + minute * MINUTE, 100.0, 110.0, 90.0, close, 0.1 + 0.2) for minute in minutes], schema=BARS, orient="row")


def merge(libpq_uri: str, new: pl.DataFrame, *, replace: bool = False, key: SeriesKey = KEY) -> bars.Merged | bars.Conflict:
    """Merge in a transaction of its own."""
    with transaction(libpq_uri) as cursor:
        series = Series(series_id(cursor, key), MINUTE_US)
        return bars.merge(cursor, series, new, noise=1e-12, replace=replace)


def stored(libpq_uri: str, key: SeriesKey = KEY, interval_us: int = MINUTE_US) -> pl.DataFrame:
    """Return what is stored."""
    with transaction(libpq_uri) as cursor:
        return bars.load(cursor, Series(series_id(cursor, key), interval_us), START, AWAY)


def test_bars_that_are_appended_come_back_bit_by_bit(libpq_uri: str) -> None:
    new = frame(0, 1, 5, 1_000, close=105.123456789012345)
    with transaction(libpq_uri) as cursor:
        series = Series(series_id(cursor, KEY), MINUTE_US)
        assert bars.is_free(cursor, series, new)
        bars.append(cursor, series, new)
        assert not bars.is_free(cursor, series, frame(1, 2))
        assert bars.is_free(cursor, series, frame(2, 4))
        assert bars.is_free(cursor, series._replace(interval_us=1), new)
    assert stored(libpq_uri).equals(new)
    assert stored(libpq_uri, interval_us=1).schema == BARS
    assert stored(libpq_uri, SeriesKey("kraken", "BTC/USD")).height == 0


def test_a_window_begins_with_its_start_and_ends_before_its_end(libpq_uri: str) -> None:
    merge(libpq_uri, frame(0, 1, 2, 3))
    with transaction(libpq_uri) as cursor:
        window = bars.load(cursor, Series(series_id(cursor, KEY), MINUTE_US), START + MINUTE, START + 3 * MINUTE)
    assert window.equals(frame(1, 2))


def test_merging_adds_what_is_new_and_counts_it(libpq_uri: str) -> None:
    assert merge(libpq_uri, frame(0, 2, 4)) == bars.Merged(3, 0)
    assert merge(libpq_uri, frame(1, 2, 3, 4)) == bars.Merged(2, 0)
    assert merge(libpq_uri, frame(0, 1, 2, 3, 4)) == bars.Merged(0, 0)
    assert stored(libpq_uri).equals(frame(0, 1, 2, 3, 4))


def test_the_first_bar_with_other_numbers_is_returned_and_nothing_stored(libpq_uri: str) -> None:
    merge(libpq_uri, frame(0, 1, 2))
    new = pl.concat([frame(1), frame(2, 3, close=101.0)])
    assert merge(libpq_uri, new) == bars.Conflict(START + 2 * MINUTE, "close", 101.0, 105.0)
    assert stored(libpq_uri).equals(frame(0, 1, 2))
    assert merge(libpq_uri, new, replace=True) == bars.Merged(1, 1)
    assert stored(libpq_uri).equals(pl.concat([frame(0, 1), frame(2, 3, close=101.0)]))


def test_numbers_that_differ_by_the_noise_of_summing_are_the_same(libpq_uri: str) -> None:
    noisy = frame(0, 1).with_columns(volume=pl.lit(0.3))
    merge(libpq_uri, frame(0))
    assert merge(libpq_uri, noisy) == bars.Merged(1, 0)
    assert stored(libpq_uri)["volume"].to_list() == [0.1 + 0.2, 0.3]
    assert merge(libpq_uri, noisy.with_columns(volume=pl.lit(0.3000001))) == bars.Conflict(START, "volume", 0.3000001, 0.1 + 0.2)


def test_names_are_made_once_however_often_they_are_asked_for(libpq_uri: str) -> None:
    with transaction(libpq_uri) as cursor:
        first = [series_id(cursor, SeriesKey(venue, name)) for venue in ("a", "b") for name in ("X/Y", "X/Z") for _ in range(50)]
    assert len(set(first)) == 4
    with transaction(libpq_uri) as cursor:
        assert series_id(cursor, SeriesKey("a", "NEW/ONE")) == max(first) + 1, "no number of the sequence is lost"
        rows = cursor.execute("SELECT v.name, i.name, base, quote FROM instruments i JOIN venues v ON v.id = venue_id ORDER BY i.id").fetchall()
    assert rows[0] == ("a", "X/Y", "X", "Y")


def test_a_failure_rolls_everything_back(libpq_uri: str) -> None:
    def fail() -> None:
        with transaction(libpq_uri) as cursor:
            bars.append(cursor, Series(series_id(cursor, KEY), MINUTE_US), frame(0))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert stored(libpq_uri).height == 0


def test_a_server_that_does_not_answer_or_knows_nothing_is_said_without_the_password(libpq_uri: str) -> None:
    unknown = libpq_uri.rpartition("/")[0] + "/nowhere"
    password = libpq_uri.partition(":")[2].partition(":")[2].partition("@")[0]
    assert password
    for uri, said in ((unknown, 'database "nowhere" does not exist'), (f"postgresql://u:{password}@127.0.0.1:1/d", "Connection refused")):
        with pytest.raises(Unavailable, match=said) as caught, transaction(uri):
            pass
        assert password not in str(caught.value)
    with pytest.raises(Unavailable, match='the database lacks our tables: relation "nothing" does not exist'), transaction(libpq_uri) as cursor:
        cursor.execute("SELECT * FROM nothing")


def test_a_full_disk_is_said(libpq_uri: str) -> None:
    said = "no space left on its disk, and nothing of this is stored: could not extend"
    with pytest.raises(DiskFull, match=said), transaction(libpq_uri) as cursor:
        cursor.execute("DO $$ BEGIN RAISE EXCEPTION 'could not extend file' USING ERRCODE = 'disk_full'; END $$")
