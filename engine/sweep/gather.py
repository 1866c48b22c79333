"""The rows of a sweep as they come in: the figures of all trials, and the periods of the best of them."""

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.kernels.row import Rows
from engine.sweep import rows as trial_rows

MOST_JUDGED = 20_000
"""Cross-validation and the correlation of more would take longer than the sweep; the best of them by rank stand for all."""

_BLOCK = 4_096
"""Trials whose figures become columns together."""


def scores(rows: dict[str, pl.Series] | pl.DataFrame, rank_by: str) -> Floats:
    """Return what trials are ranked by, the highest first; -inf where there is no figure."""
    return rows[rank_by].cast(pl.Float64).fill_null(-np.inf).to_numpy()


class Judged:
    """The periods of the best trials so far: ties go to the lower ordinal, so that it does not matter in which order they come."""

    def __init__(self, trials: int, periods: int, *, most: int = MOST_JUDGED, block: int = _BLOCK) -> None:
        room = min(trials, most + 4 * block)
        self._most, self._block, self._filled = most, block, 0
        self._trials, self._scores, self._periods = np.zeros(room, np.int64), np.zeros(room), np.zeros((room, periods))

    def add(self, trials: Int64s, scored: Floats, periods: Floats) -> None:
        """Take trials that have not come before."""
        for first in range(0, trials.size, self._block):
            part = slice(first, first + self._block)
            if self._filled + trials[part].size > self._trials.size:
                self._keep(np.lexsort((self._trials[: self._filled], -self._scores[: self._filled]))[: self._most])
            places = slice(self._filled, self._filled + trials[part].size)
            self._trials[places], self._scores[places], self._periods[places] = trials[part], scored[part], periods[part]
            self._filled = places.stop

    def best(self) -> tuple[Int64s, Floats]:
        """Return the best trials by ordinal, (J,), and their periods, (J, T)."""
        order = np.lexsort((self._trials[: self._filled], -self._scores[: self._filled]))[: self._most]
        order = order[np.argsort(self._trials[order])]
        return self._trials[order], self._periods[order]

    def _keep(self, order: Int64s) -> None:
        for part in (self._trials, self._scores, self._periods):
            part[: order.size] = part[order]
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
        self._span_us, self._lines, self._rank_by = span_us, lines, rank_by
        self._waiting: list[tuple[Int64s, Rows]] = []
        self._trials: list[Int64s] = []
        self._columns: list[dict[str, pl.Series]] = []
        self._judged = Judged(trials, periods)

    def add(self, trials: Int64s, rows: Rows) -> None:
        """Take the rows of some trials, in any order."""
        self._waiting.append((trials, rows))
        if sum(part.size for part, _ in self._waiting) >= _BLOCK:
            self._convert()

    def add_columns(self, trials: Int64s, columns: dict[str, pl.Series], periods: Floats) -> None:
        """Take the rows of some trials as columns."""
        self._judged.add(trials, scores(columns, self._rank_by), periods)
        self._trials.append(trials)
        self._columns.append(columns)

    def whole(self) -> tuple[dict[str, pl.Series], Int64s, Floats]:
        """Return the columns of all trials by ordinal, the trials that are judged, (J,), and their periods, (J, T); to be asked once."""
        self._convert()
        order = np.argsort(np.concatenate(self._trials))
        # column by column, so that what is done is let go: at no time all of them are there twice
        columns = {name: pl.concat([block.pop(name) for block in self._columns], rechunk=True)[order] for name in list(self._columns[0])}
        return columns, *self._judged.best()

    def _convert(self) -> None:
        if self._waiting:
            trials = np.concatenate([part for part, _ in self._waiting])
            rows = Rows._make(np.concatenate(parts) for parts in zip(*(rows for _, rows in self._waiting), strict=True))
            self._waiting.clear()
            rows = rows._replace(figures=rows.figures.view(np.recarray))
            self.add_columns(trials, trial_rows.columns(rows, span_us=self._span_us, lines=self._lines), rows.periods)
