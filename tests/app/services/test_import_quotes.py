"""Importing quotes: batch by batch, the same however often, in the order of the files, with an account of what was found."""

import asyncio
import random
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from sqlalchemy import select

from app.db.adbc import transaction
from app.db.models import Import
from app.db.session import Sessions
from app.errors import BadInput, Conflict, Unavailable
from app.services import market
from app.services.folder import read_folder
from app.services.import_job import Progress
from app.services.imports import import_files
from app.services.wanted import Reach
from app.sources.detect import Said
from app.sources.errors import BadRow
from app.sources.kinds import QUOTES, Kind
from engine.schema import SeriesKey, check_quotes
from tests.app.services import stored
from tests.app.sources.captures import change, snapshot, ticker, trade, write
from tests.app.sources.files import write as write_table

KEY = SeriesKey("binance", "BTC/USDT")
START = datetime(2024, 8, 8, tzinfo=UTC)
END = START + timedelta(days=2)
BID, ASK = (99.0, 1.0), (101.0, 2.0)
COUNT = 3_000


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files pass in many batches."""
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": 20_000, "longest": 65_536})


def load(libpq_uri: str, key: SeriesKey = KEY, kind: Kind = QUOTES) -> pl.DataFrame:
    """Return what is stored."""
    frame = stored.load(libpq_uri, {key: Reach(kind, START, END)})[key]
    return check_quotes(frame, key=key)


def tickers(count: int = COUNT) -> list[str]:
    """Return messages of which many come in one microsecond, and many are alike."""
    draw = random.Random(7)
    return [ticker(at // 4, (90 + draw.randrange(3), 1), (110, 1)) for at in range(count)]


async def covered(sessions: Sessions) -> list[tuple[str, int]]:
    """Return what is listed."""
    return [(str(cover.kind), cover.count) for one in await market.list_instruments(sessions) for cover in one.coverage]


async def test_a_capture_is_imported_with_an_account_of_what_it_holds(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    lines = [snapshot(0, 100, [BID], [ASK]), change(100, 101, 102), trade(150), change(200, 103, 104, [(102, 1)]), change(5_000, 106, 107)]
    path = write(tmp_path, lines)
    (summary,) = await import_files(libpq_uri, [path], levels=2)
    assert (summary.format, summary.data, summary.interval_us) == ("capture", "quotes", 0)
    assert (summary.rows_read, summary.rows_new, summary.rows_replaced) == (3, 3, 0)
    assert summary.counts == {"crossed": 1, "no_price": 1, "least_delay_us": -1_270_000, "gaps in the sequence": 1, "trade": 1}
    assert summary.longest_gap_us == 4_800_000
    assert (summary.first, summary.last) == (datetime(2024, 8, 8, 23, 59, 58, 830_000, UTC), datetime(2024, 8, 9, 0, 0, 3, 730_000, UTC))
    async with sessions() as session:
        stored = (await session.scalars(select(Import))).one()
    assert (stored.data, stored.interval_us, stored.rows_read, stored.rows_new) == ("quotes", 0, 3, 3)
    assert stored.detail == {"why": summary.why, "rows_replaced": 0, "repeated": 0, "longest_gap_us": 4_800_000, **summary.counts}
    assert await covered(sessions) == [("quotes", 3)]


@pytest.mark.usefixtures("small_blocks")
async def test_what_is_stored_is_what_the_files_hold_in_their_order(libpq_uri: str, tmp_path: Path) -> None:
    path = write(tmp_path, tickers())
    (summary,) = await import_files(libpq_uri, [path])
    assert summary.rows_new == COUNT
    assert load(libpq_uri).equals(read_folder(tmp_path, {KEY: QUOTES})[KEY])


@pytest.mark.usefixtures("small_blocks")
async def test_importing_again_or_more_of_it_changes_nothing_or_adds_the_rest(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    lines = tickers()
    for part, new in ((lines[:1_001], 1_001), (lines[:1_001], 0), (lines[:2_002], 1_001), (lines[1_504:], COUNT - 2_002), (lines, 0)):
        (summary,) = await import_files(libpq_uri, [write(tmp_path, part)])
        assert (summary.rows_read, summary.rows_new) == (len(part), new)
    assert load(libpq_uri).equals(read_folder(tmp_path, {KEY: QUOTES})[KEY])
    assert await covered(sessions) == [("quotes", COUNT)]


async def test_files_that_follow_in_one_microsecond_are_one_series(libpq_uri: str, tmp_path: Path) -> None:
    lines = [ticker(at, (90, 1 + number), (110, 1)) for number, at in enumerate((0, 1, 1, 1, 1, 2))]
    for cut in range(1, len(lines)):
        parts = [write(tmp_path, lines[:cut], name=f"{cut}_a.gz"), write(tmp_path, lines[cut:], name=f"{cut}_b.gz")]
        for _ in range(2):
            await import_files(libpq_uri, parts)
        assert load(libpq_uri)["bid_size"].to_list() == [1, 2, 3, 4, 5, 6]
        with transaction(libpq_uri) as cursor:
            cursor.execute("TRUNCATE quotes, imports")


async def test_a_book_goes_on_from_the_file_before(libpq_uri: str, tmp_path: Path) -> None:
    first = write(tmp_path, [snapshot(0, 100, [BID], [ASK]), change(100, 101, 102), ticker(101, BID, ASK)], name="a.gz")
    second = write(tmp_path, [change(200, 103, 104, [(99.5, 3)]), ticker(201, BID, ASK)], name="b.gz")
    await import_files(libpq_uri, [second, first], levels=1)
    assert load(libpq_uri)["bid"].to_list() == [99, 99.5]
    with pytest.raises(
        Conflict, match=r"b.gz: expected quotes of binance BTC/USDT with event and receive times, .* found receive times alone; .*--stream"
    ):
        await import_files(libpq_uri, [second], levels=1)


@pytest.mark.usefixtures("small_blocks")
async def test_another_recording_of_a_market_is_refused_or_stored_instead(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    await import_files(libpq_uri, [write(tmp_path, [ticker(at, (90, 1), (110, 1)) for at in range(0, 600, 2)])])
    others = [ticker(at, (91, 1), (110, 1)) for at in range(101, 401, 2)]
    other = write(tmp_path, others, name="other.gz")
    with pytest.raises(Conflict, match=r"other.gz: .* at 2024-08-08 23:59:58.8320*: expected the stored quotes \(from .*20240809.gz\)"):
        await import_files(libpq_uri, [other])
    assert load(libpq_uri)["bid"].unique().to_list() == [90]
    (summary,) = await import_files(libpq_uri, [other], replace=True)
    assert (summary.rows_read, summary.rows_new, summary.rows_replaced) == (150, 150 - 149, 149)
    stored = load(libpq_uri)
    assert stored["bid"].to_list() == [90] * 51 + [91] * 150 + [90] * 100
    assert await covered(sessions) == [("quotes", stored.height)]


@pytest.mark.usefixtures("small_blocks")
async def test_importers_of_one_series_take_turns(libpq_uri: str, tmp_path: Path) -> None:
    path = write(tmp_path, tickers())
    found = await asyncio.gather(*(import_files(libpq_uri, [path]) for _ in range(3)))
    assert sum(one.rows_new for (one,) in found) == COUNT
    assert load(libpq_uri).equals(read_folder(tmp_path, {KEY: QUOTES})[KEY])


@pytest.mark.usefixtures("small_blocks")
async def test_what_came_before_a_bad_line_stays_and_a_mended_file_adds_the_rest(
    libpq_uri: str, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.sources.capture.feed.HEAD", 20_000)
    lines = tickers()
    path = write(tmp_path, [*lines[:2_000], "rubbish", *lines[2_000:]])
    with pytest.raises(BadRow, match=r"line 2001, receive time: .*; the [0-9,]+ rows before are stored: import it again when that is mended"):
        await import_files(libpq_uri, [path])
    stored = load(libpq_uri).height
    assert 1_000 < stored < 2_000
    assert await covered(sessions) == [("quotes", stored)]
    (summary,) = await import_files(libpq_uri, [write(tmp_path, lines)])
    assert summary.rows_new == COUNT - stored
    assert load(libpq_uri).equals(read_folder(tmp_path, {KEY: QUOTES})[KEY])


def cut_off(libpq_uri: str) -> Callable[[Progress], None]:
    """Return what forbids to write after some batches."""

    def cut(progress: Progress) -> None:
        if progress.rows > COUNT // 2:
            with transaction(libpq_uri) as cursor:
                cursor.execute("ALTER TABLE quotes RENAME TO hidden")

    return cut


@pytest.mark.usefixtures("small_blocks")
async def test_an_import_that_breaks_off_goes_on_where_it_ended(libpq_uri: str, tmp_path: Path) -> None:
    path = write(tmp_path, tickers())
    with pytest.raises(Unavailable, match=r"the database lacks our tables: .*; the [0-9,]+ rows before are stored"):
        await import_files(libpq_uri, [path], on_progress=cut_off(libpq_uri))
    with transaction(libpq_uri) as cursor:
        cursor.execute("ALTER TABLE hidden RENAME TO quotes")
    stored = load(libpq_uri).height
    assert COUNT // 2 < stored < COUNT
    (summary,) = await import_files(libpq_uri, [path])
    assert summary.rows_new == COUNT - stored
    assert load(libpq_uri).equals(read_folder(tmp_path, {KEY: QUOTES})[KEY])


KILLED = """
import asyncio, os, signal, sys
from app.services.imports import import_files
from app.sources import text

