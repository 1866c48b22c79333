"""The path of a run: what depends on what happened before. Semantics: docs/model.md; every rule is a small function here.

State, market and parameters are NamedTuples of arrays, which numba compiles; the arrays of the state are written to.
"""

import heapq
from typing import NamedTuple

import numpy as np
from numba import njit

from engine.arrays import Floats, Int32s, Int64s

OPEN, FILLED, PARTIAL, MISSED_LIMIT, MISSED_VOLUME, MISSED_NO_TRADE = range(6)
OUTCOMES = ("open", "filled", "partial", "limit", "volume", "no_trade")

DROPPED_COOL_DOWN, DROPPED_NO_VOLUME, DROPPED_NO_FUNDS, DROPPED_BELOW_MINIMUM = range(4)
DROPPED = ("cool_down", "no_volume", "no_funds", "below_minimum")

SELL, BUY = 0, 1
NEVER_US = -(2**62)
LARGEST_ATOMS = 2.0**62
_RESOLVE, _NOTICE = 0, 1
_TICK_SLACK = 1e-6


class Legs(NamedTuple):
    """What does not change, by leg (V,)."""

    fee: Floats  # [fraction of the flow]
    tick: Floats  # [quote per base]
    lot: Int64s  # [atoms of base]
    min_notional: Int64s  # [atoms of quote]
    order_latency_us: Int64s
    feed_latency_us: Int64s
    base_wallet: Int64s  # ordinal of the wallet
    quote_wallet: Int64s


class Rules(NamedTuple):
    """Parameters of the strategy and of execution."""

    threshold_bps: float
    cool_down_us: int
    tolerance: float  # [fraction]
    fixed_notional: float  # [atoms of the comparison currency]; 0: not fixed
    max_notional: float  # [atoms of the comparison currency]; 0: no limit
    interval_us: int
    max_wait_us: int
    end_us: int


class Bars(NamedTuple):
    """The observations that orders meet, all legs one after the other; leg v has rows offset[v] to offset[v + 1]."""

    offset: Int64s  # (V + 1,)
    open_us: Int64s  # (N,)
    bid: Floats  # (N,) price of a sell that fills in this bar [quote per base]
    ask: Floats  # (N,) price of a buy
    volume_cap: Int64s  # (N,) [atoms of base]


class Candidates(NamedTuple):
    """The instants at which decisions are made, (C,) and (C, V); nan where a leg is absent."""

    at_us: Int64s
    bid: Floats
    ask: Floats
    received: Floats
    spent: Floats
    ask_value: Floats
    volume_cap: Int64s


class State(NamedTuple):
    """What the run has done so far."""

    free: Int64s  # (W,) [atoms]
    reserved: Int64s
    pending: Int64s
    last_decision_us: Int64s  # (V, V) by sell leg, buy leg
    under_way: Int64s  # (V,) [atoms of base] sent and without notice
    taken: Int64s  # (N,) [atoms of base] of each bar
    dropped: Int64s  # (4,) packages not sent, by reason


class Orders(NamedTuple):
    """One row an order; package p has rows 2p (sell) and 2p + 1 (buy)."""

    decided_us: Int64s
    arrival_us: Int64s
    recorded_us: Int64s  # when it resolves; of an open order, when it would
    leg: Int32s
    bar: Int64s  # row in `Bars`; -1: no bar in time
    planned: Int64s  # [atoms of base]
    filled: Int64s
    reserve: Int64s  # [atoms of base (sell) or quote (buy)]
    flow: Int64s  # [atoms of quote]
    cost: Int64s  # fee [atoms of quote]
    outcome: Int32s
    decision_price: Floats  # [quote per base]
    limit_price: Floats
    price: Floats  # nan without a fill
    edge_bps: Floats  # of the package


@njit(cache=True, nogil=True)
def flow_of(price: float, quantity: int) -> int:
    """Return price [quote per base] × quantity [atoms] in atoms of quote, to the nearest, ties to even."""
    return int(np.rint(price * quantity))


@njit(cache=True, nogil=True)
def fee_of(flow: int, fee: float) -> int:
    """Return the fee on a flow [atoms], rounded up."""
    return int(np.ceil(flow * fee))


@njit(cache=True, nogil=True)
def cost_of(price: float, quantity: int, fee: float) -> int:
    """Return what buying costs with its fee [atoms of quote]."""
    flow = flow_of(price, quantity)
    return flow + fee_of(flow, fee)


@njit(cache=True, nogil=True)
def least_common_multiple(a: int, b: int) -> int:
    """Return the least common multiple of two lots [atoms]."""
    x, y = a, b
    while y:
        x, y = y, x % y
    return a // x * b


