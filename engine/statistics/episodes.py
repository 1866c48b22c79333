"""A thousand fills of one stretch are one observation: PnL, t statistic and interval by episode."""

import math
from dataclasses import dataclass

import numpy as np
import polars as pl
import scipy  # its special functions take a quarter of a second to load: only where a run is summed up

from engine.arrays import Floats, Int64s
from engine.errors import StatisticsError
from engine.statistics.sharpe import varies


@dataclass(frozen=True, slots=True, kw_only=True)
class ByEpisode:
    """What the episodes that were traded brought; None where fewer than two were, or all brought the same."""

    packages: int
    episodes: int  # in which a package was sent
    effective: float  # packages that count as independent
    pnl: Floats  # (E,) of each, in the order of their numbers
    total: float
    mean: float | None  # an episode
    standard_error: float | None  # of the mean
    t: float | None
    p: float | None  # probability of a t as far from 0 on either side, had episodes no edge
    low: float | None  # of the mean, at 95 % confidence
    high: float | None
    t_by_package: float | None  # what it would be, were packages independent: the one not to believe


def package_episodes(opportunities: pl.DataFrame, packages: pl.DataFrame) -> Int64s:
    """Return the episode of each row of a result's packages, (K,).

    Parameters
    ----------
    opportunities : pl.DataFrame
        Of a result: `package`, null where none was sent, and `episode`.
    packages : pl.DataFrame
        Of the same result: `package`.
    """
    sent = opportunities.drop_nulls("package").select("package", "episode")
    found = packages.select("package").join(sent, on="package", how="left", maintain_order="left")
    return found["episode"].cast(pl.Int64).to_numpy()


def by_episode(episode: Int64s, pnl: Floats) -> ByEpisode:
    """Return PnL by episode, and whether its mean differs from 0.

    Parameters
    ----------
    episode : (K,) int64
        Episode of each package: a maximal stretch of one opportunity (docs/model.md).
    pnl : (K,) float64 [numeraire]
        Of each package, after costs; no nan.

    Returns
    -------
    ByEpisode

    Raises
    ------
    StatisticsError
        Where the two differ in length, or a PnL is not finite.

    Notes
    -----
    t = mean / (s / √E) of the sums by episode, s with ddof 1, against Student's t of E - 1 degrees of freedom; interval mean ± t(0.975) s / √E.
    `effective` = K² / Σ n_e², n_e the packages of an episode: Kish's design effect where packages of an episode fare alike. Episodes are taken as
    independent; those of pairs that share a leg at one time are less than that.

    References
    ----------
    Student, "The Probable Error of a Mean", Biometrika 6(1), 1908. L. Kish, "Survey Sampling", Wiley 1965 (design effect of clusters).
    """
    if episode.shape != pnl.shape or not np.isfinite(pnl).all():
        raise StatisticsError(f"expected a finite PnL and an episode a package, found {pnl.size} PnL and {episode.size} episodes, or one not finite")
    numbers, group, sizes = np.unique(episode, return_inverse=True, return_counts=True)
    sums: Floats = np.bincount(group, weights=pnl, minlength=numbers.size).astype(np.float64)
    mean, error, t = _t(sums)
    reach = error * float(scipy.special.stdtrit(sums.size - 1, 0.975)) if error is not None else None
    return ByEpisode(
        packages=pnl.size,
        episodes=numbers.size,
        effective=pnl.size**2 / float(np.sum(sizes**2)) if pnl.size else 0.0,
        pnl=sums,
        total=float(pnl.sum()),
        mean=mean,
        standard_error=error,
        t=t,
        p=2 * float(scipy.special.stdtr(sums.size - 1, -abs(t))) if t is not None else None,
        low=mean - reach if mean is not None and reach is not None else None,
        high=mean + reach if mean is not None and reach is not None else None,
        t_by_package=_t(pnl)[2],
    )


def _t(values: Floats) -> tuple[float | None, float | None, float | None]:
    if values.size < 2 or not varies(values[:, None])[0]:
        return None, None, None
    mean, error = float(values.mean()), float(values.std(ddof=1)) / math.sqrt(values.size)
    return mean, error, mean / error
