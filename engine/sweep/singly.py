"""Trials of any strategy: each is walked as its backtest is, on a panel and on candidates that it shares with others, and told by its books."""

import os
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
import polars as pl

from engine import guard, market, metrics, panel
from engine.accounts import accounts
from engine.arrays import Int64s
from engine.config import Spec
from engine.kernels import market as kernel
from engine.kernels.row import Rows
from engine.panel import Panel
from engine.path import Found, candidates, walk_path
from engine.schema import SeriesKey, micros
from engine.sweep import rows as trial_rows
from engine.sweep.design import Design
from engine.sweep.groups import charging, reads_of, scanning, shaping, split, widest
from engine.sweep.threads import in_threads

_TRIALS_A_CHUNK = 8
_THRESHOLD = "strategy.threshold_bps"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Shared:
    # what some trials have in common
    panel: Panel
    observed: kernel.Market
    found: Found


def chunks(
    design: Design, data: Mapping[SeriesKey, pl.DataFrame], wanted: Int64s, *, threads: int | None = None
) -> Generator[tuple[Int64s, Rows], None, None]:
    """Yield (ordinals, rows) of trials as they are done; close it to stop: what runs ends within a chunk.

    Parameters
    ----------
    design, data : Design, Mapping[SeriesKey, pl.DataFrame]
        The trials, and what they run on.
    wanted : (N,) int
        Ordinals of the trials to run.
    threads : int or None
        None: as many as there are cores. Rows do not depend on it.
    """

    def work(chunk: tuple[_Shared, Int64s]) -> tuple[Int64s, Rows]:
        shared, trials = chunk
        return trials, _rows(design, shared, trials)

    yield from in_threads(work, _chunked(design, data, wanted), threads or len(os.sched_getaffinity(0)))


def _chunked(design: Design, data: Mapping[SeriesKey, pl.DataFrame], wanted: Int64s) -> Iterator[tuple[_Shared, Int64s]]:
    for reading in split(design, wanted, reads_of(design)):
        for seen, alike in _panels(design, data, reading):
            for trials in split(design, alike, scanning(design)):
                shared = _shared(design, seen, trials)
                yield from ((shared, trials[first : first + _TRIALS_A_CHUNK]) for first in range(0, trials.size, _TRIALS_A_CHUNK))


def _panels(design: Design, data: Mapping[SeriesKey, pl.DataFrame], reading: Int64s) -> Iterator[tuple[Panel, Int64s]]:
    # a panel for each set of currencies that need a mark
    parts = [(design.spec_of(int(trials[0])), trials) for trials in split(design, reading, shaping(design))]
    for currencies in dict.fromkeys(spec.currencies for spec, _ in parts):
        alike = [(spec, trials) for spec, trials in parts if spec.currencies == currencies]
        yield panel.build(widest(design, alike[0][0]), data), np.concatenate([trials for _, trials in alike])


def _shared(design: Design, seen: Panel, trials: Int64s) -> _Shared:
    # the candidates of the lowest threshold and the lowest fees of any of them
    spec = design.spec_of(int(trials[0]))
    world = market.world(spec, seen, guard.build(spec, seen.marks))
    charged = [market.legs(design.spec_of(int(alike[0])), seen) for alike in split(design, trials, charging(design))]
    legs = world.legs.copy()
    legs.loosest_rate = np.min([each["loosest_rate"] for each in charged], axis=0)
    legs.in_base = np.any([each["in_base"] for each in charged], axis=0)
    return _Shared(panel=seen, observed=world.market, found=candidates(world._replace(legs=legs), _lowest(design, spec, trials)))


def _lowest(design: Design, spec: Spec, trials: Int64s) -> float:
    for k, axis in enumerate(design.axes):
        if axis.path == _THRESHOLD:
            values = cast(Sequence[float], axis.typed)
            return min(values[int(pick)] for pick in design.picks[trials, k])
    return spec.strategy.threshold_bps


def _rows(design: Design, shared: _Shared, trials: Int64s) -> Rows:
    spec, seen = design.sweep.spec, shared.panel
    first, last = micros(spec.start), micros(spec.end)
    period_us = metrics.period_of(last - first)
    rows = trial_rows.empty(trials.size, metrics.periods_in(first, last, period_us), kind=trial_rows.WIDE)
    for at, trial in enumerate(trials.tolist()):
        spec = design.spec_of(trial)
        world = market.world(spec, seen, guard.build(spec, seen.marks), observed=shared.observed)
        books = accounts(spec, walk_path(spec, world, shared.found), seen)
        trial_rows.write(rows, at, books, spec=spec, seen=seen, period_us=period_us)
    return rows
