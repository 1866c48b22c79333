"""Intervals of mean, Sharpe ratio and total by the stationary bootstrap: blocks of random length keep what follows what."""

import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Int64s
from engine.errors import StatisticsError
from engine.statistics.sharpe import check_periods, sharpe_ratios, varies

_CHUNK = 1 << 20  # indices at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """An estimate with two intervals of the same confidence: the percentile one, and the basic one, which mirrors it at the estimate."""

    estimate: float
    standard_error: float  # standard deviation of the resamples
    percentile_low: float
    percentile_high: float
    basic_low: float  # 2 × estimate - percentile_high
    basic_high: float  # 2 × estimate - percentile_low


@dataclass(frozen=True, slots=True, kw_only=True)
class Intervals:
    """Intervals of three statistics of one series from the same resamples."""

    mean: Interval  # a period
    sharpe: Interval | None  # per period; None where the series does not vary
    total: Interval  # over all periods
    confidence: float
    block_length: float  # mean, in periods
    samples: int
    seed: int


def bootstrap(series: Floats, *, samples: int = 1000, seed: int = 0, confidence: float = 0.95, block_length: float | None = None) -> Intervals:
    """Return bootstrap intervals of the mean, Sharpe ratio and total of a series.

    Parameters
    ----------
    series : (T,) float64
        Excess by period, in time; no nan. T ≥ 2.
    samples : int
        Resamples, 100 or more.
    seed : int
        Of PCG64, 0 or more: the same series, settings and numpy give the same intervals.
    confidence : float
        Of both intervals, above 0 and below 1.
    block_length : float [periods]
        Mean length of blocks, 1 or more [`optimal_block_length`].

    Returns
    -------
    Intervals
        A resample that does not vary has a Sharpe ratio of 0.

    Raises
    ------
    StatisticsError
        Where there are fewer than two periods or 100 samples, or seed, confidence or block length is out of range.

    Notes
    -----
    A resample of T periods is made of blocks that start anywhere, go on past the end at the start, and are of geometric length: each next period
    starts a new block with probability 1 / block_length. With q the quantiles of the resamples' statistic at (1 ± confidence) / 2: percentile
    [q_low, q_high]; basic [2 θ - q_high, 2 θ - q_low]. Both are first-order: on few periods with fat tails they are too narrow.

    References
    ----------
    D. N. Politis, J. P. Romano, "The Stationary Bootstrap", Journal of the American Statistical Association 89(428), 1994, section 2.
    A. C. Davison, D. V. Hinkley, "Bootstrap Methods and their Application", Cambridge 1997, section 5.2 (basic) and 5.3 (percentile).
    """
    _check(series, samples, confidence)
    if seed < 0:
        raise StatisticsError(f"expected a seed of 0 or more, found {seed}")
    length = optimal_block_length(series) if block_length is None else block_length
    if not 1 <= length < math.inf:
        raise StatisticsError(f"expected a mean block length of 1 period or more, found {length:g}")
    drawn = (series[indices] for indices in stationary_indices(series.size, samples=samples, seed=seed, block_length=length))
    means, ratios = np.concatenate([np.stack([part.mean(axis=1), sharpe_ratios(part.T)]) for part in drawn], axis=1)
    sharpe = float(sharpe_ratios(series[:, None])[0])
    return Intervals(
        mean=_interval(float(series.mean()), means, confidence),
        sharpe=_interval(sharpe, ratios, confidence) if varies(series[:, None])[0] else None,
        total=_interval(float(series.sum()), means * series.size, confidence),
        confidence=confidence,
        block_length=length,
        samples=samples,
        seed=seed,
    )


