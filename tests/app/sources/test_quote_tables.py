"""Tables of quotes, CSV and Parquet, are read by the names of their columns; what is odd in them stands as it is."""

import tempfile
from datetime import UTC, datetime, timedelta
from math import isnan, nan
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import AppError, BadInput
from app.sources.detect import Found, Said, detect
from app.sources.errors import BadRow
from app.sources.files import Source, expand
from app.sources.formats import Format
from app.sources.kinds import QUOTES
from app.sources.read import read
from engine.schema import SeriesKey, check_quotes, quotes_schema

from .files import frame, write

T0_US = 1_723_161_600_000_000
START = datetime(2024, 8, 9, tzinfo=UTC)
KEY = SeriesKey("kraken", "BTC/USD")
NAME = "kraken_BTC-USD_quotes.csv"
HEADER = "ts_us,bid,bid_size,ask,ask_size"


def look(path: Path, **said: str | int) -> Found:
    """Detect a file."""
    return detect(Source(path=path), Said(**said))  # type: ignore[arg-type]


def table(folder: Path, rows: list[str], *, header: str = HEADER, name: str = NAME) -> Path:
    """Write a CSV of quotes."""
    return write(folder, rows, header=header, name=name)


@pytest.mark.parametrize(
    ("header", "why"),
    [
        ("ts_us,bid,bid_size,ask,ask_size", "event times in us"),
        ("Timestamp,Bid Price,Bid Qty,Ask Price,Ask Qty", "event times in us"),
        ("received_us,best_bid,best_bid_qty,best_ask,best_ask_qty", "receive times in us"),
        ("local_timestamp,bid_px,bid_sz,ask_px,ask_sz", "receive times in us"),
        ("event_time,bid_1,bid_size_1,ask_1,ask_size_1", "event times in us"),
    ],
)
def test_a_table_is_read_by_the_names_of_its_columns(tmp_path: Path, header: str, why: str) -> None:
    path = table(tmp_path, [f"{T0_US},100,1.5,101,2"], header=header)
    found, quotes = look(path), frame(path)
    assert (found.format, found.key, found.kind) == (Format.CSV, KEY, QUOTES)
    assert found.why == f"CSV with a header; quotes of 1 level; {why}"
    assert quotes.schema == quotes_schema(1)
    assert quotes.row(0) == ((START, None) if "event" in why else (None, START)) + (100, 1.5, 101, 2)


def test_event_and_receive_times_may_have_different_units(tmp_path: Path) -> None:
    header = "received_ns,ts,bid,bid_size,ask,ask_size,comment"
    path = table(tmp_path, [f"{T0_US + 7}000,{T0_US // 1000},100,1.5,101,2,hello"], header=header)
    assert frame(path).row(0)[:2] == (START, START + timedelta(microseconds=7))
    assert look(path).why.endswith("event times in ms; receive times in ns")
    text = table(tmp_path, ["2024-08-09T00:00:00.000123Z,100,1.5,101,2"], header="time,bid,bid_size,ask,ask_size")
    assert frame(text).row(0)[0] == START + timedelta(microseconds=123)


def test_levels_are_read_as_far_as_they_are_whole_and_wanted(tmp_path: Path) -> None:
    header = "ts_us,bid,bid_size,ask,ask_size,bid_2,bid_qty_2,ask_2,ask_qty_2,bid_3,bid_size_3,ask_3,ask_size_3,bid_4,ask_4"
    path = table(tmp_path, [f"{T0_US},100,1,101,2,99,3,102,4,98,5,,,97,104"], header=header)
    quotes = frame(path)
    assert quotes.schema == quotes_schema(3)
    numbers = quotes.row(0)[2:]
    assert numbers[:10] == (100, 1, 101, 2, 99, 3, 102, 4, 98, 5)
    assert isnan(numbers[10])
    assert isnan(numbers[11])
    assert frame(path, levels=2).schema == quotes_schema(2)
    assert look(path).why.startswith("CSV with a header; quotes of 3 levels")


def test_numbers_among_blanks_are_read_and_blanks_alone_are_none(tmp_path: Path) -> None:
    (row,) = frame(table(tmp_path, [f"{T0_US}, 100,  , 101 ,"])).rows()
    assert row[2:] == pytest.approx((100, nan, 101, nan), nan_ok=True)


