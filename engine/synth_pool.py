"""A synthetic pool and the book that it lags behind: a Uniswap-like pool of ether and USDC, and an exchange's quotes of the same.

Nothing here is a market: venue names begin with `synthetic-`. A fair price walks; the book follows it at once, the pool when somebody
trades there: noise, and every so often one who brings it back to where its fee leaves him nothing.
"""

import math
from datetime import UTC, datetime

import numpy as np
import polars as pl

from engine.schema import POOL_STATES, QUOTES, SeriesKey, micros

POOL, BOOK = SeriesKey("synthetic-pool", "ETH/USDC"), SeriesKey("synthetic-book", "ETH/USDC")
FEE = 5e-4
"""What the pool takes of what goes in."""

HOURS = 6

_START_US = micros(datetime(2025, 3, 1, tzinfo=UTC))
_LEAD_S, _BLOCK_S = 120, 12
_PRICE, _LIQUIDITY, _TICK, _SPACING = 2_000.0, 400_000.0, 1.0001, 60
_SECOND_US = 1_000_000


def pool_and_book(seed: int) -> dict[SeriesKey, pl.DataFrame]:
    """Return six hours from 2025-03-01 on, and two minutes before them: states of the pool by block, quotes of the book by second.

    Parameters
    ----------
    seed : int
        Of all that is drawn.
    """
    rng = np.random.default_rng(seed)
    seconds = np.arange(-_LEAD_S, HOURS * 3600)
    jumps = rng.normal(0, 1e-4, seconds.size) + (rng.random(seconds.size) < 1 / 900) * rng.normal(0, 15e-4, seconds.size)
    fair = _PRICE * np.exp(np.cumsum(jumps))
    return {POOL: _states(rng, seconds, fair), BOOK: _quotes(rng, seconds, fair)}


def _quotes(
    rng: np.random.Generator, seconds: np.ndarray[tuple[int], np.dtype[np.int64]], fair: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> pl.DataFrame:
    happened = _START_US + seconds * _SECOND_US + rng.integers(0, 900_000, seconds.size)
    half = rng.choice([0.05, 0.1, 0.2], seconds.size)
    bid, ask = np.round(fair - half, 2), np.round(fair + half, 2)
    sizes = np.round(rng.exponential(4.0, (2, seconds.size)) + 0.05, 3)
    columns = {
        "ts": happened,
        "received": happened + rng.integers(5_000, 40_000, seconds.size),
        "bid": bid,
        "bid_size": sizes[0],
        "ask": ask,
        "ask_size": sizes[1],
    }
    return pl.DataFrame(columns).cast(dict(QUOTES))  # type: ignore[arg-type]


def _states(
    rng: np.random.Generator, seconds: np.ndarray[tuple[int], np.dtype[np.int64]], fair: np.ndarray[tuple[int], np.dtype[np.float64]]
) -> pl.DataFrame:
    price, rows = _PRICE, []
    for number, at in enumerate(range(0, seconds.size, _BLOCK_S)):
        price *= math.exp(rng.normal(0, 1e-4))  # noise
        if rng.random() < 0.3:  # one who knows the fair price
            price = min(max(price, fair[at] * (1 - FEE)), fair[at] / (1 - FEE))
        if number > 1 and rng.random() < 0.2:
            continue  # nobody trades in this block
        first = math.floor(math.log(price, _TICK) / _SPACING) * _SPACING
        block_us = _START_US + int(seconds[at]) * _SECOND_US
        rows.append((block_us, block_us + 400_000, 22_000_000 + number, price, _LIQUIDITY, _TICK**first, _TICK ** (first + _SPACING)))
    schema = {name: pl.Int64() if kind.is_temporal() else kind for name, kind in POOL_STATES.items()}
    return pl.DataFrame(rows, schema=schema, orient="row").cast(dict(POOL_STATES))  # type: ignore[arg-type]
