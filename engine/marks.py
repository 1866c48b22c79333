"""What each currency is worth in the numeraire, from data alone."""

from dataclasses import dataclass
from functools import reduce

import numpy as np

from engine.arrays import Bools, Floats, Int64s
from engine.config import MARK_MAX_AGE_US, Spec
from engine.errors import DataError
from engine.kernels.alignment import asof_rows, union
from engine.panel import Panel, Series, within
from engine.schema import instant, micros


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Marks as steps: each row stands until the next."""

    at_us: Int64s  # (R,) [µs] increasing; the first is the run's start
    ticks: Int64s  # (K,) rows that are ticks
    value: dict[str, Floats]  # currency → (R,) [numeraire per unit]
    stale: dict[str, int]  # currency → rows on which no source was fresh

    def row_at(self, at_us: Int64s) -> Int64s:
        """Return the row that stands at each time."""
        return np.searchsorted(self.at_us, at_us, side="right") - 1


def build(spec: Spec, panel: Panel) -> Marks:
    """Return the marks of every currency that is held or traded, at every available time and tick.

    Raises
    ------
    DataError
        Where a currency has no mark at the start; names the first start that works.
    """
    ticks_us = np.arange(micros(spec.start), micros(spec.end) + 1, spec.clock, dtype=np.int64)
    at_us = reduce(union, [within(s.available_us, micros(spec.start), micros(spec.end)) for s in panel.series], ticks_us)
    ticks = np.searchsorted(at_us, ticks_us)
    closes = [(s, fresh_closes(s, at_us)) for s in panel.series]
    fresh = {currency: _fresh_mark(currency, spec.numeraire, closes, at_us.size) for currency in spec.currencies}
    _refuse_unmarked_start(fresh, at_us, ticks)
    return Marks(
        at_us=at_us,
        ticks=ticks,
        value={currency: _carried_forward(value) for currency, value in fresh.items()},
        stale={currency: int(np.isnan(value).sum()) for currency, value in fresh.items()},
    )


def fresh_closes(series: Series, at_us: Int64s) -> Floats:
    """Return the last close of a series at each time, nan where its event is over five minutes ago [quote per base]."""
    rows = asof_rows(series.available_us, series.event_us, at_us, MARK_MAX_AGE_US)
    return np.where(rows >= 0, series.close[rows], np.nan)


def median(sources: list[Floats], size: int) -> Floats:
    """Return the median of the sources on each row, nan where none has a value; of an even number, the mean of the middle two."""
    if not sources:
        return np.full(size, np.nan)
    ordered = np.sort(np.stack(sources), axis=0)  # nan sorts last
    count = len(sources) - np.isnan(ordered).sum(axis=0)
    column = np.arange(size)
    low, high = ordered[np.maximum(count - 1, 0) // 2, column], ordered[count // 2, column]
    return np.where(count > 0, np.where(count % 2 == 1, low, (low + high) / 2), np.nan)


def _fresh_mark(currency: str, numeraire: str, closes: list[tuple[Series, Floats]], size: int) -> Floats:
    if currency == numeraire:
        return np.ones(size)
    direct = median([_rate(s, close, currency) for s, close in closes if _joins(s, currency, numeraire)], size)
    hops = [
        _rate(s, close, currency) * median([_rate(s2, close2, other) for s2, close2 in closes if _joins(s2, other, numeraire)], size)
        for s, close in closes
        for other in {s.key.base, s.key.quote} - {currency}
        if currency in (s.key.base, s.key.quote) and other != numeraire
    ]
    return np.where(np.isnan(direct), median(hops, size), direct)


def _joins(series: Series, a: str, b: str) -> bool:
    return {series.key.base, series.key.quote} == {a, b}


def _rate(series: Series, close: Floats, currency: str) -> Floats:
    return close if series.key.base == currency else 1 / close


def _carried_forward(value: Floats) -> Floats:
    known: Bools = ~np.isnan(value)
    return value[np.maximum.accumulate(np.where(known, np.arange(value.size), 0))]


def _refuse_unmarked_start(fresh: dict[str, Floats], at_us: Int64s, ticks: Int64s) -> None:
    missing = sorted(currency for currency, value in fresh.items() if np.isnan(value[0]))
    if not missing:
        return
    marked = np.all([~np.isnan(value[ticks[:-1]]) for value in fresh.values()], axis=0)
    advice = (
        f"the earliest start that works is {instant(int(at_us[ticks[np.argmax(marked)]])):%Y-%m-%dT%H:%M:%SZ}"
        if marked.any()
        else "no later start works either: add an instrument that prices it"
    )
    start = instant(int(at_us[0]))
    raise DataError(
        f"expected a mark of {', '.join(missing)} at the start ({start:%Y-%m-%dT%H:%M:%SZ}), found no price of the five minutes before; {advice}"
    )
