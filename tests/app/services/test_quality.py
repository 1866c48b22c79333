"""Days of series are looked at when they changed, held against each other, and what was found is read back."""

import gzip
import itertools
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import URL

from app.db import adbc, quality
from app.db.objects import Place
from app.db.session import Sessions
from app.services import findings
from app.services.doctor import diagnose
from app.services.findings import Grade
from app.services.imports import import_files
from app.services.quality import Day, days, validate
from app.services.snapshots import Archive
from engine.cross_checks import Recorded, compare
from tests.app.sources.files import frame, row, write

DAY = date(2023, 3, 8)


@pytest.fixture
def archive(libpq_uri: str, tmp_path: Path) -> Archive:
    """Return the archive of this test's database."""
    return Archive(libpq_uri=libpq_uri, read_uri=libpq_uri, place=Place(url=str(tmp_path / "snapshots")))


async def bars(libpq_uri: str, folder: Path, venue: str, minutes: Iterator[int] | range, close: float = 100) -> None:
    """Import bars of these minutes."""
    rows = [row(minute, f"{close},{close},{close},{close},1") for minute in minutes]
    await import_files(libpq_uri, [write(folder, rows, name=f"{venue}_BTC-USDC_1m.csv")])


def stamps(found: list[Day]) -> dict[tuple[str, date], datetime | None]:
    """Return when each day was looked at."""
    return {(one.key.venue, one.day): one.checked_at for one in found}


async def test_only_what_changed_is_looked_at_again_and_with_it_what_is_held_against_it(
    libpq_uri: str, archive: Archive, sessions: Sessions, tmp_path: Path
) -> None:
    for venue in ("alfa", "bravo"):
        await bars(libpq_uri, tmp_path, venue, range(2 * 1440))
    found = validate(archive)
    assert (found.days, found.checked, dict(found.grades)) == (4, 4, {Grade.GOOD: 4, Grade.DOUBTFUL: 0, Grade.BAD: 0})
    assert validate(archive).checked == 0
    before = stamps(await days(sessions))
    await bars(libpq_uri, tmp_path, "charlie", range(1440, 1440 + 600), close=106)
    assert [one.grade for one in await days(sessions, venues=["charlie"])] == [None]
    found = validate(archive)
    assert (found.days, found.checked, dict(found.grades)) == (5, 3, {Grade.GOOD: 4, Grade.DOUBTFUL: 0, Grade.BAD: 1})
    after = stamps(await days(sessions))
    assert {key for key, at in after.items() if at != before.get(key)} == {(venue, date(2023, 3, 9)) for venue in ("alfa", "bravo", "charlie")}
    (charlie,) = await days(sessions, venues=["charlie"], instruments=["BTC/USDC"], first=DAY, last=date(2023, 3, 9))
    assert (charlie.counts["outliers"], charlie.counts["rows"], charlie.grade, charlie.is_current) == (600, 600, Grade.BAD, True)
    assert [one.check for one in charlie.found] == ["outliers"]
    await bars(libpq_uri, tmp_path, "charlie", range(2100, 2101))
    (charlie,) = await days(sessions, venues=["charlie"])
    assert (charlie.grade, charlie.is_current) == (Grade.BAD, False)
    assert await days(sessions, venues=["charlie"], last=DAY) == []


async def test_a_damaged_snapshot_is_bad_until_it_is_mended(libpq_uri: str, archive: Archive, sessions: Sessions, tmp_path: Path) -> None:
    await bars(libpq_uri, tmp_path, "alfa", range(1440))
    await bars(libpq_uri, tmp_path, "bravo", range(1440))
    validate(archive)
    await bars(libpq_uri, tmp_path, "charlie", range(1440), close=101)
    files = sorted(Path(archive.place.url).rglob("*.parquet"))
    kept = {path: path.read_bytes() for path in files}
    for path in files:
        path.write_bytes(b"no Parquet")
    assert validate(archive).grades[Grade.BAD] == 2, "of alfa and bravo, which have one file; that of charlie is new"
    assert {(one.key.venue, finding.check) for one in await days(sessions) for finding in one.found} == {("alfa", "damaged"), ("bravo", "damaged")}
    for path, content in kept.items():
        path.write_bytes(content)
    assert dict(validate(archive).grades) == {Grade.GOOD: 3, Grade.DOUBTFUL: 0, Grade.BAD: 0}


