"""What befalls an import: whatever ends it and whenever, nothing is lost and nothing doubled, and what is said is true."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import pytest

from app.db import migrate
from app.errors import Conflict, DiskFull, Unavailable
from app.ops.box.record import Box
from app.ops.box.supervisor import servers
from app.services.import_job import Progress
from app.services.imports import import_files
from app.services.wanted import Reach
from app.sources.kinds import TRADES, Kind
from app.sources.read import UNFINISHED
from engine.schema import SeriesKey
from tests.app.services.stored import load
from tests.app.sources.files import row, write

KEY = SeriesKey("kraken", "BTC/USDC")
BARS = Kind("bars", 60_000_000)
START = datetime(2023, 3, 8, tzinfo=UTC)
MINUTES = 3_000
MS = 1_678_233_600_000


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files pass in many batches."""
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": 20_000, "longest": 65_536})


def stored(libpq_uri: str, kind: Kind = BARS) -> list[int]:
    """Return the stored times of a series as units after the start: minutes of bars, ms of trades."""
    frame = load(libpq_uri, {KEY: Reach(kind, START, START + timedelta(days=9))})[KEY]
    return [(value - MS) // (60_000 if kind.data == "bars" else 1) for value in frame["ts"].dt.epoch("ms")]


def bars(folder: Path, lines: int = MINUTES) -> Path:
    """Write bars."""
    return write(folder, [row(minute) for minute in range(lines)])


def trades(folder: Path, lines: int) -> Path:
    """Write trades."""
    return write(folder, (f"{MS + number},100,1" for number in range(lines)), header="ts_ms,price,size", name="kraken_BTC-USDC.csv")


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
async def test_an_importer_of_bars_that_is_killed_beside_another_loses_and_doubles_nothing(libpq_uri: str, tmp_path: Path) -> None:
    path = bars(tmp_path)
    killed = await asyncio.create_subprocess_exec(sys.executable, "-c", KILLED, libpq_uri, str(path))
    found, _ = await asyncio.gather(import_files(libpq_uri, [path]), killed.wait())
    assert killed.returncode == -9
    assert stored(libpq_uri) == list(range(MINUTES))
    assert found[0].rows_read == MINUTES
    connection = await asyncpg.connect(libpq_uri)
    try:
        assert await connection.fetchval("SELECT sum(rows_new) FROM imports") == MINUTES, "what is listed is what is stored, whoever stored it"
    finally:
        await connection.close()
    assert (await import_files(libpq_uri, [path]))[0].rows_new == 0


def at_row(number: int, do: Callable[[], object]) -> Callable[[Progress], None]:
    """Return what does something once, when so many rows are stored."""
    waiting = [do]

    def told(progress: Progress) -> None:
        if progress.rows > number and waiting:
            waiting.pop()()

    return told


async def answers(box: Box) -> None:
    """Wait until PostgreSQL is there again."""
    for _ in range(600):
        try:
            await (await asyncpg.connect(box.settings.libpq_uri)).close()
        except (OSError, asyncpg.PostgresError):
            await asyncio.sleep(0.05)
        else:
            return
    raise AssertionError("it did not come back")


@pytest.mark.usefixtures("small_blocks")
async def test_a_postgresql_that_is_killed_loses_and_doubles_nothing(tmp_path: Path) -> None:
    path = trades(tmp_path, 40_000)  # more than are stored until the supervisor has seen to what was left of it
    async with servers(tmp_path / "data") as box:
        uri = box.settings.libpq_uri
        await migrate.upgrade(box.settings.database_url)
        postmaster = int((tmp_path / "data" / "postgres" / "postmaster.pid").read_text().split()[0])
        with pytest.raises(Unavailable, match=r"PostgreSQL did not do it, and nothing of this is stored: .*; the ([0-9,]+) rows before are stored"):
            await import_files(uri, [path], on_progress=at_row(2_000, lambda: os.kill(postmaster, signal.SIGKILL)))
        await answers(box)
        there = len(stored(uri, TRADES))
        assert 2_000 < there < 40_000
        assert (await import_files(uri, [path]))[0].rows_new == 40_000 - there
        assert stored(uri, TRADES) == list(range(40_000))


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 300 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    mounted = os.geteuid() == 0 and subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300m", "none", place], check=False).returncode == 0
    if not mounted:
        pytest.skip("only a root that may mount has a small disk")
    yield place
    subprocess.run(["umount", place], check=True)


async def test_a_disk_that_fills_up_is_said_and_the_import_goes_on_when_there_is_room(small: Path, tmp_path: Path) -> None:
    path = trades(tmp_path, 900_000)
    async with servers(small / "data") as box:
        uri = box.settings.libpq_uri
        await migrate.upgrade(box.settings.database_url)
        ballast = small / "ballast"

        def fill() -> None:
            with ballast.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, max(1, os.statvfs(small).f_bavail * os.statvfs(small).f_frsize - (12 << 20)))

        with pytest.raises((DiskFull, Unavailable), match=r"nothing of this is stored: .*; the ([0-9,]+) rows before are stored: import it again"):
            await import_files(uri, [path], on_progress=at_row(0, fill))
        ballast.unlink()
        await answers(box)
        there = len(stored(uri, TRADES))
        assert 0 < there < 900_000
        assert (await import_files(uri, [path]))[0].rows_new == 900_000 - there
        assert stored(uri, TRADES) == list(range(900_000))


