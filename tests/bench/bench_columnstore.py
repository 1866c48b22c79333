"""How much less room real data takes by columns: `python -m tests.bench.bench_columnstore [FOLDER]`.

TimescaleDB under its timescale licence, in WebAssembly (needs Node.js): sizes are what it writes everywhere; its speed would say nothing. Bars of
a minute of three venues in March 2023, best prices and trades of Binance in August 2024, as our readers read them (FOLDER: ../shared/data). Every
chunk is laid out by columns, as the policy does after 14 days. Equality first: the same rows before and after.
"""

import asyncio
import sys
from pathlib import Path

import asyncpg
import polars as pl

from app.db import migrate
from app.services import sequence
from app.services.sequence import Place
from app.sources.detect import Said, detect_all
from app.sources.files import expand
from app.sources.read import read
from engine.schema import SeriesKey
from tests.bench.probe import machine
from tests.editions.servers import licensed

MARKET = Path(__file__).parents[2].parent / "shared" / "data"
FILES = (("bars", "usdc-2023-03", "auto"), ("quotes", "binance-websocket", "bookTicker"), ("trades", "binance-websocket", "trade"))
BATCH = 5_000
SIZES = """
    SELECT before_compression_table_bytes, before_compression_index_bytes, after_compression_total_bytes
    FROM hypertable_compression_stats($1::text::regclass)"""
_TYPES = {pl.Float64: "float8", pl.Int32: "int", pl.Int64: "bigint", pl.Int8: "smallint", pl.Datetime: "timestamptz"}


async def store(connection: asyncpg.Connection, table: str, folder: Path, stream: str) -> None:
    """Store the rows of all files of a folder; this server takes no binary COPY."""
    ids: dict[SeriesKey, int] = {}
    ends: dict[SeriesKey, Place] = {}
    for found in detect_all(expand([folder]), Said(stream=stream)):
        for batch in read(found):
            frame = batch.frame
            if table != "bars" and frame.height:
                frame = sequence.placed(frame, ends.get(found.key))
                ends[found.key] = sequence.last_place(frame)
            whose = {"instrument_id": pl.lit(ids.setdefault(found.key, len(ids) + 1)), "interval_us": pl.lit(found.kind.interval_us, pl.Int64)}
            await insert(
                connection, table, frame.select(**(whose if table != "trades" else {"instrument_id": whose["instrument_id"]}), **_all(frame))
            )


def _all(frame: pl.DataFrame) -> dict[str, pl.Expr]:
    return {name: pl.col(name) for name in frame.columns}


async def insert(connection: asyncpg.Connection, table: str, rows: pl.DataFrame) -> None:
    """Insert rows, some thousand at a time."""
    arrays = ", ".join(f"${n}::{_TYPES[dtype.base_type()]}[]" for n, dtype in enumerate(rows.dtypes, 1))
    for part in rows.iter_slices(BATCH):
        columns = [column.to_list() for column in part]
        await connection.execute(f"INSERT INTO {table} ({', '.join(rows.columns)}) SELECT * FROM unnest({arrays})", *columns)


async def measure(connection: asyncpg.Connection, name: str) -> None:
    """Lay a table out by columns, and print its line."""
    content = f"SELECT count(*), sum(hashtextextended(t::text, 0)) FROM {name} t"
    before = tuple(await connection.fetchrow(content))
    chunks = await connection.fetch("SELECT compress_chunk(c) FROM show_chunks($1::text::regclass) c", name)
    if (after := tuple(await connection.fetchrow(content))) != before:
        sys.exit(f"{name}: expected the same rows as before, {before}, found {after}")
    table, index, columns = await connection.fetchrow(SIZES, name)
    each = f"{(table + index) / before[0]:.0f} → {columns / before[0]:.1f} bytes a row"
    whole = f"{(table + index) / columns:.1f} times less ({table / columns:.1f} of the table alone, without its index)"
    print(f"{name:8} {before[0]:9,} rows in {len(chunks):2} chunks  {each:24}  {whole}", flush=True)


async def main(folder: Path) -> None:
    """Start the server, fill it, measure."""
    if not folder.exists():
        sys.exit(f"expected real market data in {folder}, found none; name its folder")
    print(machine())
    with licensed() as url:
        await migrate.upgrade(url)
        uri = url.set(drivername="postgresql").difference_update_query(["ssl"]).render_as_string(hide_password=False)
        connection = await asyncpg.connect(f"{uri}?sslmode=disable")
        print(await connection.fetchval("SELECT 'TimescaleDB ' || extversion FROM pg_extension WHERE extname = 'timescaledb'"))
        for table, name, stream in FILES:
            await store(connection, table, folder / name, stream)
            await measure(connection, table)
        await connection.close()


if __name__ == "__main__":
    asyncio.run(main(Path(sys.argv[1]) if len(sys.argv) > 1 else MARKET))
