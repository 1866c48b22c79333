"""What the kernels are given: the market, the venues, the strategy and the rules. Nothing of it changes in a run.

V legs come first among S series; the rest convert. N observations of all series lie one after the other: series s has rows
series[s].first to series[s + 1].first, and what only marks comes after them. What has one row a thing is a table of records: a function
that takes two dozen arrays compiles ten times as long as one that takes two.
"""

from typing import NamedTuple

import numpy as np

from engine.arrays import Bools, Floats, Int32s, Int64s, Records
from engine.kernels.cache import compiled, rule

SELL, BUY = 0, 1
ABSENT = -1
DAY_US = 86_400_000_000
CHARGED_QUOTE, CHARGED_RECEIVED, CHARGED_ASSET, CHARGED_POOL = 0, 1, 2, 3
CARRY, UNWIND, HEDGE = 0, 1, 2
PAIRS, TOGETHER, SEQUENCE, BASIS, ALONE = range(5)
"""What is sent as one package: a sell and a buy, the steps of a cycle, at once or one after the other, spot against its perpetual, or one order."""

SERIES = np.dtype([("first", np.int64), ("max_age_us", np.int64), ("channel", np.int64)])
"""(S + 1,) first observation, and the channel whose last message age counts from (-1: its own); the last row ends the last series."""

CHANNEL = np.dtype([("first", np.int64)])
"""(C + 1,) first message; the last row ends the messages of the last channel."""

LEG = np.dtype(
    [("tick", np.int64)]  # [atoms of quote per base]
    + [("lot", np.int64), ("min_notional", np.int64)]  # [atoms of base], [atoms of quote]
    + [("order_latency_us", np.int64), ("notice_latency_us", np.int64)]  # notice: from resolution
    + [(name, np.int64) for name in ("venue", "base_wallet", "quote_wallet", "base_currency", "quote_currency")]  # ordinals
    + [("first_bar", np.int64), ("first_conversion", np.int64), ("first_span", np.int64)]  # rows of bars, CONVERSION and SPAN
    + [("converts", np.bool_)]  # whether the quote has to be converted
    + [("loosest_rate", np.float64), ("in_base", np.bool_)]  # lowest rate that the run reaches; some span charges a buyer in base
    + [(name, np.int64) for name in ("first_state", "block_us", "gas", "gas_wallet")]  # of pools: row of POOL; most between blocks; [atoms]; else -1
)
"""(V + 1,) the traded instruments; the last row ends the lists of the last leg."""

CONVERSION = np.dtype([("series", np.int64), ("inverted", np.bool_)])
"""An instrument that converts a leg's quote; inverted: the comparison currency is its base."""

SPAN = np.dtype([("start_us", np.int64), ("charged", np.int64), ("asset_wallet", np.int64), ("first_tier", np.int64)])
"""What a leg is charged from a time on: CHARGED_*, the wallet of an asset (else -1); the last row ends the tiers of the last span."""

TIER = np.dtype([("volume", np.int64), ("rate", np.float64)])
"""Least 30-day volume [atoms of the numeraire], and rate [fraction]."""

CYCLE = np.dtype([("first_step", np.int64)])
"""(K + 1,) a cycle, which may be sent as one package; the last row ends the steps of the last."""

STEP = np.dtype([("leg", np.int64), ("side", np.int64)])
"""One leg of a cycle."""

POOL = np.dtype(
    [("root", np.float64)]  # square root of the price [quote per base]; 0 where the state is not good
    + [("liquidity", np.float64)]  # [atoms]: sqrt(base × quote), in atoms of both
    + [("reach_in", np.float64)]  # 1 / square root of the range's lower price, inf where that is 0: as far as base may come in
    + [("reach_out", np.float64)]  # 1 / square root of its upper price, above 0: as far as base may go out
)
"""A state of a pool."""

PERPETUAL = np.dtype(
    [("leg", np.int64), ("spot", np.int64)]  # of a run without a perpetual -1
    + [("initial_margin", np.float64), ("maintenance_margin", np.float64)]  # [fraction of the position]
    + [("exit_bps", np.float64), ("is_two_way", np.bool_)]
    + [("counted", np.int64), ("max_hold_us", np.int64), ("stop_bps", np.float64)]  # payments that count towards an entry
)
"""(1,) a perpetual, and how spot is traded against it; limits that are not set are never reached."""

