"""Sharpe ratios of one series or of many, per period, and how sure one can be of them."""

import math
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from engine.arrays import Bools, Floats
from engine.errors import StatisticsError

NORMAL = NormalDist()
"""The standard normal distribution."""

_VARIES = 1e-12
_CHUNK = 1 << 20  # numbers that are squared at once


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What a Sharpe ratio and its error stand on."""

    count: int
    sharpe: float  # mean / deviation, per period, ddof 1
    skewness: float  # 0 of a normal distribution
    kurtosis: float  # 3 of a normal distribution


def check_periods(periods: Floats) -> Floats:
    """Return a (T, P) matrix of excess by period and trial; StatisticsError unless it has rows and columns and holds finite numbers only."""
    if periods.ndim != 2 or 0 in periods.shape:
        raise StatisticsError(f"expected a matrix of periods by trials, found one of shape {periods.shape}; a run needs a whole hour or day")
    odd = np.argwhere(~np.isfinite(periods))
    if odd.size:
        row, column = odd[0].tolist()
        raise StatisticsError(f"expected finite numbers, found {periods[row, column]} in period {row} of trial {column} ({len(odd)} in all)")
    return periods


def ratios(sums: Floats, squares: Floats, count: int) -> Floats:
    """Return Sharpe ratios from sums.

    Parameters
    ----------
    sums, squares : (...) float64
        Σ x and Σ x² over the same `count` periods.
    count : int
        At least 2.

    Returns
    -------
    (...) float64, per period, ddof 1; 0 where x does not vary, which is where Σ (x - mean)² ≤ 1e-12 × Σ x².

    Notes
    -----
    Σ (x - mean)² = Σ x² - (Σ x)² / n. What does not vary counts as nothing earned: most often that trial did not trade.
    """
    deviations = squares - sums * sums / count
    varied = deviations > _VARIES * squares
    return np.where(varied, sums / np.sqrt(np.where(varied, deviations, 1.0)) * (math.sqrt(count - 1) / count), 0.0)


def varies(periods: Floats) -> Bools:
    """Return which columns of (T, P) vary, (P,): Σ (x - mean)² > 1e-12 × Σ x²."""
    sums, squares = _sums(periods)
    found: Bools = squares - sums * sums / len(periods) > _VARIES * squares
    return found


def sharpe_ratios(periods: Floats) -> Floats:
    """Return the Sharpe ratio of each column of (T, P), T ≥ 2, per period, (P,); 0 where it does not vary."""
    return ratios(*_sums(periods), len(periods))


def moments(series: Floats) -> Moments | None:
    """Return count, Sharpe ratio, skewness and kurtosis of (T,) values; None where there are fewer than two, or they do not vary.

    Notes
    -----
    Skewness m3 / m2^1.5 and kurtosis m4 / m2², m_k = mean((x - mean)^k), as Bailey and López de Prado (2012) take them.
    """
    if series.size < 2 or not varies(series[:, None])[0]:
        return None
    centred = series - series.mean()
    second, third, fourth = (float(np.mean(centred**k)) for k in (2, 3, 4))
    return Moments(
        count=series.size,
        sharpe=float(series.mean() / series.std(ddof=1)),
        skewness=third / second**1.5,
        kurtosis=fourth / second**2,
    )


def _sums(periods: Floats) -> tuple[Floats, Floats]:
    # Σ x and Σ x² of each column, added in a fixed order, so that equal columns have equal ones
    step = max(_CHUNK // periods.shape[1], 1)
    squares = np.zeros(periods.shape[1])
    for start in range(0, len(periods), step):
        squares += np.square(periods[start : start + step]).sum(axis=0)
    return periods.sum(axis=0), squares


def _unit_variance(sharpe: float, skewness: float, kurtosis: float) -> float:
    # of the estimated ratio, times n - 1
    return 1 - skewness * sharpe + (kurtosis - 1) / 4 * sharpe**2


def probabilistic_sharpe(found: Moments, *, benchmark: float = 0.0) -> float | None:
    """Return the probability that the true Sharpe ratio is above a benchmark, given how long, skewed and fat-tailed the record is.

    Parameters
    ----------
    found : Moments
        Of the record.
    benchmark : float
        Sharpe ratio per period.

    Returns
    -------
    float, 0 to 1; None where the estimate has no variance (two values only, in a bad proportion).

    Notes
    -----
    PSR(SR*) = Φ((SR - SR*) √(n - 1) / √(1 - γ3 SR + (γ4 - 1) / 4 SR²)). It takes periods as independent of each other.

    References
    ----------
    D. H. Bailey, M. López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012/13, section 3.
    """
    variance = _unit_variance(found.sharpe, found.skewness, found.kurtosis)
    if variance <= 0:
        return None
    return NORMAL.cdf((found.sharpe - benchmark) * math.sqrt(found.count - 1) / math.sqrt(variance))  # PSR


def minimum_track_record(found: Moments, *, benchmark: float = 0.0, confidence: float = 0.95) -> float | None:
    """Return how many periods such a record needs for its Sharpe ratio to be above a benchmark with some confidence.

    Parameters
    ----------
    found : Moments
        Of the record so far; its count does not matter.
    benchmark : float
        Sharpe ratio per period.
    confidence : float
        Above 0.5 and below 1.

    Returns
    -------
    float [periods]; None where the ratio is not above the benchmark: no length would do.

    Raises
    ------
    StatisticsError
        Where the confidence is out of range.

    Notes
    -----
    MinTRL = 1 + (1 - γ3 SR + (γ4 - 1) / 4 SR²) (Φ⁻¹(confidence) / (SR - SR*))².

    References
    ----------
    D. H. Bailey, M. López de Prado, "The Sharpe Ratio Efficient Frontier", Journal of Risk 15(2), 2012/13 (minimum track record length).
    """
    if not 0.5 < confidence < 1:
        raise StatisticsError(f"expected a confidence above 0.5 and below 1, found {confidence:g}")
    if found.sharpe <= benchmark:
        return None
    needed = NORMAL.inv_cdf(confidence) / (found.sharpe - benchmark)
    return 1 + _unit_variance(found.sharpe, found.skewness, found.kurtosis) * needed**2  # MinTRL
