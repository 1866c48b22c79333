"""From observations to candidates: the instants at which some pair can reach the threshold (docs/model.md, "Strategy").

This walks every observation, so it keeps what changes seldom: the next time of each series, until when its observation counts,
and what a unit of each leg brings and costs. Which series comes next is as good as random, so nothing branches on it.
"""

import numpy as np

from engine.arrays import Records
from engine.kernels.cache import compiled, rule
from engine.kernels.market import (
    ABSENT,
    BUY,
    CHARGED_POOL,
    CHARGED_QUOTE,
    CHARGED_RECEIVED,
    SELL,
    Candidates,
    Market,
    conversion,
    edge_bps,
    known_since,
    received,
    spent,
)
from engine.kernels.pools import is_pool

LATER_US = 2**62
EARLIER_US = -(2**62)

IN_VIEW = np.dtype([(name, np.int64) for name in ("row", "next_us", "until_us", "came_us")])
"""(S,) observation of each series (before its first where there is none yet), when the next is available, until when this one is present,
and when it became available: it is news then."""

UNIT = np.dtype([(name, np.float64) for name in ("received_at", "spent_at", "gets", "pays")])
"""(V,) conversions, and what a unit brings and costs at the loosest fees; nan where a price or a conversion is missing."""

PLACE = np.dtype(
    [("start_us", np.int64), ("end_us", np.int64), ("threshold_bps", np.float64)]
    + [("found", np.int64), ("instants", np.int64), ("best_bps", np.float64), ("opened", np.bool_)]
)
"""(1,) what is looked for, -inf bps being every instant of [start, end], and how far the scan has come."""


@rule
def next_of(market: Market, series: int, row: int) -> int:
    """Return when the observation after a row becomes available [µs]."""
    return int(market.available_us[row + 1]) if row + 1 < market.series[series + 1].first else LATER_US


@rule
def bring_into_view(market: Market, series: int, seen: Records) -> None:
    """Take the next observation of a series."""
    at_us, row = seen.next_us, seen.row + 1
    usable = market.good[row] and market.price[SELL, row, 0] > 0
    seen.row, seen.next_us, seen.came_us = row, next_of(market, series, row), at_us
    seen.until_us = market.event_us[row] + market.series[series].max_age_us if usable else EARLIER_US


@rule
def hear(market: Market, view: Records, at_us: int) -> None:
    """Let what is in view count from the last message of its channel."""
    for series in range(view.size):
        if market.series[series].channel >= 0 and view[series].until_us != EARLIER_US:
            view[series].until_us = known_since(market, series, view[series].row, at_us) + market.series[series].max_age_us


@rule
def value_unit(market: Market, legs: Records, leg: int, view: Records, unit: Records, at_us: int) -> None:
    """Write the conversions of a leg, and what a unit of it brings and costs at the loosest fees of the run."""
    row, rate = view[leg].row, legs[leg].loosest_rate
    unit.received_at, unit.spent_at = conversion(market, legs, leg, view, at_us)
    ask = market.price[BUY, row, 0]
    unit.gets = received(market.price[SELL, row, 0], rate, unit.received_at)
    unit.pays = spent(ask, rate, unit.spent_at, CHARGED_QUOTE)
    if legs[leg].in_base:
        unit.pays = min(unit.pays, spent(ask, rate, unit.spent_at, CHARGED_RECEIVED))
    if is_pool(legs, leg):
        unit.pays = spent(ask, rate, unit.spent_at, CHARGED_POOL)


@rule
def edge_bound(view: Records, units: Records, at_us: int) -> float:
    """Return a bound of the edges of all pairs [bps], nan without a price.

    The quotient of the largest `gets` and the smallest `pays` bounds every pair's, in floating point as well: an instant
    that is left out has no opportunity. O(V) an instant, where ranking the pairs is O(V²).
    """
    most, least = -np.inf, np.inf
    for leg in range(units.size):
        present, gets, pays = view[leg].until_us >= at_us, units[leg].gets, units[leg].pays
        most = gets if present and gets > most else most  # nan, where there is no conversion, is not
        least = pays if present and pays < least else least
    return edge_bps(most, least) if most > 0 else np.nan


