"""Tables of funding, as users and exchanges have them."""

import gzip
from pathlib import Path

import pytest

from app.errors import BadInput, NotFound
from app.services.folder import read_folder, read_funding
from app.sources import funding
from app.sources.detect import detect
from app.sources.files import Source
from app.sources.kinds import Kind
from engine.schema import FUNDING, SeriesKey, check_funding, funding_key
from tests.app.sources.files import row, write

KEY = SeriesKey("binance-futures", "BTC/USDT")
NAME = "binance-futures_BTC-USDT_funding.csv"
PLAIN = "ts,published,rate\n2024-08-08T00:00:00Z,2024-08-07T23:00:00Z,0.0001\n2024-08-08T08:00:00Z,2024-08-08T07:00:00Z,-0.0002\n"


def file(folder: Path, text: str, name: str = NAME) -> Source:
    """Write a file and return it as a source."""
    (folder / name).write_text(text)
    return Source(path=folder / name)


def test_payments_are_read_with_their_times_and_rates(tmp_path: Path) -> None:
    found = funding.read(file(tmp_path, PLAIN))
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
    found = funding.read(file(tmp_path, text))
    assert (found["rate"].to_list(), found["published"].null_count()) == ([0.0001, -0.0002], 2)
    assert found["ts"].dt.epoch("s").to_list() == [1_723_075_200, 1_723_104_000]


def test_parquet_and_gzip_are_read_as_well(tmp_path: Path) -> None:
    plain = funding.read(file(tmp_path, PLAIN))
    plain.write_parquet(tmp_path / "binance-futures_BTC-USDT_funding.parquet")
    assert funding.read(Source(path=tmp_path / "binance-futures_BTC-USDT_funding.parquet")).equals(plain)
    (tmp_path / f"{NAME}.gz").write_bytes(gzip.compress(PLAIN.encode()))
    assert funding.read(Source(path=tmp_path / f"{NAME}.gz")).equals(plain)


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("ts,open\n1,2\n", "expected one column of rate"),
        ("ts,rate,funding_rate\n1,2,3\n", "expected one column of rate"),
        ("ts,rate\n1723075200000,much\n", "row 1: expected a fraction of the notional, such as 0.0001 in rate"),
        ("ts,rate\n1723075200000,0.1\nnever,0.1\n", "row 2: expected a time of 2009 to 2099 in UTC in ts"),
        ("ts,rate\n5,0.1\n", "expected times of 2009 to 2099 in ts, found 5"),
        ("", "expected a table of funding with a header"),
    ],
)
def test_what_is_no_funding_is_refused_with_the_row(tmp_path: Path, text: str, sentence: str) -> None:
    with pytest.raises(BadInput, match=sentence):
        funding.read(file(tmp_path, text))


def test_a_folder_gives_the_funding_of_perpetuals_beside_their_prices(tmp_path: Path) -> None:
    file(tmp_path, PLAIN)
    file(tmp_path, PLAIN.replace("08-08T", "08-09T").replace("08-07T", "08-08T"), f"{NAME[:-4]}_2.csv")
    write(tmp_path, map(row, range(3)), name="binance-futures_BTC-USDT_1m.csv")
    found = read_funding(tmp_path, [KEY])
    assert [len(frame) for frame in found.values()] == [4]
    assert found.keys() == {funding_key(KEY)}
    assert read_folder(tmp_path, {KEY: Kind("bars", 60_000_000)}).keys() == {KEY}
    assert read_funding(tmp_path, []) == {}


def test_funding_that_is_missing_is_asked_for_by_its_name(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(3)), name="binance-futures_BTC-USDT_1m.csv")
    with pytest.raises(NotFound, match=r"expected the funding of binance-futures BTC/USDT, a perpetual, found none; add binance-fut.*_funding\.csv"):
        read_funding(tmp_path, [KEY])


def test_an_import_says_that_funding_is_not_imported(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="found one of funding, which is not imported"):
        detect(file(tmp_path, PLAIN))


def test_the_same_rows_twice_count_once(tmp_path: Path) -> None:
    file(tmp_path, PLAIN)
    file(tmp_path, PLAIN, f"{NAME[:-4]}_again.csv")
    assert read_funding(tmp_path, [KEY])[funding_key(KEY)].height == 2
