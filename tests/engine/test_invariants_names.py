"""Names, order, bystanders and threads leave no trace in a result."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import assume, event, given
from hypothesis import strategies as st

from engine.backtest import run
from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Chance, Engine, Outcome, by_kernel, by_oracle
from tests.profiles import examples
from tests.strategies import World, any_worlds, basis_of, basis_worlds, bystanders, cycles_of, peg_of, world_of, worlds
from tests.strategies.dex import dex_world_of, dex_worlds

both_engines = pytest.mark.parametrize("engine", ENGINES)
few = examples(20)


def every() -> st.SearchStrategy[World]:
    """Draw worlds of any strategy, those with a position and those with a pool included."""
    return any_worlds() | basis_worlds() | dex_worlds()


Rename = Callable[[str], str]


# ---- order ----


@both_engines
@few
@given(world=every(), draw=st.data())
def test_the_order_in_which_a_spec_is_written_changes_nothing(engine: Engine, world: World, draw: st.DataObject) -> None:
    assert engine(permuted(world, draw)) == engine(world)


@examples(10)
@given(world=every(), draw=st.data())
def test_the_order_in_which_a_spec_is_written_changes_no_byte(world: World, draw: st.DataObject) -> None:
    shuffled = permuted(world, draw)
    ours, theirs = (run(w.spec, w.data, stress=False) for w in (world, shuffled))
    assert theirs.manifest == ours.manifest
    assert theirs.files() == ours.files()


def permuted(world: World, draw: st.DataObject) -> World:
    """Draw the same world, written in another order, whatever list has none."""
    form = world.form
    venues = {name: mixed(draw, venue) for name, venue in mixed(draw, form["venues"]).items()}
    lists = {name: draw.draw(st.permutations(form[name])) for name in ("instruments", "routes", "suspensions", "assume_par") if name in form}
    moving = {"rebalance": mixed(draw, form["rebalance"])} if "rebalance" in form else {}
    shuffled = world.but(venues=venues, strategy=_in_any_order(draw, form["strategy"]), **lists, **moving)
    return shuffled.on(dict(draw.draw(st.permutations(list(world.data.items())))))


def _in_any_order(draw: st.DataObject, strategy: dict[str, Any]) -> dict[str, Any]:
    # cycles may be listed in any order, but each is one
    return strategy | {name: draw.draw(st.permutations(strategy[name])) for name in ("cycles", "pools") if name in strategy}


ORDERED = {"tiers"}
"""Lists that mean something by their order."""


def mixed(draw: st.DataObject, table: dict[str, Any]) -> dict[str, Any]:
    """Draw a table in another order, and the lists in it."""
    keys = draw.draw(st.permutations(list(table)))
    return {key: _mixed_value(draw, key, table[key]) for key in keys}


def _mixed_value(draw: st.DataObject, key: str, value: Any) -> Any:
    if isinstance(value, list) and key not in ORDERED:
        return draw.draw(st.permutations(value))
    return mixed(draw, value) if isinstance(value, dict) else value


# ---- names ----


@both_engines
@few
@given(world=every())
def test_venues_of_other_names_in_the_same_order_do_the_same(engine: Engine, world: World) -> None:
    assert engine(renamed(world, lambda name: f"x-{name}")) == _renamed_outcome(engine(world), lambda name: f"x-{name}")


@both_engines
@few
@given(world=worlds() | dex_worlds(), draw=st.data())
def test_venues_of_any_names_do_the_same_where_no_tie_decides(engine: Engine, world: World, draw: st.DataObject) -> None:
    world = world.but(rebalance=None, execution={**world.form["execution"], "residual": "unwind"})
    names = dict(zip(sorted(world.spec.venues), draw.draw(st.permutations(sorted(world.spec.venues))), strict=True))
    ours, theirs = engine(world), engine(renamed(world, names.__getitem__))
    assume(all(a.t != b.t or a.edge_bps != b.edge_bps for a, b in zip(ours.opportunities, ours.opportunities[1:], strict=False)))
    event(f"{bool(ours.orders)=}, {names == dict(zip(names, names, strict=True))=}")
    expected = _renamed_outcome(ours, names.__getitem__)
    assert (theirs.orders, theirs.opportunities) == (expected.orders, expected.opportunities)
    assert (theirs.stops, theirs.balances) == (expected.stops, expected.balances)
    assert [x for row in theirs.equity for x in row] == pytest.approx([x for row in expected.equity for x in row], rel=1e-12)


def renamed(world: World, name: Rename) -> World:
    """Return the world with other names of venues."""
    form = world.form
    lists = {
        "instruments": [{**i, "venue": name(i["venue"])} for i in form["instruments"]],
        "routes": [{**r, "source": name(r["source"]), "destination": name(r["destination"])} for r in form.get("routes", [])],
        "suspensions": [{**s, "venue": name(s["venue"])} for s in form.get("suspensions", [])],
    }
    rule = form.get("rebalance")
    moving = None if rule is None else {**rule, "wallets": [{**w, "venue": name(w["venue"])} for w in rule["wallets"]]}
    found = world.but(
        venues={name(v): venue for v, venue in form["venues"].items()}, rebalance=moving, strategy=_renamed_parts(form["strategy"], name), **lists
    )
    return found.on({_renamed_key(key, name): table for key, table in world.data.items()})


def _renamed_parts(strategy: dict[str, Any], name: Rename) -> dict[str, Any]:
    # cycles, pools and the desk name venues
    if "pools" in strategy:
        return {**strategy, "pools": [_renamed_leg(leg, name) for leg in strategy["pools"]]}
    if "redemption" in strategy:
        return {**strategy, "redemption": {**strategy["redemption"], "desk": name(strategy["redemption"]["desk"])}}
    if "cycles" not in strategy:
        return strategy
    return {**strategy, "cycles": [[_renamed_leg(leg, name) for leg in cycle] for cycle in strategy["cycles"]]}


def _renamed_leg(leg: str, name: Rename) -> str:
    venue, pair = leg.split()
    return f"{name(venue)} {pair}"


def _renamed_position(what: str, name: Rename) -> str:
    led, _, leg = what.rpartition("the position in ")
    return f"{led}the position in {_renamed_leg(leg, name)}" if leg != what else what


def _renamed_key(key: SeriesKey, name: Rename) -> SeriesKey:
    return SeriesKey(name(key.venue), key.instrument)


def _renamed_outcome(found: Outcome, name: Rename) -> Outcome:
    return replace(
        found,
        orders=[o._replace(key=_renamed_key(o.key, name)) for o in found.orders],
        opportunities=[o._replace(steps=tuple((_renamed_key(key, name), side) for key, side in o.steps)) for o in found.opportunities],
        back_at_marks=[_renamed_position(what, name) for what in found.back_at_marks],
        quality=[{**row, "venue": name(str(row["venue"]))} for row in found.quality],
        balances={(name(venue), currency): parts for (venue, currency), parts in found.balances.items()},
    )


# ---- bystanders ----


@both_engines
@few
@given(pair=bystanders())
def test_a_venue_without_funds_changes_no_fill(engine: Engine, pair: tuple[World, World]) -> None:
    alone, watched = (engine(world) for world in pair)
    event(f"{bool(alone.orders)=}")
    assert watched.orders == alone.orders
    assert [_no_episode(o) for o in watched.opportunities if "zulu" not in {o.sell.venue, o.buy.venue}] == [
        _no_episode(o) for o in alone.opportunities
    ]


def _no_episode(o: Chance) -> Chance:
    # an instant of the bystander's can end an episode, as one at which a pair is too old
    return o._replace(episode=0)


# ---- ways to come to it ----


def test_threads_bring_the_same_bytes_as_one_after_the_other() -> None:
    drawn = [make(seed) for make in (world_of, cycles_of, peg_of, basis_of, dex_world_of) for seed in range(4)]
    with ThreadPoolExecutor(4) as pool:
        beside = list(pool.map(_bytes, drawn * 2))
    assert beside == [_bytes(world) for world in drawn] * 2


def _bytes(world: World) -> dict[str, bytes]:
    return run(world.spec, world.data, stress=False).files()


def test_both_engines_leave_their_data_as_it_was() -> None:
    for world in map(world_of, range(10)):
        before = {key: table.clone() for key, table in world.data.items()}
        for engine in (by_kernel, by_oracle):
            engine(world)
        assert all(table.equals(before[key]) for key, table in world.data.items())
