"""Five synthetic days of spot and a perpetual: a premium that comes and goes, and funding that follows it. No market."""

from datetime import UTC, datetime
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.schema import BARS, FUNDING, TIMESTAMP, SeriesKey, micros

SPOT, PERPETUAL = SeriesKey("synthetic-spot", "BTC/USDC"), SeriesKey("synthetic-futures", "BTC/USDC")
START, DAYS = datetime(2024, 3, 4, tzinfo=UTC), 5
WARM_UP = 10
"""Bars before the start, so that every currency has a mark there."""

_MINUTE_US, _PAID_EVERY = 60_000_000, 8 * 60
_KNOTS_H = (0, 10, 18, 30, 42, 50, 60, 72, 84, 96, 104, 112, 121)
_PREMIUM_BPS = (4, 6, 52, 60, -2, 0, 5, 40, 55, 1, -3, 30, 8)


class Carry(NamedTuple):
    """Invented bars of both, and the payments of the perpetual."""

    bars: dict[SeriesKey, pl.DataFrame]  # frames of `engine.schema.BARS`
    funding: pl.DataFrame  # of `engine.schema.FUNDING`


def carry_days(seed: int) -> Carry:
    """Return five days, 2024-03-04 to 08, minute by minute.

    Parameters
    ----------
    seed : int
        Of prices, volumes and the noise of the premium; its course is the same for each.

    Notes
    -----
    The premium [bps of spot] goes from knot to knot and has a noise of 1.5 bps a minute. A payment falls due every 8 hours; its rate is an
    eighth of the mean premium of the 8 hours before, to 1e-8, and is published an hour before it is paid.
    """
    chance = np.random.default_rng(seed)
    minutes = DAYS * 24 * 60 + WARM_UP + 1
    hours = (np.arange(minutes) - WARM_UP) / 60
    spot = 62_000 * np.exp(np.cumsum(chance.normal(0, 4e-4, minutes)))
    premium = np.interp(hours, _KNOTS_H, _PREMIUM_BPS) + chance.normal(0, 1.5, minutes)
    bars = {SPOT: _bars(spot, chance), PERPETUAL: _bars(spot * (1 + premium * 1e-4), chance)}
    return Carry(bars, _funding(premium))


def _bars(close: Floats, chance: np.random.Generator) -> pl.DataFrame:
    close = np.round(close, 1)
    opened = np.concatenate([close[:1], close[:-1]])
    first = micros(START) - WARM_UP * _MINUTE_US
    columns = {
        "ts": first + _MINUTE_US * np.arange(close.size),
        "open": opened,
        "high": np.maximum(opened, close),
        "low": np.minimum(opened, close),
        "close": close,
        "volume": np.round(chance.gamma(2.0, 4.0, close.size), 3),
    }
    return pl.DataFrame(columns).with_columns(pl.col("ts").cast(TIMESTAMP)).cast(dict(BARS))  # type: ignore[arg-type]


def _funding(premium: Floats) -> pl.DataFrame:
    # one before the start, whose rate is known there, and one after the end
    start, due = micros(START), np.arange(-1, DAYS * 3 + 2)
    means = [premium[max(WARM_UP + (k - 1) * _PAID_EVERY, 0) : max(WARM_UP + k * _PAID_EVERY, 1)].mean() for k in due.tolist()]
    ts = start + due * _PAID_EVERY * _MINUTE_US
    found = pl.DataFrame({"ts": ts, "published": ts - 60 * _MINUTE_US, "rate": np.round(np.array(means) / 8 * 1e-4, 8)})
    return found.with_columns(pl.col("ts", "published").cast(TIMESTAMP)).cast(dict(FUNDING))  # type: ignore[arg-type]
