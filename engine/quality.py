"""How good the data of a run is: checks that count what is odd, and flag what nothing may be decided or filled on."""

from collections.abc import Sequence
from functools import reduce
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Bools, Floats, Int64s
from engine.config import Instrument, Spec, Window
from engine.kernels.alignment import union
from engine.kernels.quotes import CROSSED, DISORDERED, NO_NUMBER, NOT_POSITIVE, doubt_crossed, doubt_level, doubt_order, odd_times
from engine.marks import Marks, median
from engine.schema import US_PER_SECOND, instant, micros
from engine.series import Series, Times

Row = dict[str, str | int | float | None]
"""What is said about one series, by the names of docs/model.md."""

Level = tuple[Floats, Floats, Floats, Floats]
"""Bid, its size, ask and its size of one level, (N,) each, as recorded."""

_ENOUGH_SOURCES = 3
"""So many series of a base tell which of them is off."""


class Checked(NamedTuple):
    """What single rows of quotes show."""

    good: Bools  # (N,)
    counts: dict[str, int]


def check_levels(levels: Sequence[Level]) -> Checked:
    """Return which rows of quotes are good, and how many have which fault.

    Notes
    -----
    `nan`: a price or size that is no finite number. `zero_or_negative`: price ≤ 0 or size < 0. `disordered_levels`: a further level whose
    price is better than that of the one before. `crossed`: bid > ask. These flag the row. `locked`: bid = ask. A row counts once in each
    check; further levels count in the first three until one has no price.
    """
    bid, _, ask, _ = levels[0]
    doubts = np.zeros(bid.size, np.uint8)
    for side in (0, 2):
        ended = np.zeros(bid.size, np.bool_)
        for depth, level in enumerate(levels):
            doubt_level(level[side], level[side + 1], depth == 0, ended, doubts)
            if depth:
                doubt_order(level[side], levels[depth - 1][side], side == 0, ended, doubts)
    locked = doubt_crossed(bid, ask, doubts)
    flags = {"nan": NO_NUMBER, "zero_or_negative": NOT_POSITIVE, "disordered_levels": DISORDERED, "crossed": CROSSED}
    counts = {name: int(np.count_nonzero(doubts & bit)) for name, bit in flags.items()}
    return Checked(doubts == 0, {**counts, "locked": int(locked)})


def check_pools(price: Floats, liquidity: Floats, lower: Floats, upper: Floats) -> Checked:
    """Return which states of a pool are good, (N,) each as recorded, and how many have which fault.

    Notes
    -----
    `nan`: a number that is none, or is not finite; the range may end at infinity. `zero_or_negative`: price or liquidity ≤ 0, or a range
    that begins below 0. `outside`: a price that is not within the range. All of these flag the row, which counts once in each.
    """
    no_number = ~(np.isfinite(price) & np.isfinite(liquidity) & np.isfinite(lower)) | np.isnan(upper)
    not_positive = (price <= 0) | (liquidity <= 0) | (lower < 0)
    outside = (price < lower) | (price > upper)
    counts = {"nan": no_number, "zero_or_negative": not_positive, "outside": outside}
    return Checked(~(no_number | not_positive | outside), {name: int(np.count_nonzero(rows)) for name, rows in counts.items()})


def repeated(columns: Sequence[Floats | Int64s]) -> int:
    """Return how many rows of some columns (N,) are the row before them again; what is no number equals its like."""
    first = columns[0]
    rows = np.flatnonzero(first[1:] == first[:-1]) + 1
    for column in columns[1:]:
        now, before = column[rows], column[rows - 1]
        rows = rows[(now == before) | (np.isnan(now) & np.isnan(before))]
    return rows.size


def touches(first_us: Int64s, last_us: Int64s, outages: Sequence[Window]) -> Bools:
    """Return which of some stretches (N,), both ends included, have a µs in common with an outage."""
    found = np.zeros(first_us.size, np.bool_)
    for outage in outages:
        found |= (first_us < micros(outage.end)) & (last_us >= micros(outage.start))
    return found


