"""Worlds whose outcome is known without an engine: flat prices, a bystander, a lost peg, two venues without costs."""

from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import polars as pl
from hypothesis import strategies as st

from engine.config import parse_spec
from engine.schema import SeriesKey
from tests.strategies.cycles import cycle_worlds
from tests.strategies.markets import FEE_ASSET, Data, fair, instruments
from tests.strategies.tape import Tape
from tests.strategies.world import EPOCH_US, LEVEL_COLUMNS, MINUTE, PRICES, SECOND, QuoteRow, World, frame, iso, quote_frame
from tests.strategies.worlds import worlds

PEGS = st.sampled_from((1.0, 0.88, 0.93217, 1.05))
FREE = {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s"}
PAIR = (SeriesKey("alfa", "BTC/USD"), SeriesKey("bravo", "BTC/USD"))


@st.composite
def flat_markets(draw: st.DrawFn) -> World:
    """Draw a world whose prices are all equal after conversion, and whose venues all charge something."""
    world, peg = draw(worlds(most=20)), draw(PEGS)
    uses = [{**i, "use": "convert" if i["use"] == "mark" and fair_key(i).base != FEE_ASSET else i["use"]} for i in world.form["instruments"]]
    strategy = {"kind": "spatial", "threshold_bps": draw(st.sampled_from((0.0, 0.5, 5.0)))}
    return levelled_to(world.but(venues=_dear(draw, world), instruments=uses, strategy=strategy, assume_par=[]), peg)


@st.composite
def flat_cycles(draw: st.DrawFn) -> World:
    """Draw a world of cycles whose prices all agree, and whose venues all charge something."""
    world, peg = draw(cycle_worlds(most=20)), draw(PEGS)
    strategy = {**world.form["strategy"], "threshold_bps": draw(st.sampled_from((0.0, 0.5, 5.0)))}
    return levelled_to(world.but(venues=_dear(draw, world), strategy=strategy), peg)


def _dear(draw: st.DrawFn, world: World) -> dict[str, Any]:
    dear = {"fee_bps": draw(st.sampled_from((1.0, 10.0))), "fee_currency": draw(st.sampled_from(("quote", "received")))}
    return {name: {**{k: v for k, v in venue.items() if k not in {"fees", *dear}}, **dear} for name, venue in world.form["venues"].items()}


def levelled_to(world: World, peg: float) -> World:
    """Return the world with every price what follows from first prices and a USDC worth so much."""
    return world.on({key: levelled(table, fair(key, 1.0, peg)) for key, table in world.data.items()})


def fair_key(instrument: dict[str, object]) -> SeriesKey:
    """Return the key of an instrument of a form."""
    return SeriesKey(str(instrument["venue"]), str(instrument["name"]))


def levelled(table: pl.DataFrame, price: float) -> pl.DataFrame:
    """Return a table whose every price is this one, where it has any."""
    return table.with_columns(pl.when(pl.col(c).is_not_null()).then(price).alias(c) for c in price_columns(table))


def price_columns(table: pl.DataFrame) -> list[str]:
    """Return the names of the columns that hold prices."""
    quoted = [c for c in table.columns if c.rstrip("_0123456789") in {"bid", "ask"}]
    return quoted or list(PRICES)


def size_columns(table: pl.DataFrame) -> list[str]:
    """Return the names of the columns that hold quantities."""
    sizes = [c for c in table.columns if c.rstrip("_0123456789") in {"bid_size", "ask_size"}]
    return sizes or ["volume"]


@st.composite
def bystanders(draw: st.DrawFn) -> tuple[World, World]:
    """Draw a world that no mark and no wick decides anything in, and the same with one more venue, which holds nothing."""
    world = draw(worlds()).but(risk={}, quality={"wick_bps": 1e6}, rebalance=None)
    plain = {
        k: {"fee_bps": 2.5, **{n: x for n, x in v.items() if not n.startswith("fee") or n == "feed_latency"}} for k, v in world.form["venues"].items()
    }
    world = world.but(venues=plain)
    twin = world.spec.legs[0]
    more = [*world.form["instruments"], instruments(Tape(draw(st.binary(min_size=6, max_size=6))), "zulu", twin.name, "trade", twin.data)]
    factor = draw(st.sampled_from((0.9, 1.0, 1.002, 1.2)))
    data = {**world.data, SeriesKey("zulu", twin.name): world.data[twin.key].with_columns(pl.col(*price_columns(world.data[twin.key])) * factor)}
    return world, world.but(venues={**plain, "zulu": {**FREE, "clock_offset": plain[twin.venue].get("clock_offset", "0us")}}, instruments=more).on(
        data
    )


@st.composite
def peg_walks(draw: st.DrawFn) -> World:
    """Draw a USDC that goes from 1.00 to 0.88 and back, with BTC/USD constant and BTC/USDC what follows from both."""
    down, up = ([draw(st.integers(8_800, 10_000)) for _ in range(draw(st.integers(1, 12)))] for _ in range(2))
    path = [1.0, 1.0, *(p / 10_000 for p in [*sorted(down, reverse=True), 8_800, *sorted(up)]), 1.0]
    prices = {
        SeriesKey("alfa", "BTC/USD"): [20_000.0] * len(path),
        SeriesKey("bravo", "BTC/USDC"): [20_000 / p for p in path],
        SeriesKey("alfa", "USDC/USD"): path,
    }
    kind: Data = draw(st.sampled_from(("bars", "quotes", "quote_bars")))
    fee = draw(st.sampled_from((1.0, 10.0, 26.0)))
    terms: dict[str, object] = {"tick": "0.01", "lot": "0.00001", "min_notional": "1", "data": kind}
    terms |= {"half_spread_bps": 0.0} if kind == "bars" else {"max_age": "1m"}
    venue = {**FREE, "fee_bps": fee, "balances": {"BTC": "10", "USDC": "100000", "USD": "100000"}}
    form: dict[str, Any] = {
        "version": 2,
        "name": "a lost peg",
        "start": iso(EPOCH_US + MINUTE),
        "end": iso(EPOCH_US + len(path) * MINUTE),
        "interval": "1m",
        "strategy": {"kind": "spatial", "threshold_bps": draw(st.sampled_from((0.0, 5.0, 50.0)))},
        "venues": {"alfa": venue, "bravo": venue},
        "instruments": [{**terms, "venue": key.venue, "name": key.instrument} for key in prices],
    }
    form["instruments"][2] |= {"use": "convert", "tick": "0.0001"}
    make = _steps if kind == "bars" else _minutes
    return World(form=form, spec=parse_spec(form), data={key: make(path) for key, path in prices.items()})


def _steps(path: Sequence[float]) -> pl.DataFrame:
    # every bar opens where the one before it closed, and there is volume for everything
    opens = [path[0], *path]
    return frame([(EPOCH_US + n * MINUTE, o, max(o, c), min(o, c), c, 1e4) for n, (o, c) in enumerate(zip(opens, path, strict=False))])


def _minutes(path: Sequence[float]) -> pl.DataFrame:
    return quote_frame([(EPOCH_US + (n + 1) * MINUTE, None, p, 1e4, p, 1e4) for n, p in enumerate(path)])


@st.composite
def free_pairs(draw: st.DrawFn) -> World:
    """Draw two venues of bars without fees, latencies, spreads or gaps, with funds for everything; prices in cents, volumes in eighths."""
    count = draw(st.integers(3, 20))
    codes = {key: draw(st.binary(min_size=3 * count, max_size=3 * count)) for key in PAIR}
    bars = {key: frame([_cent_bar(n, *code[3 * n : 3 * n + 3]) for n in range(count)]) for key, code in codes.items()}
    form = _free(draw, end=EPOCH_US + count * MINUTE, data="bars", terms={"half_spread_bps": 0.0})
    return World(form=form, spec=parse_spec(form), data=bars)


@st.composite
def free_books(draw: st.DrawFn) -> World:
    """Draw two venues of quotes without fees or latencies, with funds for everything; prices in cents, sizes in eighths, one to three levels."""
    levels, count = draw(st.sampled_from((1, 1, 2, 3))), draw(st.integers(2, 30))
    width = 2 + levels
    codes = {key: draw(st.binary(min_size=width * count, max_size=width * count)) for key in PAIR}
    books = {key: quote_frame(_cent_books([code[width * n : width * n + width] for n in range(count)])) for key, code in codes.items()}
    form = _free(draw, end=EPOCH_US + 2 * MINUTE, data="quotes", terms={"max_age": "1d"})
    return World(form=form, spec=parse_spec(form), data=books)


def _free(draw: st.DrawFn, *, end: int, data: str, terms: dict[str, object]) -> dict[str, Any]:
    rich = {**FREE, "balances": {"BTC": "100000", "USD": "10000000"}}
    plain = {"name": "BTC/USD", "tick": "0.01", "lot": "0.125", "min_notional": "0", "data": data, **terms}
    return {
        "version": 2,
        "name": "free",
        "start": iso(EPOCH_US + MINUTE),
        "end": iso(end),
        "interval": "1m",
        "strategy": {"kind": "spatial", "threshold_bps": draw(st.sampled_from((1.0, 20.0)))},
        "execution": {"volume_share": 1.0, "tolerance_bps": 9_000.0 if data == "bars" else 0.0, "residual": "carry"},
        "risk": {"max_gross_edge_bps": 1e6},
        "venues": dict.fromkeys(("alfa", "bravo"), rich),
        "instruments": [{"venue": key.venue, **plain} for key in PAIR],
    }


def _cent_bar(n: int, opens: int, closes: int, volume: int) -> tuple[int, float, float, float, float, float]:
    o, c = (9_900 + opens) / 100, (9_900 + closes) / 100
    eighths = 8 if n == 0 else (8, 80, 1, 0, 24, 400)[volume % 6]
    return EPOCH_US + n * MINUTE, o, max(o, c), min(o, c), c, eighths / 8


def _cent_books(codes: Sequence[bytes]) -> list[QuoteRow]:
    # the first is there before the start; every quote comes 0 to 3 s after the one before it, or 0 to 3 µs
    gaps = [55 * SECOND, *(code[0] % 4 * (1 if code[0] >= 192 else SECOND) for code in codes[1:])]
    times = accumulate(gaps, initial=EPOCH_US)
    next(times)
    moves = accumulate((code[1] % 64 // (1 if code[1] < 64 else 16) for code in codes), lambda a, b: a if b in {1, 2} else b)
    rows: list[QuoteRow] = []
    for t, move, code in zip(times, moves, codes, strict=True):
        bid, spread = 10_000 + 2 * move, 1 + code[1] // 128
        levels = [((bid - 3 * k) / 100, (sizes % 8) / 8, (bid + spread + 2 * k) / 100, (sizes // 8) / 8) for k, sizes in enumerate(code[2:])]
        rows.append((t, None, *(x for level in levels for x in level)))
    return rows


def book_columns(levels: int) -> list[str]:
    """Return the names of the columns of so many levels."""
    return [name if n == 1 else f"{name}_{n}" for n in range(1, levels + 1) for name in LEVEL_COLUMNS]
