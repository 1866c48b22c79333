"""A folder of files stands for a database, with the same checks."""

from pathlib import Path

import pytest

from app.errors import AppError, BadInput, NotFound
from app.services.folder import read_folder
from app.sources.errors import BadRow
from app.sources.kinds import Kind
from engine.schema import SeriesKey, check_bars
from tests.app.sources.files import NAME, minutes, row, write

KEY = SeriesKey("kraken", "BTC/USDC")
MINUTE_US = 60_000_000
BARS = Kind("bars", MINUTE_US)


def test_series_are_found_among_others(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(3)))
    write(tmp_path, map(row, range(4)), name="coinbase_BTC-USDC_1m.csv")
    write(tmp_path, ["rubbish"], name="kraken_ETH-USD_1m.csv", header=None)
    write(tmp_path, [row(0), row(5)], name="kraken_BTC-USDC_5m.csv")
    found = read_folder(tmp_path, {KEY: BARS, SeriesKey("coinbase", "BTC/USDC"): BARS})
    assert {key: minutes(frame) for key, frame in found.items()} == {KEY: [0, 1, 2], SeriesKey("coinbase", "BTC/USDC"): [0, 1, 2, 3]}


def test_several_files_of_a_series_are_put_together_in_order_of_time(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(5, 9)), name="kraken_BTC-USDC_1m_a.csv")
    write(tmp_path, map(row, range(6)), name="kraken_BTC-USDC_1m_b.csv")
    frame = read_folder(tmp_path, {KEY: BARS})[KEY]
    assert minutes(frame) == list(range(9))
    check_bars(frame, key=KEY, interval_us=MINUTE_US)


def test_files_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    write(tmp_path, [row(0)], name="kraken_BTC-USDC_1m_a.csv")
    write(tmp_path, [row(0, "100,110,90,104,1.5")], name="kraken_BTC-USDC_1m_b.csv")
    with pytest.raises(
        BadInput, match=r"kraken BTC/USDC: expected one set of values for 2023-03-08 00:00:00\+00:00, found two in .*_a.csv, .*_b.csv"
    ):
        read_folder(tmp_path, {KEY: BARS})


def test_a_series_that_is_missing_is_named_beside_what_there_is(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(3)), name="coinbase_BTC-USDC_1m.csv")
    write(tmp_path, [row(0), row(5)], name="kraken_BTC-USDC_5m.csv")
    write(tmp_path, [row(0)], name="kraken_ETH-USD_1m.csv")
    write(tmp_path, [row(0)], name="notes of mine.csv")
    there = r"coinbase BTC/USDC bars of 1m, kraken BTC/USDC bars of 5m, kraken_ETH-USD_1m.csv \(ETH/USD\), notes of mine.csv"
    with pytest.raises(NotFound, match=f"expected files of kraken BTC/USDC bars of 1m, found {there}"):
        read_folder(tmp_path, {KEY: BARS})
    with pytest.raises(NotFound, match="no such file or folder"):
        read_folder(tmp_path / "other", {KEY: BARS})


def test_a_bad_file_of_a_series_that_is_needed_is_refused(tmp_path: Path) -> None:
    write(tmp_path, [row(0, "x,110,90,104,1.5")])
    with pytest.raises(BadRow, match="line 2, open: found 'x'"):
        read_folder(tmp_path, {KEY: BARS})
    (tmp_path / NAME).write_text("<html>")
    with pytest.raises(AppError, match="found HTML"):
        read_folder(tmp_path, {KEY: BARS})


def test_the_real_folder_has_its_thirteen_series(market_data: Path) -> None:
    pairs = ["BTC/USDC", "BTC/USDT", "BTC/USD", "USDC/USDT", "USDC/USD", "USDT/USD"]
    found = read_folder(market_data / "usdc-2023-03", {SeriesKey("kraken", pair): BARS for pair in pairs})
    assert [frame.height for frame in found.values()] == [4_320, 2_224, 2_892, 2_887, 2_774, 4_288]
