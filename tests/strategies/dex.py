"""Worlds of a pool against a book: at prices that nearly agree, with liquidity that runs out."""

from dataclasses import replace
from math import inf, sqrt
from typing import Any

import polars as pl
from hypothesis import strategies as st

from engine.config import parse_spec
from engine.schema import SeriesKey
from tests.strategies.markets import Data, Market, Window, Worth, markets, unit, windows, worths
from tests.strategies.pools import PoolRow, pool_frame
from tests.strategies.series import DEVIATIONS, feeds, series
from tests.strategies.tape import Tape
from tests.strategies.venues import FEES, clock_offset, feed_latency
from tests.strategies.world import SECOND, World
from tests.strategies.worlds import DESK, KEPT, forms, tapes

KINDS: tuple[Data, ...] = ("quotes", "quotes", "quotes", "bars", "quote_bars")
POND = "pond"
GAPS_MS = (2000, 2000, 2000, 0, 4000, 6000, 12000, 1000)
RESERVES = (40.0, 400.0, 5.0, 4_000.0, 1.0)
MOST = 100
RANGES_BPS = (None, 200, 60, 25, 10, None)
CODE = 4


def dex_worlds(*, most: int = 40) -> st.SearchStrategy[World]:
    """Draw worlds in which most runs send packages of a swap and an order, some of which revert."""
    return st.builds(dex_world_of, st.integers(0, 2**32 - 1), st.sampled_from(KEPT), most=st.just(most))


def dex_world_of(seed: int, kept: tuple[float, float] = (1.0, 1.0), *, most: int = 40) -> World:
    """Return the world of a pool and books of a seed."""
    tape, for_data = tapes(seed, kept)
    data = tape.pick(KINDS)
    market = markets(tape, data)
    window = windows(tape, data, most=most, midnight=tape.once_in(3))
    pool = _pool(tape, market, data)
    form = forms(tape, replace(market, instruments=[*market.instruments, pool]), window, name=f"dex {seed} {kept}")
    form["strategy"] = _strategy(tape, pool)
    form["venues"][POND] = {**_venue(tape, form["venues"][POND]), "balances": _balances(tape, pool)}
    form["interval"] = f"{window.interval // SECOND}s"
    spec = parse_spec(form)
    worth = worths(for_data, window)
    feed = {v: feeds(for_data, feed_latency(t), clock_offset(t)) for v, t in sorted(form["venues"].items()) if v != DESK}
    found = {i.key: series(for_data, i.key, i.data, window, worth=worth, feed=feed[i.venue]) for i in spec.instruments if i.venue != POND}
    return World(form=form, spec=spec, data=found | {key: _states(for_data, key, form, window, worth) for key in spec.series if key.venue == POND})


def _pool(tape: Tape, market: Market, data: Data) -> dict[str, Any]:
    name = tape.pick([name for _, name in market.legs])
    base, _, quote = name.partition("/")
    kind = "pool_bars" if data != "quotes" and tape.once_in(2) else "pool"
    terms = {"block_time": tape.pick(("2s", "12s", "1s")), "gas": tape.pick(("0.01", "0", "0.2", "2")), "gas_currency": tape.pick((quote, base))}
    if terms["gas_currency"] != quote:
        terms["gas"] = f"{float(terms['gas']) * unit(SeriesKey(POND, name)) / 100:.8f}"
    age = {"max_age": "10s"} if kind == "pool" and tape.once_in(6) else {}
    lot = next(str(i["lot"]) for i in market.instruments if i["name"] == name)
    return {
        "venue": POND,
        "name": name,
        "use": "trade",
        "data": kind,
        "tick": "0.01",
        "lot": lot,
        "min_notional": tape.pick(("0", "1")),
        **terms,
        **age,
    }


def _venue(tape: Tape, venue: dict[str, Any]) -> dict[str, Any]:
    # a pool charges what it charges, in quote
    kept = {name: value for name, value in venue.items() if name in {"feed_latency", "order_latency", "clock_offset"}}
    return {**kept, "fee_bps": tape.pick(FEES)}


def _balances(tape: Tape, pool: dict[str, Any]) -> dict[str, str]:
    key = SeriesKey(POND, str(pool["name"]))
    held = {key.base: f"{tape.pick((30.0, 1000.0, 1.0)) * unit(key):.8f}", key.quote: tape.pick(("3000", "100000", "150"))}
    return {currency: "0.00000001" if tape.once_in(12) else amount for currency, amount in held.items()}


def _strategy(tape: Tape, pool: dict[str, Any]) -> dict[str, Any]:
    form: dict[str, Any] = {"kind": "dex_cex", "pools": [f"{POND} {pool['name']}"], "threshold_bps": tape.pick((1.0, 5.0, 0.0, -5.0, 20.0))}
    if tape.once_in(3):
        form |= {"cool_down": tape.pick(("5s", "1m"))}
    if tape.once_in(3):
        form |= {"min_profit": tape.pick(("0.05", "1"))}
    if tape.once_in(4):
        return form | {"size": "fixed", "fixed_notional": tape.pick(("20", "150", "1000"))}
    return form | ({"max_notional": tape.pick(("100", "500", "2000"))} if tape.once_in(3) else {})


def _states(tape: Tape, key: SeriesKey, form: dict[str, Any], window: Window, worth: Worth) -> pl.DataFrame:
    (terms,) = [i for i in form["instruments"] if i["venue"] == POND]
    step = window.interval if terms["data"] == "pool_bars" else 0
    offset, latency = clock_offset(form["venues"][POND]), feed_latency(form["venues"][POND])
    received = not step and tape.once_in(2)
    rows: list[PoolRow] = []
    t, block, count = (window.start // step - 1) * step if step else window.start - 4 * SECOND, 100, 0
    slower = max((window.last - window.start) // (MOST * 3 * SECOND), 1)
    while t <= window.last and count < MOST:
        code = tape.take(CODE)
        rows.append((t, t + latency - offset if received else None, block, *_state(key, code, worth.of(key, t), certain=count < 2)))
        gap = step or (1000 if count == 0 else GAPS_MS[code[3] % 8] * slower) * 1000
        t, block, count = t + gap, block + (gap > 0), count + 1
    return pool_frame(rows)


def _state(key: SeriesKey, code: bytes, fair: float, *, certain: bool) -> tuple[float | None, float | None, float | None, float | None]:
    price = float(f"{fair * (1 + DEVIATIONS[code[0] // 16] * 1e-4):.9g}")
    liquidity = RESERVES[code[1] % 5] * unit(key) * sqrt(price)
    far = RANGES_BPS[code[2] % 6]
    lower, upper = (0.0, inf) if far is None else (price * (1 - far * 1e-4 * (code[2] // 64) / 3), price * (1 + far * 1e-4 * (3 - code[2] // 64) / 3))
    if certain or code[3] < 240:
        return price, liquidity, lower, upper
    bad = {0: (None, liquidity, lower, upper), 1: (price, 0.0, lower, upper), 2: (price, liquidity, upper * 2, upper * 3)}
    return bad.get(code[3] % 4, (price, liquidity, lower, upper))