async def test_trades_are_looked_at_in_their_table_and_again_when_they_changed(
    libpq_uri: str, archive: Archive, sessions: Sessions, tmp_path: Path
) -> None:
    header = "time,price,size,side,id"
    at = [int(datetime(2023, 3, 8, hour, tzinfo=UTC).timestamp() * 1000) for hour in range(3)]
    await import_files(libpq_uri, [write(tmp_path, [f"{at[0]},1,1,buy,1", f"{at[2]},1,1,,2"], header=header, name="alfa_BTC-USDC_trades.csv")])
    assert validate(archive).checked == 1
    (found,) = await days(sessions)
    assert (found.kind.data, found.counts["rows"], found.counts["no_side"], found.counts["longest_gap_s"]) == ("trades", 2, 1, 7200)
    await import_files(libpq_uri, [write(tmp_path, [f"{at[2] + 1},1,1,buy,3"], header=header, name="alfa_BTC-USDC_trades.csv")])
    assert (validate(archive).checked, (await days(sessions))[0].counts["rows"]) == (1, 3)


async def test_a_day_without_rows_between_others_is_bad(libpq_uri: str, archive: Archive, sessions: Sessions, tmp_path: Path) -> None:
    await bars(libpq_uri, tmp_path, "alfa", (minute for start in (0, 2880) for minute in range(start, start + 1440)))
    assert dict(validate(archive).grades) == {Grade.GOOD: 2, Grade.DOUBTFUL: 0, Grade.BAD: 1}
    found = await days(sessions)
    assert [[finding.check for finding in one.found] for one in found] == [[], ["empty"], []]
    assert [(one.check, one.first, one.days) for one in diagnose(found)] == [("empty", date(2023, 3, 9), 1)]


async def test_real_bars_and_quotes_show_what_is_known_of_them(
    libpq_uri: str, archive: Archive, sessions: Sessions, market_data: Path, tmp_path: Path
) -> None:
    await import_files(libpq_uri, [market_data / "usdc-2023-03" / f"{name}-USDT_1m.csv" for name in ("binanceus_USDC", "kraken_USDC", "kraken_BTC")])
    with gzip.open(market_data / "binance-websocket" / "usdm_btcusdt_20240808.gz", "rt") as whole:
        capture = write(tmp_path, (line.rstrip("\n") for line in itertools.islice(whole, 4_000)), header=None, name="usdm_btcusdt_20240808")
    await import_files(libpq_uri, [capture], stream="bookTicker")
    validate(archive)
    found = {(one.key.venue, one.key.instrument, f"{one.day}"): one for one in await days(sessions)}
    wick = found["binanceus", "USDC/USDT", "2023-03-10"]
    assert wick.counts["wicks"] == 2, "to 1.0998 and to 0.9003"
    assert {one.check for one in wick.found} >= {"wicks", "thin"}
    assert 0.4 < found["kraken", "BTC/USDT", "2023-03-08"].counts["covered"] < 0.6
    clock = found["binance-usdm", "BTC/USDT", "2024-08-08"]
    assert -1_280_000 < clock.counts["least_delay_us"] < clock.counts["median_delay_us"] < -1_260_000, "about 1.27 s behind"
    (advice,) = [one.advice for one in diagnose(list(found.values())) if one.check == "negative_latency"]
    assert f'clock_offset = "{-(-int(-clock.counts["least_delay_us"]) // 1000)}ms"' in advice


def test_real_bars_that_are_stamped_at_their_end_are_told_apart_from_those_that_are_not(market_data: Path) -> None:
    frames = {venue: frame(market_data / "usdc-2023-03" / f"{venue}_BTC-USD_1m.csv") for venue in ("binanceus", "coinbase", "kraken")}
    frames["kraken"] = frames["kraken"].with_columns(pl.col("ts") + timedelta(minutes=1))
    found = compare([Recorded(venue, "bars", 60_000_000, rows) for venue, rows in frames.items()])
    assert [row["lag_us"] for row in found] == [0, 0, 60_000_000]


async def test_every_kind_that_is_looked_at_has_rules(database_url: URL, libpq_uri: str) -> None:
    assert set(quality.KINDS) == set(findings.RULES)
    with adbc.transaction(libpq_uri) as cursor:
        assert quality.counted(cursor) == {}
