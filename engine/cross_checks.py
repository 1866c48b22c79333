"""The series of one instrument on one UTC day against each other: which venue's prices stand apart, and whose clock."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.day_checks import good_rows
from engine.schema import US_PER_SECOND

ENOUGH_VENUES = 3
"""So many venues tell which of them is off."""

LEAST_CORRELATION = 0.3
"""Changes of two series that are less alike than this tell nothing about their clocks."""

CLEARLY = 0.1
"""By so much a shift correlates better than none, or it is none."""

_MINUTE_US = 60 * US_PER_SECOND
_FINEST_US = US_PER_SECOND // 10


class Recorded(NamedTuple):
    """One day of one series."""

    venue: str
    data: str
    interval_us: int
    frame: pl.DataFrame


def compare(found: Sequence[Recorded], *, wick_bps: float = 500.0) -> list[dict[str, float]]:
    """Return what the series of one instrument say about each of them, in their order.

    Parameters
    ----------
    found : sequence of Recorded
        The day of each series of the instrument, of several venues or one.
    wick_bps : float [bps]
        A price further than this from the median is a wick.

    Notes
    -----
    Every minute of a series has a last price and, where it is told, a highest and a lowest one: of bars, those of the bars that end in it
    (of bars longer than a minute the close alone), of quotes mids, of trades and pools prices. `wicks`: minutes in which one of them is further than
    `wick_bps` from the median last price of all series of that minute. `outliers`: those in which three or more venues tell.
    `apart_bps` [bps]: the median distance of the last price from that median, where two venues or more tell; `worst_bps` the largest.

    `lag_us` [µs]: by how much a series is late against those of the other venues; below 0 early. Against one of them, the shift at which
    the changes of both prices correlate most; of several the median, the smaller one of the middle two. Changes are of the logarithm of
    the last known price, on steps of the longer bars, else of 0.1 s. `lag_correlation` is the correlation there; below 0.3 there is
    neither, and where no shift correlates nearly as well (within 0.1) none is found.
    """
    apart = _apart(found, wick_bps)
    lags = [_lag(one, [peer for peer in found if peer.venue != one.venue]) for one in found]
    return [{**row, **lag} for row, lag in zip(apart, lags, strict=True)]


def _apart(found: Sequence[Recorded], wick_bps: float) -> list[dict[str, float]]:
    minutes = [_minutes(one).with_columns(source=pl.lit(at), venue=pl.lit(one.venue)) for at, one in enumerate(found)]
    reach = wick_bps * 1e-4
    middle, venues = pl.col("last").median().over("at"), pl.col("venue").n_unique().over("at")
    off = pl.max_horizontal((pl.col(name) / middle - 1).abs() for name in ("last", "high", "low")) > reach
    judged = pl.concat(minutes).with_columns(off=off, distance=(pl.col("last") / middle - 1).abs() * 1e4, venues=venues)
    return [_distances(judged.filter(pl.col("source") == at)) for at in range(len(found))]


def _distances(rows: pl.DataFrame) -> dict[str, float]:
    beside = rows.filter(pl.col("venues") > 1)["distance"]
    counts: dict[str, float] = {"wicks": int(rows["off"].sum()), "outliers": rows.filter(pl.col("off") & (pl.col("venues") >= ENOUGH_VENUES)).height}
    if beside.is_empty():
        return counts
    return {**counts, "apart_bps": float(np.median(beside.to_numpy())), "worst_bps": float(beside.to_numpy().max())}


# The last, highest and lowest price of each minute, by its end [µs].
def _minutes(one: Recorded) -> pl.DataFrame:
    ends = (-((-pl.col("at")) // _MINUTE_US)) * _MINUTE_US
    told = _prices(one)
    return told.group_by(at=ends, maintain_order=True).agg(pl.col("last").last(), pl.col("high").max(), pl.col("low").min())


# When each good row was true [µs], bars at their end, and its prices.
def _prices(one: Recorded) -> pl.DataFrame:
    good = good_rows(one.frame, one.data)
    if one.data == "bars":
        extremes = ("high", "low") if one.interval_us <= _MINUTE_US else ("close", "close")
        return good.select(at=pl.col("ts").to_physical() + one.interval_us, last="close", high=extremes[0], low=extremes[1])
    price = (pl.col("bid") + pl.col("ask")) / 2 if one.data in {"quotes", "quote_bars"} else pl.col("price")
    return good.select(at=pl.coalesce("ts", "received").cum_max().to_physical(), last=price, high=price, low=price)


def _lag(one: Recorded, peers: Sequence[Recorded]) -> dict[str, float]:
    found = sorted((lag for lag in (_lag_between(one, peer) for peer in peers) if lag is not None), key=lambda lag: abs(lag[0]))
    if not found:
        return {}
    us, correlation = found[(len(found) - 1) // 2]
    return {"lag_us": us, "lag_correlation": correlation}


# By how much a series is late against another [µs], and the correlation there.
def _lag_between(one: Recorded, other: Recorded) -> tuple[int, float] | None:
    step = max(one.interval_us, other.interval_us, _FINEST_US)
    mine, theirs = _prices(one), _prices(other)
    if min(mine.height, theirs.height) < 2:
        return None
    first, last = max(mine["at"][0], theirs["at"][0]), min(mine["at"][-1], theirs["at"][-1])
    times = np.arange(-(-first // step) * step, last + 1, step)
    if times.size < 3:
        return None
    own, reference = (_changes(prices, times) for prices in (mine, theirs))
    norm = float(np.sqrt((own @ own) * (reference @ reference)))
    if norm == 0:
        return None
    size = 2 * own.size
    products = np.fft.irfft(np.fft.rfft(own, size) * np.conj(np.fft.rfft(reference, size)), size) / norm
    at = int(np.argmax(products))
    if products[at] < LEAST_CORRELATION:
        return None
    if products[at] < products[0] + CLEARLY:
        at = 0
    return (at if at < own.size else at - size) * step, float(products[at])


def _changes(prices: pl.DataFrame, times: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Floats:
    rows = np.searchsorted(prices["at"].to_numpy(), times, side="right") - 1
    return np.diff(np.log(prices["last"].to_numpy()[rows]))