def test_what_is_odd_stands_as_it_is_for_the_runs_checks_to_flag(tmp_path: Path) -> None:
    rows = [(100, 1, 101, 2), (102, 1, 101, 2), (101, 1, 101, 2), (-1, 1, 0, -2), (nan, nan, 101, 2), (100, 1, 101, 2), (100, 1, 101, 2)]
    times = [0, 5, 3, 3, 9, 9, 9]
    lines = [f"{T0_US + at},{','.join('' if isnan(number) else str(number) for number in row)}" for at, row in zip(times, rows, strict=True)]
    quotes = check_quotes(frame(table(tmp_path, lines)), key=KEY)
    assert [round((time - START) / timedelta(microseconds=1)) for time in quotes["ts"]] == times
    assert str(quotes.select(pl.exclude("ts", "received")).rows()) == str([tuple(map(float, row)) for row in rows])


@pytest.mark.parametrize(
    ("values", "field", "value", "expected"),
    [
        ("100,1,about 101,2", "ask", "about 101", "a finite number with a decimal point and no other separators, or nothing"),
        ("100,inf,101,2", "bid_size", "inf", "a finite number"),
        ("1e999,1,101,2", "bid", "1e999", "a finite number"),
        ("100,1,101", "the whole line", f"{T0_US},100,1,101", "5 columns, not 4"),
        ("100,1,101,2,3", "the whole line", f"{T0_US},100,1,101,2,3", "5 columns, not 6"),
    ],
)
def test_a_quote_that_cannot_be_read_is_refused(tmp_path: Path, values: str, field: str, value: str, expected: str) -> None:
    with pytest.raises(BadRow) as caught:
        frame(table(tmp_path, [f"{T0_US},100,,101,2", f"{T0_US},{values}", f"{T0_US},x,x,x,x"]))
    assert (caught.value.place, caught.value.field, caught.value.value) == ("line 3", field, value)
    assert caught.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("ts", "received", "field", "expected"),
    [
        ("", f"{T0_US}", "ts", "a time of 2009 to 2099 in us, the unit of this file's first row"),
        (f"{T0_US}", "x", "received", "a time of 2009 to 2099 in us"),
        (f"{T0_US // 1000}", f"{T0_US}", "ts", "a time of 2009 to 2099 in us"),
        (f"{T0_US}", f"{T0_US - 3_600_000_000}", "received", "a receive time within an hour of the event time 2024-08-09 00:00:00.000000"),
        (f"{T0_US}", f"{T0_US + 7_200_000_000}", "received", "a receive time within an hour of the event time"),
    ],
)
def test_a_quote_whose_times_cannot_be_is_refused(tmp_path: Path, ts: str, received: str, field: str, expected: str) -> None:
    rows = [f"{T0_US},{T0_US + 3_599_999_999},100,1,101,2", f"{ts},{received},100,1,101,2"]
    with pytest.raises(BadRow) as caught:
        frame(table(tmp_path, rows, header="ts,received,bid,bid_size,ask,ask_size"))
    assert (caught.value.place, caught.value.field) == ("line 3", field)
    assert caught.value.expected.startswith(expected)


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        ("ts,bid,ask", r"expected one column each of bid_size \(bid_size, bid_qty, .*\); ask_size .*; found the columns ts, bid, ask; rename"),
        ("bid,bid_size,ask,ask_size", r"expected one column each of ts \(ts, timestamp, .*\) or received \(received, .*; found the columns bid"),
        ("ts,time,bid,bid_size,ask,ask_size", r"expected one column each of ts \(ts, .*\); found"),
        ("ts,bid,bid_price,bid_size,ask,ask_size", r"expected one column each of bid \(bid, .*\); found"),
    ],
)
def test_columns_that_are_missing_or_there_twice_are_named(tmp_path: Path, header: str, expected: str) -> None:
    with pytest.raises(BadInput, match=expected):
        look(table(tmp_path, [",".join(["1"] * len(header.split(",")))], header=header))


