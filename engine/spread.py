"""How far apart the legs that matter most were priced, over the run: what the report draws, at any length of run equally small."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine import channels
from engine.arrays import Floats, Int64s
from engine.config import Spec
from engine.events import Path
from engine.ledger import timestamps
from engine.panel import Panel
from engine.schema import TIMESTAMP, micros
from engine.series import Series
from engine.strategies.combination import BUY, SELL, Combination, reverse

BUCKETS = 1_000
"""How many stretches of time a run is cut into."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Points:
    """The spread at some times, (N,); nan where a leg had no price."""

    at_us: Int64s
    spread_bps: Floats
    package: Int64s  # number of the package decided then, else -1


def spread_table(spec: Spec, path: Path, panel: Panel) -> pl.DataFrame:
    """Return the spread of what was mainly traded: of each stretch of time the lowest and the highest, and wherever a package of it was decided.

    Notes
    -----
    The main combination has sent the most packages, in both directions; without any it had the most opportunities; else it is the first.
    `legs` names it, the way that was mostly sent. Of a pair, spread_bps = 1e4 * (mid of what it sells * mark of its quote / (mid of what it
    buys * mark of its quote) - 1), so above 0 the former was dearer; of a cycle, what a round trip gains at mids. The spread is taken at the
    ticks and at the ends of the stretches, with what was in force at the venues and is not older than decisions allow, and at the
    combination's opportunities, with what was in view: no extreme that anybody could have acted on is left out. Null: a leg was absent.
    """
    main, back = main_combination(spec, path)
    found = _joined(_in_force(spec, panel, spec.combinations[main]), _in_view(spec, path, panel, main=main, back=back))
    rows = _kept(found, start_us=micros(spec.start), end_us=micros(spec.end))
    return pl.DataFrame(
        {
            "ts": timestamps(found.at_us[rows]),
            "spread_bps": pl.Series(found.spread_bps[rows]).fill_nan(None),
            "package": pl.Series(found.package[rows]).set(pl.Series(found.package[rows] < 0), None),
        },
        schema_overrides={"ts": TIMESTAMP, "package": pl.Int64},
    ).with_columns(legs=pl.lit(spec.combination_labels[main]))


def main_combination(spec: Spec, path: Path) -> tuple[int, int]:
    """Return the ordinals of the combination that packages, else opportunities, were most often of, and of its reverse; -1: that is none.

    Both ways count together; the one that was taken more often comes first.
    """
    found = spec.combinations
    back = np.array([found.index(reverse(one)) if reverse(one) in found else -1 for one in found], dtype=np.int64)
    taken = path.combination if path.combination.size else path.opportunities.combination
    counts = np.bincount(taken, minlength=len(found))
    others = np.where(back < 0, 0, counts[back])
    main = int(np.argmax(counts + others))
    return (main, int(back[main])) if counts[main] >= others[main] else (int(back[main]), main)


def _in_force(spec: Spec, panel: Panel, combination: Combination) -> Points:
    start_us, end_us = micros(spec.start), micros(spec.end)
    at_us = np.union1d(panel.marks.ticks_us, np.linspace(start_us, end_us, BUCKETS + 1).astype(np.int64))
    prices = []
    for step in combination:
        series = panel.of(spec.legs[step.leg].key)
        rows = np.searchsorted(series.event_us, at_us, side="right") - 1
        young = at_us - channels.true_since(panel, series, rows, at_us) <= spec.max_age_us(spec.legs[step.leg])
        prices.append(_values(spec, series, panel, rows=np.where(young, rows, -1), at_us=at_us))
    return Points(at_us=at_us, spread_bps=_spread_bps(combination, prices), package=np.full(at_us.size, -1))


def _in_view(spec: Spec, path: Path, panel: Panel, *, main: int, back: int) -> Points:
    seen, combination = path.opportunities, spec.combinations[main]
    ours = np.isin(seen.combination, (main, back))
    at_us, prices = seen.at_us[ours], []
    for step in combination:
        series = panel.of(spec.legs[step.leg].key)
        rows = np.searchsorted(series.available_us, at_us, side="right") - 1
        prices.append(_values(spec, series, panel, rows=rows, at_us=at_us))
    return Points(at_us=at_us, spread_bps=_spread_bps(combination, prices), package=seen.package[ours])


def _values(spec: Spec, series: Series, panel: Panel, *, rows: Int64s, at_us: Int64s) -> Floats:
    # mids, of pairs in the numeraire; on the way through a cycle marks cancel out
    usable = (rows >= 0) & series.good[rows]
    mids = np.where(usable, (series.bid[rows, 0] + series.ask[rows, 0]) / 2, np.nan)
    return mids if spec.base is None else mids * panel.marks.of(series.key.quote, at_us)


def _spread_bps(combination: Combination, prices: Sequence[Floats]) -> Floats:
    sold = [price for step, price in zip(combination, prices, strict=True) if step.side == SELL]
    bought = [price for step, price in zip(combination, prices, strict=True) if step.side == BUY]
    one = np.ones(prices[0].size)
    return 1e4 * (math.prod(sold, start=one) / math.prod(bought, start=one) - 1)


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
