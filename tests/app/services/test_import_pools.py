"""States of pools in the database: to the last digit, the same however often, and read by a run as from their files."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from app.cli import invented
from app.db import adbc
from app.db.objects import Place
from app.errors import Conflict
from app.services import snapshots
from app.services.folder import read_folder
from app.services.imports import import_files
from app.services.snapshots import Archive, Built
from app.services.wanted import Reach, reaches, wanted
from app.sources.kinds import POOL, Kind
from engine.config import parse_spec_toml
from engine.schema import POOL_STATES, SeriesKey
from tests.app.services.test_quarantine import aside
from tests.app.sources.files import write
from tests.app.sources.test_pools import MINUTES, REAL, UNISWAP, minute

EXAMPLE = Path(__file__).parents[3] / "examples" / "dex-cex-synthetic.toml"
KEY = SeriesKey("somepool", "ETH/USDC")
DAY = datetime(2023, 8, 17, tzinfo=UTC)
HEADER = "ts,block,price,liquidity,lower,upper,liquidity_raw,sqrt_price_x96"
LARGEST, ROOT = 2**128 - 1, 2**160 - 1
STORED = """
    SELECT liquidity_raw::text AS liquidity, sqrt_price_x96::text AS root, pg_typeof(liquidity_raw)::text AS type FROM pool_states ORDER BY at, seq"""


@pytest.fixture
def archive(libpq_uri: str, tmp_path: Path) -> Archive:
    """Return the archive of this test's database, in a folder."""
    return Archive(libpq_uri=libpq_uri, read_uri=libpq_uri, place=Place(url=str(tmp_path / "snapshots")))


def states(folder: Path, hours: range, *, name: str = "somepool_ETH-USDC.csv", price: float = 1650.5) -> Path:
    """Write two states an hour, both in one block, with integers that no 64 bits hold."""
    rows = [
        f"2023-08-17 {hour:02}:00:00,{hour},{price + turn},12.5,1600,1700,{LARGEST - hour},{ROOT if turn else ''}"
        for hour in hours
        for turn in (0, 1)
    ]
    return write(folder, rows, header=HEADER, name=name)


def stored(libpq_uri: str) -> list[tuple[str, str | None, str]]:
    """Return the integers that the table has, and what they are kept as."""
    with adbc.transaction(libpq_uri) as cursor:
        return [(row[0], row[1], row[2]) for row in cursor.execute(STORED).fetchall()]


async def test_integers_beyond_64_bits_survive_table_and_file_and_importing_again_changes_nothing(
    libpq_uri: str, tmp_path: Path, archive: Archive
) -> None:
    path = states(tmp_path, range(3))
    for new in (6, 0):
        (summary,) = await import_files(libpq_uri, [path])
        assert (summary.data, summary.rows_read, summary.rows_new, summary.counts) == ("pool", 6, new, {"no_liquidity": 0})
        expected = [(str(LARGEST - hour), str(ROOT) if turn else None, "numeric") for hour in range(3) for turn in (0, 1)]
        assert stored(libpq_uri) == expected
    assert (found := snapshots.build(archive)) == Built(days=1, new=1, rows=6, bytes=found.bytes)
    (file,) = Path(archive.place.url).rglob("*.parquet")
    exact = pl.read_parquet(file).select("liquidity_raw", "sqrt_price_x96").rows()
    assert exact == [row[:2] for row in expected]
    loaded = snapshots.load(archive, {KEY: Reach(POOL, DAY, DAY + timedelta(days=1))})
    assert loaded.frames[KEY].equals(read_folder(tmp_path, {KEY: POOL})[KEY])
    assert snapshots.verify(archive) == []
    pl.read_parquet(file).with_columns(liquidity_raw=pl.lit("1")).write_parquet(file)
    assert "is damaged" in snapshots.verify(archive)[0], "they are a part of the hash"


