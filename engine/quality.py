"""What is known about how good the data of a run is."""

from collections.abc import Mapping

import numpy as np
import polars as pl

from engine.config import Spec
from engine.schema import US_PER_SECOND, SeriesKey, micros

Row = dict[str, str | int | float | None]
"""What is said about one series."""

_WICK = 0.05
"""A high or low further than 500 bps beyond both open and close is a wick."""


def assess(spec: Spec, bars: Mapping[SeriesKey, pl.DataFrame]) -> list[Row]:
    """Return one row of counts a series, over the bars that open and end within the run.

    Notes
    -----
    `missing`: intervals without a bar. `no_trade`: bars without volume, which are no observations. `longest_gap_s` [s]: the longest
    stretch without an observation, the run's ends included. `wicks`: bars whose high or low lies over 500 bps beyond open and close.
    """
    return [_assess_series(spec, key, bars[key]) for key in spec.series]


def _assess_series(spec: Spec, key: SeriesKey, frame: pl.DataFrame) -> Row:
    start, end = micros(spec.start), micros(spec.end)
    opened = pl.col("ts").dt.epoch("us")
    inside = frame.filter(opened.is_between(start, end - spec.interval))
    traded = inside.filter(pl.col("volume") > 0)
    body_high, body_low = pl.max_horizontal("open", "close"), pl.min_horizontal("open", "close")
    wicks = inside.filter((pl.col("high") > body_high * (1 + _WICK)) | (pl.col("low") < body_low * (1 - _WICK)))
    edges = np.concatenate([[start - spec.interval], traded["ts"].dt.epoch("us").to_numpy(), [end]])
    return {
        "venue": key.venue,
        "instrument": key.instrument,
        "bars": inside.height,
        "no_trade": inside.height - traded.height,
        "missing": max(0, end // spec.interval - -(-start // spec.interval)) - inside.height,
        "longest_gap_s": int(np.diff(edges).max() - spec.interval) / US_PER_SECOND,
        "wicks": wicks.height,
        "first": None if inside.is_empty() else inside["ts"][0].strftime("%Y-%m-%dT%H:%M:%SZ"),
        "last": None if inside.is_empty() else inside["ts"][-1].strftime("%Y-%m-%dT%H:%M:%SZ"),
    }
