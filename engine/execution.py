"""How good fills were, and what they tied up: markouts, ages of what was decided on, capital."""

import numpy as np

from engine.arrays import Bools, Floats, Int64s
from engine.attribution import FillLines, leg_marks, picked
from engine.config import MARK_MAX_AGE_US, Spec
from engine.events import BUY, LEG, Path
from engine.ledger import is_filled, signs, units
from engine.marks import Marks
from engine.panel import Panel
from engine.positions import on_perpetual
from engine.schema import US_PER_SECOND, micros
from engine.series import Series

MARKOUTS = ("markout_short_bps", "markout_medium_bps", "markout_long_bps")
FIGURES = (*MARKOUTS, "mean_age_s", "peak_capital")
_QUOTE_HORIZONS_US = tuple(seconds * US_PER_SECOND for seconds in (1, 5, 60))
_BARS_AHEAD = (1, 5, 15)


def figures(spec: Spec, path: Path, lines: FillLines, panel: Panel) -> dict[str, float | None]:
    """Return markouts [bps], the mean age of what was decided on [s] and the peak of capital [numeraire]; None where not defined."""
    found = dict(zip(MARKOUTS, (markout_bps(spec, path, lines, panel=panel, after_us=h) for h in horizons_us(spec)), strict=True))
    return found | {"mean_age_s": mean_age_s(spec, path, panel), "peak_capital": peak_capital(spec, path, panel.marks)}


def horizons_us(spec: Spec) -> tuple[int, ...]:
    """Return how long after a fill the market is looked at [µs]: 1, 5 and 60 s on quotes, 1, 5 and 15 intervals on bars and quote bars."""
    if spec.legs[0].data == "quotes" or spec.interval is None:
        return _QUOTE_HORIZONS_US
    return tuple(count * spec.interval for count in _BARS_AHEAD)


def markout_bps(spec: Spec, path: Path, lines: FillLines, *, panel: Panel, after_us: int) -> float | None:
    """Return how far the mid of the instrument moved our way after its fills, on average by their value [bps].

    Parameters
    ----------
    spec : Spec
        The run's.
    path : Path
        What happened.
    lines : FillLines
        Its lines, for the value of each fill.
    panel : Panel
        What prices were.
    after_us : int [µs]
        How long after each fill was recorded.

    Notes
    -----
    Σ v s (mid(t + after) / mid(t) - 1) / Σ v, with v the fill's value in the numeraire, s = 1 for a buy and -1 for a sell, mids at the venue
    (by event time) no older than five minutes, the close for bars. Fills whose second look lies after the end, or that lack a mid, are out.
    """
    orders, moved = path.orders, np.full(path.orders.leg.size, np.nan)
    looked = is_filled(orders) & (orders.recorded_us + after_us <= micros(spec.end))
    for ordinal, leg in enumerate(spec.legs):
        rows = np.flatnonzero(looked & (orders.leg == ordinal))
        first, then = (_mids(panel.of(leg.key), orders.recorded_us[rows] + wait) for wait in (0, after_us))
        moved[rows] = then / first - 1
    known: Bools = ~np.isnan(moved)
    value = float(np.sum(lines.turnover[known]))
    return 1e4 * float(np.sum((lines.turnover * signs(orders) * moved)[known])) / value if value > 0 else None


def mean_age_s(spec: Spec, path: Path, panel: Panel) -> float | None:
    """Return how old the observations were that packages were decided on, by event time, on average over their legs [s]."""
    orders, ages = path.orders, []
    for ordinal, leg in enumerate(spec.legs):
        series, decided_us = panel.of(leg.key), orders.decided_us[(orders.leg == ordinal) & (orders.role == LEG)]
        ages.append(decided_us - series.event_us[np.searchsorted(series.available_us, decided_us, side="right") - 1])
    all_ages = np.concatenate(ages)
    return float(np.mean(all_ages)) / US_PER_SECOND if all_ages.size else None


def peak_capital(spec: Spec, path: Path, marks: Marks) -> float:
    """Return the most that orders and transfers tied up at one time [numeraire].

    Notes
    -----
    An order ties up what it reserved, from its decision to its notice; a transfer its amount, from its request until it is credited, or
    until a desk has paid for it; each at the mark of when it began. Of one microsecond, what ends goes first.
    """
    orders, moved = path.orders, path.transfers
    base, quote = leg_marks(spec, orders, marks.at(orders.decided_us))
    reserved = units(orders.reserve) * np.where((orders.side == BUY) | on_perpetual(spec, path), quote, base)
    sent = units(moved.amount) * picked(marks.at(moved.requested_us), [route.currency for route in spec.routes], moved.route)
    begins = np.concatenate([orders.decided_us, moved.requested_us])
    ends = np.concatenate([orders.notice_us, np.where(moved.paid > 0, moved.paid_us, moved.credited_us)])
    return _peak(begins, ends, np.concatenate([reserved, sent]))


def _peak(begins: Int64s, ends: Int64s, values: Floats) -> float:
    lasting = begins < ends
    at_us = np.concatenate([ends[lasting], begins[lasting]])
    order = np.argsort(at_us, kind="stable")
    return float(np.max(np.cumsum(np.concatenate([-values[lasting], values[lasting]])[order]), initial=0.0))


def _mids(series: Series, at_us: Int64s) -> Floats:
    rows = series.last_good(series.event_us, at_us)
    return np.where((rows >= 0) & (at_us - series.event_us[rows] <= MARK_MAX_AGE_US), series.prices(rows), np.nan)
