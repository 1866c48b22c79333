"""The table of states of pools: prices and liquidity as a run reads them, and beside them the chain's own integers, digit by digit.

Those outgrow 64 bits, and the 38 digits that a decimal of 128 bits has: they lie as `numeric`, and go in and come out as texts.
"""

import polars as pl

from app.db.placed import Table
from engine.schema import POOL_EXACT, POOL_STATES


def _exact(frame: pl.DataFrame) -> list[pl.Series]:
    return [frame[name] for name in POOL_EXACT]


TABLE = Table(
    name="pool_states",
    key=("instrument_id", "interval_us"),
    columns=POOL_STATES,
    further=_exact,
    back=_exact,
    beyond=tuple(f"{name}::text AS {name}" for name in POOL_EXACT),
    texts=tuple(POOL_EXACT),
)
