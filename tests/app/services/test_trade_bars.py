"""Bars of trades: each worked out by hand, none made up, none of an interval that is not known whole."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadInput, Conflict, NotFound
from app.services.imports import import_files
from app.services.trade_bars import Request, bars_of, make_bars
from app.services.wanted import Reach
from app.sources.kinds import Kind
from engine.schema import TRADES, SeriesKey, check_bars
from tests.app.services.stored import load as load_stored
from tests.app.sources.files import write

KEY = SeriesKey("kraken", "BTC/USD")
START = datetime(2025, 1, 1, 23, 58, tzinfo=UTC)
MINUTE_US = 60_000_000
HEADER = "ts_us,price,size"


def us(seconds: float) -> int:
    """Return a time."""
    return 1_735_775_880_000_000 + round(seconds * 1_000_000)


ROWS = [
    f"{us(30)},100,1",  # the minute of the first trade: nobody knows what was before
    f"{us(60)},101,0.1",
    f"{us(70)},105,0.2",
    f"{us(69.5)},99,0.3",  # happened before, came after: last in order
    f"{us(119.999999)},102,0.4",
    # midnight; minute 2 has no trade
    f"{us(180)},103,2",
    f"{us(200)},104,3",  # the minute of the last trade: it may go on
]


async def stored(libpq_uri: str, tmp_path: Path) -> None:
    """Import the trades."""
    await import_files(libpq_uri, [write(tmp_path, ROWS, header=HEADER, name="kraken_BTC-USD.csv")])


def load(libpq_uri: str) -> pl.DataFrame:
    """Return the bars."""
    reach = Reach(Kind("bars", MINUTE_US), START - timedelta(days=1), START + timedelta(days=1))
    return check_bars(load_stored(libpq_uri, {KEY: reach})[KEY], key=KEY, interval_us=MINUTE_US)


async def test_bars_are_made_of_the_intervals_that_are_known_whole(libpq_uri: str, tmp_path: Path) -> None:
    await stored(libpq_uri, tmp_path)
    summary = make_bars(libpq_uri, Request(key=KEY, interval_us=MINUTE_US))
    assert (summary.data, summary.rows_new, summary.counts) == ("bars", 1, {"missing": 0, "no_trade": 0})
    assert load(libpq_uri).rows() == [(START + timedelta(minutes=1), 101, 105, 99, 102, 1.0)]
    assert make_bars(libpq_uri, Request(key=KEY, interval_us=MINUTE_US)).rows_new == 0


async def test_a_window_says_where_trades_are_whole_and_no_bar_is_made_where_nobody_traded(libpq_uri: str, tmp_path: Path) -> None:
    await stored(libpq_uri, tmp_path)
    summary = make_bars(libpq_uri, Request(key=KEY, interval_us=MINUTE_US, start=START, end=START + timedelta(minutes=4)))
    assert (summary.rows_new, summary.counts["missing"]) == (3, 1)
    assert load(libpq_uri)["ts"].to_list() == [START + timedelta(minutes=minute) for minute in (0, 1, 3)]
    assert load(libpq_uri).row(2)[1:] == (103, 104, 103, 104, 5)


async def test_bars_that_others_made_stay_unless_they_are_to_be_replaced(libpq_uri: str, tmp_path: Path) -> None:
    await stored(libpq_uri, tmp_path)
    other = write(tmp_path, [f"{us(60)},101,105,99,102,7"], header="ts_us,open,high,low,close,volume", name="kraken_BTC-USD_1m.csv")
    await import_files(libpq_uri, [other])
    with pytest.raises(Conflict, match=r"trades of kraken BTC/USD: .* expected the stored volume 7.0 \(from .*1m.csv\), found 1.0"):
        make_bars(libpq_uri, Request(key=KEY, interval_us=MINUTE_US))
    assert make_bars(libpq_uri, Request(key=KEY, interval_us=MINUTE_US, replace=True)).rows_replaced == 1
    assert load(libpq_uri)["volume"].to_list() == [1.0]


async def test_what_cannot_be_made_is_said(libpq_uri: str, tmp_path: Path) -> None:
    with pytest.raises(NotFound, match="kraken BTC/USD: no trades are stored; import some"):
        make_bars(libpq_uri, Request(key=KEY, interval_us=MINUTE_US))
    await stored(libpq_uri, tmp_path)
    with pytest.raises(BadInput, match="expected trades that fill an interval of 1h, found none; say --from and --to"):
        make_bars(libpq_uri, Request(key=KEY, interval_us=60 * MINUTE_US))


def test_trades_without_event_times_belong_where_they_were_received() -> None:
    row = {"ts": None, "received": START, "price": 5.0, "size": 1.0, "side": 0, "trade_id": None}
    assert bars_of(pl.DataFrame([row], schema=TRADES), MINUTE_US).rows() == [(START, 5, 5, 5, 5, 1)]
