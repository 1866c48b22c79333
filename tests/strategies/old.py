"""Hypothesis strategies that the engine's tests share: small random worlds, a spec and the bars that it runs on."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

import polars as pl
from hypothesis import strategies as st

from engine.config import Spec, parse_spec
from engine.schema import BARS, US_PER_SECOND, SeriesKey, instant

MINUTE = 60 * US_PER_SECOND
EPOCH_US = 1_704_067_200 * US_PER_SECOND
"""2024-01-01T00:00:00Z, on which bars of every interval here begin."""

PRICES = ("open", "high", "low", "close")
VENUES = ("alfa", "bravo", "charlie", "delta")
DEVIATIONS = (0, 0, 0, 4, -4, 10, -10, 25, -25, 40, -40, 80, -80, 150, -150, 300)
OPENS = (0, 0, 0, 3, -3, 15, -60, 200)
VOLUMES = (1.0, 10.0, 0.1, 30.0, 5.0, 0.003, 20.0, 100.0)
COIN_PRICES = {"BTC": 100.0, "SHIB": 0.0001, "GOLD": 1_000_000.0}
"""Ticks, lots, volumes and balances of a coin go with its price: amounts below are those of one that costs 100."""
COINS = ("3", "1000", "0.5", "10", "0.0123", "0")
MONEY = ("3000", "1000000", "300", "100000", "41.07", "0")
WICKS = (0, 2, 20, 100)


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """A spec as a user writes it, the same parsed, and bars for every series of it."""

    form: dict[str, Any]
    spec: Spec
    bars: dict[SeriesKey, pl.DataFrame]

    def but(self, **parts: object) -> "World":
        """Return the world with parts of the form replaced."""
        form = {**self.form, **parts}
        return World(form=form, spec=parse_spec(form), bars=self.bars)

    def on(self, bars: dict[SeriesKey, pl.DataFrame]) -> "World":
        """Return the world with other bars."""
        return World(form=self.form, spec=self.spec, bars=bars)


def frame(rows: Sequence[tuple[int, float, float, float, float, float]]) -> pl.DataFrame:
    """Return (open time [µs], open, high, low, close, volume) rows as bars."""
    return pl.DataFrame(rows, schema=BARS, orient="row")


def iso(us: int) -> str:
    """Return µs since the epoch as specs write times."""
    return f"{instant(us):%Y-%m-%dT%H:%M:%SZ}"


@st.composite
def worlds(draw: st.DrawFn, *, most_bars: int = 60) -> World:
    """Draw a world in which most runs send packages, and some drop, miss and fill in part."""
    interval = draw(st.sampled_from((MINUTE, MINUTE, MINUTE, MINUTE // 2, 5 * MINUTE, 10 * MINUTE)))
    numeraire, quotes, par = draw(_currencies())
    base = draw(st.sampled_from(("BTC", "BTC", "BTC", *COIN_PRICES)))
    places = [(venue, quote) for venue in VENUES for quote in quotes]
    traded = draw(st.lists(st.sampled_from(places), min_size=2, max_size=4, unique=True))
    instruments = [draw(_instruments(venue, f"{base}/{quote}", "trade")) for venue, quote in traded]
    home = quotes[0] if len({quote for _, quote in traded}) == 1 else numeraire
    for foreign in sorted({quote for _, quote in traded} - {numeraire}):
        uses = ("mark", "convert") if foreign in par or home != numeraire else ("convert",)
        instruments += draw(_links(foreign, numeraire, uses))
    venues = {name: draw(_venues(name, instruments, interval)) for name in sorted({str(i["venue"]) for i in instruments})}
    count = draw(st.integers(5, most_bars))
    start = EPOCH_US + 60 * MINUTE + (MINUTE if interval > MINUTE else 0)
    form: dict[str, Any] = {
        "name": "a world",
        "numeraire": numeraire,
        "start": iso(start),
        "end": iso(start + max(count * interval // MINUTE, 1) * MINUTE),
        "interval": f"{interval // US_PER_SECOND}s",
        "clock": draw(st.sampled_from(("1m", "1m", "30s", "20s"))),
        "assume_par": par,
        "strategy": draw(_spatial()),
        "execution": draw(_executions(interval)),
        "venues": venues,
        "instruments": instruments,
    }
    spec = parse_spec(form)
    before, after = draw(st.sampled_from((2, 12))), draw(st.sampled_from((0, 3)))
    first = start // interval * interval - before * interval
    return World(form=form, spec=spec, bars=draw(_bars(spec, first, before, before + count + after)))


@st.composite
def unmarked_worlds(draw: st.DrawFn) -> World:
    """Draw a world whose bars begin after its start, so that nothing is marked there."""
    world = draw(worlds())
    bars = {key: table.filter(pl.col("ts") >= world.spec.start).slice(draw(st.integers(0, 8))) for key, table in world.bars.items()}
    return world.on(bars)


@st.composite
def flat_markets(draw: st.DrawFn) -> World:
    """Draw a world whose prices are all equal after conversion, and whose venues all charge something."""
    world = draw(worlds(most_bars=20))
    peg = draw(st.sampled_from((1.0, 0.88, 0.93217, 1.05)))
    venues = {name: {**v, "fee_bps": max(v["fee_bps"], 1.0)} for name, v in world.form["venues"].items()}
    instruments = [{**i, "use": "convert" if i["use"] == "mark" else i["use"]} for i in world.form["instruments"]]
    strategy = {"kind": "spatial", "threshold_bps": draw(st.sampled_from((0.0, 0.5, 5.0)))}
    flat = {key: table.with_columns(pl.lit(_fair(key, 1.0, peg)).alias(c) for c in PRICES) for key, table in world.bars.items()}
    return world.but(venues=venues, instruments=instruments, strategy=strategy, assume_par=[]).on(flat)


@st.composite
def bystanders(draw: st.DrawFn) -> tuple[World, World]:
    """Draw a world, and the same with one more venue, which trades what the others do and holds nothing."""
    world = draw(worlds())
    twin = world.spec.legs[0]
    nothing = {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s"}
    more = [*world.form["instruments"], {**draw(_instruments("zulu", twin.name, "trade"))}]
    factor = draw(st.sampled_from((0.9, 1.0, 1.002, 1.2)))
    bars = world.bars | {SeriesKey("zulu", twin.name): world.bars[twin.key].with_columns(pl.col(*PRICES) * factor)}
    return world, world.but(venues={**world.form["venues"], "zulu": nothing}, instruments=more).on(bars)


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
    fee = draw(st.sampled_from((1.0, 10.0, 26.0)))
    near = {"half_spread_bps": 0.0, "tick": "0.01", "lot": "0.00001", "min_notional": "1"}
    venue = {"fee_bps": fee, "feed_latency": "0s", "order_latency": "0s", "balances": {"BTC": "10", "USDC": "100000", "USD": "100000"}}
    form: dict[str, Any] = {
        "name": "a lost peg",
        "start": iso(EPOCH_US + MINUTE),
        "end": iso(EPOCH_US + len(path) * MINUTE),
        "interval": "1m",
        "strategy": {"kind": "spatial", "threshold_bps": draw(st.sampled_from((0.0, 5.0, 50.0)))},
        "venues": {"alfa": venue, "bravo": venue},
        "instruments": [{**near, "venue": key.venue, "name": key.instrument} for key in prices],
    }
    form["instruments"][2] |= {"use": "convert", "tick": "0.0001"}
    return World(form=form, spec=parse_spec(form), bars={key: _steps(path) for key, path in prices.items()})


@st.composite
def free_pairs(draw: st.DrawFn) -> World:
    """Draw two venues without fees, latencies, spreads or gaps, with funds for everything; prices in cents, volumes in eighths."""
    count = draw(st.integers(3, 20))
    codes = {SeriesKey(venue, "BTC/USD"): draw(st.binary(min_size=3 * count, max_size=3 * count)) for venue in ("alfa", "bravo")}
    plain = {"name": "BTC/USD", "half_spread_bps": 0.0, "tick": "0.01", "lot": "0.125", "min_notional": "0"}
    rich = {"fee_bps": 0.0, "feed_latency": "0s", "order_latency": "0s", "balances": {"BTC": "100000", "USD": "10000000"}}
    form: dict[str, Any] = {
        "name": "free",
        "start": iso(EPOCH_US + MINUTE),
        "end": iso(EPOCH_US + count * MINUTE),
        "interval": "1m",
        "strategy": {"kind": "spatial", "threshold_bps": draw(st.sampled_from((1.0, 20.0)))},
        "execution": {"volume_share": 1.0, "tolerance_bps": 9_000.0},
        "venues": {"alfa": rich, "bravo": rich},
        "instruments": [{"venue": key.venue, **plain} for key in codes],
    }
    bars = {key: frame([_cent_bar(n, *code[3 * n : 3 * n + 3]) for n in range(count)]) for key, code in codes.items()}
    return World(form=form, spec=parse_spec(form), bars=bars)


def _cent_bar(n: int, opens: int, closes: int, volume: int) -> tuple[int, float, float, float, float, float]:
    o, c = (9_900 + opens) / 100, (9_900 + closes) / 100
    eighths = 8 if n == 0 else (8, 80, 1, 0, 24, 400)[volume % 6]
    return EPOCH_US + n * MINUTE, o, max(o, c), min(o, c), c, eighths / 8


def _steps(path: Sequence[float]) -> pl.DataFrame:
    # every bar opens where the one before it closed, and there is volume for everything
    opens = [path[0], *path]
    return frame([(EPOCH_US + n * MINUTE, o, max(o, c), min(o, c), c, 1e4) for n, (o, c) in enumerate(zip(opens, path, strict=False))])


@st.composite
def _currencies(draw: st.DrawFn) -> tuple[str, list[str], list[str]]:
    numeraire, quotes = draw(
        st.sampled_from((("USD", ["USD"]), ("USD", ["USD", "USDC"]), ("USD", ["USDC"]), ("USDC", ["USD", "USDC"]), ("USD", ["USD", "USDC", "USDT"])))
    )
    foreign = [c for c in quotes if c != numeraire]
    return numeraire, quotes, draw(st.lists(st.sampled_from(foreign), unique=True)) if foreign and draw(st.integers(0, 3)) == 3 else []


@st.composite
def _instruments(draw: st.DrawFn, venue: str, name: str, use: str) -> dict[str, object]:
    price = COIN_PRICES.get(name.partition("/")[0], 1.0)
    ticks, lots = (("0.0001", "0.00001") if price == 1 else ("0.01", "0.05", "0.03", "0.1")), ("0.001", "0.00000001", "0.001", "0.002", "0.003")
    return {
        "venue": venue,
        "name": name,
        "use": use,
        "half_spread_bps": draw(st.sampled_from((0.0, 0.5, 1.0, 3.3))),
        "tick": draw(st.sampled_from(ticks)) if price == 1 else scaled(draw(st.sampled_from(ticks)), price / 100),
        "lot": scaled(draw(st.sampled_from(lots)), 100 / price),
        "min_notional": draw(st.sampled_from(("0", "0.5", "0", "0", "5"))),
    }


def scaled(amount: str, factor: float) -> str:
    """Return an exact amount times a power of ten, at least an atom if it is not zero."""
    exact = Decimal(amount) * Decimal(repr(factor))
    return f"{max(exact, Decimal('1e-8')) if exact else exact:f}"


@st.composite
def _links(draw: st.DrawFn, foreign: str, numeraire: str, uses: Sequence[str]) -> list[dict[str, object]]:
    places = draw(st.lists(st.sampled_from(VENUES), min_size=1, max_size=2, unique=True))
    names = (f"{foreign}/{numeraire}", f"{foreign}/{numeraire}", f"{numeraire}/{foreign}")
    linking = [draw(_instruments(venue, draw(st.sampled_from(names)), uses[-1])) for venue in places]
    return [{**link, "use": draw(st.sampled_from(uses))} for link in linking]


@st.composite
def _venues(draw: st.DrawFn, name: str, instruments: Sequence[Mapping[str, object]], interval: int) -> dict[str, object]:
    held = sorted({currency for i in instruments if i["venue"] == name and i["use"] == "trade" for currency in str(i["name"]).split("/")})
    amounts = {c: st.sampled_from([scaled(x, 100 / COIN_PRICES[c]) for x in COINS] if c in COIN_PRICES else MONEY) for c in held}
    return {
        "fee_bps": draw(st.sampled_from((0.0, 1.0, 2.5, 10.0, 26.0))),
        "feed_latency": draw(st.sampled_from(("0s", "50ms", "1s", f"{min(interval // 2, 40 * US_PER_SECOND)}us"))),
        "order_latency": draw(st.sampled_from(("0s", "80ms", "1us", f"{interval}us", f"{5 * interval // 2}us"))),
        "balances": {c: draw(amount) for c, amount in amounts.items()},
    }


@st.composite
def _spatial(draw: st.DrawFn) -> dict[str, object]:
    size = draw(
        st.sampled_from(
            (
                {"size": "max"},
                {"max_notional": "0.62"},
                {"max_notional": "10000000000"},
                {"max_notional": "60"},
                {"size": "fixed", "fixed_notional": "0.61"},
            )
        )
    )
    if draw(st.integers(0, 3)) == 3:
        size = {"size": "fixed", "fixed_notional": draw(st.sampled_from(("20", "33.33")))}
    return {
        "kind": "spatial",
        "threshold_bps": draw(st.sampled_from((0.0, 0.5, 5.0, 20.0, -15.0))),
        "cool_down": draw(st.sampled_from(("0s", "0s", "1m", "90s", "5m"))),
        **size,
    }


@st.composite
def _executions(draw: st.DrawFn, interval: int) -> dict[str, object]:
    form: dict[str, Any] = {
        "volume_share": draw(st.sampled_from((0.1, 1.0, 0.33, 0.5, 0.01))),
        "fill_price": draw(st.sampled_from(("open", "open", "worst"))),
        "tolerance_bps": draw(st.sampled_from((10.0, 0.0, 1.0, 100.0))),
    }
    waits = draw(st.sampled_from((None, None, 2, 3)))
    return form if waits is None else {**form, "max_wait": f"{waits * interval}us"}


@st.composite
def _bars(draw: st.DrawFn, spec: Spec, first: int, before: int, count: int) -> dict[SeriesKey, pl.DataFrame]:
    # bytes, not numbers: they shrink to a flat market, and a bar costs two
    level = _path(draw(st.binary(min_size=count, max_size=count)), step=0.0005)
    peg = _path(draw(st.binary(min_size=count, max_size=count)), step=0.0005)
    found = {}
    for key in spec.series:
        code = draw(st.binary(min_size=2 * count, max_size=2 * count))
        fair = [_fair(key, value, rate) for value, rate in zip(level, peg, strict=True)]
        unit = 100 / COIN_PRICES.get(key.base, 100)
        rows = [_bar(unit, first + n * spec.interval, fair[n], code[2 * n], code[2 * n + 1], n in (before - 1, before - 2)) for n in range(count)]
        found[key] = frame([row for row in rows if row is not None])
    return found


def _path(code: bytes, *, step: float) -> list[float]:
    # 1 at first; a quarter of the bytes move it by a step up or down
    value, path = 1.0, []
    for byte in code:
        value += step * {1: 1, 2: -1, 3: 4, 4: -4}.get(byte % 16, 0)
        path.append(value)
    return path


def _fair(key: SeriesKey, level: float, peg: float) -> float:
    worth = {**{coin: price * level for coin, price in COIN_PRICES.items()}, "USD": 1.0, "USDC": peg, "USDT": 2 - peg}
    return worth[key.base] / worth[key.quote]


def _bar(unit: float, opens: int, fair: float, first: int, second: int, certain: bool) -> tuple[int, float, float, float, float, float] | None:
    kind = 0 if certain else first % 16
    if kind == 15:
        return None
    close = float(f"{fair * (1 + DEVIATIONS[first // 16] * 1e-4):.7g}")
    opened = float(f"{close * (1 + OPENS[second % 8] * 1e-4):.7g}")
    wick = WICKS[second // 64] * 1e-4
    volume = 0.0 if kind == 14 else VOLUMES[second // 8 % 8] * unit
    return opens, opened, max(opened, close) * (1 + wick), min(opened, close) * (1 - wick), close, volume
