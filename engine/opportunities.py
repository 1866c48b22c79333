"""When an edge was there, whether or not anybody could have taken it, and what became of it."""

import numpy as np
import polars as pl

from engine.arrays import Int64s
from engine.config import Spec
from engine.events import DECISIONS, Opportunities
from engine.ledger import names, timestamps
from engine.schema import TIMESTAMP, US_PER_SECOND

EPISODE_FIGURES = ("median_episode_s", "outlast_rate")


def opportunities_table(spec: Spec, found: Opportunities) -> pl.DataFrame:
    """Return one row an opportunity, by time, then edge, highest first, then combination; `package` is null unless one was sent."""
    sent = pl.Series(found.package)
    return pl.DataFrame(
        {
            "ts": timestamps(found.at_us),
            "legs": names(spec.combination_labels, found.combination),
            "edge_bps": found.edge_bps,
            "episode": found.episode,
            "outcome": names(DECISIONS, found.outcome),
            "package": sent.set(sent < 0, None),
        },
        schema_overrides={"ts": TIMESTAMP, "package": pl.Int64},
    )


def episodes_table(spec: Spec, found: Opportunities) -> pl.DataFrame:
    """Return one row an episode, in the order of their numbers: the time of its first opportunity, how long it was one, and what became of it."""
    first, length_us = episodes(found)
    best = np.full(first.size, -np.inf)
    np.maximum.at(best, found.episode, found.edge_bps)
    return pl.DataFrame(
        {
            "ts": timestamps(found.at_us[first]),
            "legs": names(spec.combination_labels, found.combination[first]),
            "length_s": length_us / US_PER_SECOND,
            "opportunities": np.bincount(found.episode, minlength=first.size),
            "best_bps": best,
            "packages": np.bincount(found.episode[found.package >= 0], minlength=first.size),
        },
        schema_overrides={"ts": TIMESTAMP, "opportunities": pl.Int64, "packages": pl.Int64},
    )


def decisions(found: Opportunities) -> dict[str, int]:
    """Return how many opportunities each decision became of, in the order of `engine.events.DECISIONS`."""
    return dict(zip(DECISIONS, np.bincount(found.outcome, minlength=len(DECISIONS)).tolist(), strict=True))


def episodes(found: Opportunities) -> tuple[Int64s, Int64s]:
    """Return the first row of each episode, (E,), and how long it was one, from its first opportunity to its last [µs]."""
    first = np.flatnonzero(np.diff(np.maximum.accumulate(found.episode), prepend=-1))  # they are numbered as they begin
    last_us = np.zeros(first.size, np.int64)
    np.maximum.at(last_us, found.episode, found.at_us)
    return first, last_us - found.at_us[first]


def episode_figures(spec: Spec, found: Opportunities) -> dict[str, float | None]:
    """Return the median length of episodes [s], and the share that lasts at least as long as the slowest of its orders takes.

    Notes
    -----
    An episode of one opportunity has length 0: it was gone, or nothing moved, at the next instant.
    """
    first, length_us = episodes(found)
    latency_us = np.array([spec.venues[leg.venue].order_latency for leg in spec.legs], dtype=np.int64)
    slowest_us = np.array([max(latency_us[step.leg] for step in combination) for combination in spec.combinations], dtype=np.int64)
    needed_us = slowest_us[found.combination[first]]
    return {
        "median_episode_s": float(np.median(length_us)) / 1e6 if first.size else None,
        "outlast_rate": float(np.mean(length_us >= needed_us)) if first.size else None,
    }
