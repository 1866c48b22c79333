"""Bars whose files begin with the newest: CryptoDataDownload and Coinbase, by self-made samples of what they document."""

import json
from pathlib import Path

import pytest

from app.errors import BadInput
from app.services.folder import read_folder
from app.sources.detect import detect
from app.sources.errors import BadRow
from app.sources.files import Source, expand
from app.sources.formats import Format
from app.sources.kinds import Kind
from engine.schema import SeriesKey

from .files import START_MS, bars, minutes, write

SITE = "https://www.CryptoDataDownload.com"
HOUR_US = 3_600_000_000
HEADER = "Unix,Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USDT,tradecount"


def download(folder: Path, *rows: str, header: str = HEADER, name: str = "Binance_BTCUSDT_1h.csv") -> Path:
    """Write a file as the site has it."""
    return write(folder, [header, *rows], header=SITE, name=name)


def line(hour: int, *, values: str = "100,110,90,105,1.5,150,7") -> str:
    """Return a row."""
    return f"{START_MS + 3_600_000 * hour},2023-03-08 {hour:02}:00:00,BTC/USDT,{values}"


@pytest.fixture(params=[8 << 20, 200])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files whole, and in pieces."""
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": request.param, "longest": 65_536})


@pytest.mark.usefixtures("blocks")
def test_bars_of_cryptodatadownload_are_read_with_the_volume_of_the_base(tmp_path: Path) -> None:
    path = download(tmp_path, *(line(hour) for hour in range(9, -1, -1)))
    found = detect(Source(path=path))
    assert (found.format, found.key) == (Format.CRYPTODATADOWNLOAD, SeriesKey("binance", "BTC/USDT"))
    assert found.kind == Kind("bars", HOUR_US)
    assert found.why == "CryptoDataDownload bars, the site's address above a header; times in ms; 1h as named; newest first"
    frame = read_folder(tmp_path, {found.key: found.kind})[found.key]
    assert minutes(frame) == [60 * hour for hour in range(10)]
    assert frame.row(0)[1:] == (100, 110, 90, 105, 1.5)


@pytest.mark.parametrize(
    ("header", "row", "volume"),
    [
        ("unix,date,symbol,open,high,low,close,Volume USD,Volume BTC", f"{START_MS // 1000},2023-03-08 00:00:00,BTC/USD,100,110,90,105,150,1.5", 1.5),
        ("Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD", "2023-03-08 12:00:00,BTCUSD,100,110,90,105,1.5,150", 1.5),
        ("Unix Timestamp,Date,Symbol,Open,High,Low,Close,Volume", f"{START_MS},2023-03-08,BTCUSD,100,110,90,105,2", 2),
    ],
)
def test_the_headers_that_the_site_has_had_are_read(tmp_path: Path, header: str, row: str, volume: float) -> None:
    path = download(tmp_path, row, header=header, name="Kraken_BTCUSD_2023_minute.csv")
    found = detect(Source(path=path))
    assert (found.key, found.kind) == (SeriesKey("kraken", "BTC/USD"), Kind("bars", HOUR_US // 60))
    assert bars(path)["volume"].to_list() == [volume]


@pytest.mark.usefixtures("blocks")
def test_microseconds_of_one_year_above_milliseconds_of_the_year_before_are_one_series(tmp_path: Path) -> None:
    rows = [line(hour) if hour < 4 else line(hour).replace(",", "000,", 1) for hour in range(7, -1, -1)]
    path = write(tmp_path, [HEADER, *rows], header=f"{SITE},,,,,,,,,", name="Binance_BTCUSDT_1h.csv")
    assert sorted(minutes(bars(path))) == [60 * hour for hour in range(8)]
    with pytest.raises(BadRow, match=r"line 4, Unix: .* a time of 2009 to 2099"):
        bars(download(tmp_path, line(9), line(8).replace(",", "0,", 1)))


def test_hours_of_twelve_are_those_of_the_day(tmp_path: Path) -> None:
    rows = [f"2023-03-08 {hour},BTCUSD,100,110,90,105,1.5,150" for hour in ("11-PM", "12-PM", "11-AM", "12-AM")]
    path = download(tmp_path, *rows, header="Date,Symbol,Open,High,Low,Close,Volume BTC,Volume USD", name="Coinbase_BTCUSD_1h.csv")
    assert minutes(bars(path)) == [60 * hour for hour in (0, 11, 12, 23)]


def test_a_download_with_other_columns_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected the columns unix or date, .*as in Volume BTC, found Date, Symbol, Open"):
        bars(download(tmp_path, "1,2,3", header="Date,Symbol,Open"))


@pytest.mark.usefixtures("blocks")
def test_a_bar_out_of_the_order_that_the_file_began_with_is_refused(tmp_path: Path) -> None:
    path = download(tmp_path, line(9), line(8), line(7), line(8), line(6))
    with pytest.raises(BadRow, match=r"line 6, Unix: .* a time before 2023-03-08 07:00:00 of the row before; sort the file by time, newest first"):
        bars(path)


@pytest.mark.parametrize("advanced", [False, True])
def test_candles_of_coinbase_are_read_as_its_api_answers_them(tmp_path: Path, advanced: bool) -> None:
    names = ("start", "low", "high", "open", "close", "volume")
    rows = [[START_MS // 1000 + 60 * minute, 90.5, 110, 100, 105, 1.5] for minute in (4, 1, 0)]
    said = {"candles": [dict(zip(names, map(str, row), strict=True)) for row in rows]} if advanced else rows
    path = tmp_path / "coinbase_BTC-USD_1m.json"
    path.write_text(json.dumps(said))
    found = detect(expand([tmp_path])[0])
    assert (found.format, found.key, found.kind) == (Format.COINBASE, SeriesKey("coinbase", "BTC/USD"), Kind("bars", HOUR_US // 60))
    assert minutes(bars(path)) == [0, 1, 4]
    assert bars(path).row(0)[1:] == (100, 110, 90.5, 105, 1.5)


@pytest.mark.parametrize("cut", [-1, -30])
def test_an_answer_that_was_cut_off_is_refused(tmp_path: Path, cut: int) -> None:
    path = tmp_path / "coinbase_BTC-USD_1m.json"
    path.write_text(json.dumps([[START_MS // 1000, 90.5, 110, 100, 105, 1.5]] * 3)[:cut])
    with pytest.raises(BadInput, match="expected candles or trades as Coinbase answers them, found JSONDecodeError"):
        bars(path)
