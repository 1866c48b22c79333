"""What there is to say about the data of every series: a count for each check of docs/model.md, "Quality"."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from itertools import pairwise
from math import isfinite, isnan

import polars as pl

from engine.config import POOLS, Instrument, Spec
from engine.oracle.market import is_off
from engine.oracle.marks import Marks
from engine.oracle.observations import Market, Observation, Series
from engine.oracle.pools import faults_of
from engine.oracle.quotes import Message, Row, number, read_messages
from engine.schema import US_PER_SECOND, SeriesKey, instant, micros

Counts = dict[str, str | int | float | None]


def quality(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], market: Market, marks: Marks) -> list[Counts]:
    """Return what is said about each series, in the order of the spec."""
    found = []
    for i in spec.instruments:
        names: Counts = {"venue": i.venue, "instrument": i.name, "data": i.data}
        series = market[i.key]
        said = _of_bars(spec, data[i.key], series, market, marks) if i.data == "bars" else _of_quotes(spec, i, data[i.key], series)
        found.append(names | said)
    return found


def _of_quotes(spec: Spec, instrument: Instrument, frame: pl.DataFrame, series: Series) -> Counts:
    messages = read_messages(spec, instrument, frame)
    checks = OF_POOLS if instrument.data in POOLS else CHECKS
    counts: Counts = {name: sum(check(m.row) for m in messages if m.row is not None) for name, check in checks.items()}
    events, end, age = [m.event for m in messages], micros(spec.end), spec.max_age_us(instrument)
    put_in = len(series.rows) - len(messages)  # a row for each outage, which is not of the data
    return counts | {
        "rows": len(messages),
        "flagged": sum(not row.good for row in series.rows) - put_in,
        "duplicates": sum(_is_again(before, after) for before, after in pairwise(messages)),
        "disorder": sum(m.happened < m.event for m in messages),  # the event is that of the latest so far
        "negative_latency": sum(m.known < m.happened for m in messages),
        # present until its event + age, and again at the next event
        "gaps": sum(b - a - 1 > age for a, b in pairwise(events)),
        "truncated": int(end - events[-1] > age),
        "longest_gap_s": _longest_s(pairwise([micros(spec.start), *(e for e in events if e >= micros(spec.start)), end])),
        "first": _said(events[0]),
        "last": _said(events[-1]),
    }


# The whole row: nothing, or what is no number, is the same as the like of it.
def _is_again(before: Message, after: Message) -> bool:
    one, two = ((m.happened, m.known, *(value for _, value in _numbers(m.row or {}))) for m in (before, after))
    return all(a == b or (isnan(a) and isnan(b)) for a, b in zip(one, two, strict=True))


def _numbers(row: Row) -> Iterator[tuple[str, float]]:
    return ((name, number(value)) for name, value in row.items() if name not in {"ts", "received"})


# (price, size) of the levels of one side, up to the first further one without a price.
def _offers(row: Row, side: str) -> Iterator[tuple[float, float]]:
    known = dict(_numbers(row))
    yield known[side], known[f"{side}_size"]
    further = 2
    while f"{side}_{further}" in known and not isnan(known[f"{side}_{further}"]):
        yield known[f"{side}_{further}"], known[f"{side}_size_{further}"]
        further += 1


def _all_offers(row: Row) -> list[tuple[float, float]]:
    return [*_offers(row, "bid"), *_offers(row, "ask")]


# A price below the one before it.
def _is_disordered(offers: Iterable[tuple[float, float]]) -> bool:
    return any(price < before for (before, _), (price, _) in pairwise(offers))


CHECKS: dict[str, Callable[[Row], bool]] = {
    "nan": lambda row: not all(isfinite(price) and isfinite(size) for price, size in _all_offers(row)),
    "zero_or_negative": lambda row: any(price <= 0 or size < 0 for price, size in _all_offers(row)),
    "disordered_levels": lambda row: _is_disordered(_offers(row, "ask")) or _is_disordered((-price, size) for price, size in _offers(row, "bid")),
    "crossed": lambda row: number(row["bid"]) > number(row["ask"]),
    "locked": lambda row: number(row["bid"]) == number(row["ask"]),
}
"""What a single row may show."""

OF_POOLS: dict[str, Callable[[Row], bool]] = {
    "nan": lambda row: "nan" in faults_of(row),
    "zero_or_negative": lambda row: "zero_or_negative" in faults_of(row),
    "outside": lambda row: "outside" in faults_of(row),
}
"""The same of pools."""


def _of_bars(spec: Spec, frame: pl.DataFrame, series: Series, market: Market, marks: Marks) -> Counts:
    assert spec.interval is not None, "a spec with bars has an interval"
    start, end, interval = micros(spec.start), micros(spec.end), spec.interval
    volumes = {micros(row["ts"]): float(row["volume"]) for row in frame.iter_rows(named=True)}
    inside = [opens for opens in volumes if start <= opens and opens + interval <= end]
    traded = [opens for opens in inside if volumes[opens] > 0]
    rows = [row for row in series.rows if row.bar is not None and start <= row.bar.opens and row.event <= end]
    return {
        "rows": len(inside),
        "no_trade": len(inside) - len(traded),
        "missing": sum(opens not in volumes for opens in range(-(-start // interval) * interval, end - interval + 1, interval)),
        "flagged": sum(not row.good for row in rows),
        "wicks": sum(is_off(spec, market, marks, series.instrument.key, row) for row in rows),
        "blocked": sum(_is_blocked(row) for row in rows),
        "longest_gap_s": _longest_s(zip([start, *(opens + interval for opens in traded)], [*traded, end], strict=True)),
        "first": _said(inside[0]) if inside else None,
        "last": _said(inside[-1]) if inside else None,
    }


def _is_blocked(row: Observation) -> bool:
    return row.bar is not None and row.bar.blocked


# Of the stretches without an observation, the run's ends included.
def _longest_s(stretches: Iterable[tuple[int, int]]) -> float:
    return max(until - since for since, until in stretches) / US_PER_SECOND


def _said(us: int) -> str:
    return f"{instant(us):%Y-%m-%dT%H:%M:%SZ}"
