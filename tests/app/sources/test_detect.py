"""A file is taken for what it is, with the reason; what is nothing we read is refused by name."""

from pathlib import Path

import pytest

from app.errors import BadInput
from app.sources.detect import Found, Said, detect
from app.sources.files import Source
from app.sources.formats import Format
from app.sources.kinds import Kind
from engine.schema import US_PER_SECOND, SeriesKey

from .files import HEADER, START_MS, bars, minutes, row, write

MINUTE = 60 * US_PER_SECOND
ROWS = [row(minute) for minute in range(3)]


def look(path: Path, **said: str | int) -> Found:
    """Detect a file."""
    return detect(Source(path=path), Said(**said))  # type: ignore[arg-type]


def klines(unit: int) -> list[str]:
    """Return rows as Binance's archive has them."""
    ends = ",".join(["1678233659999", "150.1", "77", "0.7", "70.1", "0"])
    return [f"{(START_MS + 60_000 * minute) * unit // 1000},100,110,90,105,1.5,{ends}" for minute in range(3)]


@pytest.mark.parametrize("header", [HEADER, "TS,O,H,L,C,V", "Date,Open,High,Low,Close,Volume,Trades", "volume,close,low,high,open,timestamp"])
def test_a_table_with_a_header_is_read_by_the_names_of_its_columns(tmp_path: Path, header: str) -> None:
    fields = {"volume": "1.5", "close": "105", "low": "90", "high": "110", "open": "100", "trades": "3"}
    names = {"o": "open", "h": "high", "l": "low", "c": "close", "v": "volume"}
    rows = []
    for minute in range(3):
        values = [fields.get(names.get(name.lower(), name.lower()), f"{START_MS + 60_000 * minute}") for name in header.split(",")]
        rows.append(",".join(values))
    path = write(tmp_path, rows, header=header)
    found, frame = look(path), bars(path)
    assert (found.format, found.key, found.kind) == (Format.CSV, SeriesKey("kraken", "BTC/USDC"), Kind("bars", MINUTE))
    assert found.why == "CSV with a header; times in ms; 1m as named"
    assert minutes(frame) == [0, 1, 2]
    assert frame.row(0)[1:] == (100.0, 110.0, 90.0, 105.0, 1.5)


@pytest.mark.parametrize(("unit", "why"), [(1_000, "ms"), (1_000_000, "us")])
def test_binance_klines_are_read_in_ms_and_since_2025_in_us(tmp_path: Path, unit: int, why: str) -> None:
    path = write(tmp_path, klines(unit), header=None, name="BTCUSDT-1m-2023-03-08.csv")
    found = look(path)
    assert (found.format, found.key) == (Format.BINANCE, SeriesKey("binance", "BTC/USDT"))
    assert found.why == f"Binance klines, 12 columns without header; times in {why}; 1m as named"
    assert minutes(bars(path)) == [0, 1, 2]


def test_kraken_archives_are_read_in_seconds_and_xbt_is_btc(tmp_path: Path) -> None:
    rows = [f"{START_MS // 1000 + 60 * minute},100,110,90,105,1.5,3" for minute in (0, 1, 4)]
    path = write(tmp_path, rows, header=None, name="XBTUSDC_1.csv")
    found = look(path)
    assert (found.format, found.key, found.kind) == (Format.KRAKEN, SeriesKey("kraken", "BTC/USDC"), Kind("bars", MINUTE))
    assert minutes(bars(path)) == [0, 1, 4]


def test_a_time_in_a_unit_that_the_format_does_not_have_is_refused(tmp_path: Path) -> None:
    kraken = write(tmp_path, [f"{START_MS},100,110,90,105,1.5,3"], header=None, name="XBTUSDC_1.csv")
    with pytest.raises(
        BadInput, match=r"line 1, open time: found '1678233600000', expected a time of 2009 to 2099 in s; .*2023-03-08 00:00:00 in ms"
    ):
        look(kraken)
    named = write(tmp_path, [f"{START_MS // 1000},100,110,90,105,1"])
    with pytest.raises(BadInput, match=r"line 2, open_time_ms: found '1678233600', expected .* in ms; it would be 2023-03-08 00:00:00 in s"):
        look(named)
    text = write(tmp_path, ["2023-03-08 00:00,100,110,90,105,1.5,3"], header=None, name="XBTUSDC_1.csv")
    with pytest.raises(BadInput, match="is this the column with the time"):
        look(text)


def test_times_as_text_are_read_as_utc(tmp_path: Path) -> None:
    path = write(tmp_path, [f"2023-03-08 0{hour}:00:00,100,110,90,105,1" for hour in range(3)], header="date,open,high,low,close,volume")
    assert look(path, interval_us=60 * MINUTE).why == "CSV with a header; times as UTC dates; 1h as named"
    assert minutes(bars(path, interval_us=60 * MINUTE)) == [0, 60, 120]


