"""Small states of the kernels, set up by hand: two venues, alfa and bravo, with a market of BTC/USD each; times in µs, clock 60."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from engine.arrays import Records
from engine.schema import ATOMS_PER_UNIT
from tests.engine.kernels.plain import market, sizing, state, transfers

BTC, USD = 0, 1
"""Currencies; 2 is what a test makes of it."""

ALFA_BTC, ALFA_USD, BRAVO_BTC, BRAVO_USD = range(4)
"""Wallets; 4 is what a test makes of it."""

FOREVER = 2**60

Level = tuple[float, float]
"""Price and size, a number of coins."""


class Quote(NamedTuple):
    """A row of quotes, known when it happens; no bids: not good."""

    at: int
    bids: Sequence[Level]
    asks: Sequence[Level]
    known: int | None = None


def coins(amount: float) -> int:
    """Return an amount in atoms."""
    return round(amount * ATOMS_PER_UNIT)


def ints(*values: int) -> Any:
    """Return a column of integers."""
    return np.array(values, dtype=np.int64)


def records(kind: np.dtype[np.void], rows: Sequence[Mapping[str, object]]) -> Records:
    """Return records that are zero but for what is given."""
    found = np.zeros(len(rows), kind).view(np.recarray)
    for k, row in enumerate(rows):
        for name, value in row.items():
            found[k][name] = value
    return found


def legs(*changes: Mapping[str, object]) -> Records:
    """Return the two legs, changed, and the row that ends them."""
    usual: dict[str, object] = {"tick": coins(0.01), "lot": coins(0.1), "base_wallet": ALFA_BTC, "quote_wallet": ALFA_USD, "quote_currency": USD}
    alfa = {**usual, "venue": 0, "first_span": 0}
    bravo = {**usual, "venue": 1, "first_span": 1, "base_wallet": BRAVO_BTC, "quote_wallet": BRAVO_USD}
    last = {"first_span": 2}
    changed = [dict(row) | dict(change) for row, change in zip((alfa, bravo, last), (*changes, {}, {}, {})[:3], strict=True)]
    return records(market.LEG, changed)


def rules(**changes: object) -> Records:
    """Return rules without a limit, changed."""
    usual = {"end_us": 10_000, "clock_us": 60, "max_notional": np.inf, "interval_us": 60, "max_wait_us": 60, "max_gross_edge_bps": np.inf}
    limits = dict.fromkeys(("max_residual", "max_drawdown", "max_venue_open", "max_in_flight"), np.inf)
    return records(market.RULES, [{**usual, **limits, **changes}])


def observations(*series: Sequence[Quote], max_age: int = FOREVER, conversions: Sequence[tuple[int, bool]] = (), **columns: Any) -> Any:
    """Return the market of some series of quotes; `columns` stand instead of what these have, such as those of bars."""
    rows = [row for one in series for row in one]
    depth = max((len(side) for row in rows for side in (row.bids, row.asks)), default=1)
    price, size = np.full((2, len(rows), depth), np.nan), np.zeros((2, len(rows), depth), np.int64)
    for k, row in enumerate(rows):
        for side, offers in enumerate((row.bids, row.asks)):
            for level, (at, amount) in enumerate(offers):
                price[side, k, level], size[side, k, level] = at, coins(amount)
    firsts = np.cumsum([0, *(len(one) for one in series)])
    none = {"open_us": ints(), "fill_price": np.empty((2, 0)), "volume_cap": ints(), "blocked": np.empty(0, np.bool_)}
    found = market.Market(
        series=records(market.SERIES, [{"first": first, "max_age_us": max_age, "channel": -1} for first in firsts]),
        channels=records(market.CHANNEL, [{}]),
        happened_us=ints(),
        heard_us=ints(),
        latest_us=ints(),
        conversions=records(market.CONVERSION, [{"series": at, "inverted": inverted} for at, inverted in conversions]),
        event_us=ints(*(row.at for row in rows)),
        available_us=ints(*(row.at if row.known is None else row.known for row in rows)),
        good=np.array([bool(row.bids) for row in rows], dtype=np.bool_),
        price=price,
        size=size,
        epoch=np.array([range(len(rows))] * 2, dtype=np.int64).reshape(2, -1),
        **none,
    )
    return found._replace(**columns)


def tiers(*rates: float) -> dict[str, Any]:
    """Return schedules without tiers: a rate a leg, charged in quote."""
    spans = [{"first_tier": k, "asset_wallet": -1} for k in range(len(rates) + 1)]
    return {"spans": records(market.SPAN, spans), "tiers": records(market.TIER, [{"rate": rate} for rate in rates])}


def world(seen: Any, **changes: Any) -> Any:
    """Return a world of two legs without fees in which a coin is worth 100 at each of ten ticks."""
    mark = np.tile([100.0, 1.0, 10.0], (10, 1))
    usual = {
        "legs": legs(),
        **tiers(0.0, 0.0),
        "stated_volume": ints(0, 0),
        "cycles": records(market.CYCLE, [{}]),
        "steps": records(market.STEP, []),
        "pools": records(market.POOL, []),
        "wallet_currency": ints(BTC, USD, BTC, USD, 2),
        "start": ints(0, 0, 0),
        "max_asset": np.full(3, np.inf),
        "mark": mark,
        "halted": np.zeros(10, np.bool_),
        "perpetual": records(market.PERPETUAL, [{"leg": -1, "spot": -1}]),
        "payments": records(market.PAYMENT, []),
        "rules": rules(),
        "signal": market.Signal(*(np.empty((0, 0)) for _ in market.Signal._fields)),
    }
    return market.World(market=seen, **{**usual, **changes})


def fresh(seen: Any, *, free: Sequence[float] = (100, 100_000, 100, 100_000, 0), legs: int = 2, routes: int = 0, days: int = 1) -> Any:
    """Return the state of a run that has not begun, with so much free."""
    return state.State(
        counts=records(state.COUNT, [{"stopped_us": state.NEVER_US}]),
        wallets=records(state.WALLET, [{"free": coins(amount)} for amount in free]),
        currencies=records(state.CURRENCY, [{}] * 3),
        combinations=records(state.STANDING, [{"last_decision_us": state.NEVER_US, "stood": -2, "episode": -1}] * 4),
        sides=records(state.SIDE, [{"taken_epoch": -1, "known_epoch": -1}] * 2 * legs),
        bets=records(state.BET, [{"since_us": state.NEVER_US, "stopped_us": state.NEVER_US}] * legs),
        seen=records(state.SEEN, [{"row": first - 1, "in_force": first - 1} for first in seen.series.first[:-1]]),
        routes=records(state.SENT_TODAY, [{"day": state.NEVER_US}] * routes),
        position=records(state.POSITION, [{}]),
        funded=records(state.FUNDED, []),
        bar_taken=np.zeros(seen.open_us.size, np.int64),
        open_value=ints(0, 0),
        notional=np.zeros((2, days), np.int64),
    )


def log(rows: int = 16) -> Any:
    """Return an empty log."""
    return state.Log(
        orders=records(state.ORDER, [{}] * rows),
        packages=records(state.PACKAGE, [{}] * rows),
        opportunities=records(state.OPPORTUNITY, [{}] * rows),
        transfers=records(state.TRANSFER, [{}] * rows),
        queue=np.zeros((2 * rows, 3), np.int64),
    )


def scratch(depth: int = 3, legs: int = 2) -> Any:
    """Return room for a decision."""
    return state.Scratch(
        received=np.empty(legs), spent=np.empty(legs), ranked=np.empty(4, np.int64), edges=np.empty(4),
        reach=np.zeros(2 * depth + 1, np.int64), level=np.zeros((2, 2 * depth + 1), np.int64), plan=records(state.PLANNED, [{}] * legs),
    )  # fmt: skip


def pair(**changes: object) -> Any:
    """Return the opportunity to sell at alfa and buy at bravo on the first row of each."""
    usual = {"sell": 0, "buy": 1, "sell_row": 0, "buy_row": 1, "sell_rate": 0.0, "buy_rate": 0.0, "buy_charged": market.CHARGED_QUOTE}
    return sizing.Pair(**{**usual, "reserve_rate": 0.0, "received_at": 1.0, "spent_at": 1.0, **changes})


def funding(routes: Sequence[Mapping[str, object]], targets: Mapping[int, Mapping[str, object]], **windows: Any) -> Any:
    """Return ways between wallets, and what five wallets aim at; without a desk."""
    none = dict.fromkeys(("openings", "withdrawals", "deposits", "starts", "pays"), np.empty((0, 2), np.int64))
    none |= {"desk": records(transfers.DESK, []), "back": ints(-1, -1)}
    ends: Mapping[str, object] = {"first_withdrawal": len(windows.get("withdrawals", ())), "first_deposit": len(windows.get("deposits", ()))}
    places = [{"weight": np.nan, **({"listed": True} if w in targets else {}), **targets.get(w, {})} for w in range(5)]
    ways = [{"daily_limit": 2**62, **route} for route in routes]
    return transfers.Funding(
        routes=records(transfers.ROUTE, [*ways, {"first_opening": len(windows.get("openings", ()))}]),
        targets=records(transfers.TARGET, [*places, ends]),
        band=windows.pop("band", 0.0),
        **{**none, **windows},
    )
