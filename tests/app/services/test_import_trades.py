"""Importing trades: batch by batch, the same however often, in the order of the files; two ways to count trades are never mixed."""

import gzip
import json
import random
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from app.db.session import Sessions
from app.errors import Conflict
from app.services import market
from app.services.imports import import_files
from app.services.wanted import Reach
from app.sources.kinds import TRADES as KIND
from engine.schema import TRADES, SeriesKey
from tests.app.services import stored
from tests.app.sources.files import write

KEY = SeriesKey("binance", "BTC/USDT")
START = datetime(2025, 1, 1, tzinfo=UTC)
US = 1_735_689_600_000_000
COUNT = 3_000
NAME = "BTCUSDT-trades-2025-01-01.csv"


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make files pass in many batches."""
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": 20_000, "longest": 65_536})


def rows(count: int = COUNT) -> list[str]:
    """Return trades of which several come in one microsecond, and several are alike but for their numbers."""
    draw = random.Random(7)
    return [f"{number},{100 + draw.randrange(3)},0.5,50,{US + number // 4},{draw.choice(['True', 'False'])},True" for number in range(count)]


def file(folder: Path, lines: list[str], name: str = NAME) -> Path:
    """Write trades as Binance's archive has them."""
    return write(folder, lines, header=None, name=name)


def load(libpq_uri: str) -> pl.DataFrame:
    """Return what is stored."""
    return stored.load(libpq_uri, {KEY: Reach(KIND, START, START + timedelta(days=1))})[KEY]


async def covered(sessions: Sessions) -> list[tuple[str, int]]:
    """Return what is listed."""
    return [(str(cover.kind), cover.count) for one in await market.list_instruments(sessions) for cover in one.coverage]


@pytest.mark.usefixtures("small_blocks")
async def test_trades_come_back_in_their_order_and_importing_again_or_more_adds_the_rest(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    lines = rows()
    for part, new in ((lines[:1_001], 1_001), (lines[:1_001], 0), (lines[:2_002], 1_001), (lines[1_504:], COUNT - 2_002), (lines, 0)):
        (summary,) = await import_files(libpq_uri, [file(tmp_path, part)])
        assert (summary.rows_read, summary.rows_new) == (len(part), new)
    assert (summary.format, summary.data, summary.interval_us, summary.counts) == ("binance-trades", "trades", 0, {"no_side": 0})
    stored = load(libpq_uri)
    assert stored.schema == TRADES
    assert stored["trade_id"].to_list() == list(range(COUNT))
    assert await covered(sessions) == [("trades", COUNT)]


async def test_trades_and_trades_added_up_are_not_mixed(libpq_uri: str, tmp_path: Path) -> None:
    await import_files(libpq_uri, [file(tmp_path, rows(8))])
    added_up = file(tmp_path, [f"5,101,1.5,0,2,{US},True,True", f"6,101,0.5,3,3,{US + 1},True,True"], name="BTCUSDT-aggTrades-2025-01-01.csv")
    with pytest.raises(
        Conflict, match=r"expected the stored trades \(from .*BTCUSDT-trades-2025-01-01.csv\), found others: \(.*, 4\) and \(101.0, 0.5, -1, 6\)"
    ):
        await import_files(libpq_uri, [added_up])
    assert load(libpq_uri).height == 8


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
    path = file(tmp_path, rows())
    killed = subprocess.run([sys.executable, "-c", KILLED, libpq_uri, str(path)], check=False)
    assert killed.returncode == -9
    stored = load(libpq_uri).height
    assert 1_500 < stored < COUNT
    assert await covered(sessions) == [("trades", stored)]
    await import_files(libpq_uri, [path])
    assert load(libpq_uri)["trade_id"].to_list() == list(range(COUNT))
    assert await covered(sessions) == [("trades", COUNT)]


async def test_the_trades_of_a_real_capture_are_those_of_its_messages_beside_its_quotes(
    libpq_uri: str, sessions: Sessions, market_data: Path
) -> None:
    path = market_data / "binance-websocket" / "spot_btcusdt_20240808.gz"
    for stream, new in (("depth", 3_448), ("trade", 9_757), ("trade", 0)):
        (summary,) = await import_files(libpq_uri, [path], stream=stream)
        assert summary.rows_new == new
    assert await covered(sessions) == [("quotes", 3_448), ("trades", 9_757)]
    told = [json.loads(line.partition(b" ")[2])["data"] for line in gzip.decompress(path.read_bytes()).splitlines() if b"@trade" in line]
    found = stored.load(libpq_uri, {KEY: Reach(KIND, datetime(2024, 8, 8, tzinfo=UTC), datetime(2024, 8, 10, tzinfo=UTC))})[KEY]
    assert found.select(pl.col("ts").dt.epoch("ms"), "price", "size", pl.col("side") < 0, "trade_id").rows() == [
        (one["T"], float(one["p"]), float(one["q"]), one["m"], one["t"]) for one in told
    ]
