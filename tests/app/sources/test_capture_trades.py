"""Trades of captures: each message one, but for what the venue settled with itself."""

from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadInput
from app.sources.detect import Said, detect
from app.sources.errors import BadRow
from app.sources.files import Source
from app.sources.kinds import TRADES
from app.sources.read import read
from engine.schema import SeriesKey

from .captures import T0_MS, line, ticker, trade, wrapped, write

Row = tuple[int, int, float, float, int, int]


def trades(path: Path, stream: str = "trade") -> tuple[list[Row], Counter[str]]:
    """Return event and receive time [ms after the first message, by the venue's clock], price, size, side and number, and what was left aside."""
    found = detect(Source(path=path), Said(stream=stream))
    assert found.kind == TRADES
    batches = list(read(found))
    frame = pl.concat([batch.frame for batch in batches]).with_columns(pl.col("ts", "received").dt.epoch("ms") - T0_MS)
    return frame.rows(), sum((Counter(batch.aside) for batch in batches), Counter[str]())


def test_the_taker_sold_where_the_buyer_was_the_maker(tmp_path: Path) -> None:
    lines = [ticker(0, (99, 1), (101, 1)), trade(1, 7, price="100.50"), trade(3, 8, size="0.25", maker=False), trade(4, 9, price="0", size="0")]
    path = write(tmp_path, lines)
    rows, aside = trades(path)
    assert rows == [(1, -1269, 100.5, 1.0, -1, 7), (3, -1267, 100.0, 0.25, 1, 8)]
    assert aside == {"bookTicker": 1, "without a size": 1}
    assert "every trade, not bookTicker (--stream)" in detect(Source(path=path), Said(stream="trade")).why


def test_a_capture_of_trades_alone_is_one_of_trades_and_of_spot(tmp_path: Path) -> None:
    found = detect(Source(path=write(tmp_path, [trade(0)])))
    assert (found.key, found.kind) == (SeriesKey("binance", "BTC/USDT"), TRADES)


def test_what_usdm_settled_with_itself_is_no_trade(tmp_path: Path) -> None:
    path = write(tmp_path, [trade(0, 1, kind="MARKET"), trade(1, 2, kind="INSURANCE_FUND"), trade(2, 3, kind="MARKET")], name="usdm.gz")
    assert detect(Source(path=path)).key.venue == "binance-usdm"
    rows, aside = trades(path)
    assert [row[-1] for row in rows] == [1, 3]
    assert aside == {"trades of INSURANCE_FUND": 1}
    with pytest.raises(BadInput, match="expected trades of the market, found 1 trades of ADL; take another stream"):
        trades(write(tmp_path, [trade(0, 1, kind="ADL")], name="usdm.gz"))


def test_trades_that_were_added_up_have_numbers_of_their_own(tmp_path: Path) -> None:
    data = {"e": "aggTrade", "E": T0_MS + 5, "s": "BTCUSDT", "a": 41, "p": "100", "q": "3", "f": 7, "l": 9, "T": T0_MS + 4, "m": False, "M": True}
    path = write(tmp_path, [line(4, wrapped("aggTrade", data)), trade(5)])
    assert trades(path, "aggTrade") == ([(4, -1266, 100.0, 3.0, 1, 41)], {"trade": 1})


@pytest.mark.parametrize(
    ("bad", "said"),
    [
        (trade(1).replace('"p":"100",', ""), "p.*expected this field, as Binance sends it"),
        (trade(1, price="-1"), "expected a price p and a size q above 0"),
        (trade(1, price="nan"), "expected a price p and a size q above 0"),
        (trade(1).replace('"m":true', '"m":"yes"'), "true or false as m"),
        (trade(1).replace("BTCUSDT", "ETHUSDT"), "messages of BTCUSDT alone"),
        (trade(1 - 7_200_000).replace(str(T0_MS + 1 - 7_200_000), str(T0_MS)), "a receive time within an hour of the event time"),
    ],
)
def test_a_trade_that_cannot_be_is_refused_with_its_line(tmp_path: Path, bad: str, said: str) -> None:
    path = write(tmp_path, [trade(0) for _ in range(9)])
    found = detect(Source(path=path), Said(stream="trade"))
    write(tmp_path, [*(trade(0) for _ in range(9)), bad])
    with pytest.raises(BadRow, match=rf"(?s)line 10.*{said}"):
        list(read(found))