def test_quotes_have_no_interval(tmp_path: Path) -> None:
    path = table(tmp_path, [f"{T0_US},100,1,101,2"], name="kraken_BTC-USD_1m.csv")
    with pytest.raises(BadInput, match="expected quotes, as the columns say, found bars of 1m by name or --interval; rename it"):
        look(path)


prices = st.one_of(st.floats(1e-6, 1e7), st.just(nan))


@st.composite
def tables(draw: st.DrawFn) -> pl.DataFrame:
    """Draw quotes: any prices, in any order of time, with one time or both, of one level or more."""
    count, levels = draw(st.integers(1, 20)), draw(st.integers(1, 3))
    numbers = [draw(st.lists(prices, min_size=count, max_size=count)) for _ in range(4 * levels)]
    at = draw(st.lists(st.integers(0, 10**9), min_size=count, max_size=count))
    later = draw(st.lists(st.integers(-(10**9), 10**9), min_size=count, max_size=count))
    events, receipts = [T0_US + us for us in at], [T0_US + us + more for us, more in zip(at, later, strict=True)]
    which = draw(st.sampled_from(["ts", "received", "both"]))
    times = [[None] * count if which == "received" else events, [None] * count if which == "ts" else receipts]
    schema = quotes_schema(levels)
    return pl.DataFrame([*times, *numbers], schema={name: pl.Int64 if at < 2 else pl.Float64 for at, name in enumerate(schema)}).cast(schema)


@given(tables(), st.sampled_from(["csv", "parquet"]), st.booleans())
def test_what_is_written_is_read_back_exactly(quotes: pl.DataFrame, suffix: str, as_numbers: bool) -> None:
    known = quotes.select(column for column in quotes if column.null_count() < quotes.height)
    raw = known.with_columns(pl.col(name).dt.epoch("us") for name in known.columns[:2] if name in {"ts", "received"}) if as_numbers else known
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"kraken_BTC-USD.{suffix}"
        raw.write_csv(path) if suffix == "csv" else raw.write_parquet(path)
        assert frame(path).equals(quotes)


def test_a_parquet_file_with_nulls_and_texts_is_read(tmp_path: Path) -> None:
    path = tmp_path / "kraken_BTC-USD.parquet"
    columns = {"ts": [START, START], "received": [None, None], "bid": [100, None], "bid_size": ["1", ""], "ask": [101.0, 102.0], "ask_size": [1, 2]}
    pl.DataFrame(columns).drop("received").write_parquet(path)
    quotes = frame(path)
    assert quotes.row(1)[:2] == (START, None)
    assert quotes.row(1)[2:] == pytest.approx((nan, nan, 102.0, 2.0), nan_ok=True)
    assert look(path).why == "Parquet with the same columns; quotes of 1 level; event times as UTC dates"
    pl.DataFrame(columns).with_columns(bid_size=pl.Series(["1", "x"])).drop("received").write_parquet(path)
    with pytest.raises(BadRow, match="row 2, bid_size: found 'x', expected a finite number"):
        frame(path)


GOOD = "\n".join([HEADER, *(f"{T0_US + at},100,1,101,2" for at in range(4))]).encode()
BOOK = "\n".join(["exchange,symbol,timestamp,local_timestamp,asks[0].price,asks[0].amount,bids[0].price,bids[0].amount",
                  *(f"kraken,XBT/USD,{T0_US + at},{T0_US + at + 5},101,1,100,2" for at in range(4))]).encode()  # fmt: skip


@given(
    st.sampled_from([GOOD, BOOK]),
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 3), st.binary(max_size=6) | st.sampled_from([b"\n", b",", b"-", b"nan", b'"', b"\r\n\r\n"]))
    ),
)
def test_a_mutilated_file_is_read_or_refused_with_our_error(content: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    for at, length, new in cuts:
        content = content[:at] + new + content[at + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kraken_BTC-USD.csv"
        path.write_bytes(content)
        try:
            found = [pl.concat([batch.frame for batch in read(one)]) for one in map(detect, expand([path])) if one.kind == QUOTES]
        except AppError as refused:
            assert str(refused).startswith(str(path))  # noqa: PT017  either is fine
        else:
            for quotes in found:
                check_quotes(quotes, key=KEY)
