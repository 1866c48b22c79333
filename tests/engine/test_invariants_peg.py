"""Arbitrage that is none, and arbitrage that is: a lost peg, and two venues without costs, each worked out without an engine."""

from collections.abc import Iterator
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import event, given
from hypothesis import strategies as st

from engine.schema import SeriesKey
from tests.engine.engines import ENGINES, Engine
from tests.profiles import examples
from tests.strategies import EPOCH_US, MINUTE, PRICES, World, free_books, free_pairs, peg_walks

both_engines = pytest.mark.parametrize("engine", ENGINES)
few = examples(20)

USDC = SeriesKey("alfa", "USDC/USD")


# ---- a lost peg ----


@both_engines
@few
@given(world=peg_walks())
def test_a_lost_peg_is_no_edge_at_market(engine: Engine, world: World) -> None:
    found = engine(world)
    assert (found.orders, found.opportunities) == ([], [])


@both_engines
@few
@given(world=peg_walks())
def test_what_a_lost_peg_assumed_at_par_earns_is_revaluation(engine: Engine, world: World) -> None:
    found = engine(world.but(assume_par=["USDC"], risk={"max_gross_edge_bps": 1e6}))
    event(f"{bool(found.orders)=}")
    lines, scale = found.attribution, 1e-9 * found.equity[0][1]
    assert lines["gross"] <= scale
    assert lines["fees"] <= 0
    assert max(abs(lines[line]) for line in ("slippage", "leg_misses", "inventory", "transfers")) <= scale


@both_engines
@few
@given(world=peg_walks(), bps=st.sampled_from((1.0, 50.0, 100.0, 700.0, 1500.0)), ticks=st.integers(1, 6))
def test_the_guard_halts_and_goes_on_when_the_path_says_so(engine: Engine, world: World, bps: float, ticks: int) -> None:
    # a run of minutes begins when the first quote or bar of each is known
    guarded = world.but(assume_par=["USDC"], risk={"max_gross_edge_bps": 1e6, "depeg_guard": {"off_par_bps": bps, "ticks": ticks}})
    table = world.data[USDC]
    found, path = engine(guarded), (table["close"] if "close" in table.columns else table["bid"]).to_list()
    event(f"{len(found.guard)=}")
    expected = list(_guard_events(path, bps * 1e-4, ticks))
    assert found.guard == [(EPOCH_US + (n + 1) * MINUTE, "USDC", state) for n, state in expected]
    halted = {EPOCH_US + (n + 1) * MINUTE for n in range(len(path)) if [state for k, state in expected if k <= n][-1:] == ["off"]}
    assert all((o.outcome == "halted") == (o.t in halted) for o in found.opportunities)


def _guard_events(path: list[float], off_par: float, ticks: int) -> Iterator[tuple[int, str]]:
    # by looking back over the last ticks, not by counting forward
    off = False
    for n in range(len(path)):
        last = [abs(p - 1) for p in path[max(n + 1 - ticks, 0) : n + 1]]
        if not off and len(last) == ticks and all(x >= off_par for x in last):
            off = True
            yield n, "off"
        elif off and len(last) == ticks and all(x <= off_par * 0.5 for x in last):
            off = False
            yield n, "back"


# ---- two venues without costs ----


@both_engines
@few
@given(world=free_pairs())
def test_cash_from_two_free_venues_of_bars_is_what_their_opens_differ_by(engine: Engine, world: World) -> None:
    # with no latency the bar after the decision fills it: cents × eighths of a coin, worked out without either engine
    orders = [o for o in engine(world).orders if o.outcome != "open"]
    cash = sum(o.flow if o.side == "sell" else -o.flow for o in orders)
    alfa, bravo = world.data.values()
    scales = [(pl.col(f"{c}{of}") * (8 if c == "volume" else 100)).round().cast(int) for c in (*PRICES, "volume") for of in ("", "_b")]
    rows = alfa.join(bravo, on="ts", suffix="_b").select(scales).rows(named=True)
    event(f"{bool(orders)=}")
    assert cash == sum(_gain_of_bars(now, then, world.spec.strategy.threshold_bps) for now, then in pairwise(rows))