@rule
def best_cycle(cycles: Records, steps: Records, view: Records, units: Records, at_us: int) -> float:
    """Return the best edge of a cycle whose legs are present [bps], nan where there is none; rounding keeps the order of the fees."""
    best = np.nan
    for cycle in range(cycles.size - 1):
        product = 1.0
        for k in range(cycles[cycle].first_step, cycles[cycle + 1].first_step):
            leg, side = steps[k].leg, steps[k].side
            unit = units[leg].gets if side == SELL else 1 / units[leg].pays
            product *= unit if view[leg].until_us >= at_us else np.nan
        edge = edge_bps(product, 1.0)
        if not np.isnan(edge) and not edge <= best:
            best = edge
    return best


@rule
def best_pair(view: Records, units: Records, at_us: int) -> float:
    """Return the best edge of two different legs that are present [bps], nan where there are no two."""
    best = np.nan
    for sell in range(units.size):
        for buy in range(units.size):
            edge = edge_bps(units[sell].gets, units[buy].pays)
            present = min(view[sell].until_us, view[buy].until_us) >= at_us
            if present and sell != buy and not np.isnan(edge) and not edge <= best:
                best = edge
    return best


@rule
def note(market: Market, legs: Records, view: Records, units: Records, at_us: int, found: Candidates, at: int) -> None:
    """Write what is in view into a candidate's row."""
    for leg in range(units.size):
        absent = view[leg].until_us < at_us or np.isnan(units[leg].gets)
        found.row[at, leg] = ABSENT if absent else view[leg].row
        found.received_at[at, leg], found.spent_at[at, leg] = units[leg].received_at, units[leg].spent_at
        found.news[at, leg] = view[leg].came_us == at_us
        for k in range(legs[leg].first_conversion, legs[leg + 1].first_conversion):
            found.news[at, leg] |= view[market.conversions[k].series].came_us == at_us


@rule
def soonest(view: Records) -> int:
    """Return the series whose next observation becomes available before those of all others, the first of them where several do."""
    found, at_us = 0, view[0].next_us
    for series in range(1, view.size):
        next_us = view[series].next_us
        found, at_us = (series, next_us) if next_us < at_us else (found, at_us)
    return found


@rule
def step(market: Market, legs: Records, view: Records, units: Records, series: int) -> int:
    """Bring into view what becomes available when the next observation of the soonest series does; return the soonest then."""
    at_us = view[series].next_us
    while view[series].next_us == at_us:
        bring_into_view(market, series, view[series])
        if series < units.size and not legs[series].converts:
            value_unit(market, legs, series, view, units[series], at_us)
        series = soonest(view)
    if market.heard_us.size > 0:
        hear(market, view, at_us)
    for leg in range(units.size):
        if legs[leg].converts and view[leg].until_us >= at_us:  # by what is in view of others
            value_unit(market, legs, leg, view, units[leg], at_us)
    return series


@compiled
def scan(market: Market, legs: Records, cycles: tuple[Records, Records], view: Records, units: Records, place: Records, found: Candidates) -> bool:
    """Find the candidates, the number of instants, and the best edge; False where `found` is full: call again with more room.

    Parameters
    ----------
    market, legs : Market, Records of LEG
        All series that decisions use.
    cycles : Records of CYCLE and of STEP
        The cycles that are looked for; no steps: pairs of legs are.
    view, units, place : Records of IN_VIEW (S,), UNIT (V,) and PLACE (1,)
        Written to; `view` begins before the first observations. What became available before the start is in view there.
    found : Candidates
        Written to, rows 0 to place.found.
    """
    now = place[0]
    if not now.opened:
        now.opened, now.best_bps = True, np.nan
        for series in range(view.size):
            seen = view[series]
            seen.next_us, seen.until_us, seen.came_us = next_of(market, series, seen.row), EARLIER_US, EARLIER_US
    in_pairs, series = cycles[1].size == 0, soonest(view)
    while now.found < found.at_us.size:
        at_us = view[series].next_us
        if at_us > now.end_us:
            return True
        series = step(market, legs, view, units, series)
        if at_us < now.start_us:
            continue
        bound = edge_bound(view, units, at_us) if in_pairs else best_cycle(cycles[0], cycles[1], view, units, at_us)
        if bound > now.best_bps or np.isnan(now.best_bps):
            edge = best_pair(view, units, at_us) if in_pairs else bound
            now.best_bps = now.best_bps if edge <= now.best_bps or np.isnan(edge) else edge
        if bound >= now.threshold_bps or now.threshold_bps == -np.inf:
            found.at_us[now.found], found.ordinal[now.found] = at_us, now.instants
            note(market, legs, view, units, at_us, found, now.found)
            now.found += 1
        now.instants += 1
    return False