def test_the_interval_is_the_commonest_step_where_the_name_does_not_tell(tmp_path: Path) -> None:
    path = write(tmp_path, [row(minute) for minute in (0, 5, 10, 25, 30, 31)], name="kraken_BTC-USDC.csv")
    found = look(path)
    assert found.kind == Kind("bars", 5 * MINUTE)
    assert found.why.endswith("5m is the commonest step")
    with pytest.raises(BadInput, match=r"line 7, .* expected the open time of a bar of 5m"):
        bars(path)


@pytest.mark.parametrize(("steps", "found"), [((0,), "no step at all"), ((0, 7, 14), "steps of 7m")])
def test_an_interval_that_cannot_be_told_is_asked_for(tmp_path: Path, steps: tuple[int, ...], found: str) -> None:
    path = write(tmp_path, map(row, steps), name="kraken_BTC-USDC.csv")
    with pytest.raises(BadInput, match=f"found {found}; say it with --interval"):
        look(path)
    assert minutes(bars(path, interval_us=MINUTE)) == list(steps)


def test_what_the_name_does_not_tell_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS, name="prices.csv")
    with pytest.raises(BadInput, match=r"does not tell the venue \(--venue\) and the instrument \(--instrument\)"):
        look(path)
    with pytest.raises(BadInput, match=r"does not tell the instrument \(--instrument\)"):
        look(path, venue="kraken")
    assert look(path, venue="Kraken", instrument="btc-usd").key == SeriesKey("kraken", "BTC/USD")


def test_a_format_that_is_said_must_be_the_one_that_is_found(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    assert look(path, format="csv").format is Format.CSV
    with pytest.raises(BadInput, match=r"expected Kraken OHLCVT, .* as --format says, found CSV with a header"):
        look(path, format="kraken")
    with pytest.raises(
        BadInput,
        match=r"expected a format out of auto, csv, parquet, binance, binance-trades, kraken, kraken-trades, coinbase, .*, lean, uniswap, found",
    ):
        look(path, format="excel")


@pytest.mark.parametrize(
    ("content", "found"),
    [
        (b"", "an empty file"),
        (b"\n \n", "an empty file"),
        (b"<!doctype html><html>404</html>", "HTML or XML, perhaps the error page of a download"),
        (b'{"code": 42}', "JSON; write it as CSV, or each message behind its receive time"),
        (b"[[1678233600000, 1, 1, 1, 1, 1]]", "JSON; write it as CSV"),
        (b"%PDF-1.7 hello", "a PDF document"),
        (b"\x89PNG\r\n\x1a\n", "a picture"),
        (b"\x7fELF\x02\x01\x01\x00\x00", "binary data"),
        ("open_time_ms,open".encode("utf-16"), "text in UTF-16; save it as UTF-8"),
        (HEADER.encode(), "expected bars, found none below the header"),
        (b"ts_ms,published_ms,rate\n", "expected funding rates, found none below the header"),
        (b"PAR1 or not", "expected a sound Parquet file"),
        (b"1678233600,1,1,1,1,1\n", "6 columns without header; if they are bars, quotes or trades, add a header"),
        (b"a,b,c\n1,2,3\n", r"found the columns a, b, c; rename the columns"),
        (b"time,open,high,low,close\n1,2,3,4,5\n", "bars without volume do not tell what could be traded"),
        (b"ts,time,open,high,low,close,volume\n1,2,3,4,5\n", "expected one column each of ts"),
        (b"x" * 100_000, "expected one column each of ts"),
        (HEADER.encode() + b"\n" + b"1" * 100_000, "expected lines of text, found none"),
        (b"\xff\xfe\x00" * 1000, "text in UTF-16"),
        (b"\xe9t\xe9;1;2;3\n", "expected one column each of"),
    ],
)  # fmt: skip
def test_a_file_that_is_not_what_it_claims_is_refused(tmp_path: Path, content: bytes, found: str) -> None:
    path = tmp_path / "kraken_BTC-USDC_1m.csv"
    path.write_bytes(content)
    with pytest.raises(BadInput, match=found) as caught:
        bars(path)
    assert str(caught.value).startswith(str(path))


def test_the_formats_are_listed_where_none_fits(tmp_path: Path) -> None:
    path = write(tmp_path, ["1,2,3,4"], header=None)
    with pytest.raises(BadInput, match=r"csv: CSV with a header.*; parquet: .*; binance: .*; kraken: .*found 4 columns"):
        look(path)
