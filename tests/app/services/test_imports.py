"""Importing files: a transaction a batch, the same however often, with an account of what was found."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import select, text

from app.db.adbc import transaction
from app.db.models import Import
from app.db.session import Sessions
from app.errors import AppError, BadInput, Conflict, NotFound, Unavailable
from app.services.import_job import ImportSummary, Progress
from app.services.imports import import_files
from app.sources.errors import BadRow
from tests.app.sources.files import NAME, row, write

START = datetime(2023, 3, 8, tzinfo=UTC)
TABLES = ("venues", "instruments", "bars", "imports")


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files pass in many batches."""
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": 1_000, "longest": 65_536})


async def counts(sessions: Sessions) -> dict[str, int]:
    """Return how many rows there are."""
    async with sessions() as session:
        return {table: await session.scalar(text(f"SELECT count(*) FROM {table}")) or 0 for table in TABLES}


def brief(summaries: list[ImportSummary]) -> list[tuple[str, str, int, int]]:
    """Return the heart of summaries."""
    return [(one.venue, one.instrument, one.rows_read, one.rows_new) for one in summaries]


async def test_a_file_is_imported_with_an_account_of_what_it_holds(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, [row(0), row(1, "100,110,90,105,0"), row(1, "100,110,90,105,0"), row(2), row(9)])
    (summary,) = await import_files(libpq_uri, [path])
    assert (summary.path, summary.format, summary.interval_us) == (str(path), "csv", 60_000_000)
    assert (summary.rows_read, summary.rows_new, summary.repeated, summary.data) == (4, 4, 1, "bars")
    assert (summary.counts, summary.longest_gap_us) == ({"missing": 6, "no_trade": 1}, 420_000_000)
    assert (summary.first, summary.last) == (START, START.replace(minute=9))
    assert summary.rows_per_s > 0
    async with sessions() as session:
        stored = (await session.scalars(select(Import))).one()
    assert (stored.path, stored.format, stored.rows_read, stored.rows_new) == (str(path), "csv", 4, 4)
    assert (stored.first_ts, stored.last_ts, stored.interval_us) == (summary.first, summary.last, summary.interval_us)
    assert stored.detail == {"why": summary.why, "rows_replaced": 0, "repeated": 1, "missing": 6, "longest_gap_us": 420_000_000, "no_trade": 1}
    assert len(stored.sha256) == 64
    assert stored.id.version == 7


@pytest.mark.usefixtures("small_blocks")
async def test_importing_again_changes_nothing(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, map(row, range(500)))
    assert brief(await import_files(libpq_uri, [path])) == [("kraken", "BTC/USDC", 500, 500)]
    assert brief(await import_files(libpq_uri, [path])) == [("kraken", "BTC/USDC", 500, 0)]
    write(tmp_path, map(row, range(400, 700)))
    assert brief(await import_files(libpq_uri, [path])) == [("kraken", "BTC/USDC", 300, 200)]
    assert await counts(sessions) == {"venues": 1, "instruments": 1, "bars": 700, "imports": 3}


