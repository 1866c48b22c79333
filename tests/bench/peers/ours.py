"""The engine's part of the jobs that the peers get, too."""

from collections.abc import Mapping

import polars as pl

from engine import guard, market, panel
from engine.config import Spec
from engine.events import Path
from engine.kernels.market import World
from engine.path import candidates, walk_path
from engine.schema import SeriesKey


def world_of(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> World:
    """Return the market and the rules as the kernels read them."""
    seen = panel.build(spec, data)
    return market.world(spec, seen, guard.build(spec, seen.marks))


def replay(spec: Spec, world: World) -> Path:
    """Return what happens: alignment, edges, and the path over the candidates."""
    return walk_path(spec, world, candidates(world, spec.strategy.threshold_bps))
