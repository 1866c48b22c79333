"""A synthetic depeg weekend with a planted arbitrage whose every fill is known beforehand, in exact decimal arithmetic.

Nothing here is a market: venue names begin with `synthetic-`. Outside the planted windows all venues follow one fair price closely
enough that no pair earns its costs, although USDC falls to 0.88. The truth is computed from the plan with `decimal`, by no code of
the backtest.
"""

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from importlib.resources import files
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Floats
from engine.config import Instrument, Spec, parse_spec, parse_spec_toml
from engine.schema import ATOMS_PER_UNIT, BARS, TIMESTAMP, SeriesKey, instant, micros

ALPHA, BETA, GAMMA = (SeriesKey(f"synthetic-{name}", pair) for name, pair in (("alpha", "BTC/USD"), ("beta", "BTC/USDC"), ("gamma", "BTC/USD")))
ALPHA_USDC, BETA_USDC = SeriesKey(ALPHA.venue, "USDC/USD"), SeriesKey(BETA.venue, "USDC/USD")
LEGS = (ALPHA, BETA, GAMMA)

WARM_UP = 10
"""Bars before the start, so that every currency has a mark there."""

_MINUTE_US = 60_000_000
_USDC_KNOTS = ((0, 1.0), (120, 1.0), (430, 0.88), (700, 0.915), (1200, 0.945), (2000, 0.97), (2700, 0.998), (2880, 1.0))
_CALM_VOLUME, _PLANTED_VOLUME = 25.0, 30.0


class Episode(NamedTuple):
    """One planted dislocation."""

    minute: int  # its first bar, from the start
    bars: int  # how many bars close at the dislocated price
    leg: SeriesKey  # whose price moves
    shift_bps: int
    against: SeriesKey  # the other leg of the package
    volumes: dict[tuple[SeriesKey, int], float]  # (leg, bar from the first) → volume [BTC] where it is not the usual one
    story: str

    @property
    def sell(self) -> SeriesKey:
        """The dear leg."""
        return self.leg if self.shift_bps > 0 else self.against

    @property
    def buy(self) -> SeriesKey:
        """The cheap leg."""
        return self.against if self.shift_bps > 0 else self.leg


EPISODES = (
    Episode(90, 4, BETA, 38, ALPHA, {}, "USDC at par: taken whole"),
    Episode(300, 4, BETA, -38, ALPHA, {}, "USDC in its fall: taken whole"),
    Episode(480, 2, GAMMA, 60, ALPHA, {(GAMMA, 0): 9, (GAMMA, 1): 9, (GAMMA, 2): 12}, "a thin venue: a tenth of its volume"),
    Episode(720, 1, BETA, 38, ALPHA, {}, "gone before the orders arrive: the sell misses its limit"),
    Episode(1100, 4, ALPHA, -36, BETA, {(BETA, 2): 8}, "the bar that fills is thin: the sell fills in part"),
    Episode(1500, 4, BETA, 40, ALPHA, {(ALPHA, 2): 0}, "nobody trades while the order waits: the buy misses"),
    Episode(2000, 2, GAMMA, -60, ALPHA, {(GAMMA, 0): 11, (GAMMA, 1): 11}, "the thin venue the other way"),
    Episode(2500, 4, BETA, 38, ALPHA, {(leg, bar): 90 for leg in (ALPHA, BETA) for bar in (0, 2)}, "more volume than the largest package"),
)


class Order(NamedTuple):
    """What is sent by the plan."""

    key: SeriesKey
    side: int  # 0 sells, 1 buys
    quantity: Decimal  # [base]
    limit: Decimal  # [quote per base]


class Fill(NamedTuple):
    """What it gets, a row of the truth; nothing filled: it missed."""

    recorded: datetime
    venue: str
    instrument: str
    side: str
    filled: Decimal  # [base]
    price: Decimal  # [quote per base]
    flow: Decimal  # [quote]
    fee: Decimal  # [quote]


