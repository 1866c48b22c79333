"""Choose on a stretch of time, earn on the next, move on: windows with purge and embargo, and what came of them."""

from dataclasses import dataclass
from typing import Literal

import numpy as np

from engine.arrays import Floats
from engine.errors import StatisticsError
from engine.schema import instant
from engine.statistics.sharpe import check_periods, sharpe_ratios
from engine.units import format_duration, iso


@dataclass(frozen=True, slots=True, kw_only=True)
class Windows:
    """How long each part of a fold is [µs]; all are multiples of the period."""

    train_us: int
    test_us: int
    purge_us: int = 0  # taken off the end of the training: what is decided there may end in the test
    embargo_us: int = 0  # left out between training and test: what follows the training closely resembles it


@dataclass(frozen=True, slots=True, kw_only=True)
class Fold:
    """Training and test of one fold, [start, end) each [µs since the epoch]."""

    train_start_us: int
    train_end_us: int  # purged
    test_start_us: int
    test_end_us: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What one fold chose and what became of it; Sharpe ratios are per period, 0 where nothing varied."""

    fold: Fold
    trial: int  # column
    train_sharpe: float
    test_sharpe: float
    train_total: float  # of the unit of the periods
    test_total: float
    rank: float  # of the trial in the test: 1 / (P + 1) worst to P / (P + 1) best, ties averaged


@dataclass(frozen=True, slots=True, kw_only=True)
class WalkForward:
    """What choosing again and again would have earned."""

    folds: tuple[Chosen, ...]
    periods: Floats  # (Σ test periods,) excess of the chosen trials in their tests, one after the other
    total: float
    sharpe: float  # of `periods`
    degradation: float  # mean Sharpe ratio in training less that in tests
    efficiency: float | None  # mean excess a period in tests over that in training; None where training did not earn
    paid: float  # share of the tests that earned


def fold_windows(windows: Windows, *, start_us: int, end_us: int, period_us: int) -> tuple[Fold, ...]:
    """Return the folds that fit between two times, by test window, each test right after the one before.

    Parameters
    ----------
    windows : Windows
        Lengths; training and test at least one period, the purge shorter than the training.
    start_us, end_us : int [µs since the epoch]
        Of the data; the first training starts at the first multiple of the period in it.
    period_us : int [µs]
        A day or an hour: all windows begin and end on its multiples.

    Returns
    -------
    tuple[Fold, ...]
        Fold k: training [a, a + train - purge), a = first + k × test; test [a + train + embargo, ... + test). What is left at the end is not used.

    Raises
    ------
    StatisticsError
        Where a length is no multiple of the period, or not even one fold fits; the message says what would.

    Notes
    -----
    Tests always follow their training, so the embargo stands before them; in cross-validation, where training also follows tests, it stands behind.

    References
    ----------
    M. López de Prado, "Advances in Financial Machine Learning", Wiley 2018, sections 7.4 (purge, embargo) and 12.2 (walk-forward).
    """
    _check(windows, period_us)
    first, last = -(-start_us // period_us) * period_us, end_us // period_us * period_us
    ahead = windows.train_us + windows.embargo_us
    starts = range(first, last - ahead - windows.test_us + 1, windows.test_us)
    if not starts:
        raise StatisticsError(_what_would_fit(windows, first, last, period_us))
    return tuple(
        Fold(
            train_start_us=at,
            train_end_us=at + windows.train_us - windows.purge_us,
            test_start_us=at + ahead,
            test_end_us=at + ahead + windows.test_us,
        )
        for at in starts
    )


def walk_forward(
    periods: Floats, folds: tuple[Fold, ...], *, first_us: int, period_us: int, choose_by: Literal["sharpe", "total"] = "sharpe"
) -> WalkForward:
    """Return what the trial that was best in each training earned in the test that follows.

    Parameters
    ----------
    periods : (T, P) float64
        Excess by period, in time, and trial; no nan.
    folds : tuple[Fold, ...]
        Of `fold_windows`, inside the periods.
    first_us, period_us : int [µs]
        When the first period starts, a multiple of the period; how long each is.
    choose_by : "sharpe" or "total"
        What is best: the highest Sharpe ratio or sum; of equals the first trial.

    Returns
    -------
    WalkForward

    Raises
    ------
    StatisticsError
        Where a fold is not inside the periods, or has a training of fewer than two.

    Notes
    -----
    Efficiency is (Σ test / test periods) / (Σ training / training periods) over all folds, after R. Pardo's walk-forward efficiency, which compares
    annual rates of both. A trial is chosen even where the best in training lost: what is tested is the rule, without exceptions.

    References
    ----------
    R. Pardo, "The Evaluation and Optimization of Trading Strategies", 2nd edition, Wiley 2008, chapter 11.
    """
    check_periods(periods)
    stretches = [_stretches(fold, len(periods), first_us, period_us) for fold in folds]
    chosen = tuple(_choose(fold, periods[train], periods[test], choose_by) for fold, (train, test) in zip(folds, stretches, strict=True))
    earned = np.concatenate([periods[test, found.trial] for found, (_, test) in zip(chosen, stretches, strict=True)])
    trained = sum(train.stop - train.start for train, _ in stretches)
    training = sum(found.train_total for found in chosen) / trained
    return WalkForward(
        folds=chosen,
        periods=earned,
        total=float(earned.sum()),
        sharpe=_sharpe(earned),
        degradation=float(np.mean([found.train_sharpe - found.test_sharpe for found in chosen])),
        efficiency=float(earned.mean()) / training if training > 0 else None,
        paid=float(np.mean([found.test_total > 0 for found in chosen])),
    )


def _check(windows: Windows, period_us: int) -> None:
    lengths = {"train": windows.train_us, "test": windows.test_us, "purge": windows.purge_us, "embargo": windows.embargo_us}
    for name, length_us in lengths.items():
        least_us = period_us if name in ("train", "test") else 0
        if length_us % period_us or length_us < least_us:
            found = format_duration(length_us) if length_us >= 0 else f"{length_us} µs"
            raise StatisticsError(f"{name}: expected whole periods of {format_duration(period_us)}, at least {least_us // period_us}, found {found}")
    if windows.purge_us >= windows.train_us:
        purge, train = format_duration(windows.purge_us), format_duration(windows.train_us)
        raise StatisticsError(f"purge: expected less than the training window of {train}, of which it is taken, found {purge}")


def _what_would_fit(windows: Windows, first: int, last: int, period_us: int) -> str:
    asked_us, there_us = windows.train_us + windows.embargo_us + windows.test_us, max(last - first, 0)
    span = f"{iso(instant(first))} to {iso(instant(first + there_us))}"
    return (
        f"walk-forward: expected windows that fit into the data, found train {format_duration(windows.train_us)}, "
        f"embargo {format_duration(windows.embargo_us)} and test {format_duration(windows.test_us)}, {format_duration(asked_us)} in all, "
        f"and {format_duration(there_us)} of data in whole periods ({span}); {_advice(windows, there_us, period_us)}"
    )


def _advice(windows: Windows, there_us: int, period_us: int) -> str:
    free = (there_us - windows.embargo_us) // period_us  # periods for training and test
    purge = windows.purge_us // period_us
    if free < purge + 2:
        return f"with this purge and embargo at least {format_duration((purge + 2) * period_us + windows.embargo_us)} of data are needed"
    train = min(max(free * windows.train_us // (windows.train_us + windows.test_us), purge + 1), free - 1)
    return f"train {format_duration(train * period_us)} and test {format_duration((free - train) * period_us)} would fit"


def _stretches(fold: Fold, count: int, first_us: int, period_us: int) -> tuple[slice, slice]:
    bounds = [(at - first_us) // period_us for at in (fold.train_start_us, fold.train_end_us, fold.test_start_us, fold.test_end_us)]
    if bounds[0] < 0 or bounds[3] > count:
        raise StatisticsError(f"expected folds inside the {count} periods, found one of periods {bounds[0]} to {bounds[3]}")
    return slice(bounds[0], bounds[1]), slice(bounds[2], bounds[3])


def _choose(fold: Fold, train: Floats, test: Floats, choose_by: Literal["sharpe", "total"]) -> Chosen:
    if len(train) < 2:
        raise StatisticsError("expected a training of two periods or more, after the purge, found one; make train longer")
    scores = sharpe_ratios(train) if choose_by == "sharpe" else train.sum(axis=0)
    trial = int(np.argmax(scores))
    after = sharpe_ratios(test) if choose_by == "sharpe" and len(test) > 1 else test.sum(axis=0)
    place = float(np.sum(after < after[trial]) + (np.sum(after == after[trial]) + 1) / 2)
    return Chosen(
        fold=fold,
        trial=trial,
        train_sharpe=_sharpe(train[:, trial]),
        test_sharpe=_sharpe(test[:, trial]),
        train_total=float(train[:, trial].sum()),
        test_total=float(test[:, trial].sum()),
        rank=place / (train.shape[1] + 1),
    )


def _sharpe(series: Floats) -> float:
    return float(sharpe_ratios(series[:, None])[0]) if series.size > 1 else 0.0