@pytest.mark.usefixtures("small_blocks")
async def test_a_file_that_grows_while_it_is_read_loses_no_line_and_takes_none_half(libpq_uri: str, tmp_path: Path) -> None:
    path = bars(tmp_path)

    def write_on(text: str) -> None:
        with path.open("a") as file:
            file.write(text)

    half = row(MINUTES + 1)[:-2]  # a volume of 1 where there will be 1.5
    (first,) = await import_files(libpq_uri, [path], on_progress=at_row(100, lambda: write_on(f"{row(MINUTES)}\n{half}")))
    assert (first.rows_read, first.counts[UNFINISHED]) == (MINUTES + 1, 1)
    write_on(".5\n")
    (second,) = await import_files(libpq_uri, [path])
    assert (second.rows_new, UNFINISHED in second.counts) == (1, False)
    assert stored(libpq_uri) == list(range(MINUTES + 2))


async def test_microseconds_among_milliseconds_are_refused_with_what_they_would_be(libpq_uri: str, tmp_path: Path) -> None:
    lines = [f"{MS + number},100,1" for number in range(3)] + [f"{(MS + 3) * 1_000},100,1"]
    path = write(tmp_path, lines, header="ts,price,size", name="kraken_BTC-USDC.csv")
    with pytest.raises(Exception, match=r"line 5, ts: .* in ms, the unit of this file's first row; it would be 2023-03-08 00:00:00 in us: give all"):
        await import_files(libpq_uri, [path])
    (summary,) = await import_files(libpq_uri, [path], quarantine=tmp_path / "bad.csv")
    assert (summary.rows_new, summary.counts["bad rows"]) == (3, 1)


async def test_files_that_overlap_and_are_there_twice_are_one_series_and_others_are_refused(libpq_uri: str, tmp_path: Path) -> None:
    parts = [
        write(tmp_path, [row(minute) for minute in range(start, end)], name=f"kraken_BTC-USDC_1m.{number}.csv")
        for number, (start, end) in enumerate(((0, 60), (30, 90), (0, 60)))
    ]
    assert [one.rows_new for one in await import_files(libpq_uri, parts, jobs=2)] == [60, 30, 0]
    assert stored(libpq_uri) == list(range(90))
    other = write(tmp_path, [row(5, "100,110,90,105,9")], name="kraken_BTC-USDC_1m.other.csv")
    with pytest.raises(Conflict, match=r"expected the stored volume 1.5 \(from .*kraken_BTC-USDC_1m.2.csv\), found 9.0"):
        await import_files(libpq_uri, [other])
