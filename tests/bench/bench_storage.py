"""Reading series: the table into Polars, and snapshots into frames beside a bare read of the same files: `python -m tests.bench.bench_storage`.

The box's own PostgreSQL, in a folder of its own; bars of a minute and recorded best prices, a snapshot a day. Equality first. Then best of
five, in turns: snapshots with the look-up of their days, every file checked, and put together; `read_parquet` of the same files, nothing else;
and the same after a SHA-256 of their bytes, which is the least that a checked read can be. Processor time beside it, as both cores may be at work.
"""

import asyncio
import hashlib
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

import numpy as np
import polars as pl

from app.db import adbc, bars, migrate, quotes, series
from app.db.objects import Place
from app.db.series import Series
from app.ops.box.supervisor import servers
from app.services import snapshots
from app.services.snapshots import Archive
from app.services.wanted import Reach
from app.sources.kinds import QUOTES, Data, Kind
from engine.schema import SeriesKey
from tests.bench.bench_import import MINUTE_US, made
from tests.bench.probe import copy_gib_per_s, machine, sha256_gb_per_s, two_thread_speedup

ROUNDS = 5
QUOTES_EACH = 1_000_000
BARS_KEY, QUOTES_KEY = SeriesKey("kraken", "BTC/USD"), SeriesKey("binance", "BTC/USDT")
START = datetime(2022, 1, 1, tzinfo=UTC)


def recorded() -> pl.DataFrame:
    """Return seeded quotes of two days, a tick apart, with the digits that exchanges print."""
    rng = np.random.default_rng(7)
    at = START + pl.Series(np.sort(rng.integers(0, 2 * 86_400_000_000, QUOTES_EACH)).astype("timedelta64[us]"))
    bid = np.round(30_000 + np.cumsum(rng.choice([-0.01, 0.0, 0.01], QUOTES_EACH)), 2)
    sizes = np.round(rng.lognormal(0, 1, (2, QUOTES_EACH)), 5)
    columns = {"ts": at, "received": at + timedelta(milliseconds=3), "bid": bid, "bid_size": sizes[0], "ask": bid + 0.01, "ask_size": sizes[1]}
    frame = pl.DataFrame(columns).with_columns(pl.col("ts", "received").cast(pl.Datetime("us", "UTC")))
    return frame.select(pl.col("received").alias("at"), pl.lit(0, pl.Int32).alias("seq"), pl.all()).unique("at", maintain_order=True)


def store(uri: str, key: SeriesKey, data: Data, frame: pl.DataFrame) -> int:
    """Store a series with the record of its import; return its instrument."""
    with adbc.transaction(uri) as cursor:
        place = Series(series.series_id(cursor, key), MINUTE_US if data == "bars" else 0)
        (bars if data == "bars" else quotes.TABLE).append(cursor, place, frame)
        at = frame["ts"] if data == "bars" else frame["at"]
        ends = {"first_ts": at[0], "last_ts": at[-1], "rows_read": frame.height, "rows_new": frame.height}
        what = {"id": f"00000000-0000-7000-8000-{place.instrument_id:012d}", "path": "", "sha256": "", "format": "", "data": data, "detail": "{}"}
        series.record(cursor, place, what | ends)
    return place.instrument_id


class Took(NamedTuple):
    """Shortest of several timings, and least processor time of this process [s]."""

    wall: float
    processor: float


def best(name: str, rows: int, work: Callable[[], object]) -> Took:
    """Print a line, and return what work took."""
    walls, processors = [], []
    for _ in range(ROUNDS):
        began, busy = time.perf_counter(), time.process_time()
        work()
        walls.append(time.perf_counter() - began)
        processors.append(time.process_time() - busy)
    took = Took(min(walls), min(processors))
    print(f"{name:58} {took.wall:7.3f} s {rows / took.wall:12,.0f} rows/s   {took.processor:.3f} s of processors", flush=True)
    return took


def measure(uri: str, folder: Path, key: SeriesKey, data: Data, frame: pl.DataFrame) -> None:
    """Print the lines of one series."""
    instrument = store(uri, key, data, frame)
    archive = Archive(libpq_uri=uri, read_uri=uri, place=Place(url=str(folder)))
    wanted = {key: Reach(Kind("bars", MINUTE_US) if data == "bars" else QUOTES, START, START + timedelta(days=2_000))}
    began = time.perf_counter()
    built = snapshots.build(archive)
    print(f"{data}: {built.days} days built in {time.perf_counter() - began:.3f} s, {built.bytes / built.rows:.1f} bytes a row")

    def table() -> pl.DataFrame:
        with adbc.transaction(uri) as cursor:
            place, ends = Series(instrument, MINUTE_US if data == "bars" else 0), (START, START + timedelta(days=2_000))
            return bars.load(cursor, place, *ends) if data == "bars" else quotes.TABLE.load(cursor, place, *ends)

    def hashed() -> pl.DataFrame:
        contents = [path.read_bytes() for path in days]
        for content in contents:
            hashlib.sha256(content).digest()
        return pl.read_parquet(contents)

    days = [folder / str(one["sha256"])[:2] / f"{one['sha256']}.parquet" for one in snapshots.load(archive, wanted).named]
    if not snapshots.load(archive, wanted).frames[key].equals(table()) or not pl.read_parquet(days).equals(table()):
        sys.exit(f"{data}: snapshots and table differ")
    best(f"{data}: table to Polars", frame.height, table)
    ours = best(f"{data}: snapshots to frames, checked", frame.height, lambda: snapshots.load(archive, wanted))
    bare = best(f"{data}: read_parquet of the same {len(days)} files", frame.height, lambda: pl.read_parquet(days))
    least = best(f"{data}: read_parquet after a SHA-256 of their bytes", frame.height, hashed)
    of = f"{bare.wall / ours.wall:.2f} of the speed of read_parquet ({bare.processor / ours.processor:.2f} by processor time)"
    print(f"{data}: {of}, {least.wall / ours.wall:.2f} ({least.processor / ours.processor:.2f}) of the one that hashes")


async def main() -> None:
    """Start a box, measure, stop it."""
    print(machine())
    probes = f"memory copy {copy_gib_per_s():.1f} GiB/s, SHA-256 {sha256_gb_per_s():.2f} GB/s a core"
    print(f"probe: {probes}, two threads {two_thread_speedup():.2f} times one")
    with tempfile.TemporaryDirectory() as name:
        async with servers(Path(name) / "data") as box:
            await migrate.upgrade(box.settings.database_url)
            uri = box.settings.libpq_uri
            await asyncio.to_thread(measure, uri, Path(name) / "snapshots", BARS_KEY, "bars", made())
            await asyncio.to_thread(measure, uri, Path(name) / "snapshots", QUOTES_KEY, "quotes", recorded())


if __name__ == "__main__":
    asyncio.run(main())
