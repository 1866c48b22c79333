"""Trades as vendors ship them, by self-made samples of what they document (see the modules of `app.sources`, and docs/data.md)."""

import gzip
import json
import zipfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadInput
from app.sources.detect import Said, detect
from app.sources.errors import BadRow
from app.sources.files import expand
from app.sources.formats import Format
from app.sources.kinds import TRADES as KIND
from app.sources.read import read
from engine.schema import TRADES, SeriesKey

from .files import frame, write

MS = 1_735_689_600_000
START = datetime(2025, 1, 1, tzinfo=UTC)
BINANCE = SeriesKey("binance", "BTC/USDT")


def zipped(folder: Path, name: str, *rows: str) -> Path:
    """Write a file as Binance's archive has it."""
    path = folder / f"{name}.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", "\n".join(rows) + "\n")
    return path


@pytest.mark.parametrize(("per_ms", "unit"), [(1, "ms"), (1000, "us")])
def test_binance_trades_are_read_in_ms_and_since_2025_in_us_and_it_is_said(tmp_path: Path, per_ms: int, unit: str) -> None:
    rows = [f"51,17.8,5.5,97.9,{MS * per_ms},True,True", f"52,17.9,0.25,4.475,{(MS + 3) * per_ms},False,True"]
    path = zipped(tmp_path, "BTCUSDT-trades-2025-01-01", *rows)
    found = detect(expand([path])[0])
    assert (found.format, found.key, found.kind) == (Format.BINANCE_TRADES, BINANCE, KIND)
    assert found.why == f"Binance trades, 7 columns without header; trades; event times in {unit}"
    trades = pl.concat([batch.frame for batch in read(found)])
    assert trades.schema == TRADES
    assert trades.rows() == [(START, None, 17.8, 5.5, -1, 51), (START + timedelta(milliseconds=3), None, 17.9, 0.25, 1, 52)]


def test_binance_aggtrades_are_told_by_their_columns_and_what_was_taken_back_is_left_aside(tmp_path: Path) -> None:
    rows = [f"7,100,2,50,51,{MS},true,true", f"8,0,0,-1,-1,{MS + 1},false,true", f"9,101,3,52,52,{MS + 1},false,true"]
    found = detect(expand([zipped(tmp_path, "BTCUSDT-aggTrades-2025-01", *rows)])[0])
    assert found.why == "Binance aggTrades, 8 columns without header; trades; event times in ms"
    (batch,) = read(found)
    assert batch.frame["trade_id"].to_list() == [7, 9]
    assert batch.frame["side"].to_list() == [-1, 1]
    assert batch.aside == {"without a size": 1}


def test_a_table_of_seven_columns_is_ohlcvt_of_kraken_where_no_column_says_who_was_the_maker(tmp_path: Path) -> None:
    path = write(tmp_path, [f"{MS // 1000},100,110,90,105,1.5,3"] * 1, header=None, name="XBTUSDC_1.csv")
    assert detect(expand([path])[0]).format is Format.KRAKEN


def test_kraken_trades_have_seconds_with_decimals_and_no_side(tmp_path: Path) -> None:
    path = write(tmp_path, [f"{MS // 1000}.1234567,122.0,0.1", f"{MS // 1000}.9,123.5,0.2"], header=None, name="XBTUSD.csv")
    trades = frame(path)
    assert trades["ts"].to_list() == [START + timedelta(microseconds=123_457), START + timedelta(microseconds=900_000)]
    assert trades["side"].to_list() == [0, 0]
    assert trades["trade_id"].null_count() == 2
    whole = write(tmp_path, [f"{MS // 1000},122.0,0.1", f"{MS // 1000}.25,123.5,0.2"], header=None, name="XBTUSD.csv")
    assert frame(whole)["ts"].to_list() == [START, START + timedelta(milliseconds=250)], "as the archive has them: most in whole seconds"
    found = detect(expand([whole])[0])
    assert (found.format, found.key, found.kind) == (Format.KRAKEN_TRADES, SeriesKey("kraken", "BTC/USD"), KIND)


def test_tardis_trades_have_the_takers_side_and_both_times(tmp_path: Path) -> None:
    header = "exchange,symbol,timestamp,local_timestamp,id,side,price,amount"
    rows = [
        f"coinbase,BTC-USD,{MS * 1000},{MS * 1000 + 40},{number},{side},100,2" for number, side in (("9", "buy"), ("a-b", "sell"), ("", "unknown"))
    ]
    path = tmp_path / "coinbase_trades_2025-01-01_BTC-USD.csv.gz"
    path.write_bytes(gzip.compress("\n".join([header, *rows]).encode()))
    found = detect(expand([path])[0])
    assert (found.format, found.key, found.kind) == (Format.TARDIS, SeriesKey("coinbase", "BTC/USD"), KIND)
    trades = frame(path)
    assert trades.row(0) == (START, START + timedelta(microseconds=40), 100, 2, 1, 9)
    assert trades["side"].to_list() == [1, -1, 0]
    assert trades["trade_id"].to_list() == [9, None, None]


