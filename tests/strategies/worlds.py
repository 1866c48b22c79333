"""Random worlds over everything that the model knows; most of them trade."""

import itertools
import random
from datetime import datetime
from typing import Any

import polars as pl
from hypothesis import strategies as st

from engine.config import Spec, parse_spec
from engine.schema import SeriesKey
from tests.strategies.markets import Data, Market, Window, markets, on_channels, windows, worths
from tests.strategies.policies import RESIDUALS, executions, qualities, risks, spatial
from tests.strategies.series import Feed, feeds, series
from tests.strategies.tape import Tape
from tests.strategies.transfers import DESK, transfers
from tests.strategies.venues import clock_offset, feed_latency, tiered, venues
from tests.strategies.world import EPOCH_US, MINUTE, SECOND, World, iso

KINDS: tuple[Data, ...] = ("bars", "quotes", "quotes", "quote_bars")


SPEC_BYTES, DATA_BYTES = 600, 3000
"""What a spec and its data read of their tapes, at most."""
SHARES = (0.0, 0.03, 0.06, 0.12, 0.25, 0.5, 1.0)
KEPT = sorted(itertools.product(SHARES, SHARES), key=sum) + [(1.0, 1.0)] * 500
"""How much of a spec's tape and of its data's is not zeros: nearly always all, and as little as fails when Hypothesis shrinks."""


def worlds(*, most: int = 40, data: Data | None = None) -> st.SearchStrategy[World]:
    """Draw worlds in which most runs send packages, and some drop, miss and fill in part."""
    return st.builds(world_of, st.integers(0, 2**32 - 1), st.sampled_from(KEPT), most=st.just(most), data=st.just(data))


def world_of(seed: int, kept: tuple[float, float] = (1.0, 1.0), *, most: int = 40, data: Data | None = None) -> World:
    """Return the world of a seed."""
    tape, for_data = tapes(seed, kept)
    kind = tape.pick(KINDS) if data is None else data
    market = markets(tape, kind)
    window = windows(tape, kind, most=most, midnight=tape.once_in(3))
    form = forms(tape, market, window, name=f"world {seed} {kept}")
    spec = parse_spec(form)
    return World(form=form, spec=spec, data=tables(for_data, spec, form, window))


def tapes(seed: int, kept: tuple[float, float]) -> tuple[Tape, Tape]:
    """Return the tapes of a spec and of its data."""
    chance = random.Random(seed)
    codes = [chance.randbytes(size)[: round(size * share)] for size, share in zip((SPEC_BYTES, DATA_BYTES), kept, strict=True)]
    return Tape(codes[0]), Tape(codes[1])


def forms(tape: Tape, market: Market, window: Window, *, name: str, other: dict[str, Any] | None = None) -> dict[str, Any]:
    """Draw the spec of a market and a window: of pairs, or of another strategy as it is given."""
    moving = transfers(tape, market, window)
    ends = {str(route[end]) for route in moving.get("routes", []) for end in ("source", "destination")}
    desk = {DESK: {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s"}} if DESK in ends else {}
    with_interval = any(i["data"] != "quotes" for i in market.instruments)
    return {
        "version": 2,
        "name": name,
        "numeraire": market.numeraire,
        "start": iso(window.start),
        "end": iso(window.end),
        **({"interval": f"{window.interval // SECOND}s"} if with_interval else {}),
        "clock": f"{window.clock // SECOND}s",
        "assume_par": market.par,
        "strategy": spatial(tape) if other is None else other,
        "execution": executions(tape, window, residuals=("hedge", "hedge", "carry") if _in_sequence(other) else RESIDUALS),
        "risk": risks(tape, _limited(tape, market, other)),
        "quality": qualities(tape),
        "venues": {name: venues(tape, name, market, window) for name in market.venues} | desk,
        "instruments": on_channels(tape, market.instruments),
        **moving,
    }


def _in_sequence(other: dict[str, Any] | None) -> bool:
    return other is not None and other.get("send") == "sequence"


def _limited(tape: Tape, market: Market, other: dict[str, Any] | None) -> list[str]:
    # what a limit may be set on: quotes, where there are several, what lies between the ends of a cycle, or a coin that is held
    if other is not None and other["kind"] == "peg":
        return [market.base]
    if other is not None:
        between = {currency for _, name in market.legs for currency in name.split("/")} - {other["start"]}
        return sorted(between) if tape.once_in(2) else []
    quotes = sorted({name.partition("/")[2] for _, name in market.legs})
    return quotes if len(quotes) > 1 else []


def tables(tape: Tape, spec: Spec, form: dict[str, Any], window: Window) -> dict[SeriesKey, pl.DataFrame]:
    """Draw the data of every series of a spec."""
    worth = worths(tape, window)
    feed: dict[str, Feed] = {
        name: feeds(tape, feed_latency(venue), clock_offset(venue)) for name, venue in sorted(form["venues"].items()) if name != DESK
    }
    return {i.key: series(tape, i.key, i.data, window, worth=worth, feed=feed[i.venue]) for i in spec.instruments}


def months() -> st.SearchStrategy[World]:
    """Draw worlds of five weeks and few quotes, on venues whose fees fall with the volume of thirty days."""
    return st.builds(month_of, st.integers(0, 2**32 - 1), st.sampled_from(KEPT))


def month_of(seed: int, kept: tuple[float, float] = (1.0, 1.0)) -> World:
    """Return the world of five weeks of a seed."""
    tape, for_data = tapes(seed, kept)
    market = markets(tape, "quotes", mixed=False)
    start, length = EPOCH_US + 7 * 60 * MINUTE, tape.number(30 * 24, 36 * 24) * 60 * MINUTE
    window = Window(
        data="quotes", start=start, end=start + length, clock=60 * MINUTE, interval=MINUTE, first=start - 30 * SECOND, last=start + length
    )
    form = forms(tape, market, window, name=f"months {seed} {kept}")
    falling = {name: tiered(tape, venue) for name, venue in form["venues"].items()}
    lasting = [{**i, "max_age": "3d"} for i in form["instruments"]]
    strategy = {"kind": "spatial", "threshold_bps": -20.0, "max_notional": tape.pick(("60", "400"))}
    form |= {"venues": falling, "instruments": lasting, "strategy": strategy, "risk": {}}
    spec = parse_spec(form)
    return World(form=form, spec=spec, data=tables(for_data, spec, form, window))


@st.composite
def unmarked_worlds(draw: st.DrawFn) -> World:
    """Draw a world whose data begin after its start, so that nothing is marked there."""
    world = draw(worlds())
    return world.on({key: since(table, world.spec.start).slice(draw(st.integers(0, 8))) for key, table in world.data.items()})


def since(table: pl.DataFrame, start: datetime) -> pl.DataFrame:
    """Return what opens, happens or is received from a time on."""
    return table.filter(pl.coalesce("ts", "received") >= start if "received" in table.columns else pl.col("ts") >= start)
