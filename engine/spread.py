"""How far apart the two legs that matter most were priced, over the run: what the report draws, at any length of run equally small."""

from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Bools, Floats, Int64s
from engine.config import Spec
from engine.events import LEG, Path
from engine.ledger import timestamps
from engine.panel import Panel
from engine.schema import TIMESTAMP, micros
from engine.series import Series

BUCKETS = 1_000
"""How many stretches of time a run is cut into."""

Pair = tuple[int, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The spread at some times, (N,); nan where a leg had no price."""

    at_us: Int64s
    spread_bps: Floats
    package: Int64s  # number of the package decided then, else -1


def spread_table(spec: Spec, path: Path, panel: Panel) -> pl.DataFrame:
    """Return the spread of the main pair: of each stretch of time the lowest and the highest, and wherever a package of the pair was decided.

    Notes
    -----
    The main pair has sent the most packages, in both directions; without any it had the most opportunities; else it is that of the first two
    legs. The columns of `sell` name the leg that it mostly sold: spread_bps = 1e4 * (its mid * mark of its quote / (mid of the other * mark
    of its quote) - 1), so above 0 it was the dearer one. The spread is taken at the ticks and at the ends of the stretches, with what was in
    force at the venues and is not older than decisions allow, and at the pair's opportunities, with what was in view: no extreme that
    anybody could have acted on is left out. Null: a leg was absent.
    """
    legs = main_pair(len(spec.legs), path)
    found = _joined(_in_force(spec, panel, legs), _in_view(spec, path, panel, legs))
    rows = _kept(found, start_us=micros(spec.start), end_us=micros(spec.end))
    table = pl.DataFrame(
        {
            "ts": timestamps(found.at_us[rows]),
            "spread_bps": pl.Series(found.spread_bps[rows]).fill_nan(None),
            "package": pl.Series(found.package[rows]).set(pl.Series(found.package[rows] < 0), None),
        },
        schema_overrides={"ts": TIMESTAMP, "package": pl.Int64},
    )
    return table.with_columns(
        pl.lit(leg.name if what == "instrument" else leg.venue).alias(f"{side}_{what}")
        for side, leg in zip(("sell", "buy"), (spec.legs[ordinal] for ordinal in legs), strict=True)
        for what in ("venue", "instrument")
    )


def main_pair(legs: int, path: Path) -> Pair:
    """Return the ordinals of the two legs that packages, else opportunities, were most often of; the one mostly sold comes first."""
    orders, seen = path.orders, path.opportunities
    sent = orders.leg[orders.role == LEG].astype(np.int64)
    pairs = sent[0::2] * legs + sent[1::2] if sent.size else seen.sell.astype(np.int64) * legs + seen.buy
    counts = np.bincount(pairs, minlength=legs * legs).reshape(legs, legs)
    if not counts.any():
        return 0, 1
    a, b = divmod(int(np.argmax(counts + counts.T)), legs)
    return (a, b) if counts[a, b] >= counts[b, a] else (b, a)


def _in_force(spec: Spec, panel: Panel, legs: Pair) -> Points:
    start_us, end_us = micros(spec.start), micros(spec.end)
    at_us = np.union1d(panel.marks.ticks_us, np.linspace(start_us, end_us, BUCKETS + 1).astype(np.int64))
    prices = []
    for leg in legs:
        series = panel.of(spec.legs[leg].key)
        rows = np.searchsorted(series.event_us, at_us, side="right") - 1
        young = at_us - series.event_us[rows] <= spec.max_age_us(spec.legs[leg])
        prices.append(_values(series, panel, rows=rows, there=young, at_us=at_us))
    return Points(at_us=at_us, spread_bps=1e4 * (prices[0] / prices[1] - 1), package=np.full(at_us.size, -1))


def _in_view(spec: Spec, path: Path, panel: Panel, legs: Pair) -> Points:
    seen = path.opportunities
    ours = np.isin(seen.sell, legs) & np.isin(seen.buy, legs)
    at_us, there, prices = seen.at_us[ours], np.full(int(ours.sum()), fill_value=True), []
    for leg in legs:
        series = panel.of(spec.legs[leg].key)
        rows = np.searchsorted(series.available_us, at_us, side="right") - 1
        prices.append(_values(series, panel, rows=rows, there=there, at_us=at_us))
    return Points(at_us=at_us, spread_bps=1e4 * (prices[0] / prices[1] - 1), package=seen.package[ours])


def _values(series: Series, panel: Panel, *, rows: Int64s, there: Bools, at_us: Int64s) -> Floats:
    # mids in the numeraire
    usable = (rows >= 0) & there & series.good[rows]
    mids = np.where(usable, (series.bid[rows, 0] + series.ask[rows, 0]) / 2, np.nan)
    return mids * panel.marks.of(series.key.quote, at_us)


def _joined(first: Points, second: Points) -> Points:
    at_us = np.concatenate([first.at_us, second.at_us])
    order = np.argsort(at_us, kind="stable")
    return Points(
        at_us=at_us[order],
        spread_bps=np.concatenate([first.spread_bps, second.spread_bps])[order],
        package=np.concatenate([first.package, second.package])[order],
    )


def _kept(points: Points, *, start_us: int, end_us: int) -> Int64s:
    # of each stretch the lowest and the highest, or one row where all of it is missing; both ends; every package
    length = max(1, -(-(end_us - start_us) // BUCKETS))
    rank = np.argsort(points.spread_bps, kind="stable")  # nan comes last
    known = rank[~np.isnan(points.spread_bps[rank])][::-1]
    lowest, highest = (np.unique((points.at_us[rows] - start_us) // length, return_index=True)[1] for rows in (rank, known))
    ends = np.array([0, points.at_us.size - 1])
    return np.unique(np.concatenate([rank[lowest], known[highest], np.flatnonzero(points.package >= 0), ends]))
