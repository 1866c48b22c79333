"""Files of synthetic markets, as an exchange would ship them."""

from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from app.cli import output
from app.errors import BadInput
from engine.synth_basis import PERPETUAL, carry_days
from engine.synth_pool import pool_and_book


def write(folder: Path, *, market: str, seed: int, as_json: bool) -> None:
    """Write the files of a market that is invented, and say what they are."""
    if market not in MARKETS:
        raise BadInput(f"expected a market out of {', '.join(MARKETS)}, found {market!r}")
    folder.mkdir(parents=True, exist_ok=True)
    found = MARKETS[market](seed)
    for name, table in found.items():
        table.write_csv(folder / name)
    if as_json:
        output.document({"synthetic": True, "market": market, "seed": seed, "files": {name: table.height for name, table in found.items()}})
        return
    output.show(f"SYNTHETIC: invented prices, no market: {', '.join(f'{name} ({table.height:,} rows)' for name, table in found.items())} in {folder}")


def _basis(seed: int) -> Mapping[str, pl.DataFrame]:
    carry = carry_days(seed)
    found = {
        f"{key.venue}_{_dashed(key.instrument)}_1m.csv": _in_ms(bars, "ts").rename({"ts_ms": "open_time_ms"}) for key, bars in carry.bars.items()
    }
    return {**found, f"{PERPETUAL.venue}_{_dashed(PERPETUAL.instrument)}_funding.csv": _in_ms(carry.funding, "ts", "published")}


def _in_ms(table: pl.DataFrame, *times: str) -> pl.DataFrame:
    return table.select(*(pl.col(name).dt.epoch("ms").alias(f"{name}_ms") for name in times), pl.exclude(times))


def _dashed(instrument: str) -> str:
    return instrument.replace("/", "-")


def _pool(seed: int) -> Mapping[str, pl.DataFrame]:
    found = {f"{key.venue}_{_dashed(key.instrument)}.csv": rows for key, rows in pool_and_book(seed).items()}
    return {name: _in_us(rows) for name, rows in found.items()}


def _in_us(table: pl.DataFrame) -> pl.DataFrame:
    return table.rename({"ts": "ts_us", "received": "received_us"}).with_columns(pl.col("ts_us", "received_us").dt.epoch("us"))


MARKETS: Mapping[str, Callable[[int], Mapping[str, pl.DataFrame]]] = {"basis": _basis, "pool": _pool}
"""What can be invented, by name: the tables of its files."""
