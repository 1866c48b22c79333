"""The funding of a perpetual as a run reads it."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.config import Spec
from engine.errors import DataError
from engine.schema import US_PER_SECOND, SeriesKey, check_funding, funding_key, instant, micros


class Payments(NamedTuple):
    """Payments of funding, (F,), by the time at which they fall due."""

    due_us: Int64s  # [µs]
    known_us: Int64s  # [µs] increasing: when the rate was published
    rate: Floats  # fraction of the notional that longs pay to shorts


NONE = Payments(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0))
"""Of a run without a perpetual."""


REACH_US = 30 * 86_400 * US_PER_SECOND
"""How far from a run payments are read: whatever is paid more rarely than that is no funding."""


def window(spec: Spec, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the payments that a run reads: those due from 30 days before its start to 30 days after its end.

    What is further off changes neither result nor manifest.
    """
    return frame.filter(pl.col("ts").dt.epoch("us").is_between(micros(spec.start) - REACH_US, micros(spec.end) + REACH_US))


def read(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> Payments:
    """Return the payments of the spec's perpetual, those before the start included, whose rates may be known.

    Raises
    ------
    DataError
        Where a perpetual has no funding, or not all of the run's.
    """
    if spec.perpetual is None:
        return NONE
    key = funding_key(spec.perpetual.key)
    if key not in data:
        raise DataError(f"{spec.perpetual.key}: expected its funding (ts, published, rate) beside its prices, found none: a perpetual pays it")
    frame = window(spec, check_funding(data[key], key=key)).with_columns(pl.coalesce("published", "ts"))
    due, known = (frame[name].dt.epoch("us").to_numpy() for name in ("ts", "published"))
    _check_cover(spec, key, due)
    return Payments(due, np.maximum.accumulate(known), frame["rate"].to_numpy())


def _check_cover(spec: Spec, key: SeriesKey, due_us: Int64s) -> None:
    # a payment that is missing at an end would be one that nobody pays
    if due_us.size < 2:
        raise DataError(f"{key}: expected at least two payments, of which one tells how far they lie apart, found {due_us.size}")
    step = int(np.median(np.diff(due_us)))
    if due_us[0] - step > micros(spec.start) or due_us[-1] + step <= micros(spec.end):
        first, last = (f"{instant(int(us)):%Y-%m-%d %H:%M}" for us in (due_us[0], due_us[-1]))
        raise DataError(f"{key}: expected payments from {spec.start:%Y-%m-%d %H:%M} to {spec.end:%Y-%m-%d %H:%M}, found them from {first} to {last}")
