"""The job that engine and vectorbt are both given: sets of orders on two venues, of which cash must come out the same.

vectorbt has no latencies, limits, sizes left, notices or funds that lie at a venue. The closest job that it can express is the account:
every fill of ours as a row with side, size, price and fee, in order (`Portfolio.from_orders`, a column a venue). What leads to these
orders it is given and the engine finds; `from_order_func`, beside it, finds them too, from the quotes, without latencies and limits.
That it comes to the same cash takes a world in which every package is settled before the next row: both venues quote every 100 ms, an
order takes 10 ms, feeds take 5 ms. Cash may go where it likes: vectorbt sells short, the engine has coins enough.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from engine import market
from engine.config import Spec, parse_spec
from engine.events import FILLED, SELL
from engine.events import Path as Walked
from engine.kernels.market import World
from engine.path import candidates, walked
from engine.schema import TIMESTAMP, SeriesKey, instant, quotes_schema
from engine.sweep.spec import parse_sweep
from tests.bench.bench_sweep import timed
from tests.bench.peers.ours import replay, world_of
from tests.bench.peers.peer import Peer
from tests.bench.probe import median_of

START_US = 1_700_000_000_000_000 // 3_600_000_000 * 3_600_000_000
ROW_US = 100_000
FIRST_US = START_US - ROW_US
"""The first row prices what is held at the start, and nothing is decided on it."""

FEED_US = 5_000
SETS = 5
ROUNDS = 5
MOST_SWEPT = 2_000_000
"""Orders of all sets of a sweep."""

RATE = 2e-4
CASH = 50_000_000
ROUNDING = 3e-8
"""What roundings may come to, an order [units of quote]."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """What both made of some sets; times are of one set."""

    orders: int  # of all sets
    worst: float  # difference of final cash, relative
    scan_s: float  # alignment and edges, once for all sets
    path_s: float
    swept: int  # sets of a sweep on one thread
    swept_s: float  # with all that the sets share, and a row of figures for each
    theirs: dict[str, float]
    versions: dict[str, str]

    def theirs_s(self, how: str) -> float:
        """The shortest of vectorbt's times of a way to put the job: by its two engines, with one or all sets a call [s]."""
        return min(time for name, time in self.theirs.items() if name.partition(",")[0] == how)


