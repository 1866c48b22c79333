"""Days of series as files: what is read of them is what is stored, damage is noticed, and late rows make a new version beside the old."""

import hashlib
from datetime import UTC, date, datetime, timedelta
from math import nan
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from app.db import adbc, quotes, series
from app.db import snapshots as stored
from app.db.objects import Place
from app.errors import Conflict, NotFound, Unavailable
from app.services import snapshots
from app.services.imports import import_files
from app.services.snapshots import Archive, Built
from app.services.wanted import Reach
from app.sources.kinds import QUOTES, Kind
from engine.schema import SeriesKey, quotes_schema
from tests.app.services.stored import load
from tests.app.sources.files import row, write

START = datetime(2023, 3, 8, tzinfo=UTC)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
KEY = SeriesKey("kraken", "BTC/USDC")
BARS = Kind("bars", 60_000_000)
BOOK = SeriesKey("binance", "BTC/USDT")


@pytest.fixture(params=["folder", "s3"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """Return a place for files."""
    if request.param == "folder":
        return Place(url=str(tmp_path / "snapshots"))
    found: Place = request.getfixturevalue("s3_place")
    return Place(url=f"{found.url}/{tmp_path.name}", endpoint=found.endpoint, access_key_id="key", secret_access_key="secret-of-tests")


@pytest.fixture
def archive(libpq_uri: str, tmp_path: Path) -> Archive:
    """Return the archive of this test's database, in a folder."""
    return at(libpq_uri, Place(url=str(tmp_path / "snapshots")))


def at(libpq_uri: str, place: Place) -> Archive:
    """Return an archive that reads rows where nothing can be written, as of a replica."""
    return Archive(libpq_uri=libpq_uri, read_uri=f"{libpq_uri}?options=-c%20default_transaction_read_only%3Don", place=place)


async def bars(libpq_uri: str, folder: Path, *minutes: int, close: str = "1.25") -> None:
    """Import bars of these minutes."""
    await import_files(libpq_uri, [write(folder, [row(minute, f"1,2,0.5,{close},{minute % 3}") for minute in minutes])])


def book(libpq_uri: str, hours: list[float], *, levels: int) -> None:
    """Store quotes that arrived at these hours, with event times two hours before, and the record of their import."""
    numbers = np.arange(len(hours) * 4 * levels, dtype=float).reshape(len(hours), -1) / 7
    columns = {name: numbers[:, n] for n, name in enumerate(list(quotes_schema(levels))[2:])}
    times = pl.Series([START + timedelta(hours=hour) for hour in hours], dtype=pl.Datetime("us", "UTC"))
    frame = pl.DataFrame({"received": times, **columns}).with_columns(
        ts=pl.col("received") - timedelta(hours=2), at=pl.col("received").cum_max(), seq=pl.int_range(len(hours), dtype=pl.Int32)
    )
    with adbc.transaction(libpq_uri) as cursor:
        place = series.Series(series.series_id(cursor, BOOK), 0)
        quotes.TABLE.append(cursor, place, frame.with_columns(bid_size=pl.Series([nan, *numbers[1:, 1]])))
        ends = {"first_ts": frame["at"][0], "last_ts": frame["at"][-1], "rows_read": len(hours), "rows_new": len(hours)}
        what = {"id": f"00000000-0000-7000-8000-{levels:012d}", "path": "a", "sha256": "b", "format": "c", "data": "quotes", "detail": "{}"}
        series.record(cursor, place, what | ends)


async def test_what_is_read_of_files_is_what_the_tables_have(libpq_uri: str, tmp_path: Path, place: Place) -> None:
    archive = at(libpq_uri, place)
    await bars(libpq_uri, tmp_path, *range(0, 4 * 1440, 7))
    book(libpq_uri, [1, 5, 23.5, 24.5, 24.2, 47], levels=3)
    book(libpq_uri, [73, 74], levels=1)
    assert snapshots.build(archive).days == 4 + 3
    for start, end in ((START, START + 4 * DAY), (START + 9 * MINUTE, START + 3 * DAY), (START + DAY, START + DAY + 99 * MINUTE)):
        wanted = {KEY: Reach(BARS, start, end), BOOK: Reach(QUOTES, start, end)}
        expected, found = load(libpq_uri, wanted), snapshots.load(archive, wanted)
        assert all(found.frames[key].equals(expected[key]) and found.frames[key].n_chunks() == 1 for key in wanted), (start, end)
    assert [(one["venue"], one["day"], one["rows"]) for one in found.named] == [("binance", "2023-03-09", 3), ("kraken", "2023-03-09", 206)]
    one_day = {KEY: Reach(BARS, START + DAY, START + 2 * DAY)}
    assert [one["day"] for one in snapshots.load(archive, one_day).named] == ["2023-03-09"], "of a window that ends at midnight no further day"
    listed = [(one.data, one.interval_us, one.days, one.stale, one.rows, one.older) for one in snapshots.listed(archive)]
    assert listed == [("quotes", 0, 3, 0, 8, 0), ("bars", 60_000_000, 4, 0, 823, 0)]


async def test_only_days_that_changed_are_built_and_late_rows_make_a_new_version_beside_the_old(
    libpq_uri: str, tmp_path: Path, archive: Archive
) -> None:
    await bars(libpq_uri, tmp_path, *range(0, 3 * 1440, 60))
    assert snapshots.build(archive) == Built(days=3, new=3, rows=72, bytes=size(archive))
    before = contents(archive)
    assert snapshots.build(archive) == Built(days=0, new=0, rows=0, bytes=0)
    await bars(libpq_uri, tmp_path, *range(0, 3 * 1440, 60))
    assert snapshots.build(archive).days == 0, "nothing was new"
    await bars(libpq_uri, tmp_path, 1440 + 30)
    wanted = {KEY: Reach(BARS, START, START + 3 * DAY)}
    found = snapshots.load(archive, wanted)
    assert found.frames[KEY].equals(load(libpq_uri, wanted)[KEY])
    after = contents(archive)
    assert (len(before), len(after)) == (3, 4)
    assert {name: after[name] for name in before} == before, "what was written stays as it is"
    assert [one["rows"] for one in found.named] == [24, 25, 24]
    listed = snapshots.listed(archive)[0]
    assert (listed.days, listed.stale, listed.older, listed.first, listed.last) == (3, 0, 1, date(2023, 3, 8), date(2023, 3, 10))
    await import_files(libpq_uri, [write(tmp_path, [row(1440 + 30, "1,2,0.5,1.75,0")])], replace=True)
    assert (found := snapshots.build(archive)) == Built(days=1, new=1, rows=25, bytes=found.bytes)
    assert snapshots.load(archive, wanted).frames[KEY]["close"].to_list().count(1.75) == 1
    with adbc.transaction(libpq_uri) as cursor:
        assert cursor.execute("SELECT version, retired_at IS NULL FROM snapshots WHERE day = '2023-03-09' ORDER BY 1").fetchall() == [
            (1, False), (2, False), (3, True),
        ]  # fmt: skip


def contents(archive: Archive) -> dict[str, bytes]:
    """Return the files of an archive."""
    return {path.stem: path.read_bytes() for path in Path(archive.place.url).rglob("*.parquet")}


def size(archive: Archive) -> int:
    """Return the bytes of all files of an archive."""
    return sum(map(len, contents(archive).values()))


async def test_a_damaged_or_missing_file_is_noticed_and_made_anew(libpq_uri: str, tmp_path: Path, archive: Archive) -> None:
    await bars(libpq_uri, tmp_path, *range(0, 2 * 1440, 60))
    snapshots.build(archive)
    assert snapshots.verify(archive) == []
    good = contents(archive)
    one, other = sorted(Path(archive.place.url).rglob("*.parquet"))
    pl.read_parquet(one).with_columns(close=pl.lit(9.0)).write_parquet(one)
    other.unlink()
    wanted = {KEY: Reach(BARS, START, START + 2 * DAY)}
    with pytest.raises(Conflict, match=r"snapshot \w{64} at .* (is damaged: its columns have the hash|cannot be read)"):
        snapshots.load(archive, wanted)
    wrong = snapshots.verify(archive)
    assert [("is damaged" in said, "is not there" in said) for said in wrong] == [(True, False), (False, True)]
    one.write_bytes(b"no Parquet")
    assert "cannot be read" in snapshots.verify(archive)[0]
    snapshots.build(archive)
    assert contents(archive) == good
    assert snapshots.load(archive, wanted).frames[KEY].height == 48


async def test_columns_count_where_bytes_are_not_those_that_were_written_and_verifying_learns_them(
    libpq_uri: str, tmp_path: Path, archive: Archive
) -> None:
    await bars(libpq_uri, tmp_path, *range(0, 2 * 1440, 60))
    snapshots.build(archive)
    assert known_bytes(libpq_uri) == digests(archive)
    one, _ = sorted(Path(archive.place.url).rglob("*.parquet"))
    pl.read_parquet(one).write_parquet(one, compression="lz4")
    with adbc.transaction(libpq_uri) as cursor:
        cursor.execute("UPDATE snapshots SET file_sha256 = NULL WHERE sha256 <> $1", (one.stem,))
    wanted = {KEY: Reach(BARS, START, START + 2 * DAY)}
    assert snapshots.load(archive, wanted).frames[KEY].equals(load(libpq_uri, wanted)[KEY])
    assert known_bytes(libpq_uri) != digests(archive)
    assert snapshots.verify(archive) == []
    assert known_bytes(libpq_uri) == digests(archive)


def known_bytes(libpq_uri: str) -> dict[str, str | None]:
    """Return the hash of the bytes of each file, as it is stored."""
    with adbc.transaction(libpq_uri) as cursor:
        return dict(cursor.execute("SELECT sha256, file_sha256 FROM snapshots").fetchall())


def digests(archive: Archive) -> dict[str, str]:
    """Return the hash of the bytes of each file, as it lies there."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in contents(archive).items()}


async def test_what_is_not_stored_is_refused_as_it_is_without_files(libpq_uri: str, tmp_path: Path, archive: Archive) -> None:
    await bars(libpq_uri, tmp_path, 0, 3000)
    with pytest.raises(NotFound, match="krakn BTC/USDC: not stored; did you mean kraken BTC/USDC"):
        snapshots.load(archive, {SeriesKey("krakn", "BTC/USDC"): Reach(BARS, START, START + DAY)})
    with pytest.raises(NotFound, match="no bars of 1m from 2023-03-09 00:00 to 2023-03-10 00:00 UTC; stored are 2 from"):
        snapshots.load(archive, {KEY: Reach(BARS, START + DAY, START + 2 * DAY)})


async def test_rows_are_asked_of_the_replica_and_a_place_that_does_not_answer_is_named(libpq_uri: str, tmp_path: Path, archive: Archive) -> None:
    await bars(libpq_uri, tmp_path, 0)
    with pytest.raises(Unavailable, match="PostgreSQL did not do it"):
        snapshots.build(Archive(libpq_uri=libpq_uri, read_uri="postgresql://nobody@127.0.0.1:1/none", place=archive.place))
    away = Place(url="s3://market", endpoint="http://127.0.0.1:1", access_key_id="key", secret_access_key="secret")
    with pytest.raises(Unavailable, match="the snapshots at s3://market cannot be reached"):
        snapshots.build(at(libpq_uri, away))
    assert Archive.parse(archive.text) == archive
    assert "secret" not in repr(away)


def test_a_builder_that_saw_less_takes_nothing_back(libpq_uri: str) -> None:
    line = stored.Line(1, "bars", 60_000_000)
    early, late = (stored.Version(START.date(), sha256, f"bytes of {sha256}", 1, 1, built_from) for sha256, built_from in (("a", 1), ("b", 2)))
    with adbc.transaction(libpq_uri) as cursor:
        assert [stored.record(cursor, line, version) for version in (late, early, late)] == [True, False, False]
        assert cursor.execute("SELECT sha256, built_from FROM snapshots").fetchall() == [("b", 2)]
