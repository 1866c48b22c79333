"""Replays cases in hftbacktest, in its own environment: `python run_hftbacktest.py FOLDER ...`.

A folder holds feed.npz (the quotes of two assets) and case.json (the spec in numbers); what comes of it goes to fills.npz and out.json.
Imports nothing of ours. The strategy is the one of the spec, written as hftbacktest's own examples are: compiled by numba, woken by
every feed, orders sent as IOC.
"""

import json
import statistics
import sys
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from hftbacktest import (
    BUY_EVENT,
    DEPTH_EVENT,
    EXCH_EVENT,
    LIMIT,
    LOCAL_EVENT,
    SELL_EVENT,
    BacktestAsset,
    HashMapMarketDepthBacktest,
    ROIVectorMarketDepthBacktest,
)
from hftbacktest.order import IOC
from hftbacktest.types import event_dtype
from numba import njit
from numpy.typing import NDArray

FEED = 2
"""What `wait_next_feed` returns when a feed came."""

FOREVER_NS = 10**15
NEVER_NS = -(10**18)
BOOKS = {"HashMapMarketDepth": HashMapMarketDepthBacktest, "ROIVectorMarketDepth": ROIVectorMarketDepthBacktest}
Events = NDArray[Any]
ORDER = np.dtype([("asset", "i8"), ("side", "i8"), ("arrival_ns", "i8"), ("filled", "i8"), ("price_tick", "i8")])


class Case(NamedTuple):
    """The spec, in the units of hftbacktest."""

    start_ns: int
    end_ns: int
    threshold_bps: float
    cool_down_ns: int
    max_notional: float  # [atoms of quote]
    tolerance: float
    rate: NDArray[np.float64]  # (2,) taker fee [fraction]
    ticks: NDArray[np.float64]  # (2,) ticks in a unit of price, a whole number: dividing by it gives the price that the feed has
    step: int  # [atoms of base] a multiple of both lots
    min_notional: NDArray[np.float64]  # (2,) [units of quote]


class Replay(NamedTuple):
    """What a replay came to."""

    book: str
    median_s: float
    orders: Events
    balances: list[tuple[float, float, float]]  # by asset: cash before fees, fees, position