@dataclass(frozen=True, slots=True, kw_only=True)
class Weekend:
    """Invented bars, the spec that trades them, and the fills that must come out."""

    bars: dict[SeriesKey, pl.DataFrame]  # frames of `engine.schema.BARS`
    spec_toml: str
    truth: pl.DataFrame  # recorded, venue, instrument, side, filled [base], price, flow [quote], fee [quote]
    episodes: tuple[Episode, ...]


def depeg_weekend(seed: int) -> Weekend:
    """Return two days on three venues, 2023-03-11 and 12, minute by minute.

    Parameters
    ----------
    seed : int
        Of the paths and volumes; the plan of the episodes is the same for each.
    """
    spec_toml = (files("engine") / "synth.toml").read_text(encoding="utf-8")
    spec = parse_spec_toml(spec_toml)
    minutes = (micros(spec.end) - micros(spec.start)) // _MINUTE_US
    closes = _closes(seed, minutes)
    bars = {key: _bars(key, micros(spec.start), close, _volumes(key, seed, close.size), seed) for key, close in closes.items()}
    truth = [fill for episode in EPISODES for fill in _planted_fills(episode, spec, bars) if fill.filled]
    return Weekend(bars=bars, spec_toml=spec_toml, truth=_truth_table(truth), episodes=EPISODES)


def as_quotes(weekend: Weekend) -> tuple[Spec, dict[SeriesKey, pl.DataFrame]]:
    """Return the weekend's spec and its bars as quotes: each close a basis point to either side at the bar's end, with its volume."""
    spec = parse_spec_toml(weekend.spec_toml)
    instruments = [{**i.model_dump(mode="json"), "data": "quotes", "half_spread_bps": None, "max_age": "1m"} for i in spec.instruments]
    found = {}
    for key, bars in weekend.bars.items():
        sides = {"bid": pl.col("close") * 0.9999, "bid_size": pl.col("volume"), "ask": pl.col("close") * 1.0001, "ask_size": pl.col("volume")}
        ended = (pl.col("ts").dt.epoch("us") + _MINUTE_US).cast(TIMESTAMP)
        found[key] = bars.select(ts=ended, received=pl.lit(None, dtype=TIMESTAMP), **sides)
    return parse_spec({**spec.canonical(), "instruments": instruments}), found


def differences(fills: pl.DataFrame, truth: pl.DataFrame) -> list[str]:
    """Return how a ledger differs from the planted truth, a sentence a difference; none: it is equal.

    Quantities, flows and fees are compared to the atom (1e-8), prices to 1e-9 of themselves.
    """
    keys, filled = ("recorded", "venue", "instrument", "side"), fills.filter(pl.col("filled") > 0)
    want, got = ({tuple(row[k] for k in keys): row for row in table.iter_rows(named=True)} for table in (truth, filled))
    times = Counter(filled.select(keys).iter_rows())
    said = [f"{_label(key)}: expected by the plan, not found" for key in sorted(want.keys() - got.keys())]
    said += [f"{_label(key)}: found, not planned" for key in sorted(got.keys() - want.keys())]
    said += [f"{_label(key)}: found {times[key]} times, planned once" for key in sorted(want) if times[key] > 1]
    for key in sorted(want.keys() & got.keys()):
        amounts = [n for n in ("filled", "flow", "fee") if round(want[key][n] * ATOMS_PER_UNIT) != round(got[key][n] * ATOMS_PER_UNIT)]
        prices = ["price"] if abs(want[key]["price"] - got[key]["price"]) > 1e-9 * want[key]["price"] else []
        said += [f"{_label(key)}: expected {name} {want[key][name]:.8f}, found {got[key][name]:.8f}" for name in amounts + prices]
    return said


def _label(key: tuple[datetime, str, str, str]) -> str:
    return f"{key[0]:%Y-%m-%d %H:%M} {key[1]} {key[2]} {key[3]}"


