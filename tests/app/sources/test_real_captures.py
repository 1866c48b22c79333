"""The real captures of Binance become books and best prices that agree with each other, and with what is known of them."""

import functools
import gzip
import json
from bisect import bisect_right
from collections import Counter
from pathlib import Path
from typing import NamedTuple

import polars as pl
import pytest

from app.sources.detect import Said, detect_all
from app.sources.files import expand
from app.sources.read import Books, Read, read
from engine.schema import SeriesKey, check_quotes

SPOT, USDM = SeriesKey("binance", "BTC/USDT"), SeriesKey("binance-usdm", "BTC/USDT")
FILES = {SPOT: ["spot_btcusdt_20240808.gz", "spot_btcusdt_20240809.gz"], USDM: ["usdm_btcusdt_20240808.gz"]}


class Best(NamedTuple):
    """A message of bookTicker, by its number: prices and sizes as texts that the exchange wrote."""

    number: int
    quote: tuple[float, float, float, float]


@functools.cache
def messages(folder: Path, key: SeriesKey) -> list[dict[str, object]]:
    """Return the messages of a market's captures, decoded by Python's own JSON."""
    lines = b"".join(gzip.decompress((folder / "binance-websocket" / name).read_bytes()) for name in FILES[key]).splitlines()
    found = (json.loads(line.partition(b" ")[2]) for line in lines)
    return [one.get("data", one) for one in found]


@functools.cache
def quotes(folder: Path, key: SeriesKey, stream: str) -> tuple[pl.DataFrame, list[Read]]:
    """Return the quotes of a market."""
    books: Books = {}
    found = [one for one in detect_all(expand([folder / "binance-websocket"]), Said(stream=stream)) if one.key == key]
    batches = [batch for one in found for batch in read(one, books)]
    return check_quotes(pl.concat([batch.frame for batch in batches]), key=key), batches


@pytest.mark.parametrize(("key", "rows"), [(SPOT, 28_040 + 45_134), (USDM, 66_089)])
def test_every_message_of_best_prices_is_a_row(market_data: Path, key: SeriesKey, rows: int) -> None:
    frame, batches = quotes(market_data, key, "bookTicker")
    tickers = [one for one in messages(market_data, key) if "B" in one]
    assert frame.height == len(tickers) == rows
    for index in (0, rows // 2, rows - 1):
        assert frame.row(index)[2:] == tuple(float(str(tickers[index][name])) for name in "bBaA")
    assert frame["ts"].null_count() == (rows if key == SPOT else 0)
    aside = sum((Counter(batch.aside) for batch in batches), Counter[str]())
    assert aside["trade"] == {SPOT: 9_757 + 10_147, USDM: 21_313}[key]


@pytest.mark.parametrize(("key", "rows", "skipped"), [(SPOT, 6_492, 2), (USDM, 6_545, 0)])
def test_the_book_agrees_with_the_best_prices_and_goes_on_in_the_second_file(market_data: Path, key: SeriesKey, rows: int, skipped: int) -> None:
    frame, batches = quotes(market_data, key, "depth")
    assert frame.height == rows
    told = messages(market_data, key)
    bests = [Best(int(str(one["u"])), tuple(float(str(one[name])) for name in "bBaA")) for one in told if "B" in one]  # type: ignore[arg-type]
    changes = [int(str(one["u"])) for one in told if one.get("e") == "depthUpdate"]
    numbers = [best.number for best in bests]
    latest = [bests[bisect_right(numbers, number) - 1] for number in changes[-rows:]]
    ours = frame.select("bid", "bid_size", "ask", "ask_size").rows()
    differing = [(number, best.number) for number, quote, best in zip(changes[-rows:], ours, latest, strict=True) if quote != best.quote]
    assert len(differing) == skipped, "in a rush of orders bookTicker leaves numbers out"
    assert all(number > told for number, told in differing)
    assert [batch.aside.get("gaps in the sequence", 0) for batch in batches] == [0] * len(batches)


@pytest.mark.parametrize(("key", "least_us"), [(SPOT, -1_276_160), (USDM, -1_272_157)])
def test_the_recorders_clock_is_behind_by_what_the_data_says(market_data: Path, key: SeriesKey, least_us: int) -> None:
    frame, _ = quotes(market_data, key, "depth")
    behind = (frame["received"] - frame["ts"]).dt.total_microseconds()
    assert behind.min() == least_us
    assert -1_275_000 < (behind.median() or 0) < -1_265_000  # type: ignore[operator]


def test_levels_of_the_real_books_are_in_order_without_holes(market_data: Path) -> None:
    for key in FILES:
        frame, _ = quotes(market_data, key, "depth")
        for level in range(2, 11):
            above = "" if level == 2 else f"_{level - 1}"
            assert (frame[f"bid_{level}"] < frame[f"bid{above}"]).all()
            assert (frame[f"ask_{level}"] > frame[f"ask{above}"]).all()
            assert (frame[f"bid_size_{level}"] > 0).all()
