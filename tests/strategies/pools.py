"""Frames of pools as tests write them."""

from collections.abc import Sequence

import polars as pl

from engine.schema import POOL_STATES

PoolRow = tuple[int | None, int | None, int | None, float | None, float | None, float | None, float | None]


def pool_frame(rows: Sequence[PoolRow]) -> pl.DataFrame:
    """Return (time of the block, receive time [µs], block, price, liquidity, lower, upper) rows as states of a pool; None is a null."""
    schema = {name: pl.Int64() if kind.is_temporal() else kind for name, kind in POOL_STATES.items()}
    return pl.DataFrame(rows, schema=schema, orient="row").cast(dict(POOL_STATES))  # type: ignore[arg-type]
