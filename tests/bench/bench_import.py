"""Import of a million one-minute bars beside psql's `\\copy` of the same rows: `python -m tests.bench.bench_import`.

The box's own PostgreSQL, with its settings, in a folder of its own. Equality first: both tables must hold the same rows. Then best of
five, in turns, a checkpoint before each; `\\copy` reads a file that has the table's own columns, the import one as vendors ship it. Then a
frame that is in memory already, into the table and into one without its key, and back.
"""

import asyncio
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg
import numpy as np
import polars as pl

from app.db import adbc, bars, migrate
from app.db.series import Series
from app.ops.box.binaries import find
from app.ops.box.record import Box
from app.ops.box.supervisor import servers
from app.services.imports import import_files
from engine.schema import BARS, SeriesKey
from tests.bench.probe import copy_gib_per_s, machine, two_thread_speedup

ROWS = 1_000_000
ROUNDS = 5
KEY = SeriesKey("kraken", "BTC/USD")
MINUTE_US = 60_000_000
START = datetime(2022, 1, 1, tzinfo=UTC)
END = START + timedelta(minutes=ROWS)


def made() -> pl.DataFrame:
    """Return seeded bars with the digits that exchanges print."""
    rng = np.random.default_rng(20220101)
    close = np.round(30_000 * np.exp(np.cumsum(rng.normal(0, 2e-4, ROWS))), 2)
    opened = np.concatenate([close[:1], close[:-1]])
    ts = pl.datetime_range(START, END, "1m", time_unit="us", closed="left", eager=True)
    high, low = np.maximum(opened, close) + 0.5, np.minimum(opened, close) - 0.5
    volume = np.round(rng.lognormal(1, 1, ROWS), 8)
    return pl.DataFrame({"ts": ts, "open": opened, "high": high, "low": low, "close": close, "volume": volume}, schema=BARS)


async def execute(uri: str, *statements: str) -> list[asyncpg.Record]:
    """Return the rows of the last of some statements."""
    connection = await asyncpg.connect(uri)
    try:
        for statement in statements[:-1]:
            await connection.execute(statement)
        return list(await connection.fetch(statements[-1]))
    finally:
        await connection.close()


async def best(box: Box, name: str, work: Callable[[], Awaitable[object]], *before: str) -> float:
    """Return the shortest of several timings [s], each after a checkpoint."""
    times = []
    for _ in range(ROUNDS):
        await execute(box.settings.libpq_uri, *before, "SELECT 1")
        await execute(box.admin_uri, "CHECKPOINT", "SELECT 1")
        began = time.perf_counter()
        await work()
        times.append(time.perf_counter() - began)
    print(f"{name:58} {min(times):7.3f} s {ROWS / min(times):12,.0f} rows/s   (others {', '.join(f'{t:.3f}' for t in sorted(times)[1:])})")
    return min(times)


def read(uri: str) -> None:
    """Read the table into Polars, as building snapshots does."""
    with adbc.transaction(uri) as cursor:
        if bars.load(cursor, Series(1, MINUTE_US), START, END).height != ROWS:
            sys.exit(f"expected {ROWS:,} rows")


async def measure(box: Box, folder: Path) -> None:
    """Print the table."""
    uri, frame = box.settings.libpq_uri, made()
    vendor, copied, parquet = folder / "kraken_BTC-USD_1m.csv", folder / "copy.csv", folder / "kraken_BTC-USD_1m.parquet"
    frame.with_columns(pl.col("ts").dt.epoch("ms")).rename({"ts": "open_time_ms"}).write_csv(vendor)
    frame.write_parquet(parquet)
    text = frame.with_columns(pl.col("ts").dt.strftime("%Y-%m-%d %H:%M:%S+00"))
    text.select(pl.lit(1).alias("instrument"), pl.lit(MINUTE_US).alias("interval"), pl.all()).write_csv(copied, include_header=False)
    await migrate.upgrade(box.settings.database_url)
    await execute(uri, "CREATE TABLE bars_copied (LIKE bars INCLUDING ALL)", "SELECT 1")
    psql = [str(find().postgres.with_name("psql")), uri, "-qc", rf"\copy bars_copied FROM '{copied}' CSV"]

    async def copy() -> None:
        await asyncio.to_thread(subprocess.run, psql, check=True)

    async def load() -> None:
        await asyncio.to_thread(read, uri)

    def append() -> None:
        with adbc.transaction(uri) as cursor:
            bars.append(cursor, Series(1, MINUTE_US), frame)

    async def appended() -> None:
        await asyncio.to_thread(append)

    await copy()
    await import_files(uri, [vendor])
    different = await execute(uri, "SELECT count(*) FROM (TABLE bars EXCEPT TABLE bars_copied UNION ALL (TABLE bars_copied EXCEPT TABLE bars)) d")
    count = await execute(uri, "SELECT count(*) FROM bars")
    if different[0][0] or count[0][0] != ROWS:
        sys.exit(f"import and \\copy differ in {different[0][0]} rows of {count[0][0]}")
    print(f"equality: import and \\copy stored the same {ROWS:,} rows")
    bare = await best(box, "psql \\copy into a table with the same key", copy, "TRUNCATE bars_copied")
    ours = await best(box, "import of a new series, CSV", lambda: import_files(uri, [vendor]), "TRUNCATE bars, imports")
    print(f"{bare / ours:.2f} of the speed of \\copy")
    await best(box, "import of a new series, Parquet", lambda: import_files(uri, [parquet]), "TRUNCATE bars, imports")
    await best(box, "import again, nothing new", lambda: import_files(uri, [vendor]))
    await best(box, "table to Polars", load)
    await best(box, "frame to committed rows", appended, "TRUNCATE bars, imports")
    await execute(uri, "ALTER TABLE bars DROP CONSTRAINT pk_bars", "SELECT 1")
    await best(box, "frame to committed rows, without the key", appended, "TRUNCATE bars, imports")


async def main() -> None:
    """Start a box, measure, stop it."""
    print(machine())
    print(f"probe: memory copy {copy_gib_per_s():.1f} GiB/s, two threads {two_thread_speedup():.2f} times one")
    with tempfile.TemporaryDirectory() as name:
        async with servers(Path(name) / "data") as box:
            version = await execute(box.admin_uri, "SHOW server_version")
            print(f"PostgreSQL {version[0][0]}")
            await measure(box, Path(name))


if __name__ == "__main__":
    asyncio.run(main())
