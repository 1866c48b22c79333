"""The table of states of pools: prices and liquidity as a run reads them, and beside them the chain's own integers, digit by digit.

Those outgrow 64 bits, and the 38 digits that a decimal of 128 bits has: they go in as decimals of 256 bits, lie as `numeric`, and come out as text.
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
    digits={"liquidity_raw": 39, "sqrt_price_x96": 49},
)
