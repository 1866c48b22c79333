"""The Sharpe ratio of the best of many trials, held against what the best of as many trials without skill would have shown."""

import math
from dataclasses import dataclass

import numpy as np

from engine.arrays import Floats, Int64s
from engine.errors import StatisticsError
from engine.statistics.sharpe import NORMAL, Moments, check_periods, minimum_track_record, moments, probabilistic_sharpe, sharpe_ratios, varies

_EULER = float(np.euler_gamma)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeflatedSharpe:
    """How sure one can be that the best trial is not the luckiest one; ratios are per period."""

    trial: int  # column of the best
    found: Moments  # of the best
    trials: float  # that count
    deviation: float  # of the Sharpe ratios of the trials that vary, ddof 1
    benchmark: float  # the Sharpe ratio expected of the best of as many trials without skill
    probability: float | None  # that the true ratio is above the benchmark: the deflated Sharpe ratio
    probability_alone: float | None  # that it is above 0, had there been this trial only
    minimum_periods: float | None  # for 95 % confidence of being above the benchmark; None where no length would do


def expected_maximum(deviation: float, trials: float) -> float:
    """Return the Sharpe ratio expected of the best of some independent trials without skill.

    Parameters
    ----------
    deviation : float
        Standard deviation of the trials' Sharpe ratios.
    trials : float
        How many are independent of each other; 0 is returned for one or less.

    Notes
    -----
    SR0 = √V ((1 - γ) Φ⁻¹(1 - 1 / N) + γ Φ⁻¹(1 - 1 / (N e))), γ = 0.5772 (Euler-Mascheroni); never below 0, which the approximation is for N < 1.28.

    References
    ----------
    D. H. Bailey, M. López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), 2014.
    """
    if trials <= 1:
        return 0.0
    first, second = -NORMAL.inv_cdf(1 / trials), -NORMAL.inv_cdf(1 / (trials * math.e))
    return max(deviation * ((1 - _EULER) * first + _EULER * second), 0.0)  # SR0


def deflated_sharpe(periods: Floats, *, trials: float | None = None) -> DeflatedSharpe:
    """Return the deflated Sharpe ratio of the best of some trials.

    Parameters
    ----------
    periods : (T, P) float64
        Excess by period and trial, in any unit; no nan. T ≥ 2.
    trials : float
        How many independent trials there were [every column that varies]. More, where some are not here, such as those of earlier sweeps;
        fewer, where columns resemble each other: `independent_trials` or `effective_rank`.

    Returns
    -------
    DeflatedSharpe
        Of the column of the highest Sharpe ratio, the first of equal ones. Columns that do not vary are left out.

    Raises
    ------
    StatisticsError
        Where there are fewer than two periods, no column varies, or `trials` is below 1.

    Notes
    -----
    DSR = PSR(SR0), SR0 of `expected_maximum` with the deviation of the columns' ratios. Taking resembling trials for independent ones makes SR0
    larger: the default errs on the side of doubt. It takes periods as independent of each other.

    References
    ----------
    D. H. Bailey, M. López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), 2014.
    """
    if trials is not None and not 1 <= trials < math.inf:
        raise StatisticsError(f"expected 1 trial or more, found {trials:g}; leave it out to count those that are here")
    varying = _varying(periods)
    found = sharpe_ratios(periods)[varying]
    best = int(varying[np.argmax(found)])
    record = moments(periods[:, best])
    assert record is not None
    deviation = float(np.std(found, ddof=1)) if found.size > 1 else 0.0
    counted = float(found.size) if trials is None else trials
    benchmark = expected_maximum(deviation, counted)
    return DeflatedSharpe(
        trial=best,
        found=record,
        trials=counted,
        deviation=deviation,
        benchmark=benchmark,
        probability=probabilistic_sharpe(record, benchmark=benchmark),  # DSR
        probability_alone=probabilistic_sharpe(record),
        minimum_periods=minimum_track_record(record, benchmark=benchmark),
    )


def independent_trials(periods: Floats) -> float:
    """Return how many independent trials some correlated ones amount to, by their average correlation.

    Parameters
    ----------
    periods : (T, P) float64
        Excess by period and trial; no nan. Columns that do not vary are left out.

    Returns
    -------
    float, 1 to P.

    Notes
    -----
    N = ρ + (1 - ρ) M, ρ the average correlation of pairs of the M columns. All P² correlations add up to Σ_t (Σ_p z_tp)² / T, z standardised.
    It says little of columns in a few opposed groups, whose average correlation is near 0: there `effective_rank` is smaller.

    References
    ----------
    D. H. Bailey, M. López de Prado, "The Deflated Sharpe Ratio", Journal of Portfolio Management 40(5), 2014, appendix on the number of independent
    trials.
    """
    scores = _standardised(periods)
    count = int(scores.shape[1])
    if count == 1:
        return 1.0
    together = float(np.mean(np.square(scores.sum(axis=1))))
    average = (together - count) / (count * (count - 1))
    return min(max(average + (1 - average) * count, 1.0), float(count))


def effective_rank(periods: Floats) -> float:
    """Return how many independent trials some correlated ones amount to, by how their variance spreads over principal components.

    Parameters
    ----------
    periods : (T, P) float64
        Excess by period and trial; no nan. Columns that do not vary are left out.

    Returns
    -------
    float, 1 to the smaller of T - 1 and P.

    Notes
    -----
    exp(-Σ p_k ln p_k), p_k the eigenvalues of the correlation matrix over their sum. It cannot see more trials than there are periods.
    Its last digits depend on the linear algebra of the machine: round it before it becomes part of a result that is compared byte by byte.

    References
    ----------
    O. Roy, M. Vetterli, "The effective rank: a measure of effective dimensionality", EUSIPCO 2007, definition 1.
    """
    scores = _standardised(periods)
    gram = scores @ scores.T if scores.shape[0] < scores.shape[1] else scores.T @ scores  # the same eigenvalues, but for zeros
    found = np.linalg.eigvalsh(gram)
    shares = found[found > found[-1] * 1e-12] / np.sum(found[found > found[-1] * 1e-12])
    return float(np.exp(-np.sum(shares * np.log(shares))))


def _varying(periods: Floats) -> Int64s:
    if len(check_periods(periods)) < 2:
        raise StatisticsError("expected two periods or more, found one; a Sharpe ratio needs a run of at least two whole hours")
    found = np.flatnonzero(varies(periods))
    if not found.size:
        raise StatisticsError(f"expected a trial whose excess varies, found none among {periods.shape[1]}: no trial traded")
    return found


def _standardised(periods: Floats) -> Floats:
    kept = periods[:, _varying(periods)]
    scores: Floats = (kept - kept.mean(axis=0)) / kept.std(axis=0)
    return scores
