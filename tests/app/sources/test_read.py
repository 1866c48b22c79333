"""Reading gives back what was written, and nothing but our error whatever bytes a file holds."""

import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.errors import AppError
from app.sources.detect import detect
from app.sources.files import Source, expand
from app.sources.read import read
from engine.schema import BARS, SeriesKey, check_bars

from .files import HEADER, START_MS, bars, row

MINUTE_US = 60_000_000
prices = st.floats(1e-6, 1e7)
sizes = st.floats(0, 1e9)


@st.composite
def frames(draw: st.DrawFn) -> pl.DataFrame:
    """Draw bars: any prices, any gaps."""
    steps = draw(st.lists(st.integers(1, 50), min_size=1, max_size=30))
    rows, minute = [], 0
    for step in steps:
        low, one, other, high = sorted(draw(st.tuples(prices, prices, prices, prices)))
        opened, closed = draw(st.permutations((one, other)))
        minute += step
        rows.append((START_MS * 1000 + minute * MINUTE_US, opened, high, low, closed, draw(sizes)))
    return pl.DataFrame(rows, schema={"ts": pl.Int64, **dict.fromkeys(list(BARS)[1:], pl.Float64)}, orient="row").cast(BARS)


@given(frames(), st.sampled_from(["s", "ms", "us"]), st.sampled_from(["csv", "parquet"]))
def test_what_is_written_is_read_back_exactly(frame: pl.DataFrame, unit: str, suffix: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"kraken_BTC-USDC_1m.{suffix}"
        epoch = pl.col("ts").dt.epoch(unit)  # type: ignore[arg-type]
        raw = frame.with_columns(epoch).rename({"ts": f"ts_{unit}"})
        raw.write_csv(path) if suffix == "csv" else raw.write_parquet(path)
        assert bars(path).equals(frame)


TABLE = "\n".join([HEADER, *(row(minute) for minute in range(4))]).encode()
KLINES = "\n".join(f"{row(minute)},1678233659999,1,2,3,4,0" for minute in range(4)).encode()


@given(
    st.sampled_from([TABLE, KLINES]),
    st.lists(
        st.tuples(st.integers(0, 300), st.integers(0, 3), st.binary(max_size=6) | st.sampled_from([b"\n", b",", b"-", b"nan", b'"', b"\r\n\r\n"]))
    ),
)
def test_a_mutilated_file_is_read_or_refused_with_our_error(table: bytes, cuts: list[tuple[int, int, bytes]]) -> None:
    for at, length, new in cuts:
        table = table[:at] + new + table[at + length :]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "binance_BTC-USDC_1m.csv"
        path.write_bytes(table)
        frame = read_or_refused(path)
    if frame is not None:
        check_bars(frame, key=SeriesKey("binance", "BTC/USDC"), interval_us=MINUTE_US)


def read_or_refused(path: Path) -> pl.DataFrame | None:
    """Return the bars, or None where our error says why there are none."""
    try:
        return pl.concat([batch.frame for source in expand([path]) for batch in read(detect(source))])
    except AppError as refused:
        error = str(refused)
    assert error.startswith(str(path))
    return None


def test_the_real_files_of_three_venues_are_read(market_data: Path) -> None:
    found = [detect(source) for source in expand([market_data / "usdc-2023-03"])]
    assert len(found) == 13
    for one in found:
        frame = pl.concat([batch.frame for batch in read(one)])
        assert check_bars(frame, key=one.key, interval_us=one.kind.interval_us).height > 2_000
        assert frame.height == len(one.source.path.read_text().splitlines()) - 1


@pytest.mark.parametrize(
    ("file", "key", "rows"),
    [("kraken-ohlcvt/XBTUSDC_1.csv", "kraken BTC/USDC", 5_878), ("binance-klines/BTCUSDT-1m-2023-03-08.csv", "binance BTC/USDT", 1_440)],
)
def test_the_real_archives_of_exchanges_are_read(market_data: Path, file: str, key: str, rows: int) -> None:
    path = market_data / file
    assert str(detect(Source(path=path)).key) == key
    assert bars(path).height == rows


@pytest.mark.parametrize(
    ("folder", "reason"),
    [
        ("stablecoins-2022-hourly", "expected one column each of open"),
    ],
)
def test_what_is_real_but_no_bars_with_volume_is_refused(market_data: Path, folder: str, reason: str) -> None:
    for source in expand([market_data / folder / "*.csv"]):
        with pytest.raises(AppError, match=reason):
            detect(source)