text.blocks.__kwdefaults__["size"] = 20_000

def die(progress):
    if progress.rows > 1_500:
        os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(import_files(sys.argv[1], [sys.argv[2]], on_progress=die))
"""


@pytest.mark.usefixtures("small_blocks")
async def test_an_import_that_is_killed_loses_and_doubles_nothing(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, tickers())
    killed = subprocess.run([sys.executable, "-c", KILLED, libpq_uri, str(path)], check=False)
    assert killed.returncode == -9
    stored = load(libpq_uri).height
    assert 1_500 < stored < COUNT
    assert await covered(sessions) == [("quotes", stored)]
    await import_files(libpq_uri, [path])
    assert load(libpq_uri).equals(read_folder(tmp_path, {KEY: QUOTES})[KEY])
    assert await covered(sessions) == [("quotes", COUNT)]


async def test_quotes_and_bars_of_an_instrument_stand_beside_each_other(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    quotes = write_table(tmp_path, ["1723161600000,99,1,101,1"], header="ts,bid,bid_size,ask,ask_size", name="binance_BTC-USDT.csv")
    bars = write_table(tmp_path, ["1723161600000,99,101,98,100,5"], name="binance_BTC-USDT_1m.csv")
    await import_files(libpq_uri, [quotes, bars])
    assert await covered(sessions) == [("bars of 1m", 1), ("quotes", 1)]
    with transaction(libpq_uri) as cursor:
        assert cursor.execute("SELECT ts, received FROM quotes").fetchall() == [(datetime(2024, 8, 9, tzinfo=UTC), None)]


async def test_a_capture_without_a_snapshot_stores_nothing(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, [change(0, 1, 2), ticker(1, BID, ASK)])
    with pytest.raises(BadInput, match="expected a snapshot that the changes of the book follow on"):
        await import_files(libpq_uri, [path], stream="depth")
    assert await covered(sessions) == []


@pytest.mark.parametrize("stream", ["depth", "bookTicker"])
async def test_the_real_captures_are_imported_once(libpq_uri: str, market_data: Path, stream: str) -> None:
    folder = market_data / "binance-websocket"
    found = await import_files(libpq_uri, [folder], stream=stream)
    assert sum(one.rows_new for one in found) == {"depth": 6_492 + 6_545, "bookTicker": 28_040 + 45_134 + 66_089}[stream]
    assert sum(one.rows_new for one in await import_files(libpq_uri, [folder], stream=stream)) == 0
    keys = (KEY, SeriesKey("binance-usdm", "BTC/USDT"))
    files = read_folder(folder, dict.fromkeys(keys, QUOTES), said=Said(stream=stream))
    for key in keys:
        assert load(libpq_uri, key).equals(files[key])
