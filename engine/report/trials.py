"""The trials of a sweep, ranked, and laid out over two of its parameters."""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine.arrays import Floats, Int64s
from engine.report.forms import cell

_MOST = 12
"""Values of a parameter that have a row or column each; of more, neighbours share one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cells:
    """The best trial of each pair of values."""

    rows: list[str]
    columns: list[str]
    values: Floats  # (R, C) nan where there is no trial, or its metric is not defined
    best: tuple[int, int] | None
    is_slice: bool  # whether the parameters that are not shown are those of the best; else the best over all of them
    held: dict[str, object]  # those parameters


def best_first(trials: pl.DataFrame, rank_by: str) -> pl.DataFrame:
    """Return the trials from best to worst by a metric, those without last, equal ones by ordinal."""
    value = pl.col(rank_by).cast(pl.Float64).fill_nan(None)
    return trials.sort("trial").sort(value, descending=True, nulls_last=True, maintain_order=True)


def grid(ranked: pl.DataFrame, rank_by: str, *, down: str | None, across: str, others: Sequence[str]) -> Cells:
    """Return a metric over two parameters, the others as in the best trial where there is a trial for it, else the best over all.

    Parameters
    ----------
    ranked : pl.DataFrame
        Trials from best to worst.
    rank_by : str
        The metric.
    down, across : str
        Parameters; no `down`: one row.
    others : Sequence[str]
        All other parameters.
    """
    held = {path: ranked[path][0] for path in others}
    same = ranked.filter([pl.col(path) == value for path, value in held.items()]) if held else ranked
    # of a random design hardly any trial shares the others' values
    is_slice = same.height > 1 or ranked.height == 1
    shown = same if is_slice else ranked
    row, rows = _binned(shown[down]) if down else (np.zeros(shown.height, np.int64), ["all"])
    column, columns = _binned(shown[across])
    values: Floats = np.full((len(rows), len(columns)), np.nan)
    found = shown[rank_by].cast(pl.Float64).fill_null(np.nan).to_numpy()
    for r, c, value in reversed(list(zip(row.tolist(), column.tolist(), found.tolist(), strict=True))):
        if not np.isnan(value):
            values[r, c] = value  # the best comes last
    best = None if np.isnan(found[0]) else (int(row[0]), int(column[0]))
    return Cells(rows=rows, columns=columns, values=values, best=best, is_slice=is_slice, held=held)


def _binned(column: pl.Series) -> tuple[Int64s, list[str]]:
    # the place of each row's value among the values in order, or among stretches of them
    known = column.unique().sort()
    order = {value: at for at, value in enumerate(known)}
    place = np.array([order[value] for value in column], dtype=np.int64)
    names = [_text(value) for value in known]
    if known.len() <= _MOST:
        return place, names
    edges = np.linspace(0, known.len(), _MOST // 2 + 3).astype(np.int64)
    stretches = [f"{names[a]} to {names[b - 1]}" if b - a > 1 else names[a] for a, b in itertools.pairwise(edges.tolist())]
    return np.searchsorted(edges, place, side="right").astype(np.int64) - 1, stretches


def _text(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else cell(value)