@njit(cache=True, nogil=True)
def whole_atoms(amount: float) -> int:
    """Return an amount [atoms] rounded down; what is above every balance, as the largest that an integer carries safely."""
    return int(np.floor(min(amount, LARGEST_ATOMS)))


@njit(cache=True, nogil=True)
def affordable(most: int, limit: float, fee: float, free: int, step: int) -> int:
    """Return the largest multiple of step, at most `most`, whose cost at the limit is covered by what is free [atoms]."""
    estimate = free / (limit * (1 + fee))
    quantity = most if estimate >= most else int(estimate)
    quantity = quantity // step * step
    while quantity + step <= most and cost_of(limit, quantity + step, fee) <= free:
        quantity += step
    while quantity > 0 and cost_of(limit, quantity, fee) > free:
        quantity -= step
    return quantity


@njit(cache=True, nogil=True)
def sell_limit(bid: float, tolerance: float, tick: float) -> float:
    """Return the lowest price at which a sell fills: the bid less the tolerance, rounded up to the tick."""
    return float(np.ceil(bid * (1 - tolerance) / tick - _TICK_SLACK) * tick)


@njit(cache=True, nogil=True)
def buy_limit(ask: float, tolerance: float, tick: float) -> float:
    """Return the highest price at which a buy fills: the ask plus the tolerance, rounded down to the tick."""
    return float(np.floor(ask * (1 + tolerance) / tick + _TICK_SLACK) * tick)


