"""What the trials of a sweep decide on: the pairs that can stand, instant by instant, at the lowest threshold and the loosest fees.

Where the fees of a trial are one rate a leg for the whole run, the edges are exact, and no trial works them out again; else they
are bounds.
"""

from typing import NamedTuple

import numpy as np

from engine.arrays import Floats, Int64s, Records
from engine.kernels.cache import compiled, rule
from engine.kernels.fees import charged_in, rate_of
from engine.kernels.market import ABSENT, BUY, CHARGED_RECEIVED, SELL, Candidates, Market, World, edge_bps, received, spent
from engine.kernels.state import Scratch, State

EITHER = -1
"""What a leg's fees are charged in, where that changes in the run: the cheaper counts."""

LISTED = np.dtype(
    [(name, np.int64) for name in ("pair", "news", "sell_row", "buy_row")]
    + [(name, np.float64) for name in ("edge_bps", "gross_bps", "received_at", "spent_at")]
)
"""A pair (sell * V + buy) at an instant."""


class Listing(NamedTuple):
    """Instants at which a pair can stand, (I,), and those pairs, (E,), best first, ties by pair."""

    at_us: Int64s
    ordinal: Int64s  # of the instant among all
    best_bps: Floats  # of its first pair
    first: Int64s  # (I + 1,) row of its first pair
    pairs: Records  # LISTED


@rule
def value_at(market: Market, rows: Candidates, at: int, rates: Floats, charged: Int64s, scratch: Scratch) -> None:
    """Write what a unit brings and costs on each leg at a candidate, at given fees; nan where the leg is absent."""
    for leg in range(rates.size):
        scratch.received[leg] = scratch.spent[leg] = np.nan
        row = rows.row[at, leg]
        if row != ABSENT:
            ask, spent_at = market.price[BUY, row, 0], rows.spent_at[at, leg]
            scratch.received[leg] = received(market.price[SELL, row, 0], rates[leg], rows.received_at[at, leg])
            scratch.spent[leg] = spent(ask, rates[leg], spent_at, charged[leg])
            if charged[leg] == EITHER:
                scratch.spent[leg] = min(scratch.spent[leg], spent(ask, rates[leg], spent_at, CHARGED_RECEIVED))


@rule
def write_listed(market: Market, rows: Candidates, at: int, sell: int, buy: int, edge: float, entry: Records) -> None:
    """Write a pair at a candidate."""
    sell_row, buy_row = rows.row[at, sell], rows.row[at, buy]
    bid, ask = market.price[SELL, sell_row, 0], market.price[BUY, buy_row, 0]
    entry.pair, entry.sell_row, entry.buy_row = sell * rows.row.shape[1] + buy, sell_row, buy_row
    entry.news = 1 if rows.news[at, sell] or rows.news[at, buy] else 0
    entry.edge_bps, entry.received_at, entry.spent_at = edge, rows.received_at[at, sell], rows.spent_at[at, buy]
    entry.gross_bps = 1e4 * (bid * entry.received_at / (ask * entry.spent_at) - 1)


@compiled
def list_pairs(
    market: Market, rows: Candidates, rates: Floats, charged: Int64s, threshold_bps: float, scratch: Scratch, listing: Listing
) -> tuple[int, int]:
    """Return at how many instants how many pairs reach a threshold; writes them where the listing has room for all of them.

    Parameters
    ----------
    market, rows : Market, Candidates
        What is in view at the instants.
    rates, charged : (V,) float64 [fraction], (V,) int64
        Of each leg: the lowest rate, and what is charged (`CHARGED_*` or `EITHER`).
    threshold_bps : float [bps]
        The lowest of all trials.
    scratch, listing : Scratch, Listing
        Written to; an empty listing is counted for only.
    """
    instants, pairs, legs, writes = 0, 0, rates.size, listing.at_us.size > 0
    for at in range(rows.at_us.size):
        value_at(market, rows, at, rates, charged, scratch)
        begin = pairs
        for sell in range(legs):
            for buy in range(legs):
                edge = edge_bps(scratch.received[sell], scratch.spent[buy])  # nan where a leg is absent: never ≥
                if sell == buy or not edge >= threshold_bps:
                    continue
                if writes:
                    place = pairs
                    while place > begin and listing.pairs[place - 1].edge_bps < edge:
                        listing.pairs[place] = listing.pairs[place - 1]
                        place -= 1
                    write_listed(market, rows, at, sell, buy, edge, listing.pairs[place])
                pairs += 1
        if pairs == begin:
            continue
        if writes:
            listing.at_us[instants], listing.ordinal[instants] = rows.at_us[at], rows.ordinal[at]
            listing.best_bps[instants], listing.first[instants], listing.first[instants + 1] = listing.pairs[begin].edge_bps, begin, pairs
        instants += 1
    return instants, pairs


@rule
def edge_now(world: World, state: State, entry: Records, at_us: int) -> float:
    """Return the edge of a listed pair at the fees in force [bps]."""
    legs, market = world.legs.size - 1, world.market
    sell, buy = entry.pair // legs, entry.pair % legs
    gets = received(market.price[SELL, entry.sell_row, 0], rate_of(world, state, sell, at_us), entry.received_at)
    pays = spent(market.price[BUY, entry.buy_row, 0], rate_of(world, state, buy, at_us), entry.spent_at, charged_in(world, buy, at_us))
    return edge_bps(gets, pays)


@rule
def rank_listed(world: World, state: State, listing: Listing, at: int, exact: bool, scratch: Scratch) -> int:
    """Write the pairs that stand at an instant (rows of the listing) and their edges, best first, ties by pair; return their number."""
    found, threshold = 0, world.rules[0].threshold_bps
    for row in range(listing.first[at], listing.first[at + 1]):
        entry = listing.pairs[row]
        edge = entry.edge_bps
        if not edge >= threshold:
            break
        place = found
        if not exact:
            edge = edge_now(world, state, entry, listing.at_us[at])
            if not edge >= threshold:
                continue
            while place > 0 and (
                scratch.edges[place - 1] < edge or (scratch.edges[place - 1] == edge and listing.pairs[scratch.ranked[place - 1]].pair > entry.pair)
            ):
                scratch.edges[place], scratch.ranked[place] = scratch.edges[place - 1], scratch.ranked[place - 1]
                place -= 1
        scratch.edges[place], scratch.ranked[place] = edge, row
        found += 1
    return found
