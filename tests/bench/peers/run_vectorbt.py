"""Gives the orders of cases to vectorbt, in its own environment: `python run_vectorbt.py FOLDER ...`.

A folder holds orders.npz (of every set size and price by row and venue), quotes.npz and case.json; what comes of it goes to out.json.
Imports nothing of ours. vectorbt is given the orders (`Portfolio.from_orders`), and once the quotes alone, to find the orders itself
(`Portfolio.from_order_func`, which only its engine numba has).
"""

import json
import statistics
import sys
import time
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import vectorbt as vbt
from numba import njit
from numpy.typing import NDArray
from vectorbt.portfolio.nb import order_nb, order_nothing_nb

Floats = NDArray[np.float64]
ENGINES = ("numba", "rust")


@njit
def sell_dear_buy_cheap(c, bid, ask, bid_size, ask_size, most, rate, threshold_bps, lot):  # type: ignore[no-untyped-def]  # noqa: ANN001, ANN201
    """Return the order of a venue on a row: the spec's decision, which each of two columns comes to by itself."""
    row, venue = c.i, c.col % 2
    for sell in range(2):
        buy = 1 - sell
        edge = 1e4 * (bid[row, sell] * (1 - rate) / (ask[row, buy] * (1 + rate)) - 1)
        if edge >= threshold_bps[row]:
            displayed = min(bid_size[row, sell], ask_size[row, buy])
            size = np.floor(min(displayed, most[c.col // 2] / ask[row, buy]) / lot + 1e-9) * lot
            if venue == sell:
                return order_nb(size=-size, price=bid[row, sell], fees=rate)
            return order_nb(size=size, price=ask[row, buy], fees=rate)
    return order_nothing_nb()


class Job:
    """The orders of some sets, two columns a set, as one call of vectorbt takes them."""

    def __init__(self, case: dict[str, Any], quotes: dict[str, Floats], size: Floats, price: Floats) -> None:
        self.sets = size.shape[1] // 2
        close = (quotes["bid"] + quotes["ask"]) / 2
        index = pd.date_range("2024-01-01", periods=close.shape[0], freq=f"{case['row_ms']:g}ms")
        self.close = pd.DataFrame(np.tile(close, (1, self.sets)), index=index)
        self.quotes, self.size, self.price, self.case = quotes, size, price, case
        most_orders = int(np.count_nonzero(~np.isnan(size), axis=0).sum())
        self.settings = {"init_cash": case["cash"], "max_orders": most_orders, "group_by": np.repeat(np.arange(self.sets), 2)}

    def walk(self, engine: str) -> vbt.Portfolio:
        """Return what follows from the orders."""
        return vbt.Portfolio.from_orders(self.close, self.size, price=self.price, fees=self.case["rate"], engine=engine, **self.settings)

    def decide(self) -> vbt.Portfolio:
        """Return what follows from the quotes; on the first row nothing is decided."""
        threshold = np.full(self.close.shape[0], self.case["threshold_bps"])
        threshold[0] = np.inf
        most = np.array(self.case["max_notional"][: self.sets])
        columns = [self.quotes[name] for name in ("bid", "ask", "bid_size", "ask_size")]
        arguments = (*columns, most, self.case["rate"], threshold, self.case["lot"])
        return vbt.Portfolio.from_order_func(self.close, sell_dear_buy_cheap, *arguments, **self.settings)

    def row(self, engine: str) -> list[NDArray[np.float64]]:
        """Return final cash and the metrics of a set: what a row of a sweep has."""
        found = self.walk(engine)
        metrics = (found.total_return(), found.sharpe_ratio(), found.sortino_ratio(), found.max_drawdown())
        return [final_cash(found), *(np.asarray(metric) for metric in metrics)]


def final_cash(found: vbt.Portfolio) -> Floats:
    """Return the cash of every column at the end."""
    return np.asarray(found.cash(group_by=False))[-1]


def median_of(rounds: int, work: Callable[[], object]) -> float:
    """Return the median of several timings after one that compiles [s]."""
    found = []
    for _ in range(rounds + 1):
        began = time.perf_counter()
        work()
        found.append(time.perf_counter() - began)
    return statistics.median(found[1:])


def measure(case: dict[str, Any], quotes: dict[str, Floats], sizes: Floats, prices: Floats) -> dict[str, object]:
    """Return cash and times [s a set], by how the job is put to it."""
    rounds, sets = case["rounds"], sizes.shape[0]
    first, together = Job(case, quotes, sizes[0], prices[0]), Job(case, quotes, np.hstack(list(sizes)), np.hstack(list(prices)))
    trades = ~np.isnan(sizes[0]).all(axis=1)
    short = Job(case, {name: column[trades] for name, column in quotes.items()}, sizes[0][trades], prices[0][trades])
    done = {engine: together.walk(engine) for engine in ENGINES} | {"decides": together.decide()}
    times = {"decides": median_of(rounds, together.decide) / sets}
    for engine in ENGINES:
        times[f"walk, one set a call, {engine}"] = median_of(rounds, partial(first.walk, engine))
        times[f"walk, {engine}"] = median_of(rounds, partial(together.walk, engine)) / sets
        times[f"row, {engine}"] = median_of(rounds, partial(together.row, engine)) / sets
        times[f"short, {engine}"] = median_of(rounds, partial(short.walk, engine))
    return {
        "cash": {how: final_cash(found).tolist() for how, found in done.items()},
        "orders": {how: int(found.orders.count().sum()) for how, found in done.items()},
        "times_s": times,
    }


def main(folder: Path) -> None:
    """Walk all sets and write what came of it."""
    vbt.settings.caching["enabled"] = False  # each round works its metrics out anew
    case, stored = json.loads((folder / "case.json").read_text()), np.load(folder / "orders.npz")
    quotes = dict(np.load(folder / "quotes.npz"))
    found = measure(case, quotes, stored["size"], stored["price"])
    versions = {name: version(name) for name in ("vectorbt", "vectorbt-rust", "numba", "numpy", "pandas")}
    (folder / "out.json").write_text(json.dumps(found | {"versions": versions}))


if __name__ == "__main__":
    for name in sys.argv[1:]:
        main(Path(name))