@njit(cache=True, nogil=True)
def size_package(legs: Legs, rules: Rules, state: State, row: Candidates, at: int, sell: int, buy: int, limit: float) -> tuple[int, int]:
    """Return quantity [atoms of base] and 0, or 0 and 1 + the reason why there is none.

    `row` holds the candidates, `at` the one that is decided; `limit` is the buy's limit price.
    """
    step = least_common_multiple(legs.lot[sell], legs.lot[buy])
    value = row.ask_value[at, buy]
    volume = min(row.volume_cap[at, sell] - state.under_way[sell], row.volume_cap[at, buy] - state.under_way[buy]) // step * step
    if rules.fixed_notional > 0:
        volume_needed = whole_atoms(rules.fixed_notional / value) // step * step
        if volume_needed <= 0:
            return 0, 1 + DROPPED_BELOW_MINIMUM
        if volume < volume_needed:
            return 0, 1 + DROPPED_NO_VOLUME
        volume = volume_needed
    if volume <= 0:
        return 0, 1 + DROPPED_NO_VOLUME
    most = min(volume, state.free[legs.base_wallet[sell]])
    quantity = affordable(most, limit, legs.fee[buy], state.free[legs.quote_wallet[buy]], step)
    if quantity <= 0 or (rules.fixed_notional > 0 and quantity < volume):
        return 0, 1 + DROPPED_NO_FUNDS
    if rules.max_notional > 0:
        quantity = min(quantity, whole_atoms(rules.max_notional / value) // step * step)
    below = flow_of(row.bid[at, sell], quantity) < legs.min_notional[sell] or flow_of(row.ask[at, buy], quantity) < legs.min_notional[buy]
    if quantity <= 0 or below:
        return 0, 1 + DROPPED_BELOW_MINIMUM
    return quantity, 0


@njit(cache=True, nogil=True)
def rank_pairs(received: Floats, spent: Floats, threshold_bps: float, pairs: Int64s, edges: Floats) -> int:
    """Write the pairs (sell * V + buy) that reach the threshold and their edges [bps], best first, ties by pair; return their number."""
    found = 0
    for sell in range(received.size):
        for buy in range(spent.size):
            edge = 1e4 * (received[sell] / spent[buy] - 1)  # nan where a leg is absent: never ≥
            if sell == buy or not edge >= threshold_bps:
                continue
            place = found
            while place > 0 and edges[place - 1] < edge:
                edges[place], pairs[place] = edges[place - 1], pairs[place - 1]
                place -= 1
            edges[place], pairs[place] = edge, sell * spent.size + buy
            found += 1
    return found


@njit(cache=True, nogil=True)
def find_bar(bars: Bars, leg: int, arrival_us: int, max_wait_us: int) -> int:
    """Return the row of the first bar of a leg that opens at or after arrival and before arrival + max_wait; -1: none."""
    first, last = bars.offset[leg], bars.offset[leg + 1]
    row = first + np.searchsorted(bars.open_us[first:last], arrival_us)
    return row if row < last and bars.open_us[row] < arrival_us + max_wait_us else -1


@njit(cache=True, nogil=True)
def resolution_us(bars: Bars, bar: int, arrival_us: int, rules: Rules) -> int:
    """Return when it is known what an order met: the end of its bar, or of the last bar that it waited for."""
    if bar >= 0:
        return int(bars.open_us[bar]) + rules.interval_us
    last_open = (arrival_us + rules.max_wait_us - 1) // rules.interval_us * rules.interval_us
    return last_open + rules.interval_us


@njit(cache=True, nogil=True)
def fill_order(orders: Orders, order: int, bars: Bars, legs: Legs, state: State) -> None:
    """Write what an order met in its bar: outcome, quantity, price, flow and fee."""
    bar, leg = orders.bar[order], orders.leg[order]
    if bar < 0:
        orders.outcome[order] = MISSED_NO_TRADE
        return
    is_buy = order % 2 == BUY
    price = bars.ask[bar] if is_buy else bars.bid[bar]
    if price > orders.limit_price[order] if is_buy else price < orders.limit_price[order]:
        orders.outcome[order] = MISSED_LIMIT
        return
    left = (bars.volume_cap[bar] - state.taken[bar]) // legs.lot[leg] * legs.lot[leg]
    filled = min(orders.planned[order], left)
    if filled <= 0:
        orders.outcome[order] = MISSED_VOLUME
        return
    state.taken[bar] += filled
    orders.outcome[order] = FILLED if filled == orders.planned[order] else PARTIAL
    orders.filled[order], orders.price[order] = filled, price
    orders.flow[order] = flow_of(price, filled)
    orders.cost[order] = fee_of(orders.flow[order], legs.fee[leg])


@njit(cache=True, nogil=True)
def resolve(orders: Orders, order: int, bars: Bars, legs: Legs, state: State) -> None:
    """Fill an order at its resolution and move its reserve to what is pending until the notice."""
    fill_order(orders, order, bars, legs, state)
    base, quote = legs.base_wallet[orders.leg[order]], legs.quote_wallet[orders.leg[order]]
    in_base, in_quote = notice_amounts(orders, order)
    state.reserved[quote if order % 2 == BUY else base] -= orders.reserve[order]
    state.pending[base] += in_base
    state.pending[quote] += in_quote


@njit(cache=True, nogil=True)
def notice_amounts(orders: Orders, order: int) -> tuple[int, int]:
    """Return what a resolved order brings and frees [atoms of base, atoms of quote]."""
    if order % 2 == BUY:
        return orders.filled[order], orders.reserve[order] - orders.flow[order] - orders.cost[order]
    return orders.reserve[order] - orders.filled[order], orders.flow[order] - orders.cost[order]


@njit(cache=True, nogil=True)
def take_notice(orders: Orders, order: int, legs: Legs, state: State) -> None:
    """Free what an order brought, and its quantity under way."""
    leg = orders.leg[order]
    in_base, in_quote = notice_amounts(orders, order)
    state.pending[legs.base_wallet[leg]] -= in_base
    state.pending[legs.quote_wallet[leg]] -= in_quote
    state.free[legs.base_wallet[leg]] += in_base
    state.free[legs.quote_wallet[leg]] += in_quote
    state.under_way[leg] -= orders.planned[order]


@njit(cache=True, nogil=True)
def send(orders: Orders, order: int, leg: int, at_us: int, bars: Bars, legs: Legs, rules: Rules, state: State) -> int:
    """Reserve and schedule an order whose plan is written; return when it resolves [µs].

    The schedule looks the bar up ahead of time; nothing that is decided before the resolution depends on it.
    """
    arrival = at_us + legs.order_latency_us[leg]
    bar = find_bar(bars, leg, arrival, rules.max_wait_us)
    wallet = legs.quote_wallet[leg] if order % 2 == BUY else legs.base_wallet[leg]
    state.free[wallet] -= orders.reserve[order]
    state.reserved[wallet] += orders.reserve[order]
    state.under_way[leg] += orders.planned[order]
    orders.leg[order], orders.bar[order] = leg, bar
    orders.decided_us[order], orders.arrival_us[order] = at_us, arrival
    orders.recorded_us[order] = resolution_us(bars, bar, arrival, rules)
    return int(orders.recorded_us[order])


@njit(cache=True, nogil=True)
def settle_until(queue: list[tuple[int, int, int]], until_us: int, orders: Orders, bars: Bars, legs: Legs, state: State) -> None:
    """Resolve orders and take notices in time order, up to and at a time."""
    while queue and queue[0][0] <= until_us:
        at_us, kind, order = heapq.heappop(queue)
        if kind == _RESOLVE:
            resolve(orders, order, bars, legs, state)
            heapq.heappush(queue, (int(at_us + legs.feed_latency_us[orders.leg[order]]), _NOTICE, order))
        else:
            take_notice(orders, order, legs, state)


@njit(cache=True, nogil=True)
def new_orders(size: int) -> Orders:
    """Return room for orders."""
    return Orders(
        np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int32), np.full(size, -1, np.int64),
        np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64), np.zeros(size, np.int64),
        np.zeros(size, np.int32), np.full(size, np.nan), np.full(size, np.nan), np.full(size, np.nan), np.full(size, np.nan),
    )  # fmt: skip


