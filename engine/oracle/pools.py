"""From a frame of a pool's states to observations."""

from math import isfinite, isnan, nan

import polars as pl

from engine.config import Instrument, Spec
from engine.oracle.observations import Observation, Pool, outages, running_maximum
from engine.oracle.quotes import Message, Row, number, put_in, read_messages, refuse_negative_latency
from engine.oracle.rules import Level


def read_pools(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> list[Observation]:
    """Return the states whose events the run reads; DataError if too many were received before they happened."""
    refuse_negative_latency(spec, instrument, frame)
    read = read_messages(spec, instrument, frame)
    for start, _ in outages(spec, instrument):
        put_in(spec, read, start)
    availables = running_maximum(message.available for message in read)
    return [_observation(spec, instrument, n, message, available) for n, (available, message) in enumerate(zip(availables, read, strict=True))]


def _observation(spec: Spec, instrument: Instrument, n: int, message: Message, available: int) -> Observation:
    away = any(start <= message.event < end for start, end in outages(spec, instrument))
    pool = None if message.row is None or away or faults_of(message.row) else _pool(message.row)
    at_price = [] if pool is None else [Level(pool.price, 0)]
    return Observation(
        event=message.event,
        available=available,
        good=pool is not None,
        bids=at_price,
        asks=at_price,
        price=nan if pool is None else pool.price,
        bid_epoch=n,
        ask_epoch=n,
        pool=pool,
    )


def _pool(row: Row) -> Pool:
    price, liquidity, lower, upper = (number(row[name]) for name in ("price", "liquidity", "lower", "upper"))
    return Pool(price=price, liquidity=liquidity, lower=lower, upper=upper)


def faults_of(row: Row) -> set[str]:
    """Return what is wrong with a state of a pool."""
    pool = _pool(row)
    wrong = {
        "nan": not all(map(isfinite, (pool.price, pool.liquidity, pool.lower))) or isnan(pool.upper),
        "zero_or_negative": pool.price <= 0 or pool.liquidity <= 0 or pool.lower < 0,
        "outside": pool.price < pool.lower or pool.price > pool.upper,
    }
    return {name for name, is_so in wrong.items() if is_so}
