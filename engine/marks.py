"""What each currency is worth in the numeraire, at any time, from data alone."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import reduce
from typing import NamedTuple

import numpy as np

from engine.arrays import Bools, Floats, Int32s, Int64s
from engine.config import MARK_MAX_AGE_US, Spec
from engine.errors import DataError
from engine.schema import SeriesKey, instant, micros
from engine.series import Series

NEVER_US = np.iinfo(np.int64).min // 2
"""Before any time: the event of what was never seen."""


class Seen(NamedTuple):
    """What one instrument shows at T times."""

    key: SeriesKey
    price: Floats  # (T,) [quote per base] nan where nothing is fresh
    event_us: Int64s  # (T,) [µs] of the last observation, fresh or not

    def joins(self, a: str, b: str) -> bool:
        """Tell whether this is an instrument of the two currencies."""
        return {self.key.base, self.key.quote} == {a, b}

    def rate(self, currency: str) -> Floats:
        """Return what a unit of one of its currencies costs in the other."""
        return self.price if self.key.base == currency else 1 / self.price


def seen(series: Series, at_us: Int64s) -> Seen:
    """Return the last good price of an instrument that was known at each time, and its event; it is fresh for five minutes after that."""
    rows = series.last_good(series.available_us, at_us)
    event = np.where(rows >= 0, series.event_us[rows], NEVER_US)
    return Seen(series.key, np.where(at_us - event <= MARK_MAX_AGE_US, series.prices(rows), np.nan), event)


def silent_us(series: Series) -> Int64s:
    """Return until when the price is fresh of each good observation after which, for as long, no other comes; of the last one, too [µs]."""
    good: Int32s | slice = slice(None) if series.good_rows is None else series.good_rows
    until_us = series.event_us[good] + MARK_MAX_AGE_US
    is_silent: Bools = np.append(series.available_us[good][1:] > until_us[:-1], True)
    return until_us[is_silent]


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """What a unit of each currency is worth in the numeraire."""

    numeraire: str
    currencies: tuple[str, ...]  # those that are held, traded, moved or charged, sorted
    sources: tuple[Series, ...]
    perpetual: Series | None = None  # whose mid a position is worth; it marks nothing
    ticks_us: Int64s  # (K,) [µs] multiples of the clock from start to end
    ticks: dict[str, Floats]  # currency → (K,) [numeraire per unit] marks at the ticks
    stale: dict[str, int]  # currency → ticks at which no source was fresh

    def at(self, at_us: Int64s) -> dict[str, Floats]:
        """Return the marks at any times.

        Parameters
        ----------
        at_us : (T,) int64 [µs]
            At or after the run's start, in any order.

        Returns
        -------
        currency → (T,) float64 [numeraire per unit]; nan before the first observation.
        """
        return {currency: self._standing(currency, at_us, fresh) for currency, fresh in self._fresh(at_us).items()}

    def of(self, currency: str, at_us: Int64s) -> Floats:
        """Return the marks of one currency, be it held or not, at any times (T,) [numeraire per unit]; nan where it has none."""
        return self._standing(currency, at_us, _fresh_mark(currency, self.numeraire, self._seen(at_us), at_us.size))

    def is_stale(self, at_us: Int64s) -> dict[str, Bools]:
        """Return for each currency whether none of its sources is fresh at each time, (T,)."""
        return {currency: np.isnan(fresh) for currency, fresh in self._fresh(at_us).items()}

    def _seen(self, at_us: Int64s) -> list[Seen]:
        return [seen(series, at_us) for series in self.sources]

    def _fresh(self, at_us: Int64s) -> dict[str, Floats]:
        seen = self._seen(at_us)
        return {currency: _fresh_mark(currency, self.numeraire, seen, at_us.size) for currency in self.currencies}

    def _standing(self, currency: str, at_us: Int64s, fresh: Floats) -> Floats:
        # Where nothing is fresh: back to the last time at which something may have been, and again where nothing was then. (The two
        # instruments of a route may not have been fresh together when the older one's five minutes ended.) Such times are ends of the
        # five minutes of what was followed by silence: each of them knows the one before it, until one has a mark.
        stale = np.flatnonzero(np.isnan(fresh))
        if not stale.size:
            return fresh
        ends_us = np.unique(np.concatenate([silent_us(series) for series in self.sources]))
        known = self._seen(ends_us)
        there = np.append(_fresh_mark(currency, self.numeraire, known, ends_us.size), np.nan)
        earlier = np.append(_place(ends_us, _last_fresh_us(currency, self.numeraire, known, ends_us.size)), ends_us.size)
        goes_by = _followed(np.where(np.isnan(there), earlier, np.arange(there.size)))
        value, last_us = fresh.copy(), _last_fresh_us(currency, self.numeraire, self._seen(at_us[stale]), stale.size)
        value[stale] = there[goes_by[_place(ends_us, last_us)]]
        return value


def build(spec: Spec, series: Sequence[Series]) -> Marks:
    """Return the marks of every currency that is held, traded, moved or charged.

    Raises
    ------
    DataError
        Where a currency has no mark at the start; names the first start that works.
    """
    ticks_us = np.arange(micros(spec.start), micros(spec.end) + 1, spec.clock, dtype=np.int64)
    sources = tuple(one for one in series if one.instrument.perpetual is None)
    perpetual = next((one for one in series if one.instrument.perpetual is not None), None)
    found = Marks(numeraire=spec.numeraire, currencies=spec.currencies, sources=sources, perpetual=perpetual, ticks_us=ticks_us, ticks={}, stale={})
    stale = found.is_stale(ticks_us)
    _refuse_unmarked_start(stale, ticks_us)
    return replace(found, ticks=found.at(ticks_us), stale={currency: int(rows.sum()) for currency, rows in stale.items()})


def median(sources: list[Floats], size: int) -> Floats:
    """Return the median of the sources on each row, nan where none has a value; of an even number, the mean of the middle two."""
    if len(sources) < 2:
        return sources[0] if sources else np.full(size, np.nan)
    ordered = np.sort(np.stack(sources), axis=0)  # nan sorts last
    count = len(sources) - np.isnan(ordered).sum(axis=0)
    column = np.arange(size)
    low, high = ordered[np.maximum(count - 1, 0) // 2, column], ordered[count // 2, column]
    return np.where(count > 0, np.where(count % 2 == 1, low, (low + high) / 2), np.nan)


def _fresh_mark(currency: str, numeraire: str, seen: list[Seen], size: int) -> Floats:
    if currency == numeraire:
        return np.ones(size)
    direct = median([s.rate(currency) for s in seen if s.joins(currency, numeraire)], size)
    if not np.isnan(direct).any():
        return direct
    hops = [s.rate(currency) * median([t.rate(third) for t in links], size) for s, third, links in _routes(currency, numeraire, seen)]
    return np.where(np.isnan(direct), median(hops, size), direct)


def _last_fresh_us(currency: str, numeraire: str, seen: list[Seen], size: int) -> Int64s:
    direct = [s.event_us for s in seen if s.joins(currency, numeraire)]
    hops = [np.minimum(s.event_us, reduce(np.maximum, [t.event_us for t in links])) for s, _, links in _routes(currency, numeraire, seen)]
    last = reduce(np.maximum, direct + hops, np.full(size, NEVER_US))
    return np.where(last > NEVER_US, last + MARK_MAX_AGE_US, NEVER_US)


def _place(ends_us: Int64s, last_us: Int64s) -> Int64s:
    # where among the ends each of some times is; after the last where there is none
    return np.where(last_us > NEVER_US, np.searchsorted(ends_us, last_us), ends_us.size)


def _followed(pointers: Int64s) -> Int64s:
    # where each pointer leads in the end: twice as far every time
    while np.any(pointers[pointers] != pointers):
        pointers = pointers[pointers]
    return pointers


def _routes(currency: str, numeraire: str, seen: list[Seen]) -> list[tuple[Seen, str, list[Seen]]]:
    # each instrument of the currency against a third one, that one, and the instruments of it against the numeraire
    thirds = [(s, s.key.quote if s.key.base == currency else s.key.base) for s in seen if currency in (s.key.base, s.key.quote)]
    found = [(s, third, [t for t in seen if t.joins(third, numeraire)]) for s, third in thirds]
    return [(s, third, links) for s, third, links in found if links]


def _refuse_unmarked_start(stale: dict[str, Bools], ticks_us: Int64s) -> None:
    missing = sorted(currency for currency, rows in stale.items() if rows[0])
    if not missing:
        return
    marked = ~np.any([rows[:-1] for rows in stale.values()], axis=0)
    advice = (
        f"the earliest start that works is {instant(int(ticks_us[np.argmax(marked)])):%Y-%m-%dT%H:%M:%SZ}"
        if marked.any()
        else "no later start works either: add an instrument that prices it"
    )
    start = instant(int(ticks_us[0]))
    raise DataError(
        f"expected a mark of {', '.join(missing)} at the start ({start:%Y-%m-%dT%H:%M:%SZ}), found no price of the five minutes before; {advice}"
    )