def spec(rows: int, number: int = 0) -> Spec:
    """Return the spec of a set: the larger its number, the larger its packages."""
    venue = {"fee_bps": 1e4 * RATE, "feed_latency": "5ms", "order_latency": "10ms", "balances": {"USD": CASH, "BTC": 2_000}}
    leg = {"name": "BTC/USD", "data": "quotes", "tick": "0.1", "lot": "0.0001", "min_notional": 10}
    hours = -(-rows * ROW_US // 3_600_000_000)
    return parse_spec(
        {
            "version": 2,
            "name": "against vectorbt",
            "start": f"{instant(START_US):%Y-%m-%dT%H:%M:%SZ}",
            "end": f"{instant(START_US + hours * 3_600_000_000):%Y-%m-%dT%H:%M:%SZ}",
            "clock": "1h",
            "strategy": {"kind": "spatial", "threshold_bps": 1.0, "max_notional": 1_000 + 500 * number},
            "venues": {"v0": venue, "v1": venue},
            "instruments": [{"venue": name, **leg} for name in ("v0", "v1")],
        }
    )


def quotes(keys: tuple[SeriesKey, ...], rows: int, share: float) -> dict[SeriesKey, pl.DataFrame]:
    """Return seeded quotes of two venues at the same times; on a share of the rows one of them is dearer by more than all fees."""
    rng = np.random.default_rng(20231114)
    fair = 30_000 * np.exp(np.cumsum(rng.normal(0, 2e-5, rows)))
    dearer = np.where(rng.random(rows) < share, rng.integers(0, 2, rows), -1)
    dearer[0] = -1
    more = rng.uniform(20, 30, rows)
    ts = pl.Series(FIRST_US + ROW_US * np.arange(rows)).cast(TIMESTAMP)
    found = {}
    for number, key in enumerate(keys):
        bid = np.round(fair + np.where(dearer == number, more, 0), 1)
        size = np.round(rng.uniform(2, 4, rows), 4)
        columns = {"ts": ts, "received": pl.Series([None], dtype=TIMESTAMP).new_from_index(0, rows)}
        columns |= {"bid": bid, "bid_size": size, "ask": np.round(bid + 1.0, 1), "ask_size": size}
        found[key] = pl.DataFrame(columns, schema=quotes_schema(1))
    return found


def compare(peer: Peer, rows: int, shares: Sequence[float], *, folder: Path) -> list[Outcome]:
    """Return what both made of the sets, by the share of the rows on which a package is sent; exit where they differ.

    Parameters
    ----------
    peer : Peer
        vectorbt in its environment.
    rows : int
        Quotes of either venue.
    shares : Sequence[float]
        Of the rows that trade.
    folder : Path
        Where the two hand each other files.
    """
    sets = [spec(rows, number) for number in range(SETS)]
    runs = [_runs(sets, quotes(sets[0].series, rows, share)) for share in shares]
    folders = [folder / f"sets-{number}" for number in range(len(shares))]
    for run, place in zip(runs, folders, strict=True):
        _hand_over(run, place)
    return [_outcome(*each) for each in zip(runs, peer.run(folders), strict=True)]


class _Runs(NamedTuple):
    sets: list[Spec]
    data: Mapping[SeriesKey, pl.DataFrame]
    worlds: list[World]
    walked: list[Walked]


def _runs(sets: list[Spec], data: Mapping[SeriesKey, pl.DataFrame]) -> _Runs:
    worlds = [world_of(one, data) for one in sets]
    return _Runs(sets, data, worlds, [replay(one, world) for one, world in zip(sets, worlds, strict=True)])


def _outcome(run: _Runs, said: dict[str, Any]) -> Outcome:
    first, world, threshold_bps = run.sets[0], run.worlds[0], run.sets[0].strategy.threshold_bps
    funding, (rows, _) = market.funding(first)[0], candidates(world, threshold_bps)
    each, swept = list(zip(run.sets, run.worlds, strict=True)), max(10 * SETS, MOST_SWEPT // max(run.walked[0].orders.leg.size, 1))
    return Outcome(
        orders=sum(path.orders.leg.size for path in run.walked),
        worst=_hold_equal(run.walked, said),
        scan_s=median_of(ROUNDS, lambda: candidates(world, threshold_bps)),
        path_s=median_of(ROUNDS, lambda: [walked(one, world, funding, rows) for one, world in each]) / SETS,
        swept=swept,
        swept_s=_sweep(run, swept),
        theirs=said["times_s"],
        versions=said["versions"],
    )


def _sweep(run: _Runs, count: int) -> float:
    # the sets that vectorbt was given, and more between them; rows must say what the walks did
    given = [float(one.strategy.max_notional or 0) for one in run.sets]
    more = np.linspace(given[0], given[-1], count - SETS + 2)[1:-1] + 0.5
    values = [*given, *map(float, np.round(more, 3))]
    made = parse_sweep(
        {
            "version": 1,
            "name": "against vectorbt",
            "design": "grid",
            "keep": 0,
            "spec": run.sets[0].canonical(),
            "parameters": [{"path": "strategy.max_notional", "values": values}],
        }
    )
    wall, _, trials = timed(made, dict(run.data), 1, times=ROUNDS)
    fills = [int((path.orders.filled > 0).sum()) for path in run.walked]
    if trials["fills"][:SETS].to_list() != fills:
        raise SystemExit(f"expected {fills} fills in the first rows of the sweep, found {trials['fills'][:SETS].to_list()}")
    return wall / count


def _hand_over(run: _Runs, folder: Path) -> None:
    folder.mkdir()
    rows = next(iter(run.data.values())).height
    size, price = (np.full((len(run.walked), rows, 2), np.nan) for _ in range(2))
    for number, path in enumerate(run.walked):
        orders = path.orders
        if not orders.leg.size or (orders.outcome != FILLED).any():
            raise SystemExit(f"expected orders that are filled whole, found {np.bincount(orders.outcome).tolist()} by outcome")
        row = (orders.decided_us - FIRST_US - FEED_US) // ROW_US
        size[number, row, orders.leg] = np.where(orders.side == SELL, -1, 1) * orders.filled / 1e8
        price[number, row, orders.leg] = orders.price
    np.savez(folder / "orders.npz", size=size, price=price)
    names = ("bid", "ask", "bid_size", "ask_size")
    np.savez(folder / "quotes.npz", **{name: np.column_stack([frame[name].to_numpy() for frame in run.data.values()]) for name in names})
    first = run.sets[0]
    case = {
        "rate": RATE,
        "cash": CASH,
        "lot": float(first.legs[0].lot),
        "threshold_bps": first.strategy.threshold_bps,
        "max_notional": [float(one.strategy.max_notional or 0) for one in run.sets],
        "row_ms": ROW_US / 1e3,
        "rounds": ROUNDS,
    }
    (folder / "case.json").write_text(json.dumps(case))


def _hold_equal(walked: list[Walked], said: dict[str, Any]) -> float:
    # the largest relative difference of a venue's cash; to roundings it must be none: ours of flow and fee, and those of floats added up
    dollars = [at for at, (_, currency) in enumerate(walked[0].wallets) if currency == "USD"]
    ours = np.concatenate([path.balances[dollars].sum(axis=1) / 1e8 for path in walked])
    count = sum(path.orders.leg.size for path in walked)
    apart = {how: np.abs(np.array(cash) - ours) for how, cash in said["cash"].items()}
    for how, differences in apart.items():
        if said["orders"][how] != count or (differences > ROUNDING * count / SETS).any():
            raise SystemExit(f"expected cash of {ours} from {count} orders, found {differences} else from {said['orders'][how]} by vectorbt ({how})")
    return max(float(np.max(differences / ours)) for differences in apart.values())
