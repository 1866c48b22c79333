"""A venue with BTC/USD, ETH/BTC and ETH/USD, set up by hand: a dollar goes round over both coins. No fees; times in µs, clock 60."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from tests.engine.kernels.hand import BTC, USD, Level, Quote, coins, fresh, ints, observations, records, rules, tiers, world
from tests.engine.kernels.plain import chain, market, state

SELL, BUY = market.SELL, market.BUY
ETH = 2
"""Currencies and wallets are BTC, USD and ETH, as the legs are BTC/USD, ETH/BTC and ETH/USD."""

FORTH, BACK = ((0, BUY), (1, BUY), (2, SELL)), ((2, BUY), (1, SELL), (0, SELL))
Book = tuple[Sequence[Level], Sequence[Level]]
"""Bids and asks."""

BOOKS: dict[str, Book] = {
    "btc": ([(99.0, 10.0), (98.0, 10.0)], [(100.0, 1.0), (101.0, 9.0)]),
    "cross": ([(0.049, 100.0)], [(0.05, 100.0)]),
    "eth": ([(5.1, 1000.0)], [(5.2, 1000.0)]),
}


def seen(**books: Book) -> Any:
    """Return the market of a row a leg, some of them other than usual."""
    return observations(*([Quote(0, *book)] for book in {**BOOKS, **books}.values()))


def legs(*changes: dict[str, object]) -> Any:
    """Return the three legs, changed, and the row that ends them."""
    rows = [
        {"base_wallet": BTC, "quote_wallet": USD, "base_currency": BTC, "quote_currency": USD, "tick": coins(0.01), "lot": coins(0.01)},
        {"base_wallet": ETH, "quote_wallet": BTC, "base_currency": ETH, "quote_currency": BTC, "tick": coins(0.0001), "lot": coins(0.1)},
        {"base_wallet": ETH, "quote_wallet": USD, "base_currency": ETH, "quote_currency": USD, "tick": coins(0.01), "lot": coins(0.1)},
    ]
    changed = [{"first_span": k, **row, **change} for k, (row, change) in enumerate(zip(rows, (*changes, {}, {}, {})[:3], strict=True))]
    return records(market.LEG, [*changed, {"first_span": 3}])


def cyclic(quotes: Any, *cycles: Sequence[tuple[int, int]], **changes: Any) -> Any:
    """Return a world of some cycles; other than a part of it stands for a rule."""
    ways = cycles or (FORTH,)
    firsts = np.cumsum([0, *map(len, ways)])
    parts = {name: changes.pop(name) for name in ("legs", "spans", "tiers", "max_asset", "mark") if name in changes}
    usual = {
        "legs": legs(),
        **tiers(0.0, 0.0, 0.0),
        "cycles": records(market.CYCLE, [{"first_step": first} for first in firsts]),
        "steps": records(market.STEP, [{"leg": leg, "side": side} for way in ways for leg, side in way]),
        "wallet_currency": ints(BTC, USD, ETH, BTC, USD),
        "mark": np.tile([100.0, 1.0, 5.0], (10, 1)),
    }
    usual_rules: dict[str, object] = {"sends": market.TOGETHER, "threshold_bps": 150.0, "start_currency": USD, "base_currency": -1}
    limits = rules(**{**usual_rules, **changes})
    return world(quotes, **{**usual, **parts, "rules": limits})


def begun(quotes: Any, *, btc: float = 100, usd: float = 100_000, eth: float = 1000) -> Any:
    """Return the state of a run of three legs that has not begun, with so much free."""
    return fresh(quotes, free=(btc, usd, eth, 0, 0), legs=3)


def step(leg: int, side: int, **changes: object) -> Any:
    """Return a step of a plan on its leg's only row, all of which is left."""
    return records(state.PLANNED, [{"leg": leg, "side": side, "row": leg, "left": coins(1000), **changes}])[0]


def fees(rate: float, how: int = market.CHARGED_QUOTE) -> dict[str, Any]:
    """Return schedules of one rate on all legs."""
    found = tiers(rate, rate, rate)
    found["spans"].charged = how
    return found


def viewed(one: Any, now: Any, way: Any = FORTH) -> Any:
    """Return the steps of a cycle with what they may take at 0."""
    steps = records(state.PLANNED, [{"leg": leg, "side": side, "row": leg} for leg, side in way])
    for planned_step in steps:
        chain.view_step(one, now, planned_step, 0, np.inf if planned_step.side == BUY else -np.inf)
    return steps


def planned(amount: float, way: Any = FORTH, quotes: Any = None, **changes: Any) -> tuple[bool, Any]:
    """Return whether every step of a plan trades, and its steps, seen at 0."""
    quotes = seen() if quotes is None else quotes
    one, steps = cyclic(quotes, way, **changes), viewed(cyclic(quotes, way, **changes), begun(quotes), way)
    return chain.plan(one, steps, 3, coins(amount)), steps
