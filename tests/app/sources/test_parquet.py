"""Parquet files of bars, whatever types their columns have."""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest

from app.errors import BadInput
from app.sources import parquet
from app.sources.detect import detect
from app.sources.errors import BadRow
from app.sources.files import Source
from app.sources.formats import Format
from app.sources.read import read

from .files import START_MS, bars, minutes

COUNT = 1_000


def table(**columns: pl.Series | pl.Expr) -> pl.DataFrame:
    """Return rows as users have them."""
    frame = pl.DataFrame({"timestamp": [START_MS + 60_000 * minute for minute in range(COUNT)]})
    prices = {"open": pl.lit(100.0), "high": pl.lit(110.0), "low": pl.lit(90.0), "close": pl.lit(105.0), "volume": pl.lit(1.5)}
    return frame.with_columns(**prices).with_columns(**columns)


def write(folder: Path, frame: pl.DataFrame) -> Path:
    """Write a Parquet file."""
    path = folder / "kraken_BTC-USDC_1m.parquet"
    frame.write_parquet(path, row_group_size=300)
    return path


@pytest.mark.parametrize(
    "columns",
    [
        {},
        {"timestamp": pl.from_epoch("timestamp", "ms")},
        {"timestamp": pl.from_epoch("timestamp", "ms").dt.replace_time_zone("UTC").dt.convert_time_zone("Asia/Tokyo")},
        {"timestamp": pl.col("timestamp") // 1000},
        {"timestamp": (pl.col("timestamp") // 1000).cast(pl.Float64)},
        {"timestamp": pl.from_epoch("timestamp", "ms").dt.strftime("%Y-%m-%d %H:%M")},
        {"open": pl.lit(100), "high": pl.lit("110"), "low": pl.lit(Decimal("90.00")), "close": pl.lit(105, pl.Float32), "volume": pl.lit("1.5")},
    ],
)
def test_times_and_numbers_of_every_type_are_read(tmp_path: Path, columns: dict[str, pl.Expr]) -> None:
    path = write(tmp_path, table(**columns))
    assert detect(Source(path=path)).format is Format.PARQUET
    frame = bars(path)
    assert minutes(frame) == list(range(COUNT))
    assert frame.row(COUNT - 1)[1:] == (100.0, 110.0, 90.0, 105.0, 1.5)


def test_a_file_passes_in_batches_and_says_how_far_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sources.parquet.batches.__kwdefaults__", {"rows": 128})
    path = write(tmp_path, table())
    found = list(read(detect(Source(path=path))))
    assert [minute for batch in found for minute in minutes(batch.frame)] == list(range(COUNT))
    assert max(batch.frame.height for batch in found) <= 300
    assert found[-1].bytes_read == found[-1].bytes_total == path.stat().st_size


def test_a_bad_row_is_refused_by_its_number(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sources.parquet.batches.__kwdefaults__", {"rows": 128})
    wrong = {"high": pl.when(pl.col("timestamp") == START_MS + 60_000 * 700).then(-1).otherwise(110.0)}
    with pytest.raises(BadRow, match=r"row 701, high: found '-1.0', expected a price above 0"):
        bars(write(tmp_path, table(**wrong)))
    missing = {"volume": pl.when(pl.col("timestamp") > START_MS).then(1.0)}
    with pytest.raises(BadRow, match="row 1, volume: found '', expected a finite number"):
        bars(write(tmp_path, table(**missing)))


def test_columns_that_hold_no_times_or_numbers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="expected numbers in column open, found Boolean"):
        bars(write(tmp_path, table(open=pl.lit(value=True))))
    with pytest.raises(BadInput, match="expected times in column timestamp, found Duration"):
        bars(write(tmp_path, table(timestamp=pl.duration(minutes=1))))
    with pytest.raises(BadInput, match="bars without volume"):
        bars(write(tmp_path, table().drop("volume")))
    with pytest.raises(BadInput, match="none below the header"):
        bars(write(tmp_path, table().clear()))


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, table())
    whole = path.read_bytes()
    for damaged in (whole[:200], whole[:-100], whole[:100] + bytes(400) + whole[500:]):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match="expected a sound Parquet file"):
            bars(path)


def test_the_height_is_told_without_reading_the_rows(tmp_path: Path) -> None:
    assert parquet.height(Source(path=write(tmp_path, table()))) == COUNT