def quote_times(spec: Spec, instrument: Instrument, times: Times) -> Row:
    """Return what the times of quotes within the run's window say about them.

    Notes
    -----
    `disorder`: rows that happened before an earlier one. `negative_latency`: rows that were known before they happened. `gaps`: pairs of
    events between which the instrument becomes too old. `truncated`: 1 if it is too old at the run's end. `longest_gap_s` [s]: the
    longest stretch of the run without an event, the run's ends included.
    """
    start, end, max_age = micros(spec.start), micros(spec.end), spec.max_age_us(instrument)
    disorder, negative, gaps, longest = odd_times(times.happened_us, times.known_us, times.event_us, start, max_age)
    rest = end - max(start, int(times.event_us[-1]))
    return {
        "disorder": int(disorder),  # of NumPy where kernels are not compiled
        "negative_latency": int(negative),
        "gaps": int(gaps),
        "truncated": int(end - times.event_us[-1] > max_age),
        "longest_gap_s": float(max(longest, rest) / US_PER_SECOND),
        "first": _iso(int(times.event_us[0])),
        "last": _iso(int(times.event_us[-1])),
    }


def bar_times(spec: Spec, frame: pl.DataFrame) -> Row:
    """Return what the bars of one series that open and end within the run say about it.

    Notes
    -----
    `missing`: intervals without a bar. `no_trade`: bars without volume, which are no observations. `longest_gap_s` [s]: the longest
    stretch without an observation, the run's ends included.
    """
    start, end, interval = micros(spec.start), micros(spec.end), spec.interval_us
    inside = frame.filter(pl.col("ts").dt.epoch("us").is_between(start, end - interval))
    opened = inside["ts"].to_physical().to_numpy()
    traded = opened[inside["volume"].to_numpy() > 0]
    edges = np.concatenate([[start - interval], traded, [end]])
    return {
        "rows": inside.height,
        "no_trade": inside.height - traded.size,
        "missing": max(0, end // interval - -(-start // interval)) - inside.height,
        "longest_gap_s": int(np.diff(edges).max() - interval) / US_PER_SECOND,
        "first": _iso(int(opened[0])) if opened.size else None,
        "last": _iso(int(opened[-1])) if opened.size else None,
    }


class Bars(NamedTuple):
    """The bars of one series, and how far prices went in each."""

    series: Series
    high: Floats  # (N,) [quote per base]
    low: Floats


class Wicks(NamedTuple):
    """Bars (N,) of one series whose high or low is far off what its base was worth then."""

    found: Bools
    blocking: Bools  # those of a time at which enough series tell


def wicks(wick_bps: float, bars: Sequence[Bars], marks: Marks) -> list[Wicks]:
    """Return the wicks of each of some series of bars of one base.

    Notes
    -----
    A high or low that is more than `wick_bps` off the median close of all these series' good bars of that time, each times the mark of
    its quote when it became available. All bars of a time become available together, so nothing later is used.
    """
    times = reduce(union, [b.series.event_us for b in bars])
    worth = [marks.of(b.series.key.quote, b.series.available_us) for b in bars]
    closes = [_placed(times, b.series, u) for b, u in zip(bars, worth, strict=True)]
    middle, sources = median(closes, times.size), np.count_nonzero(~np.isnan(closes), axis=0)
    found = []
    for b, u in zip(bars, worth, strict=True):
        at = np.searchsorted(times, b.series.event_us)
        reach = wick_bps * 1e-4 * middle[at]
        is_wick = b.series.good & ((np.abs(b.high * u - middle[at]) > reach) | (np.abs(b.low * u - middle[at]) > reach))
        found.append(Wicks(is_wick, is_wick & (sources[at] >= _ENOUGH_SOURCES)))
    return found


def _placed(times: Int64s, series: Series, worth: Floats) -> Floats:
    column = np.full(times.size, np.nan)
    column[np.searchsorted(times, series.event_us[series.good])] = (series.close * worth)[series.good]
    return column


def _iso(us: int) -> str:
    return f"{instant(us):%Y-%m-%dT%H:%M:%SZ}"
