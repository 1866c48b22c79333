"""When an edge was there, whether or not anybody could have taken it."""

import itertools

import numpy as np
import polars as pl

from engine.config import Spec
from engine.edges import Quotes, net_edge_bps
from engine.ledger import timestamps


def opportunities(spec: Spec, quotes: Quotes) -> pl.DataFrame:
    """Return every instant and ordered pair of legs whose net edge reaches the threshold.

    Notes
    -----
    `episode` numbers the maximal runs of consecutive instants of one pair. Order: time, then edge (highest first), then legs.
    """
    frames = [_of_pair(spec, quotes, sell, buy) for sell, buy in itertools.permutations(range(len(spec.legs)), 2)]
    found = pl.concat(frames)
    starts = (pl.col("instant").diff() != 1).fill_null(value=True) | (pl.col("pair") != pl.col("pair").shift()).fill_null(value=True)
    found = found.with_columns(starts.cum_sum().cast(pl.Int64).alias("episode"))
    found = found.sort("ts", pl.col("edge_bps"), "pair", descending=[False, True, False], maintain_order=True)
    return found.select("ts", "sell_venue", "sell_instrument", "buy_venue", "buy_instrument", "edge_bps", "episode")


def best_edge_bps(spec: Spec, quotes: Quotes) -> float | None:
    """Return the best net edge of any pair at any instant [bps], or None where no two legs ever met."""
    pairs = itertools.permutations(range(len(spec.legs)), 2)
    edges = [net_edge_bps(quotes.received[:, sell], quotes.spent[:, buy]) for sell, buy in pairs]
    best = max((float(np.fmax.reduce(edge, initial=-np.inf)) for edge in edges), default=-np.inf)
    return best if np.isfinite(best) else None


def _of_pair(spec: Spec, quotes: Quotes, sell: int, buy: int) -> pl.DataFrame:
    edge = net_edge_bps(quotes.received[:, sell], quotes.spent[:, buy])
    rows = np.flatnonzero(edge >= spec.strategy.threshold_bps)
    return pl.DataFrame(
        {
            "ts": timestamps(quotes.at_us[rows]),
            "instant": quotes.instant[rows],
            "pair": np.full(rows.size, sell * len(spec.legs) + buy),
            "sell_venue": pl.repeat(spec.legs[sell].venue, rows.size, dtype=pl.String, eager=True),
            "sell_instrument": pl.repeat(spec.legs[sell].name, rows.size, dtype=pl.String, eager=True),
            "buy_venue": pl.repeat(spec.legs[buy].venue, rows.size, dtype=pl.String, eager=True),
            "buy_instrument": pl.repeat(spec.legs[buy].name, rows.size, dtype=pl.String, eager=True),
            "edge_bps": edge[rows],
        }
    )