@njit(cache=True, nogil=True)
def resized(orders: Orders, used: int, size: int) -> Orders:
    """Return the first `used` orders in room for `size`."""
    more = new_orders(size)
    more.decided_us[:used], more.arrival_us[:used] = orders.decided_us[:used], orders.arrival_us[:used]
    more.recorded_us[:used], more.edge_bps[:used] = orders.recorded_us[:used], orders.edge_bps[:used]
    more.leg[:used], more.bar[:used], more.outcome[:used] = orders.leg[:used], orders.bar[:used], orders.outcome[:used]
    more.planned[:used], more.filled[:used], more.reserve[:used] = orders.planned[:used], orders.filled[:used], orders.reserve[:used]
    more.flow[:used], more.cost[:used], more.price[:used] = orders.flow[:used], orders.cost[:used], orders.price[:used]
    more.decision_price[:used], more.limit_price[:used] = orders.decision_price[:used], orders.limit_price[:used]
    return more


@njit(cache=True, nogil=True)
def plan_package(orders: Orders, first: int, quantity: int, bid: float, ask: float, limits: tuple[float, float], fee: float, edge_bps: float) -> None:
    """Write the plan of both legs: quantity, prices, limits and reserves."""
    for side in (SELL, BUY):
        order = first + side
        orders.planned[order] = quantity
        orders.decision_price[order] = ask if side == BUY else bid
        orders.limit_price[order] = limits[side]
        orders.reserve[order] = cost_of(limits[side], quantity, fee) if side == BUY else quantity
        orders.edge_bps[order] = edge_bps


@njit(cache=True, nogil=True)
def walk(rows: Candidates, bars: Bars, legs: Legs, rules: Rules, state: State) -> Orders:
    """Walk the candidates in time order and return every order that was sent.

    Parameters
    ----------
    rows : Candidates
        (C,) in time order. A superset of the instants with an opportunity gives the same orders.
    bars, legs, rules : Bars, Legs, Rules
        What orders meet, what the venues are, what the strategy wants.
    state : State
        Written to; at the end it is the state at `rules.end_us`.

    Returns
    -------
    Orders, two a package. Those whose resolution lies after the end are open.
    """
    legs_count = legs.fee.size
    pairs, edges = np.empty(legs_count * legs_count, np.int64), np.empty(legs_count * legs_count)
    queue = [(0, 0, 0)]
    queue.pop()
    orders, used = new_orders(256), 0
    for at in range(rows.at_us.size):
        now = rows.at_us[at]
        settle_until(queue, now, orders, bars, legs, state)
        for rank in range(rank_pairs(rows.received[at], rows.spent[at], rules.threshold_bps, pairs, edges)):
            sell, buy = pairs[rank] // legs_count, pairs[rank] % legs_count
            if now < state.last_decision_us[sell, buy] + rules.cool_down_us:
                state.dropped[DROPPED_COOL_DOWN] += 1
                continue
            bid, ask = rows.bid[at, sell], rows.ask[at, buy]
            limits = (sell_limit(bid, rules.tolerance, legs.tick[sell]), buy_limit(ask, rules.tolerance, legs.tick[buy]))
            quantity, refusal = size_package(legs, rules, state, rows, at, sell, buy, limits[BUY])
            if refusal:
                state.dropped[refusal - 1] += 1
                continue
            if used + 2 > orders.leg.size:
                orders = resized(orders, used, 2 * used)
            plan_package(orders, used, quantity, bid, ask, limits, legs.fee[buy], edges[rank])
            for side, leg in ((SELL, sell), (BUY, buy)):
                resolves = send(orders, used + side, leg, now, bars, legs, rules, state)
                heapq.heappush(queue, (resolves, _RESOLVE, used + side))
            state.last_decision_us[sell, buy] = now
            used += 2
    settle_until(queue, rules.end_us, orders, bars, legs, state)
    return resized(orders, used, used)