PAYMENT = np.dtype([("due_us", np.int64), ("known_us", np.int64), ("paid_us", np.int64), ("rate", np.float64)])
"""(F,) funding: when it falls due, when its rate is known (increasing), when we are paid; fraction that longs pay to shorts."""

RULES = np.dtype(
    [("start_us", np.int64), ("end_us", np.int64), ("clock_us", np.int64)]
    + [("sends", np.int64), ("threshold_bps", np.float64), ("cool_down_us", np.int64)]  # PAIRS, TOGETHER, SEQUENCE or ALONE
    + [("fixed_notional", np.float64), ("max_notional", np.float64)]  # [atoms of the comparison currency]; 0: not fixed
    + [("tolerance", np.float64), ("interval_us", np.int64), ("max_wait_us", np.int64)]  # [fraction]
    + [("residual", np.int64), ("residual_tolerance", np.float64)]  # CARRY, UNWIND or HEDGE; [fraction]
    + [("max_gross_edge_bps", np.float64)]
    + [("max_residual", np.float64), ("max_drawdown", np.float64)]  # [units of the numeraire]
    + [("max_venue_open", np.float64), ("max_in_flight", np.float64)]  # [atoms of the numeraire]
    + [("max_misses", np.int64), ("works_at_ticks", np.bool_), ("rebalance_every_us", np.int64)]  # 0: no limit; 0: never
    + [("base_currency", np.int64), ("start_currency", np.int64)]  # of pairs, of cycles; else -1
    + [("stop", np.float64), ("hold_us", np.int64), ("pause_us", np.int64)]  # of positions: 0: no stop [fraction]; 2**62: for ever
    + [("comparison_currency", np.int64), ("min_profit", np.float64)]  # [atoms of the comparison currency], after gas
)
"""(1,) strategy, execution and risk; limits that are not set are infinite."""


class Market(NamedTuple):
    """Observations."""

    series: Records  # SERIES
    conversions: Records  # CONVERSION
    channels: Records  # CHANNEL
    happened_us: Int64s  # (G,) events of the messages of each channel, increasing
    heard_us: Int64s  # (G,) when they became available, increasing
    latest_us: Int64s  # (G,) the latest event of those that were available then
    event_us: Int64s  # (N,) increasing in each series
    available_us: Int64s  # (N,) increasing in each series
    good: Bools  # (N,)
    price: Floats  # (2, N, L) bids and asks, best first; nan: no such level [quote per base]
    size: Int64s  # (2, N, L) [atoms of base]
    epoch: Int32s  # (2, N) row at which the best price began to be what it is
    open_us: Int64s  # (B,) bars alone: leg v has rows legs[v].first_bar to legs[v + 1].first_bar; bars of others come after them
    fill_price: Floats  # (2, B) what a sell and a buy get in this bar
    volume_cap: Int64s  # (B,) [atoms of base]
    blocked: Bools  # (B,) nothing fills


class Signal(NamedTuple):
    """Of bets on a peg: what a coin is worth, the most to buy it at and the least to sell it at, after fees; nan: no signal."""

    worth: Floats  # (K, V) at ticks [quote per base]; (0, 0) for other strategies
    enter: Floats
    leave: Floats


class World(NamedTuple):
    """All that does not change in a run."""

    market: Market
    legs: Records  # LEG
    spans: Records  # SPAN
    tiers: Records  # TIER
    cycles: Records  # CYCLE
    steps: Records  # STEP; none where all pairs may be sent
    pools: Records  # POOL: the states of the legs that are pools, one leg after the other
    stated_volume: Int64s  # (venues,) [atoms of the numeraire]
    wallet_currency: Int64s  # (W,) ordinal of the currency
    start: Int64s  # (M,) [atoms] held at the start, all venues
    max_asset: Floats  # (M,) [atoms of the numeraire]
    mark: Floats  # (K, M) at ticks [numeraire per unit]
    halted: Bools  # (K,) at ticks, by the depeg guard
    perpetual: Records  # PERPETUAL
    payments: Records  # PAYMENT
    rules: Records  # RULES
    signal: Signal


class Candidates(NamedTuple):
    """The instants at which decisions are made, (C,) and (C, V)."""

    at_us: Int64s
    ordinal: Int64s  # of the instant among all
    row: Int32s  # observation in view; ABSENT where the leg is
    news: Bools  # whether the leg, or what converts it, has a new observation
    received_at: Floats  # conversion of what is received [comparison currency per quote]
    spent_at: Floats  # conversion of what is spent


