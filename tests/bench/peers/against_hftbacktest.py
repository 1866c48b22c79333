"""The job that engine and hftbacktest are both given: the quotes of two venues, and two IOC orders at once where one is dearer.

hftbacktest's exchange is not that of docs/model.md, "Fills". What makes the jobs equal:

- Its partial-fill exchange: an IOC order takes what a level has up to its limit, and the rest expires. (Its other one, without partial
  fills, fills any quantity at the best price.) It forgets what was taken before at a price; so the cool-down is longer than prices last.
- Books of one level, as depth events, since its backtests pass over best-price events. A quote that is not good empties the book; sizes are
  those of the engine's panel, down to the lot.
- Constant latencies. An order takes 1 ns more to the venue, so that it meets the market data of its microsecond, as ours does; its
  response takes the feed latency less that, so that it comes when our notice does.
- One taker fee; no age at which a quote is absent (`max_age` beyond the run); funds and limits that never bind; `residual = "carry"`. All
  of these the engine looks after all the same, and a strategy of hftbacktest would bring them itself.
"""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from app.services.folder import read_folder
from app.services.wanted import wanted
from app.sources.detect import Said
from engine import backtest
from engine.arrays import Floats, Int64s
from engine.config import Spec, parse_spec
from engine.events import BUY, FILLED, OPEN, PARTIAL, SELL, Orders
from engine.kernels.market import World
from engine.schema import TIMESTAMP, SeriesKey, instant, micros, quotes_schema
from engine.units import atoms
from tests.bench.peers.ours import replay, world_of
from tests.bench.peers.peer import Peer
from tests.bench.probe import median_of

Feed = tuple[Spec, Mapping[SeriesKey, pl.DataFrame]]
START_US = 1_700_000_000_000_000 // 3_600_000_000 * 3_600_000_000
MEAN_GAP_US = 14_400
ROUNDS = 5
CAPTURE = {
    "version": 2,
    "name": "against hftbacktest, recorded",
    "numeraire": "USDT",
    "start": "2024-08-08T23:55:00Z",
    "end": "2024-08-09T00:00:00Z",
    "strategy": {"kind": "spatial", "threshold_bps": 0.0, "cool_down": "500ms", "max_notional": 120},
    "execution": {"tolerance_bps": 0.5, "residual": "carry"},
    "venues": {
        name: {"fee_bps": fee, "feed_latency": "5ms", "order_latency": "10ms", "clock_offset": "1277ms", "balances": {"USDT": 5_000_000, "BTC": 80}}
        for name, fee in (("binance", 2.4), ("binance-usdm", 1.7))
    },
    "instruments": [
        {"venue": venue, "name": "BTC/USDT", "data": "quotes", "tick": tick, "lot": lot, "min_notional": 5, "max_age": "1d"}
        for venue, tick, lot in (("binance", "0.01", "0.00001"), ("binance-usdm", "0.1", "0.001"))
    ],
}
"""Binance spot and perpetual as recorded (examples/spatial-binance-capture.toml), the perpetual bought and sold as if it were spot."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What both made of a feed."""

    orders: int
    filled: int
    partly: int
    quotes: int
    events: int  # of hftbacktest
    versions: dict[str, str]
    book: str  # the faster of hftbacktest's two
    theirs_s: float
    walk_s: float  # alignment, edges and path
    run_s: float  # all of a run, from frames to its result, hashes and quality included


def spec(minutes: int) -> Spec:
    """Return a spec of two venues that hftbacktest can be given."""
    venue = {"fee_bps": 2.0, "feed_latency": "20ms", "order_latency": "30ms", "balances": {"USD": 500_000_000, "BTC": 20_000}}
    leg = {"name": "BTC/USD", "data": "quotes", "tick": "0.1", "lot": "0.0001", "min_notional": 10, "max_age": "1d"}
    return parse_spec(
        {
            "version": 2,
            "name": "against hftbacktest",
            "start": f"{instant(START_US):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{instant(START_US + minutes * 60_000_000):%Y-%m-%dT%H:%M:%SZ}",
            "strategy": {"kind": "spatial", "threshold_bps": 12.0, "max_notional": 20_000, "cool_down": "200ms"},
            "execution": {"tolerance_bps": 1.0, "residual": "carry"},
            "venues": {"v0": venue, "v1": venue},
            "instruments": [{"venue": name, **leg} for name in ("v0", "v1")],
        }
    )


