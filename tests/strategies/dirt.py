"""Worlds whose data have every fault that the checks of quality count."""

import random
from datetime import timedelta
from typing import Any

import polars as pl
from hypothesis import strategies as st

from engine.config import Instrument, Spec
from tests.strategies.world import World
from tests.strategies.worlds import world_of

Row = dict[str, Any]

NOTHING = (None, float("nan"), float("inf"), -float("inf"), 0.0, -1.0)
MILLISECOND = timedelta(milliseconds=1)
PADDING = 150
"""Sound rows before those of a world: of so many, one may be received before it happened."""


def dirty_worlds() -> st.SearchStrategy[World]:
    """Draw worlds with dirt in all their data."""
    return st.builds(dirty_world_of, st.integers(0, 2**32 - 1))


def dirty_world_of(seed: int) -> World:
    """Return the world of a seed, with dirt in all its data."""
    world, chance = world_of(seed), random.Random(seed)
    return world.on({i.key: _dirty(chance, world.spec, i, world.data[i.key]) for i in world.spec.instruments})


def _dirty(chance: random.Random, spec: Spec, instrument: Instrument, table: pl.DataFrame) -> pl.DataFrame:
    rows = table.to_dicts()
    # what the start is marked by stays
    first, times = 3, range(chance.randrange(6))
    if instrument.data == "bars":
        for _ in times:
            _spoil_bar(chance, rows, first)
        return pl.DataFrame(rows, schema=table.schema)
    if None not in (rows[0]["ts"], rows[0]["received"]):
        rows = [_earlier(rows[0], n) for n in range(PADDING, 0, -1)] + rows
        early, first = chance.choice(rows[1:PADDING]), first + PADDING
        early["received"] = early["ts"] - timedelta(microseconds=spec.venues[instrument.venue].clock_offset) - chance.randrange(1, 3) * MILLISECOND
    for _ in times:
        _spoil_quote(chance, rows, first)
    return pl.DataFrame(rows, schema=table.schema)


def _earlier(row: Row, milliseconds: int) -> Row:
    return {**row, "ts": row["ts"] - milliseconds * MILLISECOND, "received": row["received"] - milliseconds * MILLISECOND}


def _spoil_bar(chance: random.Random, rows: list[Row], first: int) -> None:
    if len(rows) <= first + 1:
        return
    row = chance.choice(rows[first:])
    what = chance.choice(("missing", "no_trade", "high", "low", "ends"))
    if what == "missing":
        rows.remove(row)
    elif what == "ends":
        del rows[-chance.randrange(1, len(rows) - first) :]
    else:
        row |= {"no_trade": {"volume": 0.0}, "high": {"high": row["high"] * 1.2}, "low": {"low": row["low"] * 0.8}}[what]


def _spoil_quote(chance: random.Random, rows: list[Row], first: int) -> None:
    if len(rows) <= first + 1:
        return
    at = chance.randrange(first, len(rows))
    row = rows[at]
    what = chance.choice(("value", "value", "crossed", "locked", "levels", "again", "disorder", "ends"))
    if what == "again":
        rows.insert(at, dict(row))
    elif what == "disorder":
        rows.insert(chance.randrange(first, len(rows)), rows.pop(at))
    elif what == "ends":
        del rows[-chance.randrange(1, len(rows) - first) :]
    elif what == "value":
        row[chance.choice([name for name in row if name not in {"ts", "received"}])] = chance.choice(NOTHING)
    elif what == "levels":
        best, next_one = chance.choice((("bid", "bid_2"), ("ask", "ask_2")))
        if row.get(next_one) is not None:
            row[best], row[next_one] = row[next_one], row[best]
    elif row["bid"] is not None:
        row["ask"] = row["bid"] * (0.99 if what == "crossed" else 1.0)