def _closes(seed: int, minutes: int) -> dict[SeriesKey, Floats]:
    rng = np.random.default_rng(seed)
    size = minutes + WARM_UP
    at = np.arange(size) - WARM_UP
    knots = np.array(_USDC_KNOTS)
    calm = np.ones(size, dtype=bool)
    for episode in EPISODES:
        calm[WARM_UP + episode.minute : WARM_UP + episode.minute + 6] = False  # nothing but the dislocation moves
    fair = np.round(20_500 * np.exp(np.cumsum(np.where(calm, rng.normal(0, 4e-4, size), 0))), 2)
    usdc = np.interp(at, knots[:, 0], knots[:, 1]) * (1 + np.where(calm, rng.normal(0, 2e-4, size), 0))
    usdc = _held(np.round(usdc, 4), calm)
    gamma = _held(np.round(fair * (1 + rng.normal(0, 5e-5, size)), 2), calm)
    closes = {ALPHA: fair, BETA: np.round(fair / usdc, 2), GAMMA: gamma, ALPHA_USDC: usdc, BETA_USDC: usdc}
    closes[ALPHA] = fair.copy()
    for episode in EPISODES:
        rows = slice(WARM_UP + episode.minute, WARM_UP + episode.minute + episode.bars)
        closes[episode.leg][rows] = np.round(closes[episode.leg][rows] * (1 + episode.shift_bps * 1e-4), 2)
    return closes


def _held(values: Floats, calm: np.ndarray[tuple[int], np.dtype[np.bool_]]) -> Floats:
    """Return the values with the last calm one standing through what is not calm."""
    return values[np.maximum.accumulate(np.where(calm, np.arange(values.size), 0))]


def _volumes(key: SeriesKey, seed: int, size: int) -> Floats:
    rng = np.random.default_rng([seed, sum(f"{key}".encode())])
    scale = _CALM_VOLUME if key in LEGS else 1e5
    volume = np.round(scale * np.exp(rng.normal(0, 0.7, size)), 4)
    if key == GAMMA:
        volume[rng.random(size) < 0.03] = 0.0
    for episode in EPISODES:
        first = WARM_UP + episode.minute
        volume[first - 2 : first + 6] = _PLANTED_VOLUME if key in LEGS else scale
        for (leg, bar), planted in episode.volumes.items():
            if leg == key:
                volume[first + bar] = planted
    return volume


def _bars(key: SeriesKey, start_us: int, close: Floats, volume: Floats, seed: int) -> pl.DataFrame:
    rng = np.random.default_rng([seed, 1 + sum(f"{key}".encode())])
    opened = np.concatenate([close[:1], close[:-1]])
    traded = volume > 0
    reach = np.abs(rng.normal(0, 2e-4, (2, close.size))) * traded
    digits = 2 if key in LEGS else 4
    frame = pl.DataFrame(
        {
            "ts": pl.Series(start_us + (np.arange(close.size) - WARM_UP) * _MINUTE_US, dtype=pl.Int64).cast(TIMESTAMP),
            "open": opened,
            "high": np.maximum(np.round(np.maximum(opened, close) * (1 + reach[0]), digits), np.maximum(opened, close)),
            "low": np.minimum(np.round(np.minimum(opened, close) * (1 - reach[1]), digits), np.minimum(opened, close)),
            "close": close,
            "volume": volume,
        },
        schema=BARS,
    )
    lost = np.random.default_rng([seed, 2]).random(close.size) < 0.01 if key == GAMMA else np.zeros(close.size, dtype=bool)
    for episode in EPISODES:
        lost[WARM_UP + episode.minute - 2 : WARM_UP + episode.minute + 6] = False
    return frame.filter(~pl.Series(lost))


