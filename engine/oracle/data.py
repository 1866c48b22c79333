"""What the oracle sees of the market, and when: observations, the times of the run, marks."""

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import median

import polars as pl

from engine.config import MARK_MAX_AGE_US, Spec
from engine.errors import DataError
from engine.schema import SeriesKey, instant, micros

Marks = dict[str, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """A bar with volume: times in µs, prices in quote per base, volume in base."""

    opens: int
    event: int
    available: int
    open: float
    high: float
    low: float
    close: float
    volume: float


Market = dict[SeriesKey, list[Observation]]


def observations(spec: Spec, key: SeriesKey, frame: pl.DataFrame) -> list[Observation]:
    """Return the bars of one series that are observations and lie in the run's window; DataError if there is none."""
    found = []
    for row in frame.iter_rows(named=True):
        opens = micros(row.pop("ts"))
        event = opens + spec.interval
        if row["volume"] > 0 and micros(spec.start) - MARK_MAX_AGE_US <= event <= micros(spec.end):
            found.append(Observation(opens=opens, event=event, available=event + spec.feed_latency_us, **row))
    if not found:
        raise DataError(f"{key}: no bar with volume ends in the five minutes before {spec.start} or between it and {spec.end}")
    return found


def ticks(spec: Spec) -> list[int]:
    """Return the multiples of the clock from start to end, both included [µs]."""
    return list(range(micros(spec.start), micros(spec.end) + 1, spec.clock))


def available_times(spec: Spec, market: Market, uses: set[str]) -> set[int]:
    """Return the times in the run at which an observation of an instrument of these uses becomes available [µs]."""
    times = {x.available for i in spec.instruments if i.use in uses for x in market[i.key]}
    return {t for t in times if micros(spec.start) <= t <= micros(spec.end)}


def mark_table(spec: Spec, market: Market) -> list[tuple[int, Marks]]:
    """Return (time [µs], value of a unit of each currency in the numeraire) of every mark row; DataError if one lacks at the start."""
    rows = sorted(available_times(spec, market, {"trade", "convert", "mark"}) | set(ticks(spec)))
    standing = fresh_marks(spec, market, rows[0])
    missing = sorted(set(spec.currencies) - set(standing))
    if missing:
        raise DataError(_no_start(spec, market, missing))
    table = []
    for t in rows:
        standing = standing | fresh_marks(spec, market, t)
        table.append((t, standing))
    return table


def marks_at(table: list[tuple[int, Marks]], t: int) -> Marks:
    """Return the marks of the last row at or before t."""
    return table[bisect_right(table, t, key=lambda row: row[0]) - 1][1]


def fresh_marks(spec: Spec, market: Market, t: int) -> Marks:
    """Return the marks of those currencies that have a fresh one at t, direct or over one other currency."""
    closes = {}
    for key, series in market.items():
        seen = bisect_right(series, t, key=lambda x: x.available)
        if seen and t - series[seen - 1].event <= MARK_MAX_AGE_US:
            closes[key] = series[seen - 1].close
    found = {currency: _mark(closes, currency, spec.numeraire) for currency in spec.currencies}
    return {currency: mark for currency, mark in found.items() if mark is not None}


def _mark(closes: Mapping[SeriesKey, float], currency: str, numeraire: str) -> float | None:
    if currency == numeraire:
        return 1.0
    direct = _direct_mark(closes, currency, numeraire)
    if direct is not None:
        return direct
    over = [(price, _direct_mark(closes, third, numeraire)) for third, price in _prices(closes, currency)]
    hops = [price * mark for price, mark in over if mark is not None]
    return median(hops) if hops else None


def _direct_mark(closes: Mapping[SeriesKey, float], currency: str, numeraire: str) -> float | None:
    direct = [price for other, price in _prices(closes, currency) if other == numeraire]
    return median(direct) if direct else None


# What a unit of the currency costs in each other one: the close where it is the base, the inverse where it is the quote.
def _prices(closes: Mapping[SeriesKey, float], currency: str) -> list[tuple[str, float]]:
    as_base = [(key.quote, close) for key, close in closes.items() if key.base == currency]
    return as_base + [(key.base, 1 / close) for key, close in closes.items() if key.quote == currency]


def _no_start(spec: Spec, market: Market, missing: list[str]) -> str:
    works = [t for t in ticks(spec)[1:-1] if not set(spec.currencies) - set(fresh_marks(spec, market, t))]
    advice = f"the earliest start that works is {instant(works[0]):%Y-%m-%dT%H:%M:%SZ}" if works else "no later start works"
    return f"no mark in {spec.numeraire} for {', '.join(missing)} at the start, {spec.start:%Y-%m-%dT%H:%M:%SZ}: {advice}"
