"""The rows of a sweep as they come in: the figures of all trials, and the periods of the best of them."""

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.kernels.row import Rows
from engine.sweep import rows as trial_rows

MOST_JUDGED = 20_000
"""Cross-validation and the correlation of more would take longer than the sweep; the best of them by rank stand for all."""

_BLOCK = 2_048
"""Trials whose figures become columns together."""


def scores(rows: dict[str, pl.Series] | pl.DataFrame, rank_by: str) -> Floats:
    """Return what trials are ranked by, the highest first; -inf where there is no figure."""
    return rows[rank_by].cast(pl.Float64).fill_null(-np.inf).to_numpy()


class Judged:
    """The periods of the best trials so far: ties go to the lower ordinal, so that it does not matter in which order they come."""

    def __init__(self, trials: int, periods: int, *, most: int = MOST_JUDGED, block: int = _BLOCK) -> None:
        room = min(trials, most + block)
        self._most, self._block, self._filled = most, block, 0
        self._trials, self._scores, self._periods = np.zeros(room, np.int64), np.zeros(room), np.zeros((room, periods))

    def add(self, trials: Int64s, scored: Floats, periods: Floats) -> None:
        """Take trials that have not come before."""
        for first in range(0, trials.size, self._block):
            part = slice(first, first + self._block)
            if self._filled + trials[part].size > self._trials.size:
                self._keep_best()
            places = slice(self._filled, self._filled + trials[part].size)
            self._trials[places], self._scores[places], self._periods[places] = trials[part], scored[part], periods[part]
            self._filled = places.stop

    def best(self) -> tuple[Int64s, Floats]:
        """Return the best trials by ordinal, (J,), and their periods, (J, T); to be asked once."""
        self._keep_best()
        trials, periods = self._trials[: self._filled], self._periods[: self._filled]
        if np.all(trials[:-1] < trials[1:]):  # as they mostly come: no copy, then
            return trials, periods
        order = np.argsort(trials)
        return trials[order], periods[order]

    def _keep_best(self) -> None:
        order = np.lexsort((self._trials[: self._filled], -self._scores[: self._filled]))[: self._most]
        order.sort()
        for first in range(0, order.size, self._block):  # upwards, each to a place at or below its own
            places = slice(first, min(first + self._block, order.size))
            for part in (self._trials, self._scores, self._periods):
                part[places] = part[order[places]]
        self._filled = order.size


class Gathered:
    """What a sweep has so far: little more than a number a trial and column, and the periods of so many trials as are judged.

    Parameters
    ----------
    trials, periods : int
        How many there will be.
    span_us : int [µs]
        How long the runs are.
    lines : tuple[str, ...]
        As of `engine.sweep.rows.columns`.
    rank_by : str
        The column that says which trials are best.
    """

    def __init__(self, trials: int, periods: int, *, span_us: int, lines: tuple[str, ...], rank_by: str) -> None:
        self._size, self._span_us, self._lines, self._rank_by = trials, span_us, lines, rank_by
        self._waiting: list[tuple[Int64s, Rows]] = []
        self._blocks: list[tuple[Int64s, dict[str, pl.Series]]] = []
        self._judged = Judged(trials, periods)

    def add(self, trials: Int64s, rows: Rows) -> None:
        """Take the rows of some trials, in any order."""
        self._waiting.append((trials, rows))
        if sum(part.size for part, _ in self._waiting) >= 2 * _BLOCK:
            self._convert(_BLOCK)

    def add_columns(self, trials: Int64s, columns: dict[str, pl.Series], periods: Floats) -> None:
        """Take the rows of some trials as columns."""
        self._judged.add(trials, scores(columns, self._rank_by), periods)
        self._blocks.append((trials, columns))

    def whole(self) -> tuple[dict[str, pl.Series], Int64s, Floats]:
        """Return the columns of all trials by ordinal, the trials that are judged, (J,), and their periods, (J, T); to be asked once."""
        if self._waiting:
            self._convert(self._size)
        self._blocks.sort(key=lambda block: int(block[0][0]))
        trials = np.concatenate([part for part, _ in self._blocks])
        # one after another, and nothing is copied; else column by column: at no time all of them are there twice
        order = None if np.all(trials[:-1] < trials[1:]) else np.argsort(trials)
        columns = {}
        for name in list(self._blocks[0][1]):
            column = pl.concat([block.pop(name) for _, block in self._blocks], rechunk=order is not None)
            columns[name] = column if order is None else column[order]
        return columns, *self._judged.best()

    def _convert(self, least: int) -> None:
        # those with the lowest ordinals: what comes from many threads is nearly in order, and its columns are to be quite
        self._waiting.sort(key=lambda part: int(part[0][0]))
        count = 1 + int(np.searchsorted(np.cumsum([part.size for part, _ in self._waiting]), least))
        taken, self._waiting = self._waiting[:count], self._waiting[count:]
        trials = np.concatenate([part for part, _ in taken])
        order = np.argsort(trials)
        rows = Rows._make(np.concatenate(parts)[order] for parts in zip(*(rows for _, rows in taken), strict=True))
        rows = rows._replace(figures=rows.figures.view(np.recarray))
        self.add_columns(trials[order], trial_rows.columns(rows, span_us=self._span_us, lines=self._lines), rows.periods)