async def test_a_damaged_row_is_set_aside_with_its_place_and_other_states_are_refused(libpq_uri: str, tmp_path: Path) -> None:
    path = states(tmp_path, range(2))
    path.write_text(path.read_text().replace(f"{LARGEST - 1},{ROOT}", f"{2**128},{ROOT}").replace(",12.5,", ",0,", 1))
    (summary,) = await import_files(libpq_uri, [path], quarantine=tmp_path / "bad.csv")
    assert (summary.rows_new, summary.counts) == (3, {"no_liquidity": 1, "bad rows": 1})
    assert aside(tmp_path / "bad.csv") == [["line 5", "liquidity_raw", str(2**128), "an integer from 0 to 2^128 - 1, digit by digit"]]
    with pytest.raises(Conflict, match=r"expected the stored states \(from .*\), found others: \(1, 1650.5, 12.5, 1600.0\) and \(1, 1660.5,"):
        await import_files(libpq_uri, [states(tmp_path, range(2), price=1660.5)])


async def test_minutes_of_a_pool_that_come_late_make_a_new_version_of_their_day(libpq_uri: str, tmp_path: Path, archive: Archive) -> None:
    late = write(tmp_path, [minute("2023-08-17 21:45:00")], header=MINUTES, name=UNISWAP)
    rows = [minute(f"2023-08-17 23:{at}:00", liquidity=LARGEST) for at in (58, 59)]
    early = write(tmp_path, rows, header=MINUTES, name=UNISWAP.replace("-17.", "-18."))
    await import_files(libpq_uri, [early])
    assert [row[0] for row in stored(libpq_uri)] == [str(LARGEST)] * 2
    snapshots.build(archive)
    before = {path.name: path.read_bytes() for path in Path(archive.place.url).rglob("*.parquet")}
    assert len(before) == 2, "the state at the end of a day's last minute is of the day after"
    await import_files(libpq_uri, [late])
    assert (found := snapshots.build(archive)) == Built(days=1, new=1, rows=2, bytes=found.bytes)
    after = {path.name: path.read_bytes() for path in Path(archive.place.url).rglob("*.parquet")}
    assert len(after) == 3
    assert after.items() >= before.items(), "what was written stays as it is"
    key, kind = SeriesKey("uniswap-v3-polygon-5bps", "ETH/USDC"), Kind("pool_bars", 60_000_000)
    loaded = snapshots.load(archive, {key: Reach(kind, DAY, DAY + timedelta(days=2))}).frames[key]
    assert loaded.schema == POOL_STATES
    assert loaded["ts"].dt.strftime("%d %H:%M").to_list() == ["17 21:46", "17 23:59", "18 00:00"]
    assert loaded.equals(read_folder(tmp_path, {key: kind})[key])


async def test_a_run_reads_of_the_example_what_its_files_have(libpq_uri: str, tmp_path: Path, archive: Archive) -> None:
    invented.write(tmp_path, market="pool", seed=1, as_json=True)
    spec = parse_spec_toml(EXAMPLE.read_text(encoding="utf-8"))
    await import_files(libpq_uri, [tmp_path])
    found, expected = snapshots.load(archive, reaches(spec)).frames, read_folder(tmp_path, wanted(spec))
    assert found.keys() == expected.keys()
    assert all(found[key].equals(expected[key]) for key in expected)


@pytest.mark.skipif(not REAL.is_dir(), reason=f"needs real pool minutes in {REAL}")
async def test_real_minutes_of_uniswap_have_the_liquidity_of_their_files_digit_by_digit(libpq_uri: str) -> None:
    summaries = await import_files(libpq_uri, [REAL], jobs=2)
    minutes = pl.concat(pl.read_csv(path, infer_schema=False) for path in sorted(REAL.glob("*.csv")))
    assert (len(summaries), minutes.height) == (5, 7_199)
    assert [row[0] for row in stored(libpq_uri)] == minutes["currentLiquidity"].to_list()
    again = await import_files(libpq_uri, [REAL])
    assert sum(one.rows_new for one in again) == 0
