"""Which trials share what: a panel where they read the same, a table of candidates where they read it with the same currencies."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from engine import guard, market, panel
from engine.arrays import Int64s
from engine.config import Spec
from engine.guard import Guard
from engine.kernels import market as kernel
from engine.panel import Panel
from engine.path import candidates
from engine.schema import SeriesKey
from engine.sweep import tables
from engine.sweep.design import Axis, Design
from engine.sweep.paths import SCALE, with_typed
from engine.sweep.tables import Tables

_SMALL = {
    "strategy": {"threshold_bps", "cool_down", "max_notional", "fixed_notional"},
    "execution": {"tolerance_bps", "residual", "residual_bps", "max_wait"},
    "risk": {"max_gross_edge_bps", "max_residual", "max_venue_open", "max_in_flight", "max_drawdown", "max_asset", "max_misses"},
    "venues": {"order_latency", "fee_bps", "volume_30d", "balances"},
}
"""What changes nothing but a few numbers of a trial."""
_SHAPING = {"risk": {"depeg_guard"}, "venues": {"fees", "fee_currency"}}
"""What changes lists, or what happens whatever the trial does: these share the panel still, as does all that a strategy is told."""
_CHARGING = frozenset({"fee_bps", "fees", "fee_currency"})
_FUNDING = frozenset({"rebalance", "routes", "suspensions"})
_WIDENING = frozenset({"tolerance_bps", "residual_bps", "fee_bps"})
"""The largest of these decide whether amounts fit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Group:
    """Trials that differ in small numbers alone."""

    spec: Spec  # of the first of them
    guard: Guard
    trials: Int64s  # (N,) ordinals, increasing
    tables: Tables


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """Groups that share a panel and the instants at which any of their trials may decide."""

    panel: Panel
    observed: kernel.Market
    groups: tuple[Group, ...]
    rows: kernel.Candidates
    threshold_bps: float  # the lowest


def reads_of(design: Design) -> list[int]:
    """Return the ordinals of the parameters that change what is read: a panel for each set of their values."""
    return [k for k, axis in enumerate(design.axes) if not _is_small(axis) and not _is_shaping(axis)]


def shaping(design: Design) -> list[int]:
    """Return the ordinals of the parameters that change lists, or currencies that need a mark."""
    return [k for k, axis in enumerate(design.axes) if _is_shaping(axis) and not _is_small(axis)]


def scanning(design: Design) -> list[int]:
    """Return the ordinals of the parameters that change at which instants a strategy may decide, its threshold and fees apart."""
    return [k for k, axis in enumerate(design.axes) if axis.keys[:1] == ("strategy",) and not _is_small(axis)]


def kinds_of(design: Design) -> Iterator[Spec]:
    """Yield the spec of one trial for each set of values that may name another strategy, or a desk: all that is no number."""
    naming = [k for k in scanning(design) if design.axes[k].kind == "other"]
    for trials in split(design, np.arange(design.trials), naming):
        yield design.spec_of(int(trials[0]))


def charging(design: Design) -> list[int]:
    """Return the ordinals of the parameters that change what trading is charged."""
    return [k for k, axis in enumerate(design.axes) if axis.keys[:1] == ("venues",) and _leaf(axis) in _CHARGING]


def _is_small(axis: Axis) -> bool:
    return _leaf(axis) in _SMALL.get(str(axis.keys[0]) if axis.keys else "", set())


def _is_shaping(axis: Axis) -> bool:
    top = str(axis.keys[0]) if axis.keys else SCALE
    return top in {SCALE, "strategy"} or top in _FUNDING or _leaf(axis) in _SHAPING.get(top, set())


def _leaf(axis: Axis) -> str:
    # of a venue, what is below its name
    place = 2 if axis.keys[:1] == ("venues",) else 1
    return str(axis.keys[place]) if len(axis.keys) > place else ""


def families(design: Design, data: Mapping[SeriesKey, pl.DataFrame], wanted: Int64s) -> Iterator[Family]:
    """Yield what trials share, one family after the other, so that one panel is held at a time.

    Parameters
    ----------
    design : Design
        The trials.
    data : Mapping[SeriesKey, pl.DataFrame]
        What they run on.
    wanted : (N,) int
        Ordinals of the trials to run.
    """
    has_scale = any(axis.path == SCALE for axis in design.axes)
    small = [k for k, axis in enumerate(design.axes) if _is_small(axis) and not (has_scale and axis.kind == "amount")]  # the scale multiplies those
    shapes = [k for k, axis in enumerate(design.axes) if k not in {*small, *reads_of(design)}]
    for reading in split(design, wanted, reads_of(design)):
        specs = [(design.spec_of(int(trials[0])), trials) for trials in split(design, reading, shapes)]
        for currencies in dict.fromkeys(spec.currencies for spec, _ in specs):
            alike = [(spec, trials) for spec, trials in specs if spec.currencies == currencies]
            seen = panel.build(widest(design, alike[0][0]), data)
            yield _family(seen, [group for spec, trials in alike for group in _groups(design, spec, seen, trials, small)])


def split(design: Design, trials: Int64s, axes: Sequence[int]) -> list[Int64s]:
    """Return trials by the values of some axes, in the order of the first ones; all together where there are no axes."""
    if not trials.size:
        return []
    _, first, of = np.unique(design.picks[trials][:, list(axes)], axis=0, return_index=True, return_inverse=True)
    return [trials[of.reshape(-1) == k] for k in np.argsort(first)]


def widest(design: Design, spec: Spec) -> Spec:
    """Return a spec with the largest values of what decides whether amounts fit."""
    for axis in design.axes:
        if _is_small(axis) and _leaf(axis) in _WIDENING:
            spec = with_typed(spec, axis.keys, max(axis.typed, key=lambda value: float(str(value))))
    return spec


def _groups(design: Design, spec: Spec, seen: Panel, trials: Int64s, small: Sequence[int]) -> Iterator[Group]:
    varied = [k for k in small if len(np.unique(design.picks[trials, k])) > 1]
    made = tables.build(spec, seen, design.axes, varied, design.picks[trials])
    if made is not None:
        yield Group(spec=spec, guard=guard.build(spec, seen.marks), trials=trials, tables=made)
        return
    for alone in split(design, trials, varied):  # lists of other lengths, such as fees that begin as an order arrives
        yield from _groups(design, design.spec_of(int(alone[0])), seen, alone, ())


def _family(seen: Panel, groups: Sequence[Group]) -> Family:
    first = groups[0]
    world = market.world(first.spec, seen, first.guard)
    built = [group.tables.all_rows() for group in groups]
    legs = world.legs.copy()
    legs.loosest_rate = np.min([rows.legs["loosest_rate"].min(axis=0) for rows in built], axis=0)
    legs.in_base = np.any([rows.legs["in_base"].any(axis=0) for rows in built], axis=0)
    lowest = float(min(rows.rules["threshold_bps"].min() for rows in built))
    found, _ = candidates(world._replace(legs=legs), lowest)
    return Family(panel=seen, observed=world.market, groups=tuple(groups), rows=found, threshold_bps=lowest)
