"""Uniswap v3 pools as minute bars made from their swaps: the pool's state at the end of each minute.

Columns: timestamp, netAmount0, netAmount1, closeTick, openTick, lowestTick, highestTick, inAmount0, inAmount1, currentLiquidity, in raw
units of the tokens (github.com/zelos-alpha/demeter, 2023-08); files are named chain-address-day.minute.csv. A pool's price of token 0 in
token 1, raw units of both, is 1.0001^tick, and its liquidity is the same within one spacing of ticks at least (Uniswap v3 Core, March
2021, sections 6.1 and 6.2). Tokens, their decimals and the spacing of ticks are not in such a file: the address in its name tells them.
"""

from collections.abc import Sequence

import polars as pl

from app.errors import BadInput
from app.sources.batch import Batch
from app.sources.clock import Unit, in_micros
from app.sources.layout import Layout
from app.sources.plain import cleaned
from app.sources.pool_tables import exact, not_exact, states
from app.sources.pools import POOLS, Pool, pool_of
from app.sources.rules import OUT, Checked, Complaint, Numbers, Rules, no_time, refusal

HEADER = (
    *("timestamp", "netAmount0", "netAmount1", "closeTick", "openTick", "lowestTick", "highestTick"),
    *("inAmount0", "inAmount1", "currentLiquidity"),
)
MINUTE_US = 60_000_000

_FIELDS = {"ts": "timestamp", "tick": "closeTick", "liquidity_raw": "currentLiquidity"}
_LAST_TICK = 887_272
"""The largest that a pool can have (Uniswap v3 Core, section 6.1)."""

LAYOUT = Layout(
    width=len(HEADER),
    fields=tuple(_FIELDS),
    positions=tuple(HEADER.index(name) for name in _FIELDS.values()),
    names=tuple(_FIELDS.values()),
    units={"ts": frozenset(Unit)},
    header=True,
)
"""Amounts are left aside; the liquidity, which outgrows 64 bits as they do, is kept digit by digit."""

_TICK = 1.0001


def known_pool(name: str, label: str) -> Pool:
    """Return the pool of a file; BadInput names those that we know."""
    pool = pool_of(name)
    if pool is None:
        listed = ", ".join(f"{one.chain}-{address} ({one.instrument})" for address, one in POOLS.items())
        advice = "name the file after one of them, or write ts, price, liquidity, lower and upper as a table of our own"
        raise BadInput(f"{label}: expected a name that begins with a pool whose tokens we know, {listed}; found none; {advice}")
    return pool


def is_one(header: Sequence[str]) -> bool:
    """Tell whether a header is of such a file."""
    return tuple(map(cleaned, header)) == HEADER


def check(batch: Batch, rules: Rules, last: Numbers | None) -> Checked:
    """Return the states at the ends of a batch's minutes, or raise `BadRow`; `last` is the row before it."""
    frame = batch.frame.with_columns(in_micros("ts", batch.frame.schema["ts"], rules.units["ts"]).alias("ts"), exact("liquidity_raw"))
    fine = frame.select(_fine(last))["fine"]
    if not fine.all():
        index = int((~fine).arg_max() or 0)
        row = batch.row(index)
        raise refusal(row, _complaint(row.texts, frame.row(index), rules), rules, index)
    return Checked(states(_in_units(frame, POOLS[rules.pool])), 0, frame.row(-1) if frame.height else last)


# 1.0001^tick is token 1 for token 0, both raw; liquidity is the square root of the product of both.
def _in_units(frame: pl.DataFrame, pool: Pool) -> pl.DataFrame:
    first = (pl.col("tick") / pool.spacing).floor() * pool.spacing
    ends = [_price(tick, pool) for tick in (first, first + pool.spacing)]
    return frame.select(
        ts=pl.col("ts") + MINUTE_US,
        price=_price(pl.col("tick"), pool),
        liquidity=pl.col("liquidity_raw").cast(pl.Float64) / 10 ** (sum(pool.decimals) // 2),
        lower=pl.min_horizontal(*ends),
        upper=pl.max_horizontal(*ends),
        liquidity_raw=pl.col("liquidity_raw"),
    )


def _price(tick: pl.Expr, pool: Pool) -> pl.Expr:
    one_for_zero = pl.lit(_TICK).pow(tick)
    zero, one = pool.decimals
    return 10.0 ** (one - zero) / one_for_zero if pool.base_is_token_1 else one_for_zero * 10.0 ** (zero - one)


def _fine(last: Numbers | None) -> pl.Expr:
    ts, tick = pl.col("ts"), pl.col("tick")
    return (
        pl.all_horizontal(
            ts % MINUTE_US == 0,
            (ts > ts.shift(1, fill_value=None if last is None else last[0])).fill_null(value=True),
            (tick == tick.floor()) & (tick.abs() <= _LAST_TICK),
            pl.col("liquidity_raw") != "",
        )
        .fill_null(value=False)
        .alias("fine")
    )


def _complaint(texts: Sequence[str], row: Numbers, rules: Rules) -> Complaint:
    ts, tick, liquidity = row
    if ts is None:
        return no_time(texts, 0, rules)
    if tick is None or tick != int(tick) or abs(tick) > _LAST_TICK:
        return Complaint(1, f"a tick from {-_LAST_TICK} to {_LAST_TICK}", OUT)
    if not liquidity:
        return not_exact(2, "liquidity_raw")
    return Complaint(0, "a whole minute later than the row before", "sort the rows, or take the row out")
