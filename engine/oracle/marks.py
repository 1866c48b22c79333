"""What a unit of a currency is worth in the numeraire at any time, from data alone."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median

from engine.config import MARK_MAX_AGE_US, Spec
from engine.errors import DataError
from engine.oracle.observations import Market, Observation, Series, ticks
from engine.schema import SeriesKey, instant

Price = tuple[str, float, int]
"""The other currency, what a unit costs in it, and the event time of who says so [µs]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Marks:
    """Marks of all currencies, worked out when they are asked for."""

    numeraire: str
    good: dict[SeriesKey, Series]
    known: dict[tuple[str, int], float | None] = field(default_factory=dict)

    def at(self, currency: str, t: int) -> float:
        """Return the mark at t [µs], stale or not; DataError if there was none yet."""
        mark = self.find(currency, t)
        if mark is None:
            raise DataError(f"no mark of {currency} in {self.numeraire} at {instant(t)}")
        return mark

    def find(self, currency: str, t: int) -> float | None:
        """Return the mark at t, of the last time at which there was a fresh one, or None."""
        if (currency, t) not in self.known:
            self.known[currency, t] = self._find(currency, t)
        return self.known[currency, t]

    def _find(self, currency: str, t: int) -> float | None:
        when: int | None = t
        while when is not None:
            mark = self.fresh(currency, when)
            if mark is not None:
                return mark
            when = self._went_stale(currency, when)
        return None

    def fresh(self, currency: str, t: int) -> float | None:
        """Return the mark from what is fresh at t: of direct instruments, else over a third currency."""
        if currency == self.numeraire:
            return 1.0
        direct = self._direct(currency, t)
        if direct is not None:
            return direct
        over = [(price, self._direct(third, t)) for third, price, event in self._prices(currency, t) if _is_fresh(event, t)]
        hops = [price * mark for price, mark in over if mark is not None]
        return median(hops) if hops else None

    def _direct(self, currency: str, t: int) -> float | None:
        found = [price for other, price, event in self._prices(currency, t) if other == self.numeraire and _is_fresh(event, t)]
        return median(found) if found else None

    # When the last of what is in view at t, and not fresh any more, still was; None if nothing is in view.
    def _went_stale(self, currency: str, t: int) -> int | None:
        events = []
        for other, _, event in self._prices(currency, t):
            if other == self.numeraire:
                events.append(event)
            else:
                events += [min(event, second) for far, _, second in self._prices(other, t) if far == self.numeraire]
        return max(events) + MARK_MAX_AGE_US if events else None

    # By instrument in view: the price where the currency is the base, its inverse where it is the quote.
    def _prices(self, currency: str, t: int) -> Iterator[Price]:
        for key, series in self.good.items():
            row = series.in_view(t) if currency in (key.base, key.quote) else None
            if row is not None and currency == key.base:
                yield key.quote, row.price, row.event
            elif row is not None:
                yield key.base, 1 / row.price, row.event


def marks_of(spec: Spec, market: Market) -> Marks:
    """Return the marks of a market: those of its good observations."""
    good = {
        key: Series(instrument=series.instrument, rows=_good(series), max_age=series.max_age)
        for key, series in market.items()
        if series.instrument.perpetual is None
    }
    return Marks(numeraire=spec.numeraire, good=good)


def refuse_unmarked_start(spec: Spec, marks: Marks) -> None:
    """Raise DataError if a currency has no mark at the start, naming the earliest start at which all have."""
    start, *later = ticks(spec)
    missing = [currency for currency in spec.currencies if marks.find(currency, start) is None]
    if not missing:
        return
    works = [t for t in later[:-1] if all(marks.fresh(currency, t) is not None for currency in spec.currencies)]
    advice = f"the earliest start that works is {instant(works[0]):%Y-%m-%dT%H:%M:%SZ}" if works else "no later start works"
    raise DataError(f"no mark in {spec.numeraire} for {', '.join(missing)} at the start, {spec.start:%Y-%m-%dT%H:%M:%SZ}: {advice}")


def _good(series: Series) -> list[Observation]:
    return [row for row in series.rows if row.good]


def _is_fresh(event: int, t: int) -> bool:
    return t - event <= MARK_MAX_AGE_US
