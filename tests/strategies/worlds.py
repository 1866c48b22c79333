"""Random worlds over everything that the model knows; most of them trade."""

from datetime import datetime
from typing import Any

import polars as pl
from hypothesis import strategies as st

from engine.config import Spec, parse_spec
from engine.schema import SeriesKey
from tests.strategies.markets import Data, Market, Window, markets, windows, worths
from tests.strategies.policies import executions, qualities, risks, spatial
from tests.strategies.series import Feed, feeds, series
from tests.strategies.tape import Tape
from tests.strategies.transfers import DESK, transfers
from tests.strategies.venues import clock_offset, feed_latency, venues
from tests.strategies.world import SECOND, World, iso

KINDS: tuple[Data, ...] = ("bars", "quotes", "quotes", "quote_bars")


SPEC_BYTES, DATA_BYTES = 600, 3000
"""What a spec and its data read of a tape, at most; a world is drawn as one value, which Hypothesis shrinks to zeros."""


def worlds(*, most: int = 40, data: Data | None = None) -> st.SearchStrategy[World]:
    """Draw worlds in which most runs send packages, and some drop, miss and fill in part."""
    size = SPEC_BYTES + DATA_BYTES
    return st.binary(min_size=size, max_size=size).map(lambda code: world_of(code, most=most, data=data))


def world_of(code: bytes, *, most: int = 40, data: Data | None = None) -> World:
    """Return the world that some bytes say."""
    tape = Tape(code[:SPEC_BYTES])
    kind = tape.pick(KINDS) if data is None else data
    market = markets(tape, kind)
    window = windows(tape, kind, most=most, midnight=tape.once_in(3))
    form = forms(tape, market, window)
    spec = parse_spec(form)
    return World(form=form, spec=spec, data=tables(Tape(code[SPEC_BYTES:]), spec, form, window))


def forms(tape: Tape, market: Market, window: Window) -> dict[str, Any]:
    """Draw the spec of a market and a window."""
    moving = transfers(tape, market, window)
    ends = {str(route[end]) for route in moving.get("routes", []) for end in ("source", "destination")}
    desk = {DESK: {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s"}} if DESK in ends else {}
    with_interval = any(i["data"] != "quotes" for i in market.instruments)
    return {
        "version": 2,
        "name": "a world",
        "numeraire": market.numeraire,
        "start": iso(window.start),
        "end": iso(window.end),
        **({"interval": f"{window.interval // SECOND}s"} if with_interval else {}),
        "clock": f"{window.clock // SECOND}s",
        "assume_par": market.par,
        "strategy": spatial(tape),
        "execution": executions(tape, window),
        "risk": risks(tape, market),
        "quality": qualities(tape),
        "venues": {name: venues(tape, name, market, window) for name in market.venues} | desk,
        "instruments": market.instruments,
        **moving,
    }


def tables(tape: Tape, spec: Spec, form: dict[str, Any], window: Window) -> dict[SeriesKey, pl.DataFrame]:
    """Draw the data of every series of a spec."""
    worth = worths(tape, window)
    feed: dict[str, Feed] = {
        name: feeds(tape, feed_latency(venue), clock_offset(venue)) for name, venue in sorted(form["venues"].items()) if name != DESK
    }
    return {i.key: series(tape, i.key, i.data, window, worth=worth, feed=feed[i.venue]) for i in spec.instruments}


@st.composite
def unmarked_worlds(draw: st.DrawFn) -> World:
    """Draw a world whose data begin after its start, so that nothing is marked there."""
    world = draw(worlds())
    return world.on({key: since(table, world.spec.start).slice(draw(st.integers(0, 8))) for key, table in world.data.items()})


def since(table: pl.DataFrame, start: datetime) -> pl.DataFrame:
    """Return what opens, happens or is received from a time on."""
    return table.filter(pl.coalesce("ts", "received") >= start if "received" in table.columns else pl.col("ts") >= start)
