"""From specs, columns and quotes to the arrays of the kernel, and its state back."""

from dataclasses import dataclass

import numpy as np

from engine.arrays import Int64s
from engine.config import Spec
from engine.edges import Quotes
from engine.kernels import path as kernel
from engine.panel import Panel, Series, ceil_tick, floor_tick, implied_ask, implied_bid
from engine.schema import micros
from engine.units import atoms


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """What a run did: its orders, the packages that it dropped by reason, and its wallets at the end."""

    orders: kernel.Orders
    dropped: dict[str, int]
    wallets: dict[tuple[str, str], tuple[int, int, int]]  # (venue, currency) → free, reserved, pending [atoms]


def walk_path(spec: Spec, panel: Panel, quotes: Quotes) -> Path:
    """Return what happens when the strategy meets the candidates in time order."""
    names = wallet_names(spec)
    bars = _bars(spec, panel)
    state = _state(spec, names, bars.open_us.size)
    orders = kernel.walk(_candidates(quotes), bars, _legs(spec, names), _rules(spec), state)
    wallets = zip(state.free.tolist(), state.reserved.tolist(), state.pending.tolist(), strict=True)
    return Path(
        orders=orders,
        dropped=dict(zip(kernel.DROPPED, state.dropped.tolist(), strict=True)),
        wallets=dict(zip(names, wallets, strict=True)),
    )


def wallet_names(spec: Spec) -> list[tuple[str, str]]:
    """Return every (venue, currency) that can hold something, sorted."""
    funded = {(name, currency) for name, venue in spec.venues.items() for currency in venue.balances}
    return sorted(funded | {(leg.venue, currency) for leg in spec.legs for currency in (leg.key.base, leg.key.quote)})


def _candidates(quotes: Quotes) -> kernel.Candidates:
    return kernel.Candidates(**{name: np.ascontiguousarray(getattr(quotes, name)) for name in kernel.Candidates._fields})


def _legs(spec: Spec, names: list[tuple[str, str]]) -> kernel.Legs:
    venues = [spec.venues[leg.venue] for leg in spec.legs]
    return kernel.Legs(
        fee=np.array([v.fee_bps * 1e-4 for v in venues]),
        tick=np.array([float(leg.tick) for leg in spec.legs]),
        lot=_ints([atoms(leg.lot) for leg in spec.legs]),
        min_notional=_ints([atoms(leg.min_notional) for leg in spec.legs]),
        order_latency_us=_ints([v.order_latency for v in venues]),
        feed_latency_us=_ints([v.feed_latency for v in venues]),
        base_wallet=_ints([names.index((leg.venue, leg.key.base)) for leg in spec.legs]),
        quote_wallet=_ints([names.index((leg.venue, leg.key.quote)) for leg in spec.legs]),
    )


def _rules(spec: Spec) -> kernel.Rules:
    fixed, largest = spec.strategy.fixed_notional, spec.strategy.max_notional
    return kernel.Rules(
        threshold_bps=spec.strategy.threshold_bps,
        cool_down_us=spec.strategy.cool_down,
        tolerance=spec.execution.tolerance_bps * 1e-4,
        fixed_notional=float(atoms(fixed)) if fixed is not None else 0.0,
        max_notional=float(atoms(largest)) if largest is not None else 0.0,
        interval_us=spec.interval,
        max_wait_us=spec.max_wait_us,
        end_us=micros(spec.end),
    )


def _bars(spec: Spec, panel: Panel) -> kernel.Bars:
    legs = [panel.of(leg.key)[0] for leg in spec.legs]
    prices = [_fill_prices(series, worst=spec.execution.fill_price == "worst") for series in legs]
    return kernel.Bars(
        offset=np.concatenate([np.zeros(1, np.int64), np.cumsum([s.open_us.size for s in legs])]),
        open_us=np.concatenate([s.open_us for s in legs]),
        bid=np.concatenate([bid for bid, _ in prices]),
        ask=np.concatenate([ask for _, ask in prices]),
        volume_cap=np.concatenate([s.volume_cap for s in legs]),
    )


def _fill_prices(series: Series, *, worst: bool) -> tuple[np.ndarray[tuple[int], np.dtype[np.float64]], np.ndarray[tuple[int], np.dtype[np.float64]]]:
    if worst:
        tick = float(series.instrument.tick)
        return floor_tick(series.low, tick), ceil_tick(series.high, tick)
    return implied_bid(series.open, series.instrument), implied_ask(series.open, series.instrument)


def _state(spec: Spec, names: list[tuple[str, str]], bars: int) -> kernel.State:
    legs = len(spec.legs)
    return kernel.State(
        free=_ints([atoms(spec.venues[venue].balances[c]) if c in spec.venues[venue].balances else 0 for venue, c in names]),
        reserved=np.zeros(len(names), np.int64),
        pending=np.zeros(len(names), np.int64),
        last_decision_us=np.full((legs, legs), kernel.NEVER_US, np.int64),
        under_way=np.zeros(legs, np.int64),
        taken=np.zeros(bars, np.int64),
        dropped=np.zeros(len(kernel.DROPPED), np.int64),
    )


def _ints(values: list[int]) -> Int64s:
    return np.array(values, dtype=np.int64)
