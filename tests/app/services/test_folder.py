"""A folder of files stands for a database, with the same checks."""

import shutil
from pathlib import Path

import polars as pl
import pytest

from app.errors import AppError, BadInput, NotFound
from app.services.folder import read_folder
from app.sources.detect import Said
from app.sources.errors import BadRow
from app.sources.kinds import FUNDING, QUOTES, Kind
from engine.schema import SeriesKey, check_bars, check_quotes, funding_key
from tests.app.sources import captures
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


def test_a_perpetual_without_its_funding_is_told_how_to_name_the_file_and_what_stands_in_it(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(3)))
    said = r"expected files of kraken BTC/USDC funding, .*name them like kraken_BTC-USDC_funding.csv, with the columns ts, published, rate"
    with pytest.raises(NotFound, match=said):
        read_folder(tmp_path, {KEY: BARS, funding_key(KEY): FUNDING})


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


CAPTURED = SeriesKey("binance", "BTC/USDT")
BID, ASK = (99.0, 1.0), (101.0, 2.0)


def received_ms(frame: pl.DataFrame) -> list[float]:
    """Return the receive times as ms after the recorder's midnight."""
    return [(value - captures.T0_MS * 1000) / 1000 + captures.BEHIND_MS for value in frame["received"].dt.epoch("us")]


def test_quotes_are_found_by_key_beside_bars_of_others(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(3)))
    captures.write(tmp_path, [captures.ticker(at, BID, ASK) for at in range(3)])
    told: list[str] = []
    found = read_folder(tmp_path, {KEY: BARS, CAPTURED: QUOTES}, tell=told.append)
    assert minutes(found[KEY]) == [0, 1, 2]
    assert check_quotes(found[CAPTURED], key=CAPTURED).height == 3
    assert [line.split(": ")[1].split(";")[0] for line in told] == ["Binance WebSocket capture of spot BTCUSDT"]


def test_bars_do_not_stand_in_for_quotes(tmp_path: Path) -> None:
    write(tmp_path, map(row, range(3)))
    with pytest.raises(NotFound, match="expected files of kraken BTC/USDC quotes, found kraken BTC/USDC bars of 1m; add them"):
        read_folder(tmp_path, {KEY: QUOTES})


def test_captures_of_a_series_are_put_together_in_order_of_time_and_the_book_goes_on(tmp_path: Path) -> None:
    begin = [captures.snapshot(0, 100, [BID], [ASK]), captures.change(100, 101, 102, [(99.5, 1)]), captures.trade(101)]
    captures.write(tmp_path, begin, name="spot_btcusdt_20240810.gz")
    captures.write(tmp_path, [captures.change(200, 103, 104, [], [(100.5, 9)])], name="spot_btcusdt_20240809.gz")
    told: list[str] = []
    frame = read_folder(tmp_path, {CAPTURED: QUOTES}, said=Said(levels=1), tell=told.append)[CAPTURED]
    assert frame.select("bid", "ask").rows() == [(99.5, 101), (99.5, 100.5)]
    assert told[0].endswith("which begins with the snapshot at line 1, not trade (--stream); left aside: 1 trade")


def test_captures_that_overlap_or_follow_at_once_are_one_series(tmp_path: Path) -> None:
    lines = [captures.ticker(at, (90 + at, 1 + number), (110, 1)) for number, at in enumerate((0, 1, 1, 1, 2))]
    for first in range(1, len(lines)):
        for cut in range(first, len(lines)):
            captures.write(tmp_path, lines[:cut], name="spot_btcusdt_20240810.gz")
            captures.write(tmp_path, lines[first:], name="spot_btcusdt_20240809.gz")
            frame = read_folder(tmp_path, {CAPTURED: QUOTES})[CAPTURED]
            assert received_ms(frame) == [0, 1, 1, 1, 2]
            assert frame["bid_size"].to_list() == [1, 2, 3, 4, 5]


def test_captures_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    captures.write(tmp_path, [captures.ticker(at, (90 + at, 1), ASK) for at in (0, 2, 4)], name="spot_btcusdt_20240809.gz")
    captures.write(tmp_path, [captures.ticker(at, (90 + at, 1), ASK) for at in (1, 3, 5)], name="spot_btcusdt_20240810.gz")
    with pytest.raises(
        BadInput, match=r"binance BTC/USDT: expected one series, found two that differ at 2024-08-08 23:59:58.73.* in .*0809.gz, .*0810.gz"
    ):
        read_folder(tmp_path, {CAPTURED: QUOTES})


def test_files_with_other_times_are_not_put_together(tmp_path: Path) -> None:
    captures.write(tmp_path, [captures.ticker(0, BID, ASK)], name="spot_btcusdt_20240809.gz")
    write(tmp_path, [f"{captures.T0_MS},99,1,101,1"], header="ts,bid,bid_size,ask,ask_size", name="binance_BTC-USDT.csv")
    with pytest.raises(BadInput, match=r"expected files of one kind, found .*\.csv has event times alone; .*\.gz has receive times alone; take one"):
        read_folder(tmp_path, {CAPTURED: QUOTES})


def test_the_real_captures_make_one_series_a_market(market_data: Path) -> None:
    keys = (CAPTURED, SeriesKey("binance-usdm", "BTC/USDT"))
    depth = read_folder(market_data / "binance-websocket", dict.fromkeys(keys, QUOTES))
    assert [frame.height for frame in depth.values()] == [6_492, 6_545]
    assert {frame.width for frame in depth.values()} == {42}
    best = read_folder(market_data / "binance-websocket", dict.fromkeys(keys, QUOTES), said=Said(stream="bookTicker"))
    assert [frame.height for frame in best.values()] == [28_040 + 45_134, 66_089]
    for key, frame in best.items():
        check_quotes(frame, key=key)
        assert frame["received"].is_sorted()


def test_the_real_quote_bars_of_two_days_make_one_series(market_data: Path, tmp_path: Path) -> None:
    shutil.copytree(market_data / "quotes-coinbase-2018", tmp_path / "coinbase" / "minute" / "btcusd")
    key = SeriesKey("coinbase", "BTC/USD")
    frame = read_folder(tmp_path, {key: Kind("quote_bars", MINUTE_US)})[key]
    assert frame.height == 1_437 + 1_436
    assert frame["ts"].is_sorted()
