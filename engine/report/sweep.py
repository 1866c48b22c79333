"""The page of a sweep: whether its best trial is more than luck."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from markupsafe import Markup

from engine.arrays import Floats
from engine.charts.bars import Bin, histogram
from engine.charts.heat import heat_map, legend
from engine.charts.lines import Axis, Caption, Line, line_chart
from engine.report import figures
from engine.report.forms import label, short
from engine.report.page import drawn, rendered
from engine.report.trials import best_first, grid
from engine.report.trust import checks, headline
from engine.report.words import SWEEP_WORDS, steps_of
from engine.wording import FLAGS, NOT_MODELLED

_BEST = 20
_LOGITS = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
_METRICS = ("excess", "after_trading_back", "sharpe", "max_drawdown", "turnover", "breakeven_bps", "packages", "fills")


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A trial of which there is a full result."""

    trial: int
    summary: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]


def render_sweep(
    sweep: Mapping[str, object],
    manifest: Mapping[str, object],
    trials: pl.DataFrame,
    *,
    kept: Sequence[Kept] = (),
    axes: tuple[str, str] | None = None,
) -> str:
    """Return the page of a sweep.

    Parameters
    ----------
    sweep : Mapping[str, object]
        `name`, `design`, `rank_by`, `numeraire`, `start`, `end`, `parameters` (their paths, columns of `trials`), `synthetic`, `indicative`,
        `manifest_hash`, and `statistics`: by the names of the modules of `engine.statistics` (`deflated_sharpe`, `pbo`, `stability`,
        `walk_forward`, `bootstrap`) the fields of what they return; one that is absent or None was not worked out.
    manifest : Mapping[str, object]
        What it was made from.
    trials : pl.DataFrame
        One row a trial: `trial`, a column a parameter, and metrics by their names; null: not defined.
    kept : Sequence[Kept]
        The trials that were run in full, best first; their pages lie below `best`.
    axes : tuple[str, str] | None
        The parameters that go down and across the heat map [the first two that vary].
    """
    rank_by, paths = str(sweep["rank_by"]), _texts(sweep["parameters"])
    statistics = sweep["statistics"]
    assert isinstance(statistics, Mapping)
    ranked = best_first(trials, rank_by)
    found = checks(ranked, statistics)
    shown = [name for name in dict.fromkeys([rank_by, *_METRICS]) if name in trials.columns]
    return rendered(
        "sweep.html.j2",
        s=sweep,
        ranked_by=label(rank_by),
        manifest=manifest,
        flags=[words for name, words in FLAGS.items() if sweep[name]],
        headline=headline(ranked, found),
        checks=found,
        failed=[check for check in found if check.is_passed is False],
        statistics=statistics,
        trials=trials.height,
        best=list(ranked.head(_BEST).iter_rows(named=True)),
        paths=paths,
        metrics=shown,
        not_modelled=NOT_MODELLED,
        words=SWEEP_WORDS,
        kept=[one.trial for one in kept],
        **_winner(kept),
        trial_chart=_trial_chart(ranked, rank_by),
        logit_chart=_logit_chart(statistics.get("pbo") or {}),
        **_heat(ranked, rank_by, paths, axes),
    )


def _winner(kept: Sequence[Kept]) -> dict[str, object]:
    # the best trial as its own page shows it, in short
    if not kept:
        return {"winner": None}
    summary, tables = kept[0].summary, kept[0].tables
    unit, lines = str(summary["numeraire"]), {row["line"]: row["amount"] for row in summary["attribution"]}
    return {
        "winner": summary,
        "winner_more": str(summary["verdict"]).removeprefix(str(summary["headline"])).strip(),
        "equity_chart": figures.equity_chart(tables["equity"], unit),
        "waterfall_chart": figures.waterfall_chart(
            steps_of(lines, str(summary["strategy"])), excess=summary["excess"], back=summary["trade_back"]["amount"], unit=unit
        ),
        "capacity_chart": figures.capacity_chart(summary["capacity"], unit) if summary["capacity"] else None,
    }


def _heat(ranked: pl.DataFrame, rank_by: str, paths: Sequence[str], axes: tuple[str, str] | None) -> dict[str, object]:
    varying = [path for path in paths if ranked[path].n_unique() > 1] or list(paths[:1])
    down, across = axes or (varying[1] if len(varying) > 1 else None, varying[0])
    cells = grid(ranked, rank_by, down=down, across=across, others=[path for path in paths if path not in (down, across)])
    known = cells.values[np.isfinite(cells.values)]
    over = f"{label(rank_by)} over {across}" + (f" and {down}" if down else "")
    said = f"{over}: from {known.min():,.3g} to {known.max():,.3g}." if known.size else f"{over}."
    caption = Caption(ident="chart-heat", title=f"{label(rank_by)} of trials", description=said, unit="")
    form = short(rank_by, float(np.abs(known).max(initial=0.0)))
    chart = heat_map(caption, cells.values, rows=cells.rows, columns=cells.columns, best=cells.best, form=form)
    return {
        "heat_chart": drawn(chart),
        "heat_legend": drawn(legend("legend-heat", float(np.abs(known).max()), label(rank_by), form=form)) if known.size else None,
        "down": down,
        "across": across,
        "cells": cells,
    }


def _trial_chart(ranked: pl.DataFrame, rank_by: str) -> Markup:
    values: Floats = ranked[rank_by].cast(pl.Float64).fill_nan(None).drop_nulls().to_numpy()
    place = np.arange(1, values.size + 1, dtype=np.float64)
    ticks = [(1.0, "best"), (float(values.size), f"{values.size:,}")] if values.size > 1 else [(1.0, "best")]
    said = f"{np.count_nonzero(values > 0):,} of {ranked.height:,} trials are above 0."
    caption = Caption(ident="chart-trials", title=f"{label(rank_by)} of all trials, best first", description=said, unit="")
    axis = Axis(low=1.0, high=float(max(values.size, 2)), ticks=ticks)
    return drawn(line_chart(caption, axis, [Line(x=place, y=values, filled=True)], height=180, told=False))


def _logit_chart(pbo: Mapping[str, object]) -> Markup | None:
    if pbo.get("logits") is None:
        return None
    logits = np.asarray(pbo["logits"], np.float64)
    row = np.searchsorted(_LOGITS, logits, side="left")  # 0 itself is below the middle
    counts = np.bincount(row, minlength=len(_LOGITS) + 1).tolist()
    names = ["below -3", *(f"{a:g} to {b:g}" for a, b in itertools.pairwise(_LOGITS)), "above 3"]
    bins = [
        Bin(name=name, counts=(count, 0) if k <= _LOGITS.index(0.0) else (0, count))
        for k, (name, count) in enumerate(zip(names, counts, strict=True))
    ]
    said = f"{np.count_nonzero(logits <= 0):,} of {logits.size:,} ways ended below the middle."
    caption = Caption(ident="chart-logits", title="Rank out of sample of the trial that was best in sample", description=said, unit="ways")
    return drawn(histogram(caption, bins, kinds=[("below the middle", "bar-down"), ("above", "bar-up")]))


def _texts(value: object) -> list[str]:
    assert isinstance(value, Sequence)
    return [str(part) for part in value]
