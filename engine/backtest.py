"""The pipeline of a backtest. Read this first: everything else in the engine is one of its steps."""

from collections.abc import Callable, Mapping

import polars as pl

from engine import attribution, edges, ledger, manifest, marks, opportunities, panel, quality, summary
from engine.config import Spec, parse_spec_toml
from engine.path import walk_path
from engine.result import Result
from engine.schema import SeriesKey
from engine.synth import depeg_weekend

Progress = Callable[[str, float], None]
"""Told the stage that begins and the fraction of the run that is done."""


def run(spec: Spec, bars: Mapping[SeriesKey, pl.DataFrame], *, on_progress: Progress = lambda _stage, _fraction: None) -> Result:
    """Return what the spec's strategy would have earned on these bars.

    Parameters
    ----------
    spec : Spec
        What to run.
    bars : Mapping[SeriesKey, pl.DataFrame]
        A frame of `engine.schema.BARS` for each of `spec.series`; it may reach beyond the run's window.
    on_progress : Progress
        Called as each stage begins.

    Raises
    ------
    DataError
        Where the data does not carry the run.
    """
    on_progress("aligning", 0.0)
    aligned = panel.build(spec, bars)
    marked = marks.build(spec, aligned)
    on_progress("finding edges", 0.3)
    all_quotes = edges.quotes(spec, aligned)
    quotes = all_quotes.take(edges.candidates(all_quotes, spec.strategy.threshold_bps))
    found = opportunities.opportunities(spec, quotes)
    on_progress("walking the path", 0.5)
    path = walk_path(spec, aligned, quotes)
    on_progress("attributing", 0.7)
    held = ledger.holdings(spec, path.orders)
    lines = attribution.fill_lines(spec, path.orders, marked)
    result = summary.Parts(
        fills=ledger.fills_table(spec, path.orders),
        packages=attribution.packages_table(spec, path.orders, lines),
        equity=ledger.equity(spec, held, marked),
        opportunities=found,
        attribution=attribution.attribute(spec, path.orders, lines, held, marked),
        lines=lines,
        dropped=path.dropped,
        best_edge_bps=None if found.height else opportunities.best_edge_bps(spec, all_quotes),
        quality=quality.assess(spec, bars),
        stale_marks=marked.stale,
    )
    on_progress("hashing", 0.9)
    made_from = manifest.build(spec, bars, assumptions=summary.assumptions(spec))
    on_progress("done", 1.0)
    return Result(
        spec=spec,
        summary=summary.summarise(spec, result, manifest.digest(made_from)),
        manifest=made_from,
        fills=result.fills,
        packages=result.packages,
        equity=result.equity,
        opportunities=found,
    )


def warm() -> None:
    """Compile (or load from the cache) everything that a run needs, by running a small one."""
    weekend = depeg_weekend(0)
    run(parse_spec_toml(weekend.spec_toml), weekend.bars)
