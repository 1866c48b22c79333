"""Quotes as vendors ship them: Tardis and LEAN, by self-made samples of what they document and by real files."""

import gzip
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from math import isnan
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadInput
from app.sources.detect import Found, Said, detect
from app.sources.errors import BadRow
from app.sources.files import expand
from app.sources.formats import Format
from app.sources.kinds import QUOTES, Kind
from app.sources.read import read
from engine.schema import SeriesKey, quotes_schema

from .files import frame, write

T0_US = 1_723_161_600_000_000
START = datetime(2024, 8, 9, tzinfo=UTC)
MINUTE_US = 60_000_000
QUOTES_HEADER = "exchange,symbol,timestamp,local_timestamp,ask_amount,ask_price,bid_price,bid_amount"
BOOK_HEADER = "exchange,symbol,timestamp,local_timestamp," + ",".join(
    f"{side}s[{level}].{what}" for level in range(5) for side in ("ask", "bid") for what in ("price", "amount")
)
DAY = "20180404_btcusd_minute_quote.csv"


def look(path: Path, **said: str | int) -> Found:
    """Detect a file, or the first in an archive."""
    return detect(expand([path])[0], Said(**said))  # type: ignore[arg-type]


def test_tardis_quotes_name_venue_and_instrument_in_their_rows(tmp_path: Path) -> None:
    rows = [f"bitstamp,btcusd,{T0_US},{T0_US + 40},2,101,100,1.5", f"bitstamp,btcusd,{T0_US + 1},{T0_US + 41},2,101,,"]
    path = write(tmp_path, rows, header=QUOTES_HEADER, name="anything.csv")
    found, quotes = look(path), frame(path)
    assert (found.format, found.key, found.kind) == (Format.TARDIS, SeriesKey("bitstamp", "BTC/USD"), QUOTES)
    assert found.why == "Tardis CSV of trades, quotes or book snapshots; quotes of 1 level; event times in us; receive times in us"
    assert quotes.row(0) == (START, START + timedelta(microseconds=40), 100, 1.5, 101, 2)
    assert isnan(quotes.row(1)[2])


def test_tardis_files_of_venues_that_give_no_time_have_receive_times_alone(tmp_path: Path) -> None:
    rows = [f"binance,BTCUSDT,{T0_US + at},{T0_US + at},2,101,100,1.5" for at in range(3)]
    path = tmp_path / "binance_quotes_2024-08-09_BTCUSDT.csv.gz"
    path.write_bytes(gzip.compress("\n".join([QUOTES_HEADER, *rows]).encode()))
    assert look(path).why.endswith("quotes of 1 level; receive times in us")
    assert frame(path)["ts"].null_count() == 3
    assert frame(path)["received"][0] == START


def test_tardis_book_snapshots_have_their_levels(tmp_path: Path) -> None:
    values = ",".join(f"{101 + level},{level + 1},{100 - level},{level + 2}" for level in range(5))
    path = write(
        tmp_path, [f"kraken,XBT/USD,{T0_US},{T0_US + 40},{values}"], header=BOOK_HEADER, name="kraken_book_snapshot_5_2024-08-09_XBT-USD.csv"
    )
    assert look(path).key == SeriesKey("kraken", "BTC/USD")
    quotes = frame(path)
    assert quotes.schema == quotes_schema(5)
    assert quotes.row(0)[2:10] == (100, 2, 101, 1, 99, 3, 102, 2)
    assert quotes.row(0)[-4:] == (96, 6, 105, 5)
    assert frame(path, levels=3).schema == quotes_schema(3)


def test_a_tardis_table_that_we_do_not_read_is_refused_by_its_columns(tmp_path: Path) -> None:
    path = write(tmp_path, ["kraken,XBT/USD,1,2,true,bid,100,1"], header="exchange,symbol,timestamp,local_timestamp,is_snapshot,side,price,amount")
    with pytest.raises(BadInput, match=r"found the columns exchange, symbol, timestamp, .* or quotes"):
        look(path)


