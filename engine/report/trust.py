"""What the statistics of a sweep say, as questions that its best trial answers well or not, and one sentence."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

_SURE = 0.95
_HALF = 0.5

_UNKNOWN = "not worked out"

Statistics = Mapping[str, object]


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """A question that a doubter asks, and its answer; `is_passed` is None where it could not be worked out."""

    name: str
    question: str
    found: str
    wanted: str
    is_passed: bool | None
    failing: str  # the sentence of a failure


def checks(ranked: pl.DataFrame, statistics: Statistics) -> list[Check]:
    """Return the checks, the one that decides first if it fails.

    Parameters
    ----------
    ranked : pl.DataFrame
        Trials from best to worst.
    statistics : Mapping[str, object]
        By module of `engine.statistics`, the fields of what it returns.
    """
    return [_earns(ranked), _luck(ranked, statistics), _overfitting(statistics), _again(statistics), _interval(statistics), _alone(statistics)]


def headline(ranked: pl.DataFrame, found: Sequence[Check]) -> str:
    """Return the sentence of the first check that fails; without one, that the best holds, and what could not be asked."""
    failed = [check for check in found if check.is_passed is False]
    if failed:
        return failed[0].failing
    unasked = [check.name for check in found if check.is_passed is None]
    if unasked:
        return f"The best of {_trials(ranked)} passes {len(found) - len(unasked)} of {len(found)} checks; not worked out: {', '.join(unasked)}."
    return f"The best of {_trials(ranked)} holds up: it passes all {len(found)} checks."


def _earns(ranked: pl.DataFrame) -> Check:
    excess = ranked["after_trading_back"][0]
    earning = int((ranked["after_trading_back"] > 0).sum())
    return Check(
        name="earning",
        question="Does the best trial earn anything, all sold back at the end?",
        found="nothing known" if excess is None else f"{excess:+,.2f}; {earning:,} of {_trials(ranked)} earn",
        wanted="above 0",
        is_passed=excess is not None and excess > 0,
        failing=f"No edge: the best of {_trials(ranked)} loses {-(excess or 0.0):z,.2f} after trading back.",
    )


def _luck(ranked: pl.DataFrame, statistics: Statistics) -> Check:
    sure = _number(statistics, "deflated_sharpe", "probability")
    how = "what luck would give" if sure is None or sure <= _HALF else "hardly more than luck"
    return Check(
        name="luck",
        question="Is it better than the best of as many trials without skill would be?",
        found=_why_not(statistics, "deflated_sharpe") if sure is None else _share(sure, "sure (deflated Sharpe ratio)"),
        wanted="95 % sure",
        is_passed=None if sure is None else sure >= _SURE,
        failing=f"The best of {_trials(ranked)} is {how}: that it has any edge is {_share(sure, 'sure')}.",
    )


def _overfitting(statistics: Statistics) -> Check:
    share = _number(statistics, "pbo", "pbo")
    return Check(
        name="overfitting",
        question="Is what was best in one half of the time still good in the other?",
        found=_why_not(statistics, "pbo") if share is None else _share(share, "of the ways to choose end below the middle (PBO)"),
        wanted="less than 50 %",
        is_passed=None if share is None else share < _HALF,
        failing=f"Choosing the best is no help: in {_share(share, 'of the cases')} it is below the middle on data it was not chosen by.",
    )


def _again(statistics: Statistics) -> Check:
    total = _number(statistics, "walk_forward", "total")
    paid = _number(statistics, "walk_forward", "paid")
    return Check(
        name="walking forward",
        question="Would choosing on the past have earned on the time that followed?",
        found=_why_not(statistics, "walk_forward", "the sweep asked for none: [walk_forward] does")
        if total is None
        else f"{total:+,.2f} in all; {_share(paid, 'of the tests earned')}",
        wanted="above 0",
        is_passed=None if total is None else total > 0,
        failing=f"Chosen on the past, it loses afterwards: {total or 0.0:+,.2f} in the tests of the walk forward.",
    )


def _interval(statistics: Statistics) -> Check:
    low, high = (_number(_mapping(statistics, "bootstrap"), "total", f"percentile_{end}") for end in ("low", "high"))
    sure = _number(statistics, "bootstrap", "confidence")
    return Check(
        name="the bootstrap",
        question="Would it have earned, had the same stretches of time come in another order and number?",
        found=_why_not(statistics, "bootstrap") if low is None or high is None else f"{low:+,.2f} to {high:+,.2f} ({_share(sure, 'interval')})",
        wanted="all of it above 0",
        is_passed=None if low is None else low > 0,
        failing=f"It may as well have lost: the interval of what it earns begins at {low or 0.0:+,.2f}.",
    )


def _alone(statistics: Statistics) -> Check:
    share, keep = _number(statistics, "stability", "share"), _number(statistics, "stability", "keep")
    nothing = "the best earned nothing that they could keep" if (_number(statistics, "stability", "score") or 1.0) <= 0 else _UNKNOWN
    return Check(
        name="the neighbourhood",
        question="Do parameters close to the best do nearly as well?",
        found=_why_not(statistics, "stability", nothing)
        if share is None
        else _share(share, f"of its neighbours keep {_share(keep, 'of the result')}"),
        wanted="half of them or more",
        is_passed=None if share is None else share >= _HALF,
        failing=f"The best stands alone: {_share(share, 'of its neighbours')} keep {_share(keep, 'of its result')}.",
    )


def _trials(ranked: pl.DataFrame) -> str:
    return f"{ranked.height:,} trial{'s' if ranked.height != 1 else ''}"


def _why_not(statistics: Statistics, name: str, otherwise: str = _UNKNOWN) -> str:
    return str(_mapping(statistics, "not_worked_out").get(name) or otherwise)


def _share(value: float | None, words: str) -> str:
    return _UNKNOWN if value is None else f"{100 * value:.0f} % {words}"


def _mapping(parent: Statistics, name: str) -> Statistics:
    found = parent.get(name)
    return found if isinstance(found, Mapping) else {}


def _number(parent: Statistics, name: str, field: str) -> float | None:
    found = _mapping(parent, name).get(field)
    return float(found) if isinstance(found, int | float) else None
