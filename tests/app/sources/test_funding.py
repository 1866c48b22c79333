"""Tables of funding, as users and exchanges have them."""

import gzip
from pathlib import Path

import pytest

from app.errors import BadInput, NotFound
from app.services.folder import read_folder
from app.sources.detect import detect
from app.sources.errors import BadRow
from app.sources.files import Source
from app.sources.kinds import FUNDING as KIND
from app.sources.kinds import Kind
from engine.schema import FUNDING, SeriesKey, check_funding, funding_key
from tests.app.sources.files import frame, row, write

KEY = SeriesKey("binance-futures", "BTC/USDT")
NAME = "binance-futures_BTC-USDT_funding.csv"
PLAIN = "ts,published,rate\n2024-08-08T00:00:00Z,2024-08-07T23:00:00Z,0.0001\n2024-08-08T08:00:00Z,2024-08-08T07:00:00Z,-0.0002\n"


def file(folder: Path, text: str, name: str = NAME) -> Path:
    """Write a file."""
    (folder / name).write_text(text)
    return folder / name


def test_payments_are_read_with_their_times_and_rates(tmp_path: Path) -> None:
    path = file(tmp_path, PLAIN)
    looked, found = detect(Source(path=path)), frame(path)
    assert (looked.key, looked.kind) == (KEY, KIND)
    assert looked.why == "CSV with a header; funding; event times as UTC dates; publication times as UTC dates"
    assert found.schema == FUNDING
    assert found["ts"].dt.to_string("%m-%d %H").to_list() == ["08-08 00", "08-08 08"]
    assert found["published"].dt.to_string("%m-%d %H").to_list() == ["08-07 23", "08-08 07"]
    assert found["rate"].to_list() == [0.0001, -0.0002]
    check_funding(found, key=funding_key(KEY))


@pytest.mark.parametrize(
    "text",
    [
        "symbol,fundingTime,fundingRate\nBTCUSDT,1723075200000,0.0001\nBTCUSDT,1723104000000,-0.0002\n",
        "funding_time_ms,funding_rate,mark\n1723104000000,-0.0002,5\n1723075200000,0.0001,4\n",
        "calc_time,funding_interval_hours,last_funding_rate\n1723075200,8,0.0001\n1723104000,8,-0.0002\n",
    ],
)
def test_columns_are_known_by_the_names_that_are_in_use_and_rows_stand_in_order_of_time(tmp_path: Path, text: str) -> None:
    found = frame(file(tmp_path, text))
    assert (found["rate"].to_list(), found["published"].null_count()) == ([0.0001, -0.0002], 2)
    assert found["ts"].dt.epoch("s").to_list() == [1_723_075_200, 1_723_104_000]


def test_parquet_and_gzip_are_read_as_well_and_a_name_of_binance_says_the_instrument(tmp_path: Path) -> None:
    plain = frame(file(tmp_path, PLAIN))
    plain.write_parquet(tmp_path / "binance-futures_BTC-USDT_funding.parquet")
    assert frame(tmp_path / "binance-futures_BTC-USDT_funding.parquet").equals(plain)
    (tmp_path / "BTCUSDT-fundingRate-2024-08.csv.gz").write_bytes(gzip.compress(PLAIN.encode()))
    assert frame(tmp_path / "BTCUSDT-fundingRate-2024-08.csv.gz", venue="binance-futures").equals(plain)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ts,rate,funding_rate\n1,2,3\n", "expected one column of rate"),
        ("when,rate\n1,2\n", r"expected one column of ts \(ts, time, timestamp, funding_time"),
        ("ts,rate\n1723075200000,much\n", "line 2, rate: found 'much', expected a fraction of the notional between -1 and 1, such as 0.0001"),
        ("ts,rate\n1723075200000,-1\n", "line 2, rate: found '-1', expected a fraction of the notional"),
        ("ts,rate\n1723075200000,0.1\nnever,0.1\n", "line 3, ts: found 'never', expected a time of 2009 to 2099 in ms"),
        ("ts,rate\n5,0.1\n", "line 2, ts: found '5', expected a time of 2009 to 2099"),
        (PLAIN.replace("07T23", "08T01"), "line 2, published: found '2024-08-08T01:00:00Z', expected a time at or before ts, when it is paid"),
        (PLAIN.replace("2024-08-07T23:00:00Z", ""), "line 2, published: found '', expected a"),
        ("", "found an empty file"),
    ],
)
def test_what_is_no_funding_is_refused_with_the_row(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises((BadInput, BadRow), match=sentence):
        frame(file(tmp_path, text))


def test_a_folder_gives_the_funding_of_perpetuals_beside_their_prices(tmp_path: Path) -> None:
    file(tmp_path, PLAIN)
    file(tmp_path, PLAIN.replace("08-08T", "08-09T").replace("08-07T", "08-08T"), f"{NAME[:-4]}_2.csv")
    file(tmp_path, PLAIN, f"{NAME[:-4]}_again.csv")
    write(tmp_path, map(row, range(3)), name="binance-futures_BTC-USDT_1m.csv")
    found = read_folder(tmp_path, {KEY: Kind("bars", 60_000_000), funding_key(KEY): KIND})
    assert {key: rows.height for key, rows in found.items()} == {KEY: 3, funding_key(KEY): 4}, "the same rows twice count once"
    check_funding(found[funding_key(KEY)], key=funding_key(KEY))
    assert read_folder(tmp_path, {KEY: Kind("bars", 60_000_000)}).keys() == {KEY}


def test_funding_that_is_missing_is_asked_for_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(3)), name="binance-futures_BTC-USDT_1m.csv")
    said = (
        r"expected files of binance-futures BTC/USDT funding, found .* name them like binance-futures_BTC-USDT_funding\.csv, with the columns ts, pub"
    )
    with pytest.raises(NotFound, match=said):
        read_folder(tmp_path, {KEY: Kind("bars", 60_000_000), funding_key(KEY): KIND})