@pytest.mark.usefixtures("small_blocks")
async def test_importers_of_one_series_take_turns(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    await import_files(libpq_uri, [write(tmp_path, [row(-1)])])
    path = write(tmp_path, map(row, range(500)))
    found = await asyncio.gather(*(import_files(libpq_uri, [path]) for _ in range(3)))
    assert sum(one.rows_new for (one,) in found) == 500
    assert (await counts(sessions))["bars"] == 501


async def test_a_batch_with_a_bad_row_leaves_nothing(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, [*map(row, range(500)), row(500, "-1,110,90,105,1")])
    with pytest.raises(BadRow, match=r"line 502, open: found '-1'"):
        await import_files(libpq_uri, [path])
    assert set((await counts(sessions)).values()) == {0}


@pytest.mark.usefixtures("small_blocks")
async def test_what_came_before_a_bad_row_stays_and_a_mended_file_adds_the_rest(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, [*map(row, range(500)), row(500, "-1,110,90,105,1")])
    with pytest.raises(
        BadRow, match=r"line 502, open: found '-1'.*; the (\d+) rows before are stored: import it again when that is mended"
    ) as caught:
        await import_files(libpq_uri, [path])
    stored = (await counts(sessions))["bars"]
    assert 400 < stored < 500
    assert f"the {stored} rows before" in str(caught.value)
    (summary,) = await import_files(libpq_uri, [write(tmp_path, map(row, range(501)))])
    assert summary.rows_new == 501 - stored
    assert (await counts(sessions))["bars"] == 501
    async with sessions() as session:
        assert await session.scalar(text("SELECT sum(rows_new) FROM imports")) == 501


async def test_files_before_a_bad_one_stay_and_the_error_says_how_many(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    write(tmp_path, [row(0)], name="a_BTC-USD_1m.csv")
    write(tmp_path, [row(0, "1,1,1,1,-1")], name="b_BTC-USD_1m.csv")
    write(tmp_path, [row(0)], name="c_BTC-USD_1m.csv")
    with pytest.raises(BadRow, match=r"b_BTC-USD_1m.csv, line 2, volume: .*; 1 of 3 files are imported whole, what is stored of others stays"):
        await import_files(libpq_uri, [tmp_path])
    assert (await counts(sessions))["bars"] == 1


async def test_every_file_is_looked_at_before_the_first_is_stored(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    write(tmp_path, [row(0)], name="a_BTC-USD_1m.csv")
    write(tmp_path, ["<html>"], name="b_BTC-USD_1m.csv", header=None)
    with pytest.raises(BadInput, match="found HTML"):
        await import_files(libpq_uri, [tmp_path])
    assert set((await counts(sessions)).values()) == {0}


async def test_a_bar_that_is_stored_with_other_numbers_is_refused_with_its_origin(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    first = write(tmp_path, map(row, range(10)))
    await import_files(libpq_uri, [first])
    other = write(tmp_path, [row(5), row(6, "100,110,90,104,1.5"), row(20)], name=f"again_{NAME}")
    with pytest.raises(
        Conflict, match=r"2023-03-08 00:06:00: expected the stored close 105.0 \(from .*/kraken_BTC-USDC_1m.csv\), found 104.0"
    ) as caught:
        await import_files(libpq_uri, [other], venue="kraken", instrument="BTC/USDC", interval="1m")
    assert str(caught.value).startswith(str(other))
    assert (await counts(sessions))["bars"] == 10
    (summary,) = await import_files(libpq_uri, [other], replace=True, venue="kraken", instrument="BTC/USDC", interval="1m")
    assert (summary.rows_new, summary.rows_replaced) == (1, 1)
    async with sessions() as session:
        assert await session.scalar(text("SELECT close FROM bars WHERE ts = '2023-03-08 00:06Z'")) == 104.0


async def test_what_the_user_says_goes_before_the_name(libpq_uri: str, tmp_path: Path) -> None:
    path = write(tmp_path, [row(0), row(5)])
    (summary,) = await import_files(libpq_uri, [path], venue="Coinbase", instrument="eth-usd", interval="5m", format="csv")
    assert (summary.venue, summary.instrument, summary.interval_us) == ("coinbase", "ETH/USD", 300_000_000)
    with pytest.raises(BadInput, match="interval: expected a duration such as"):
        await import_files(libpq_uri, [path], interval="five")
    with pytest.raises(NotFound, match="no such file or folder"):
        await import_files(libpq_uri, [tmp_path / "other.csv"])


@pytest.mark.usefixtures("small_blocks")
async def test_progress_runs_from_the_first_byte_to_the_last(libpq_uri: str, tmp_path: Path) -> None:
    for venue in ("a", "b"):
        write(tmp_path, map(row, range(300)), name=f"{venue}_BTC-USD_1m.csv")
    seen: list[Progress] = []
    await import_files(libpq_uri, [tmp_path], on_progress=seen.append)
    assert len(seen) >= 20
    done = [one.bytes_read for one in seen]
    assert done == sorted(done)
    assert done[-1] == seen[-1].bytes_total == sum(file.stat().st_size for file in tmp_path.iterdir())
    assert seen[-1].rows_per_s > 0
    assert [max(one.rows for one in seen if one.path == str(tmp_path / f"{venue}_BTC-USD_1m.csv")) for venue in ("a", "b")] == [300, 300]


def cut_off(libpq_uri: str) -> Callable[[Progress], None]:
    """Return what ends every other connection to the database."""

    def cut(_: Progress) -> None:
        with transaction(libpq_uri) as cursor:
            others = "FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
            cursor.execute(f"SELECT pg_terminate_backend(pid, 5000) {others}").fetchall()

    return cut


@pytest.mark.usefixtures("small_blocks")
async def test_a_connection_that_breaks_undoes_its_batch_and_is_said(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, map(row, range(500)))
    with pytest.raises(Unavailable, match=r"PostgreSQL did not do it, and nothing of this is stored: .*; the \d+ rows before are stored"):
        await import_files(libpq_uri, [path], on_progress=cut_off(libpq_uri))
    stored = (await counts(sessions))["bars"]
    assert 0 < stored < 100
    assert brief(await import_files(libpq_uri, [path])) == [("kraken", "BTC/USDC", 500, 500 - stored)]


@pytest.mark.usefixtures("small_blocks")
async def test_an_import_that_is_cancelled_leaves_whole_batches(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, map(row, range(5_000)))
    loop, seen = asyncio.get_running_loop(), list[Progress]()

    def cancel(progress: Progress) -> None:
        seen.append(progress)
        loop.call_soon_threadsafe(task.cancel)

    task = asyncio.create_task(import_files(libpq_uri, [path], on_progress=cancel))
    with pytest.raises(asyncio.CancelledError):
        await task
    while await others(sessions):
        await asyncio.sleep(0.02)
    assert (await counts(sessions))["bars"] - seen[-1].rows in range(31), "one more batch at most"
    assert seen[-1].rows < 5_000


async def others(sessions: Sessions) -> bool:
    """Tell whether others are connected to the database."""
    async with sessions() as session:
        query = "SELECT count(*) FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND datname = current_database()"
        return bool(await session.scalar(text(query)))


async def test_the_real_files_are_imported_once(libpq_uri: str, sessions: Sessions, market_data: Path) -> None:
    first = await import_files(libpq_uri, [market_data / "usdc-2023-03", market_data / "binance-klines" / "*.csv"])
    assert len(first) == 16
    assert all(one.rows_new == one.rows_read for one in first)
    again = await import_files(libpq_uri, [market_data / "usdc-2023-03"])
    assert sum(one.rows_new for one in again) == 0
    assert (await counts(sessions))["bars"] == sum(one.rows_read for one in first)
    kraken = next(one for one in first if (one.venue, one.instrument) == ("kraken", "BTC/USDC"))
    assert (kraken.rows_read, kraken.counts) == (2_224, {"missing": 2_096, "no_trade": 0})
    with pytest.raises(AppError, match="expected the stored volume"):
        await import_files(libpq_uri, [market_data / "kraken-ohlcvt"])
