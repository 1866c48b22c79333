"""From observations to candidates: the instants at which some pair can reach the threshold (docs/model.md, "Strategy")."""

import numpy as np

from engine.arrays import Records
from engine.kernels.cache import compiled, rule
from engine.kernels.market import (
    ABSENT,
    BUY,
    CHARGED_QUOTE,
    CHARGED_RECEIVED,
    SELL,
    Candidates,
    Market,
    conversion,
    edge_bps,
    is_present,
    received,
    spent,
)

_LATER_US = 2**62

IN_VIEW = np.dtype([("row", np.int64), ("news", np.bool_)])
"""(S,) observation of each series, before its first where there is none yet."""

UNIT = np.dtype([(name, np.float64) for name in ("received_at", "spent_at", "gets", "pays")])
"""(V,) conversions, and what a unit brings and costs at the loosest fees; nan where the leg is absent."""


@rule
def next_instant(market: Market, view: Records) -> int:
    """Return when the next observation of any series becomes available [µs]."""
    at = _LATER_US
    for s in range(view.size):
        if view[s].row + 1 < market.series[s + 1].first:
            at = min(at, market.available_us[view[s].row + 1])
    return at


@rule
def step_to(market: Market, view: Records, at_us: int) -> None:
    """Bring everything into view that becomes available at an instant."""
    for s in range(view.size):
        row, end = view[s].row, market.series[s + 1].first
        while row + 1 < end and market.available_us[row + 1] == at_us:
            row += 1
        view[s].news = row != view[s].row
        view[s].row = row


@rule
def edge_bound(market: Market, legs: Records, view: Records, units: Records, at_us: int) -> float:
    """Return a bound of the edges of all pairs [bps], nan without a price; writes conversions and what each leg gets and pays.

    The quotient of the largest `received` and the smallest `spent` bounds every pair's, in floating point as well: an instant
    that is left out has no opportunity. O(V) an instant, where ranking the pairs is O(V²).
    """
    most, least = np.nan, np.nan
    for leg in range(units.size):
        row, unit = view[leg].row, units[leg]
        unit.gets = unit.pays = np.nan
        unit.received_at, unit.spent_at = conversion(market, legs, leg, view, at_us)
        if not is_present(market, leg, row, at_us) or np.isnan(unit.received_at):
            continue
        rate, ask = legs[leg].loosest_rate, market.price[BUY, row, 0]
        gets = received(market.price[SELL, row, 0], rate, unit.received_at)
        pays = spent(ask, rate, unit.spent_at, CHARGED_QUOTE)
        if legs[leg].in_base:
            pays = min(pays, spent(ask, rate, unit.spent_at, CHARGED_RECEIVED))
        unit.gets, unit.pays = gets, pays
        most = gets if np.isnan(most) or gets > most else most
        least = pays if np.isnan(least) or pays < least else least
    return edge_bps(most, least)


@rule
def best_pair(units: Records) -> float:
    """Return the best edge of two different legs [bps], nan where there are no two."""
    best = np.nan
    for sell in range(units.size):
        for buy in range(units.size):
            edge = edge_bps(units[sell].gets, units[buy].pays)
            if sell != buy and not np.isnan(edge) and (np.isnan(best) or edge > best):
                best = edge
    return best


@rule
def note(market: Market, legs: Records, view: Records, units: Records, at: int, found: Candidates) -> None:
    """Write what is in view into a candidate's row."""
    for leg in range(units.size):
        found.row[at, leg] = ABSENT if np.isnan(units[leg].gets) else view[leg].row
        found.received_at[at, leg], found.spent_at[at, leg] = units[leg].received_at, units[leg].spent_at
        found.news[at, leg] = view[leg].news
        for k in range(legs[leg].first_conversion, legs[leg + 1].first_conversion):
            found.news[at, leg] |= view[market.conversions[k].series].news


@rule
def room_for(size: int, legs: int) -> Candidates:
    """Return room for candidates."""
    return Candidates(
        np.empty(size, np.int64), np.empty(size, np.int64), np.empty((size, legs), np.int32), np.empty((size, legs), np.bool_),
        np.empty((size, legs)), np.empty((size, legs)),
    )  # fmt: skip


@rule
def resized(found: Candidates, used: int, size: int) -> Candidates:
    """Return the first `used` candidates in room for `size`."""
    more = room_for(size, found.row.shape[1])
    more.at_us[:used], more.ordinal[:used], more.row[:used] = found.at_us[:used], found.ordinal[:used], found.row[:used]
    more.news[:used], more.received_at[:used], more.spent_at[:used] = found.news[:used], found.received_at[:used], found.spent_at[:used]
    return more


@compiled
def scan(
    market: Market, legs: Records, view: Records, units: Records, threshold_bps: float, start_us: int, end_us: int
) -> tuple[Candidates, int, float]:
    """Return the candidates, the number of instants in [start, end], and the best edge that any pair had [bps], nan if none.

    Parameters
    ----------
    market, legs : Market, Records of LEG
        All series that decisions use.
    view, units : Records of IN_VIEW (S,) and UNIT (V,)
        Written to; `view` begins before the first observations.
    threshold_bps : float [bps]
        -inf keeps every instant.
    start_us, end_us : int [µs]
        The run; what became available before is in view at its start.
    """
    found, used, instants, best = room_for(1024, units.size), 0, 0, np.nan
    while True:
        at = next_instant(market, view)
        if at > end_us:
            return resized(found, used, used), instants, best
        step_to(market, view, at)
        if at < start_us:
            continue
        bound = edge_bound(market, legs, view, units, at)
        if np.isnan(best) or bound > best:
            edge = best_pair(units)
            best = edge if np.isnan(best) or edge > best else best
        if bound >= threshold_bps or threshold_bps == -np.inf:
            if used == found.at_us.size:
                found = resized(found, used, 2 * used)
            found.at_us[used], found.ordinal[used] = at, instants
            note(market, legs, view, units, used, found)
            used += 1
        instants += 1