def quotes(keys: tuple[SeriesKey, ...], count: int) -> dict[SeriesKey, pl.DataFrame]:
    """Return so many seeded quotes a series, at random times from a minute before the start on: a fair price, and a venue's own deviation."""
    rng = np.random.default_rng(20231114)
    span = count * MEAN_GAP_US
    clock = np.linspace(-60_000_000, span, max(2, count // 5))
    fair = 30_000 * np.exp(np.cumsum(rng.normal(0, 2e-5, clock.size)))
    return {key: _series(rng, clock, fair, count) for key in keys}


def _series(rng: np.random.Generator, clock: Floats, fair: Floats, count: int) -> pl.DataFrame:
    at = np.sort(rng.integers(int(clock[0]), int(clock[-1]), count))
    own, shocks = np.zeros(count), rng.normal(0, 2e-5, count)
    for n in range(1, count):
        own[n] = 0.9995 * own[n - 1] + shocks[n]
    bid = np.round(np.interp(at, clock, fair) * (1 + own) - 0.5, 1)
    size = lambda: np.round(rng.lognormal(-1, 1, count), 4) + 1e-3  # noqa: E731
    columns = {
        "ts": pl.Series(START_US + at).cast(TIMESTAMP),
        "received": pl.Series([None], dtype=TIMESTAMP).new_from_index(0, count),
        "bid": bid,
        "bid_size": size(),
        "ask": np.round(bid + 1.0, 1),
        "ask_size": size(),
    }
    return pl.DataFrame(columns, schema=quotes_schema(1))


def made_up(count: int) -> Feed:
    """Return a spec and so many seeded quotes of either venue."""
    one = spec(count * MEAN_GAP_US // 60_000_000)
    return one, quotes(one.series, count)


def recorded(folder: Path) -> Feed:
    """Return the capture's spec and its best prices at every change, from a folder of raw captures."""
    one = parse_spec(CAPTURE)
    return one, read_folder(folder, wanted(one), said=Said(stream="bookTicker", levels=1))


def compare(peer: Peer, feeds: Sequence[Feed], *, folder: Path) -> list[Outcome]:
    """Return what both made of some feeds; exit where they differ.

    Parameters
    ----------
    peer : Peer
        hftbacktest in its environment.
    feeds : Sequence[Feed]
        Specs such as `spec` makes, with their quotes.
    folder : Path
        Where the two hand each other files.
    """
    worlds = [world_of(spec, data) for spec, data in feeds]
    orders = [replay(spec, world).orders for (spec, _), world in zip(feeds, worlds, strict=True)]
    folders = [folder / f"feed-{number}" for number in range(len(feeds))]
    for (spec, _), world, ours, place in zip(feeds, worlds, orders, folders, strict=True):
        _hand_over(spec, world, 2 * ours.leg.size + 1_000, place)
    out = peer.run(folders)
    for (spec, _), ours, place, said in zip(feeds, orders, folders, out, strict=True):
        _hold_equal(spec, ours, dict(np.load(place / "fills.npz")), said["balances"])
    return [_outcome(*each) for each in zip(feeds, worlds, orders, out, strict=True)]


def _outcome(feed: Feed, world: World, orders: Orders, said: dict[str, Any]) -> Outcome:
    spec, data = feed
    return Outcome(
        orders=orders.leg.size,
        filled=int(np.count_nonzero(orders.outcome == FILLED)),
        partly=int(np.count_nonzero(orders.outcome == PARTIAL)),
        quotes=world.market.event_us.size,
        events=said["events"],
        versions=said["versions"],
        book=said["book"],
        theirs_s=said["median_s"],
        walk_s=median_of(ROUNDS, lambda: replay(spec, world)),
        run_s=median_of(ROUNDS, lambda: backtest.run(spec, data, stress=False)),
    )


def _hand_over(spec: Spec, world: World, most_orders: int, folder: Path) -> None:
    folder.mkdir()
    feed = world.market
    columns: dict[str, NDArray[Any]] = {}
    for n, leg in enumerate(spec.legs):
        rows, lot = slice(feed.series[n].first, feed.series[n + 1].first), atoms(leg.lot)
        columns |= {f"event_us_{n}": feed.event_us[rows], f"available_us_{n}": feed.available_us[rows], f"good_{n}": feed.good[rows]}
        for side, name in ((SELL, "bid"), (BUY, "ask")):
            columns |= {f"{name}_{n}": feed.price[side, rows, 0], f"{name}_size_{n}": feed.size[side, rows, 0] // lot * lot / 1e8}
    np.savez(folder / "feed.npz", **columns)
    venues, lots = [spec.venues[leg.venue] for leg in spec.legs], [atoms(leg.lot) for leg in spec.legs]
    case = {
        "start_ns": micros(spec.start) * 1_000,
        "end_ns": micros(spec.end) * 1_000,
        "threshold_bps": spec.strategy.threshold_bps,
        "cool_down_ns": spec.strategy.cool_down * 1_000,
        "max_notional": float(atoms(spec.strategy.max_notional)),
        "tolerance": spec.execution.tolerance_bps * 1e-4,
        "rate": [spec.fee_rows(leg)[0].tiers[0][1] for leg in spec.legs],
        "ticks": [round(1 / float(leg.tick)) for leg in spec.legs],
        "lot": lots,
        "step": math.lcm(*lots),
        "min_notional": [float(leg.min_notional) for leg in spec.legs],
        "order_latency_ns": [venue.order_latency * 1_000 + 1 for venue in venues],
        "response_latency_ns": [venue.feed_latency * 1_000 - 1 for venue in venues],
        "most_orders": most_orders,
        "rounds": ROUNDS,
    }
    (folder / "case.json").write_text(json.dumps(case))


def _hold_equal(spec: Spec, ours: Orders, theirs: Mapping[str, Int64s], balances: list[list[float]]) -> None:
    if ours.leg.size != theirs["asset"].size or not ours.leg.size:
        raise SystemExit(f"expected the same orders, found {ours.leg.size} of ours and {theirs['asset'].size} of hftbacktest")
    ticks = np.array([float(leg.tick) for leg in spec.legs])[ours.leg]
    settled = ours.outcome != OPEN
    pairs = {
        "asset": (ours.leg, theirs["asset"]),
        "side": (ours.side, theirs["side"]),
        "arrival": (ours.arrival_us[settled], theirs["arrival_ns"][settled] // 1_000),
        "filled": (ours.filled[settled], theirs["filled"][settled]),
        "price": (np.rint(ours.price / ticks)[ours.filled > 0], theirs["price_tick"][ours.filled > 0]),
    }
    wrong = {name: int(np.count_nonzero(a != b)) for name, (a, b) in pairs.items() if not np.array_equal(a, b)}
    if wrong:
        raise SystemExit(f"engine and hftbacktest differ in {wrong} of {ours.leg.size} orders")
    if settled.all():
        _hold_balances(ours, balances)


# hftbacktest's local balances leave out orders that filled in part
def _hold_balances(ours: Orders, balances: list[list[float]]) -> None:
    for leg, (cash, fee, position) in enumerate(balances):
        counted = (ours.leg == leg) & (ours.outcome == FILLED)
        sign = np.where(ours.side == SELL, 1, -1) * counted
        expected = (int((sign * ours.flow).sum()) / 1e8, int(ours.fee[counted].sum()) / 1e8, -int((sign * ours.filled).sum()) / 1e8)
        for what, mine, found in zip(("cash", "fees", "position"), expected, (cash, fee, position), strict=True):
            if abs(mine - found) > np.count_nonzero(counted) / 1e8:  # an atom a fill: the engine rounds each
                raise SystemExit(f"expected the same {what} of asset {leg}, found {mine} of ours and {found} of hftbacktest")