def lean(folder: Path, rows: list[str], name: str = DAY) -> Path:
    """Write a day of quote bars as LEAN has it."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name.split('_', maxsplit=1)[0]}_quote.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, "\n".join(rows))
    return path


def test_lean_quote_bars_are_quotes_at_their_ends(tmp_path: Path) -> None:
    path = lean(tmp_path, ["0,1,9,1,100,1.5,2,9,2,101,2", "120000,1,9,1,100.5,,2,9,2,101,2"])
    found = look(path, venue="coinbase")
    assert (found.format, found.key, found.kind) == (Format.LEAN, SeriesKey("coinbase", "BTC/USD"), Kind("quote_bars", MINUTE_US))
    assert found.why == "LEAN quote bars, 11 columns without header; times in ms since midnight; quote bars of 1m, as the quotes at their ends"
    quotes = rows_of(found).rows()
    assert quotes[0] == (datetime(2018, 4, 4, 0, 1, tzinfo=UTC), None, 100, 1.5, 101, 2)
    assert quotes[1][0] == datetime(2018, 4, 4, 0, 3, tzinfo=UTC)
    assert isnan(quotes[1][3])


def rows_of(found: Found) -> pl.DataFrame:
    """Return the quotes of a file that was looked at."""
    return pl.concat([batch.frame for batch in read(found)])


def test_leans_folders_name_the_venue(tmp_path: Path) -> None:
    path = lean(tmp_path / "crypto" / "Coinbase" / "minute" / "btcusd", ["0,1,1,1,1,1,2,2,2,2,1"])
    assert look(path).key == SeriesKey("coinbase", "BTC/USD")
    with pytest.raises(BadInput, match=r"does not tell the venue \(--venue\)"):
        look(lean(tmp_path / "minute", ["0,1,1,1,1,1,2,2,2,2,1"]))


@pytest.mark.parametrize(
    ("bad", "field", "expected"),
    [
        ("90000,1,1,1,1,1,2,2,2,2,1", "open time", "the open time of a bar of 1m in ms since midnight, later than the row before"),
        ("60000,1,1,1,1,1,2,2,2,2,1", "open time", "the open time of a bar of 1m in ms since midnight, later than the row before"),
        ("86400000,1,1,1,1,1,2,2,2,2,1", "open time", "the open time of a bar of 1m in ms since midnight"),
        ("120000,1,1,1,x,1,2,2,2,2,1", "bid close", "a finite number"),
        ("120000,1,1,1,1,1,2,2,2,2,inf", "last ask size", "a finite number"),
    ],
)
def test_a_quote_bar_that_cannot_be_is_refused(tmp_path: Path, bad: str, field: str, expected: str) -> None:
    path = lean(tmp_path, ["60000,1,1,1,1,1,2,2,2,2,1", bad])
    with pytest.raises(BadRow) as caught:
        rows_of(look(path, venue="coinbase"))
    assert (caught.value.place, caught.value.field) == ("line 2", field)
    assert caught.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("name", "found"), [("quotes.csv", "expected a name like 20180404_btcusd"), ("20181304_btcusd_minute_quote.csv", "expected a name like")]
)
def test_a_quote_bar_file_must_tell_its_day(tmp_path: Path, name: str, found: str) -> None:
    path = write(tmp_path, ["0,1,1,1,1,1,2,2,2,2,1"], header=None, name=name)
    with pytest.raises(BadInput, match="expected a name like 20180404_btcusd"):
        look(path, venue="coinbase", instrument="BTC/USD", interval_us=MINUTE_US)


def test_the_real_quote_bars_of_coinbase_are_read(market_data: Path, tmp_path: Path) -> None:
    folder = tmp_path / "coinbase" / "minute" / "btcusd"
    shutil.copytree(market_data / "quotes-coinbase-2018", folder)
    for source, rows in zip(expand([folder / "*.zip"]), (1437, 1436), strict=True):
        found = detect(source)
        assert (found.key, found.kind) == (SeriesKey("coinbase", "BTC/USD"), Kind("quote_bars", MINUTE_US))
        quotes = rows_of(found)
        assert quotes.height == rows
        assert (quotes["bid"] < quotes["ask"]).all()
        first = zipfile.ZipFile(source.path).read(str(source.member)).decode().split("\n")[0].split(",")
        assert quotes.row(0)[2:] == (float(first[4]), float(first[5]), float(first[9]), float(first[10]))