@njit
def spatial(hbt, case, orders):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Sell on the dearer asset and buy on the cheaper one wherever both fees are paid; return how many orders were sent."""
    decided = np.full(2, NEVER_NS)
    bid, ask = np.empty(2), np.empty(2)
    sent = 0
    while sent + 2 <= orders.size and hbt.wait_next_feed(False, FOREVER_NS) == FEED:
        now = hbt.current_timestamp
        if now < case.start_ns or now > case.end_ns:
            continue
        for asset in range(2):
            depth = hbt.depth(asset)
            bid[asset] = np.rint(depth.best_bid * case.ticks[asset]) / case.ticks[asset]
            ask[asset] = np.rint(depth.best_ask * case.ticks[asset]) / case.ticks[asset]
        for sell in range(2):
            buy = 1 - sell
            edge = 1e4 * (bid[sell] * (1 - case.rate[sell]) / (ask[buy] * (1 + case.rate[buy])) - 1)
            if not edge >= case.threshold_bps or now < decided[sell] + case.cool_down_ns:
                continue
            cheap, dear = hbt.depth(buy), hbt.depth(sell)  # best_bid_qty of the vector's book returns the price in 2.4.4
            displayed = min(dear.bid_qty_at_tick(dear.best_bid_tick), cheap.ask_qty_at_tick(cheap.best_ask_tick))
            atoms = min(round(displayed * 1e8), int(np.floor(case.max_notional / ask[buy])))
            quantity = atoms // case.step * case.step / 1e8
            if quantity <= 0 or bid[sell] * quantity < case.min_notional[sell] or ask[buy] * quantity < case.min_notional[buy]:
                continue
            lowest = np.ceil(bid[sell] * (1 - case.tolerance) * case.ticks[sell] - 1e-6) / case.ticks[sell]
            highest = np.floor(ask[buy] * (1 + case.tolerance) * case.ticks[buy] + 1e-6) / case.ticks[buy]
            hbt.submit_sell_order(sell, sent, lowest, quantity, IOC, LIMIT, False)
            hbt.submit_buy_order(buy, sent + 1, highest, quantity, IOC, LIMIT, False)
            orders[sent].asset, orders[sent].side = sell, 0
            orders[sent + 1].asset, orders[sent + 1].side = buy, 1
            decided[sell] = now
            sent += 2
    for number in range(sent):
        order = hbt.orders(orders[number].asset).get(number)
        if order is not None:
            orders[number].arrival_ns = order.exch_timestamp
            orders[number].filled = round((order.qty - order.leaves_qty) * 1e8)
            orders[number].price_tick = order.exec_price_tick
    return sent


def side_events(flag: int, quotes: dict[str, Events], price: str, size: str) -> tuple[Events, Events]:
    """Return two columns of events of a side, one a quote: what is taken out of the book and what is put in; ev is 0 where nothing is."""
    new, sizes, good = quotes[price], quotes[size], quotes["good"]
    old = np.concatenate([[np.nan], np.where(good, new, np.nan)[:-1]])
    out, into = (np.zeros(new.size, event_dtype) for _ in range(2))
    gone = ~np.isnan(old) & (~good | (new != old))
    changed = good & ((new != old) | (sizes != np.concatenate([[np.nan], sizes[:-1]])))
    for events, where, at, quantity in ((out, gone, old, 0.0), (into, changed, new, sizes)):
        events["ev"] = np.where(where, DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | flag, 0)
        events["exch_ts"], events["local_ts"] = quotes["event_us"] * 1_000, quotes["available_us"] * 1_000
        events["px"], events["qty"] = at, quantity
    return out, into


def events_of(quotes: dict[str, Events]) -> Events:
    """Return the fewest depth events that give a book of one level a side: what went first, then what came.

    A quote that repeats the one before still wakes the strategy, as it does ours: its bid is sent again.
    """
    bid_out, bid_in = side_events(BUY_EVENT, quotes, "bid", "bid_size")
    ask_out, ask_in = side_events(SELL_EVENT, quotes, "ask", "ask_size")
    silent = (bid_out["ev"] == 0) & (bid_in["ev"] == 0) & (ask_out["ev"] == 0) & (ask_in["ev"] == 0) & quotes["good"]
    bid_in["ev"][silent] = DEPTH_EVENT | EXCH_EVENT | LOCAL_EVENT | BUY_EVENT
    whole = np.stack([bid_out, ask_out, bid_in, ask_in], axis=1).reshape(-1)
    return np.ascontiguousarray(whole[whole["ev"] != 0])


def build(kind: str, case: dict[str, Any], feeds: list[Events]) -> object:
    """Return a backtest of two assets that fills in part."""
    assets = [
        BacktestAsset()
        .data(feed)
        .linear_asset(1.0)
        .constant_order_latency(case["order_latency_ns"][n], case["response_latency_ns"][n])
        .risk_adverse_queue_model()
        .partial_fill_exchange()
        .trading_value_fee_model(case["rate"][n], case["rate"][n])
        .tick_size(1 / case["ticks"][n])
        .lot_size(case["lot"][n] / 1e8)
        .roi_lb(float(np.nanmin(feed["px"])) - 1)
        .roi_ub(float(np.nanmax(feed["px"])) + 1)
        for n, feed in enumerate(feeds)
    ]
    return BOOKS[kind](assets)


def timed(kind: str, raw: dict[str, Any], case: Case, feeds: list[Events]) -> Replay:
    """Return what several replays came to, after one that compiles."""
    times = []
    for _ in range(raw["rounds"] + 1):
        orders = np.zeros(raw["most_orders"], ORDER)
        began = time.perf_counter()
        hbt = build(kind, raw, feeds)
        sent = spatial(hbt, case, orders)
        times.append(time.perf_counter() - began)
        balances = [(hbt.state_values(n).balance, hbt.state_values(n).fee, hbt.state_values(n).position) for n in range(2)]
        hbt.close()
    return Replay(kind, statistics.median(times[1:]), orders[:sent], balances)


def case_of(raw: dict[str, Any]) -> Case:
    """Return the spec as the compiled strategy takes it."""
    return Case(**{name: np.array(raw[name], float) if isinstance(raw[name], list) else raw[name] for name in Case._fields})


def main(folder: Path) -> None:
    """Replay with both kinds of book, hold one against the other, and write what the faster came to."""
    raw, stored = json.loads((folder / "case.json").read_text()), np.load(folder / "feed.npz")
    names = ("event_us", "available_us", "good", "bid", "bid_size", "ask", "ask_size")
    feeds = [events_of({name: stored[f"{name}_{n}"] for name in names}) for n in range(2)]
    fast, slow = sorted((timed(kind, raw, case_of(raw), feeds) for kind in BOOKS), key=lambda replay: replay.median_s)
    if not np.array_equal(fast.orders, slow.orders):
        sys.exit(f"expected the same orders from hftbacktest's two books, found {fast.orders.size} by {fast.book}, {slow.orders.size} by {slow.book}")
    np.savez(folder / "fills.npz", **{name: fast.orders[name] for name in ORDER.names or ()})
    versions = {name: version(name) for name in ("hftbacktest", "numba", "numpy")}
    found = {"book": fast.book, "median_s": fast.median_s, "balances": fast.balances, "events": sum(feed.size for feed in feeds)}
    (folder / "out.json").write_text(json.dumps(found | {"versions": versions}))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(Path(name))