def test_coinbases_side_is_the_makers_and_its_answers_are_turned_round(tmp_path: Path) -> None:
    said = [
        {"time": "2025-01-01T00:00:01.000002Z", "trade_id": 75, "price": "100.5", "size": "0.3", "side": "sell"},
        {"time": "2025-01-01T00:00:00Z", "trade_id": 74, "price": "100", "size": "0.1", "side": "buy"},
    ]
    path = tmp_path / "coinbase_BTC-USD.json"
    path.write_text(json.dumps(said, indent=1))
    found = detect(expand([path])[0])
    assert (found.format, found.key, found.kind) == (Format.COINBASE, SeriesKey("coinbase", "BTC/USD"), KIND)
    assert frame(path).rows() == [(START, None, 100, 0.1, -1, 74), (START + timedelta(microseconds=1_000_002), None, 100.5, 0.3, 1, 75)]
    said[0]["price"] = "x"
    path.write_text(json.dumps(said))
    with pytest.raises(BadRow, match=r"coinbase_BTC-USD.json, row 1, price: found 'x'"):
        frame(path)


@pytest.mark.parametrize(
    ("header", "row", "side"),
    [
        ("ts_ms,price,size,side", "100,2,Buy", 1),
        ("time,px,qty,taker_side,id", "100,2,S,7", -1),
        ("transact_time,price,quantity,is_buyer_maker,agg_trade_id", "100,2,true,7", -1),
        ("timestamp,price,amount", "100,2", 0),
    ],
)
def test_a_table_of_trades_with_a_header_is_read_by_the_names_of_its_columns(tmp_path: Path, header: str, row: str, side: int) -> None:
    path = write(tmp_path, [f"{MS},{row}"], header=header, name="kraken_BTC-USD.csv")
    found = detect(expand([path])[0])
    assert (found.format, found.kind) == (Format.CSV, KIND)
    assert frame(path).row(0)[:5] == (START, None, 100, 2, side)
    pl.read_csv(path).write_parquet(path.with_suffix(".parquet"))
    assert frame(path.with_suffix(".parquet")).equals(frame(path))


@pytest.mark.parametrize(
    ("row", "field", "expected"),
    [
        ("x,100,2,buy", "ts_ms", "a time of 2009 to 2099 in ms"),
        (f"{MS},-1,2,buy", "price", "a price above 0"),
        (f"{MS},0,2,buy", "price", "a price above 0"),
        (f"{MS},100,-2,buy", "size", "a size of 0 or more"),
        (f"{MS},nan,2,buy", "price", "a finite number"),
        (f"{MS},100,2,bought", "side", "the side of the trade, one of buy, b"),
        (f"{MS * 1000},100,2,buy", "ts_ms", "a time of 2009 to 2099 in ms, the unit of this file's first row"),
    ],
)
def test_a_trade_that_cannot_be_is_refused(tmp_path: Path, row: str, field: str, expected: str) -> None:
    path = write(tmp_path, [f"{MS},100,2,buy", row], header="ts_ms,price,size,side", name="kraken_BTC-USD.csv")
    with pytest.raises(BadRow) as caught:
        frame(path)
    assert (caught.value.place, caught.value.field) == ("line 3", field)
    assert caught.value.expected.startswith(expected)


def test_a_trade_that_was_received_hours_away_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, [f"{MS},{MS + 7_200_000},100,2"], header="ts_ms,received_ms,price,size", name="kraken_BTC-USD.csv")
    with pytest.raises(BadRow, match="a receive time within an hour of the event time"):
        frame(path)


def test_trades_with_the_newest_first_are_refused_with_what_to_do(tmp_path: Path) -> None:
    path = write(tmp_path, [f"{MS + 1},100,2", f"{MS},100,2"], header="ts_ms,price,size", name="kraken_BTC-USD.csv")
    with pytest.raises(BadInput, match="expected trades from the oldest to the newest, found the newest first; turn the rows round: tac FILE"):
        frame(path)
    path = write(tmp_path, [f"{MS},100,2", f"{MS + 1},100,2"], header="ts_ms,price,size", name="kraken_BTC-USD.csv")
    with pytest.raises(BadInput, match="expected trades, as the columns say, found bars of 1m"):
        detect(expand([path])[0], Said(interval_us=60_000_000))
    unnamed = write(tmp_path, ["100,2"], header="price,size", name="kraken_BTC-USD.csv")
    with pytest.raises(BadInput, match="expected one column each of ts"):
        frame(unnamed)