def _planted_fills(episode: Episode, spec: Spec, bars: dict[SeriesKey, pl.DataFrame]) -> list[Fill]:
    """Return the fills of one episode: decided at the end of its first bar, filled at the open of its third, on each leg apart.

    What unequal legs leave is traded away, decided at the end of that third bar and filled at the open of the fifth.
    """
    starts = [micros(spec.start) + (episode.minute + k) * _MINUTE_US for k in (0, 2, 4)]
    decision, meeting, last = ({key: _bar(bars[key], at) for key in (episode.sell, episode.buy)} for at in starts)
    largest = spec.strategy.max_notional
    assert largest is not None
    by_notional = largest / _quote(episode.buy, decision[episode.buy]["close"], spec)[1] if episode.buy != BETA else Decimal(10**6)
    planned = _lots(min(by_notional, *(decision[key]["volume"] / 10 for key in decision)))
    limits = [_quote(key, decision[key]["close"], spec)[side] for side, key in enumerate(decision)]
    found = [_fill(Order(key, side, planned, limits[side]), meeting[key], spec, starts[1]) for side, key in enumerate(decision)]
    left = found[1].filled - found[0].filled
    key, side = (episode.buy, 0) if left > 0 else (episode.sell, 1)
    away = _away(key, _quote(key, meeting[key]["close"], spec)[side], spec)[side]
    return [*found, _fill(Order(key, side, abs(left), away), last[key], spec, starts[2])]


def _fill(order: Order, bar: dict[str, Decimal], spec: Spec, opens_us: int) -> Fill:
    """Return what an order gets at the open of a bar: of a tenth of its volume, nothing beyond the limit."""
    price = _quote(order.key, bar["open"], spec)[order.side]
    beyond = price < order.limit if order.side == 0 else price > order.limit
    filled = Decimal(0) if beyond else _lots(min(order.quantity, bar["volume"] / 10))
    flow = price * filled
    fee = (flow * Decimal(str(spec.venues[order.key.venue].fee_bps)) / 10_000).quantize(Decimal("1e-8"), ROUND_CEILING)
    return Fill(instant(opens_us + _MINUTE_US), *order.key, ("sell", "buy")[order.side], filled, price, flow, fee)


def _away(key: SeriesKey, price: Decimal, spec: Spec) -> tuple[Decimal, Decimal]:
    """Return the limits of a sell and of a buy that unwinds: so far from a price, rounded so as to fill less."""
    tick, far = _instrument(key, spec).tick, Decimal(str(spec.execution.residual_bps)) / 10_000
    low, high = price * (1 - far) / tick, price * (1 + far) / tick
    return low.to_integral_value(ROUND_CEILING) * tick, high.to_integral_value(ROUND_FLOOR) * tick


def _bar(frame: pl.DataFrame, at_us: int) -> dict[str, Decimal]:
    row = frame.row(by_predicate=pl.col("ts") == instant(at_us), named=True)
    return {name: Decimal(str(row[name])) for name in ("open", "close", "volume")}


def _quote(key: SeriesKey, price: Decimal, spec: Spec) -> tuple[Decimal, Decimal]:
    leg = _instrument(key, spec)
    half = Decimal(str(leg.half_spread_bps)) / 10_000
    bid, ask = (price * (1 - half) / leg.tick, price * (1 + half) / leg.tick)
    return bid.to_integral_value(ROUND_FLOOR) * leg.tick, ask.to_integral_value(ROUND_CEILING) * leg.tick


def _instrument(key: SeriesKey, spec: Spec) -> Instrument:
    return next(i for i in spec.instruments if i.key == key)


def _lots(quantity: Decimal) -> Decimal:
    return quantity.quantize(Decimal("0.0001"), ROUND_FLOOR)


def _truth_table(fills: list[Fill]) -> pl.DataFrame:
    names = dict.fromkeys(("venue", "instrument", "side"), pl.String)
    amounts = dict.fromkeys(("filled", "price", "flow", "fee"), pl.Float64)
    rows = [[float(value) if isinstance(value, Decimal) else value for value in fill] for fill in fills]
    return pl.DataFrame(rows, schema={"recorded": TIMESTAMP, **names, **amounts}, orient="row")