def stationary_indices(count: int, *, samples: int, seed: int, block_length: float) -> Iterator[Int64s]:
    """Yield the rows of stationary bootstrap resamples, (n, T) int64 at a time, `samples` in all.

    Parameters
    ----------
    count : int
        T, periods of the series and of each resample.
    samples : int
        Resamples.
    seed : int
        Of PCG64.
    block_length : float [periods]
        Mean length of blocks, 1 or more.
    """
    random, places = np.random.Generator(np.random.PCG64(seed)), np.arange(count)
    step = max(_CHUNK // count, 1)
    for done in range(0, samples, step):
        shape = (min(step, samples - done), count)
        starts, is_start = random.integers(count, size=shape), random.random(shape) < 1 / block_length
        began = np.maximum.accumulate(np.where(is_start, places, 0), axis=1)  # the first place starts a block in any case
        yield (np.take_along_axis(starts, began, axis=1) + places - began) % count


def optimal_block_length(series: Floats) -> float:
    """Return the mean block length that the stationary bootstrap needs for the variance of the mean, by the series' own autocovariances.

    Parameters
    ----------
    series : (T,) float64
        In time; no nan. T ≥ 2.

    Returns
    -------
    float [periods], from 1 to ⌈min(3 √T, T / 3)⌉; 1 where the series does not vary, the most where the estimate of its long-run variance is not
    above 0.

    Notes
    -----
    b = (2 G² / D)^(1/3) T^(1/3), G = Σ λ(k / M) |k| R(k), D = 2 (Σ λ(k / M) R(k))² over k from -M to M, R(k) = Σ (x_t - mean)(x_{t+k} - mean) / T,
    λ(s) = 1 up to |s| = 1/2, then 2 (1 - |s|). M = 2 m, m the first lag from which on K = max(5, √log10 T) autocorrelations in a row are within
    ±2 √(log10 T / T); never beyond ⌈√T⌉ + K.

    References
    ----------
    D. N. Politis, H. White, "Automatic Block-Length Selection for the Dependent Bootstrap", Econometric Reviews 23(1), 2004.
    A. Patton, D. N. Politis, H. White, correction to it, Econometric Reviews 28(4), 2009 (D of the stationary bootstrap).
    """
    count = series.size
    most = float(math.ceil(min(3 * math.sqrt(count), count / 3)))
    if not varies(series[:, None])[0]:
        return 1.0
    run = math.ceil(max(5.0, math.sqrt(math.log10(count))))
    last = min(math.ceil(math.sqrt(count)) + run, count - 1)
    covariances = _autocovariances(series, last)
    lags = np.arange(1, min(2 * _first_quiet(covariances, count, run, last), last) + 1)
    window = np.minimum(1.0, 2 * (1 - lags / lags[-1])) * covariances[lags]
    weighted, spectrum = 2 * float(np.sum(window * lags)), float(covariances[0]) + 2 * float(np.sum(window))
    if spectrum <= 0:
        return most
    wanted = float(np.cbrt((weighted / spectrum) ** 2 * count))  # 2 G² / D = (G / Σ λ R)²
    return min(max(wanted, 1.0), most)


def _check(series: Floats, samples: int, confidence: float) -> None:
    check_periods(series[:, None])
    if series.size < 2:
        raise StatisticsError("expected two periods or more to resample, found one; it needs a run of at least two whole hours")
    if samples < 100:
        raise StatisticsError(f"expected 100 samples or more, found {samples}; an interval stands on the outermost of them")
    if not 0 < confidence < 1:
        raise StatisticsError(f"expected a confidence between 0 and 1, found {confidence:g}")


def _interval(estimate: float, found: Floats, confidence: float) -> Interval:
    low, high = (float(q) for q in np.quantile(found, [(1 - confidence) / 2, (1 + confidence) / 2]))
    return Interval(
        estimate=estimate,
        standard_error=float(np.std(found, ddof=1)),
        percentile_low=low,
        percentile_high=high,
        basic_low=2 * estimate - high,
        basic_high=2 * estimate - low,
    )


def _autocovariances(series: Floats, last: int) -> Floats:
    # R(0) … R(last)
    centred = series - series.mean()
    return np.array([np.sum(centred[k:] * centred[: series.size - k]) for k in range(last + 1)]) / series.size


def _first_quiet(covariances: Floats, count: int, run: int, last: int) -> int:
    quiet = np.abs(covariances[1:]) < 2 * math.sqrt(math.log10(count) / count) * covariances[0]
    for lag in range(1, last - run + 2):
        if quiet[lag - 1 : lag - 1 + run].all():
            return lag
    return last
