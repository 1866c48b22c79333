"""Files of bars and quotes as tests write them."""

from collections.abc import Iterable, Sequence
from pathlib import Path

import polars as pl

from app.sources.detect import Said, detect
from app.sources.files import Source
from app.sources.read import read

HEADER = "open_time_ms,open,high,low,close,volume"
START_MS = 1_678_233_600_000
NAME = "kraken_BTC-USDC_1m.csv"


def row(minute: int, values: str = "100,110,90,105,1.5") -> str:
    """Return a bar of that minute."""
    return f"{START_MS + 60_000 * minute},{values}"


def write(folder: Path, rows: Iterable[str], *, header: str | None = HEADER, name: str = NAME) -> Path:
    """Write a text table."""
    path = folder / name
    path.write_text("".join(f"{line}\n" for line in ([header] if header else []) + list(rows)))
    return path


def frame(path: Path, **said: str | int) -> pl.DataFrame:
    """Return the rows of a file."""
    return pl.concat([batch.frame for batch in read(detect(Source(path=path), Said(**said)))])  # type: ignore[arg-type]


bars = frame


def minutes(frame: pl.DataFrame) -> Sequence[int]:
    """Return the open times as minutes after the start."""
    return [(value - START_MS) // 60_000 for value in frame["ts"].dt.epoch("ms")]
