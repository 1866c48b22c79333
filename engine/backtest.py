"""The pipeline of a backtest. Read this first: everything else in the engine is one of its steps."""

from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields, replace

import polars as pl

from engine import attribution, capacity, daily, execution, guard, ledger, manifest, market, opportunities, panel, summary
from engine.accounts import accounts
from engine.config import Spec, parse_spec_toml
from engine.events import Path
from engine.path import candidates, walk_path
from engine.result import Result
from engine.schema import SeriesKey
from engine.spread import spread_table
from engine.stress import excesses
from engine.synth import as_quotes, depeg_weekend

Progress = Callable[[str, float], None]
"""Told the stage that begins and the fraction of the run that is done."""


def run(
    spec: Spec,
    data: Mapping[SeriesKey, pl.DataFrame],
    *,
    on_progress: Progress = lambda _stage, _fraction: None,
    stress: bool = True,
    seen: panel.Panel | None = None,
) -> Result:
    """Return what the spec's strategy would have earned on this data.

    Parameters
    ----------
    spec : Spec
        What to run.
    data : Mapping[SeriesKey, pl.DataFrame]
        A frame of `engine.schema.BARS`, `QUOTES` or `POOL_STATES` for each of `spec.series`, as `Instrument.data` says; it may reach beyond
        the run's window.
    on_progress : Progress
        Called as each stage begins.
    stress : bool
        Whether a run that sent packages is also walked under worse conditions, and at other sizes (`engine.stress`, `engine.capacity`).
    seen : Panel or None
        The panel of this spec and data, where it is built already.

    Raises
    ------
    DataError
        Where the data does not carry the run.
    """
    on_progress("aligning", 0.0)
    seen = panel.build(spec, data) if seen is None else seen
    with ThreadPoolExecutor(1) as beside:  # hashing holds no lock, and all else is on one core
        hashed = beside.submit(manifest.build, spec, data, assumptions=summary.assumptions(spec))
        watch = guard.build(spec, seen.marks)
        on_progress("walking the path", 0.4)
        world = market.world(spec, seen, watch)
        found = candidates(world, spec.strategy.threshold_bps)
        path = walk_path(spec, world, found)
        on_progress("attributing", 0.6)
        parts = _parts(spec, path, seen, watch)
        on_progress("stressing", 0.7)
        worse = excesses(spec, data, seen, guard=watch, found=found) if stress and parts.packages.height else {}
        sizes = capacity.curve(spec, seen, watch, found=found) if stress and parts.packages.height else []
        on_progress("hashing", 0.9)
        made_from = hashed.result() | {"quality": seen.quality}
    on_progress("done", 1.0)
    return Result(
        spec=spec,
        summary=summary.summarise(spec, replace(parts, stress=worse, capacity=sizes), manifest.digest(made_from)),
        manifest=made_from,
        fills=ledger.fills_table(spec, path),
        packages=parts.packages,
        equity=parts.equity,
        opportunities=opportunities.opportunities_table(spec, path.opportunities),
        episodes=opportunities.episodes_table(spec, path.opportunities),
        transfers=ledger.transfers_table(spec, path.transfers),
        spread=spread_table(spec, path, seen),
    )


def _parts(spec: Spec, path: Path, seen: panel.Panel, watch: guard.Guard) -> summary.Parts:
    books = accounts(spec, path, seen)
    lines, held = books.lines, books.held
    return summary.Parts(
        **{field.name: getattr(books, field.name) for field in fields(books)},
        attribution_days=daily.by_day(spec, path, lines, held=held, marks=seen.marks, equity=books.equity),
        combinations=attribution.by_combination(spec, path, lines),
        legs=attribution.by_leg(spec, path, lines),
        balances=ledger.balances(spec, path),
        execution=execution.figures(spec, path, lines, seen) | opportunities.episode_figures(spec, path.opportunities),
        stress={},
        capacity=[],
        guard=watch.events,
        quality=seen.quality,
        unmet=seen.unmet,
        stale_marks=seen.marks.stale,
    )


def warm() -> None:
    """Compile (or load from the cache) everything that a run and its files need, by running a small one on bars and on quotes."""
    weekend = depeg_weekend(0)
    run(parse_spec_toml(weekend.spec_toml), weekend.bars).files()
    run(*as_quotes(weekend))