@compiled
def epochs(price: Floats, good: Bools, first: Int64s) -> Int32s:
    """Return the row at which each best price began to be what it is, (2, N); an observation that is not good is an epoch of its own."""
    found = np.empty(price.shape[:2], np.int32)
    for side in range(2):
        for series in range(first.size - 1):
            began, before, was_good = first[series], np.nan, False
            for row in range(first[series], first[series + 1]):
                best = price[side, row, 0]
                began = began if was_good & good[row] & (best == before) else row  # no branch: whether a price moves is hard to guess
                found[side, row], before, was_good = began, best, good[row]
    return found


@rule
def last_at(times: Int64s, at_us: int, begin: int, end: int, row: int) -> int:
    """Return the last row in [begin, end) whose time is ≤ at_us, or begin - 1; gallops from `row`, which may not be beyond it."""
    low, step = max(row, begin - 1), 1
    while low + step < end and times[low + step] <= at_us:
        low += step
        step *= 2
    high = min(low + step, end)
    while high - low > 1:
        middle = (low + high) // 2
        if times[middle] <= at_us:
            low = middle
        else:
            high = middle
    return low


@rule
def last_message(market: Market, channel: int, times_us: Int64s, at_us: int) -> int:
    """Return the last message of a channel at a time, by one of its columns of times."""
    first = market.channels[channel].first
    return last_at(times_us, at_us, first, market.channels[channel + 1].first, first)


@rule
def known_since(market: Market, series: int, row: int, at_us: int) -> int:
    """Return the event that the age of an observation in view counts from at a time [µs]."""
    channel = market.series[series].channel
    return int(market.event_us[row] if channel < 0 else market.latest_us[last_message(market, channel, market.heard_us, at_us)])


@rule
def true_since(market: Market, series: int, row: int, at_us: int) -> int:
    """Return the event that the age of an observation in force counts from at a time [µs]."""
    channel = market.series[series].channel
    return int(market.event_us[row] if channel < 0 else market.happened_us[last_message(market, channel, market.happened_us, at_us)])


@rule
def is_usable(market: Market, series: int, row: int) -> bool:
    """Tell whether an observation is there, good, and has a bid."""
    return bool(row >= market.series[series].first and market.good[row] and market.price[SELL, row, 0] > 0)


@rule
def is_present(market: Market, series: int, row: int, at_us: int) -> bool:
    """Tell whether an observation in view is usable and not too old."""
    return bool(is_usable(market, series, row) and at_us - known_since(market, series, row, at_us) <= market.series[series].max_age_us)


@rule
def is_in_force(market: Market, series: int, row: int, at_us: int) -> bool:
    """Tell whether the last observation that happened is usable and not too old."""
    return bool(is_usable(market, series, row) and at_us - true_since(market, series, row, at_us) <= market.series[series].max_age_us)


@rule
def conversion(market: Market, legs: Records, leg: int, view: Records, at_us: int) -> tuple[float, float]:
    """Return what a unit of the leg's quote counts for when received and when spent, with what is in view, (S,); nan where unknown."""
    if not legs[leg].converts:
        return 1.0, 1.0
    lowest, highest = np.nan, np.nan
    for k in range(legs[leg].first_conversion, legs[leg + 1].first_conversion):
        series = market.conversions[k].series
        row = view[series].row
        if not is_present(market, series, row, at_us):
            continue
        bid, ask = market.price[SELL, row, 0], market.price[BUY, row, 0]
        if market.conversions[k].inverted:
            bid, ask = 1 / ask, 1 / bid
        lowest = bid if np.isnan(lowest) or bid < lowest else lowest
        highest = ask if np.isnan(highest) or ask > highest else highest
    return lowest, highest


@rule
def received(bid: float, rate: float, received_at: float) -> float:
    """Return what selling one unit brings after the fee [comparison currency per base]."""
    return bid * (1 - rate) * received_at


@rule
def spent(ask: float, rate: float, spent_at: float, charged: int) -> float:
    """Return what buying one unit costs with the fee [comparison currency per base]."""
    of_what_comes = charged in (CHARGED_RECEIVED, CHARGED_POOL)  # of base that the venue gives, or of quote that the pool gets
    return ask / (1 - rate) * spent_at if of_what_comes else ask * (1 + rate) * spent_at


@rule
def edge_bps(received_: float, spent_: float) -> float:
    """Return the gain of spending on one leg and receiving on another [bps]; nan where either is."""
    return 1e4 * (received_ / spent_ - 1)
