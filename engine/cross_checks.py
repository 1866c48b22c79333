"""The series of one instrument on one UTC day against each other: which venue's prices stand apart, and whose clock."""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.day_checks import good_rows
from engine.schema import US_PER_SECOND

ENOUGH_VENUES = 3
"""So many venues tell which of them is off."""

LEAST_CORRELATION = 0.3
"""Changes of two series that are less alike than this tell nothing about their clocks."""

CLEARLY = 0.1
"""By so much a shift correlates better than none, or it is none."""

_MINUTE_US = 60 * US_PER_SECOND
_COARSE_US, _FINE_US = US_PER_SECOND, US_PER_SECOND // 10
_AROUND = 15
_ENOUGH_PRICES = 3


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
    the last known price, on steps of the longer bars; where neither has an interval of a second, and then of 0.1 s around the best.
    `lag_correlation` is the correlation there; below 0.3 there is neither, and where no shift correlates nearly as well (within 0.1) none
    is found.
    """
    told = [_prices(one) for one in found]
    lags = _lags(found, told)
    return [{**row, **lag} for row, lag in zip(_apart(found, told, wick_bps), lags, strict=True)]


def _apart(found: Sequence[Recorded], told: Sequence[pl.DataFrame], wick_bps: float) -> list[dict[str, float]]:
    pairs = zip(found, map(_minutes, told), strict=True)
    minutes = [prices.with_columns(source=pl.lit(at), venue=pl.lit(one.venue)) for at, (one, prices) in enumerate(pairs)]
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
def _minutes(told: pl.DataFrame) -> pl.DataFrame:
    ends = (-((-pl.col("at")) // _MINUTE_US)) * _MINUTE_US
    return told.group_by(at=ends, maintain_order=True).agg(pl.col("last").last(), pl.col("high").max(), pl.col("low").min())


# When each good row was true [µs], bars at their end, and its prices.
def _prices(one: Recorded) -> pl.DataFrame:
    good = good_rows(one.frame, one.data)
    if one.data == "bars":
        extremes = ("high", "low") if one.interval_us <= _MINUTE_US else ("close", "close")
        return good.select(at=pl.col("ts").to_physical() + one.interval_us, last="close", high=extremes[0], low=extremes[1])
    price = (pl.col("bid") + pl.col("ask")) / 2 if one.data in {"quotes", "quote_bars"} else pl.col("price")
    return good.select(at=pl.coalesce("ts", "received").cum_max().to_physical(), last=price, high=price, low=price)


# Of each series the shift against others, the smaller one of the middle two.
def _lags(found: Sequence[Recorded], told: Sequence[pl.DataFrame]) -> list[dict[str, float]]:
    against: list[list[tuple[int, float]]] = [[] for _ in found]
    for one, other in itertools.combinations(range(len(found)), 2):
        if found[one].venue == found[other].venue:
            continue
        lag = _lag(told[one], told[other], max(found[one].interval_us, found[other].interval_us))
        if lag is not None:
            against[one].append(lag)
            against[other].append((-lag[0], lag[1]))
    middle = [sorted(lags, key=lambda lag: abs(lag[0]))[(len(lags) - 1) // 2] if lags else None for lags in against]
    return [{"lag_us": lag[0], "lag_correlation": lag[1]} if lag else {} for lag in middle]


# By how much a series is late against another [µs], and the correlation there: among all shifts of whole steps, then of tenths around the best.
def _lag(mine: pl.DataFrame, theirs: pl.DataFrame, interval_us: int) -> tuple[int, float] | None:
    step = interval_us or _COARSE_US
    changes = _changes(mine, theirs, step)
    if changes is None:
        return None
    own, reference = changes
    size = 1 << (2 * own.size).bit_length()  # others take many times as long
    products = np.fft.irfft(np.fft.rfft(own, size) * np.conj(np.fft.rfft(reference, size)), size)
    at = int(np.argmax(products))
    correlation = float(products[at])
    if correlation < LEAST_CORRELATION:
        return None
    if correlation < products[0] + CLEARLY:
        at, correlation = 0, float(products[0])
    lag = (at if at < own.size else at - size) * step
    return (lag, correlation) if interval_us else _finer(mine, theirs, lag)


def _finer(mine: pl.DataFrame, theirs: pl.DataFrame, lag_us: int) -> tuple[int, float]:
    changes = _changes(mine, theirs, _FINE_US)
    assert changes is not None, "what changes from second to second does so within"
    own, reference = changes
    shifts = range(lag_us // _FINE_US - _AROUND, lag_us // _FINE_US + _AROUND + 1)
    products = {shift: _product(own, reference, shift) for shift in shifts if abs(shift) < own.size}
    best = max(products, key=lambda shift: products[shift])
    if products[best] < products.get(0, -1.0) + CLEARLY:
        best = 0
    return best * _FINE_US, products[best]


def _product(own: Floats, reference: Floats, shift: int) -> float:
    return float(own[max(0, shift) : own.size + min(0, shift)] @ reference[max(0, -shift) : reference.size - max(0, shift)])


# The changes of both on common steps of the time that both tell, each of length 1 as a vector; None where they do not, or do not change.
def _changes(mine: pl.DataFrame, theirs: pl.DataFrame, step_us: int) -> tuple[Floats, Floats] | None:
    if min(mine.height, theirs.height) < _ENOUGH_PRICES:
        return None
    first, last = max(mine["at"][0], theirs["at"][0]), min(mine["at"][-1], theirs["at"][-1])
    times = np.arange(-(-first // step_us) * step_us, last + 1, step_us)
    if times.size < _ENOUGH_PRICES:
        return None
    own, reference = (_logarithms(prices, times) for prices in (mine, theirs))
    lengths = [float(np.linalg.norm(changes)) for changes in (own, reference)]
    return None if min(lengths) == 0 else (own / lengths[0], reference / lengths[1])


def _logarithms(prices: pl.DataFrame, times: Int64s) -> Floats:
    rows = np.searchsorted(prices["at"].to_numpy(), times, side="right") - 1
    return np.diff(np.log(prices["last"].to_numpy()[rows]))
