"""Funding in the database: each time has one payment, whatever order files have and however often they come; runs read it by day."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from app.cli import invented
from app.db import adbc
from app.db.objects import Place
from app.db.session import Sessions
from app.errors import BadInput, Conflict, NotFound
from app.services import market, snapshots
from app.services.folder import read_folder
from app.services.imports import import_files
from app.services.snapshots import Archive, Built
from app.services.wanted import Reach, reaches, wanted
from app.sources.kinds import FUNDING as KIND
from engine.config import parse_spec_toml
from engine.schema import FUNDING, SeriesKey, funding_key
from tests.app.services.test_quarantine import aside
from tests.app.sources.files import write

EXAMPLE = Path(__file__).parents[3] / "examples" / "basis-synthetic.toml"
KEY = SeriesKey("binance-futures", "BTC/USDT")
REACH = Reach(KIND, datetime(2024, 1, 1, tzinfo=UTC), datetime(2025, 1, 1, tzinfo=UTC))
NAME = "binance-futures_BTC-USDT_funding.csv"


@pytest.fixture
def archive(libpq_uri: str, tmp_path: Path) -> Archive:
    """Return the archive of this test's database, in a folder."""
    return Archive(libpq_uri=libpq_uri, read_uri=libpq_uri, place=Place(url=str(tmp_path / "snapshots")))


def payments(folder: Path, *rows: str) -> Path:
    """Write payments of August 2024: each a day, an hour, when it was published, and a rate."""
    times = (row.split(",") for row in rows)
    return write(folder, [f"2024-08-{at},2024-08-{known},{rate}" for at, known, rate in times], header="ts,published,rate", name=NAME)


def stored(libpq_uri: str) -> list[tuple[str, float]]:
    """Return day and hour, and rate, of what is stored."""
    query = "SELECT to_char(ts AT TIME ZONE 'UTC', 'DD HH24'), rate FROM funding_rates ORDER BY ts"
    with adbc.transaction(libpq_uri) as cursor:
        return [(row[0], row[1]) for row in cursor.execute(query).fetchall()]


FIRST = ("08 16:00,08 16:00,0.0003", "08 00:00,07 23:00,0.0001", "08 08:00,08 07:00,-0.0002", "08 00:00,07 23:00,0.0001")


async def test_payments_are_stored_once_and_others_for_their_times_are_refused_or_replace_them(
    libpq_uri: str, sessions: Sessions, tmp_path: Path
) -> None:
    for new in (3, 0):
        (summary,) = await import_files(libpq_uri, [payments(tmp_path, *FIRST)])
        assert (summary.data, summary.rows_read, summary.rows_new, summary.counts) == ("funding", 4, new, {"unpublished": 0})
        assert stored(libpq_uri) == [("08 00", 0.0001), ("08 08", -0.0002), ("08 16", 0.0003)]
    other = payments(tmp_path, "08 08:00,08 07:00,-0.0004", "08 16:00,08 16:00,0.0003", "09 00:00,08 23:00,0.5")
    with pytest.raises(Conflict, match=rf"at 2024-08-08 08:00:00: expected the stored rate -0.0002 \(from .*{NAME}\), found -0.0004"):
        await import_files(libpq_uri, [other])
    assert len(stored(libpq_uri)) == 3
    (summary,) = await import_files(libpq_uri, [other], replace=True)
    assert (summary.rows_new, summary.rows_replaced) == (1, 1)
    assert stored(libpq_uri) == [("08 00", 0.0001), ("08 08", -0.0004), ("08 16", 0.0003), ("09 00", 0.5)]
    with pytest.raises(Conflict, match=r"expected the stored published 2024-08-08 23:00:00\+00:00 \(from .*, found None"):
        await import_files(libpq_uri, [write(tmp_path, ["2024-08-09 00:00,0.5"], header="ts,rate", name=NAME)])
    with pytest.raises(BadInput, match=r"expected one payment for 2024-08-10 00:00:00, found two that differ \(rates 0.5 and 0.25\)"):
        await import_files(libpq_uri, [payments(tmp_path, "10 00:00,09 23:00,0.5", "10 00:00,09 23:00,0.25")])
    for new in (2, 0):
        plain = write(tmp_path, ["2024-08-11,0.5", "2024-08-12,0.5"], header="ts,rate", name=NAME)
        (summary,) = await import_files(libpq_uri, [plain])
        assert (summary.rows_new, summary.rows_replaced, summary.counts) == (new, 0, {"unpublished": 2})
    (info,) = await market.list_instruments(sessions)
    assert [(info.key, str(cover.kind), cover.count) for cover in info.coverage] == [(KEY, "funding", 6)]


async def test_a_damaged_payment_is_set_aside_with_its_place(libpq_uri: str, tmp_path: Path) -> None:
    path = payments(tmp_path, FIRST[0], "08 04:00,08 03:00,much", FIRST[1])
    for new in (2, 0):
        (summary,) = await import_files(libpq_uri, [path], quarantine=tmp_path / "bad.csv")
        assert (summary.rows_new, summary.counts) == (new, {"unpublished": 0, "bad rows": 1})
    assert aside(tmp_path / "bad.csv") == [["line 3", "rate", "much", "a fraction of the notional between -1 and 1, such as 0.0001"]]
    assert [at for at, _ in stored(libpq_uri)] == ["08 00", "08 16"]


async def test_payments_that_come_late_make_a_new_version_of_their_day_alone(libpq_uri: str, tmp_path: Path, archive: Archive) -> None:
    await import_files(libpq_uri, [payments(tmp_path, FIRST[0], "09 00:00,08 23:00,0.5")])
    assert snapshots.build(archive).new == 2
    before = {path.name for path in Path(archive.place.url).rglob("*.parquet")}
    await import_files(libpq_uri, [payments(tmp_path, *FIRST[1:])])
    assert (found := snapshots.build(archive)) == Built(days=1, new=1, rows=3, bytes=found.bytes)
    assert before < {path.name for path in Path(archive.place.url).rglob("*.parquet")}
    loaded = snapshots.load(archive, {funding_key(KEY): REACH})
    frame = loaded.frames[funding_key(KEY)]
    assert (frame.schema, frame["rate"].to_list()) == (FUNDING, [0.0001, -0.0002, 0.0003, 0.5])
    assert [(one["instrument"], one["data"], one["day"], one["rows"]) for one in loaded.named] == [
        ("BTC/USDT", "funding", "2024-08-08", 3), ("BTC/USDT", "funding", "2024-08-09", 1),
    ]  # fmt: skip
    with pytest.raises(NotFound, match="binance-futures ETH/USDT: not stored; did you mean binance-futures BTC/USDT"):
        snapshots.load(archive, {funding_key(SeriesKey("binance-futures", "ETH/USDT")): REACH})


async def test_a_run_reads_of_the_example_what_its_files_have(libpq_uri: str, tmp_path: Path, archive: Archive) -> None:
    invented.write(tmp_path, market="basis", seed=1, as_json=True)
    spec = parse_spec_toml(EXAMPLE.read_text(encoding="utf-8"))
    expected = read_folder(tmp_path, wanted(spec))
    write(tmp_path, ["2025-03-04,0.5"], header="ts,rate", name="synthetic-futures_BTC-USDC_funding_later.csv")
    await import_files(libpq_uri, [tmp_path])
    found = snapshots.load(archive, reaches(spec)).frames
    assert found.keys() == expected.keys()
    perpetual = funding_key(SeriesKey("synthetic-futures", "BTC/USDC"))
    assert found[perpetual].equals(expected[perpetual])