def _gain_of_bars(now: dict[str, int], then: dict[str, int], threshold_bps: float) -> int:
    gain = 0
    for s, b in (("", "_b"), ("_b", "")):
        if now["volume"] and now["volume_b"] and 1e4 * (now[f"close{s}"] / now[f"close{b}"] - 1) >= threshold_bps:
            quantity = min(now["volume"], now["volume_b"])
            sold, bought = min(quantity, then[f"volume{s}"]), min(quantity, then[f"volume{b}"])
            gain += then[f"open{s}"] * sold - then[f"open{b}"] * bought
    return gain * 125_000  # a cent × an eighth, in atoms


@both_engines
@examples(40)
@given(world=free_books())
def test_cash_from_two_free_venues_of_quotes_is_what_their_books_cross_by(engine: Engine, world: World) -> None:
    found = engine(world)
    cash = sum(o.flow if o.side == "sell" else -o.flow for o in found.orders)
    expected = _gain_of_books([_book_rows(table) for table in world.data.values()], world.spec.strategy.threshold_bps, EPOCH_US + MINUTE)
    event(f"{len(found.orders) > 2=}")
    assert cash == expected * 125_000
    assert all(o.outcome == "filled" for o in found.orders)


Level = list[int]  # cents, eighths of a coin left
Rows = dict[int, list[tuple[list[Level], list[Level]]]]


# Time → bids and asks of each row of that time.
def _book_rows(table: pl.DataFrame) -> Rows:
    count = sum(column.startswith("bid_size") for column in table.columns)
    found: Rows = {}
    for row in table.iter_rows(named=True):
        names = [("bid", "bid_size", "ask", "ask_size"), *((f"bid_{n}", f"bid_size_{n}", f"ask_{n}", f"ask_size_{n}") for n in range(2, count + 1))]
        bids = [[round(row[bid] * 100), round(row[size] * 8)] for bid, size, _, _ in names]
        asks = [[round(row[ask] * 100), round(row[size] * 8)] for _, _, ask, size in names]
        at = int(row["ts"].timestamp() * 1_000_000)
        found.setdefault(at, []).append((bids, asks))
    return found


# Instant by instant: what a book says less what we had since its best price came; then the best of each side meet while they cross by enough.
def _gain_of_books(feeds: list[Rows], threshold_bps: float, start: int) -> int:
    gain = 0
    shown: list[list[list[Level]]] = [[[], []], [[], []]]
    had = [[0, 0], [0, 0]]
    for t in sorted(set(feeds[0]) | set(feeds[1])):
        for venue, feed in enumerate(feeds):
            for side, fresh in ((side, book[side]) for book in feed.get(t, []) for side in (0, 1)):
                if not shown[venue][side] or shown[venue][side][0][0] != fresh[0][0]:
                    had[venue][side] = 0
                shown[venue][side] = fresh
        if t < start:
            continue
        for seller, buyer in ((0, 1), (1, 0)):
            bids, asks = (_less(shown[venue][side], had[venue][side]) for venue, side in ((seller, 0), (buyer, 1)))
            while bids and asks and 1e4 * (bids[0][0] / asks[0][0] - 1) >= threshold_bps:
                quantity = min(bids[0][1], asks[0][1])
                gain += (bids[0][0] - asks[0][0]) * quantity
                had[seller][0] += quantity
                had[buyer][1] += quantity
                bids, asks = _less(bids, quantity), _less(asks, quantity)
    return gain


def _less(levels: list[Level], quantity: int) -> list[Level]:
    left = []
    for cents, eighths in levels:
        gone = min(eighths, quantity)
        quantity -= gone
        if eighths > gone:
            left.append([cents, eighths - gone])
    return left
