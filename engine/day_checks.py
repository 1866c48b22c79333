"""How good one UTC day of a stored series is, whatever run may read it: the checks of docs/model.md, "Quality", as counts of the day.

Nothing of it reaches a decision: a day is looked at when it is over, and a run that demands something of its days is refused as a whole.
"""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
import polars as pl

from engine.arrays import Int64s
from engine.config import LASTING_US, POOLS
from engine.quality import check_levels, check_pools, repeated
from engine.schema import POOL_STATES, US_PER_SECOND, level_columns, quote_levels

DAY_US = 86_400 * US_PER_SECOND
_MINUTE_US = 60 * US_PER_SECOND


def check_day(frame: pl.DataFrame, *, data: str, interval_us: int, day: tuple[int, int]) -> dict[str, float]:
    """Return what one day of a series shows.

    Parameters
    ----------
    frame : pl.DataFrame
        (N,) the rows of the day in their order, of `BARS`, `QUOTES` with any further levels, `TRADES` or `POOL_STATES`: of bars those that
        open on it, of others those that arrived on it.
    data : str
        "bars", "quotes", "quote_bars", "trades", "pool" or "pool_bars".
    interval_us : int [µs]
        Length of bars of any kind, a divisor of a day; 0 for others.
    day : (int, int) [µs]
        When the day begins and ends; of a run's first and last day, what is of the run.

    Notes
    -----
    `rows`. `covered`: the share of the day for which the series tells a price: bars with volume for their interval, good quote and pool bars
    for as long after it, good quotes for five seconds after their event; of trades the share of minutes with one. `longest_gap_s` [s]: the
    longest time between two observations; `late_s` and `early_s` [s]: from the day's start to the first one, and from the last one to the
    day's end. All three are the whole day where there is none.

    Bars: `no_trade`: without volume, no observations. `missing`: intervals of the day without a bar; `missing_within`: those between its
    first and its last bar.

    Pools: the counts of `engine.quality.check_pools`, and otherwise as quotes, each good for five minutes.

    Quotes: the counts of `engine.quality.check_levels`; `flagged`: rows that one of its checks takes away; `duplicates`, `disorder`,
    `negative_latency` as in `engine.quality.quote_times`; where both times are known, `least_delay_us` and `median_delay_us` [µs] from event
    to receipt.

    Trades: `zero_or_negative`: price or size ≤ 0; `no_side`; `duplicates`: rows whose number an earlier one has; times as of quotes.
    """
    if data == "bars":
        return _bars(frame, interval_us, day)
    checked = _judge(frame, data)
    times = _latencies(frame) if frame.height else {}
    observed = frame.filter(checked.good).select(pl.coalesce("ts", "received").cum_max()).to_series().to_physical().to_numpy()
    found = {**checked.counts, **times, **_stretches(observed, interval_us, day)}
    if data in LASTING_US:
        found["covered"] = _share(observed, LASTING_US[data], day)
    elif data == "trades":
        found["covered"] = _share(np.unique(observed // _MINUTE_US * _MINUTE_US), _MINUTE_US, day)
    return found


def good_rows(frame: pl.DataFrame, data: str) -> pl.DataFrame:
    """Return the rows of a day that tell a price: bars with volume, quotes without a fault, trades with a price and a size."""
    if data == "bars":
        return frame.filter(pl.col("volume") > 0)
    return frame.filter(_judge(frame, data).good)


class _Checked(NamedTuple):
    good: pl.Series  # (N,) bool: rows that are observations
    counts: Mapping[str, float]


def _judge(frame: pl.DataFrame, data: str) -> _Checked:
    if data == "trades":
        return _trades(frame)
    return _pools(frame) if data in POOLS else _quotes(frame)


def _bars(frame: pl.DataFrame, interval_us: int, day: tuple[int, int]) -> dict[str, float]:
    opened, traded = (part["ts"].to_physical().to_numpy() for part in (frame, frame.filter(pl.col("volume") > 0)))
    within = (opened[-1] - opened[0]) // interval_us + 1 if opened.size else 0
    return {
        "rows": opened.size,
        "no_trade": opened.size - traded.size,
        "missing": (day[1] - day[0]) // interval_us - opened.size,
        "missing_within": int(within) - opened.size,
        **_stretches(traded, interval_us, day),
    }


def _quotes(frame: pl.DataFrame) -> _Checked:
    levels = [tuple(frame[name].to_numpy() for name in level_columns(level)) for level in range(1, quote_levels(frame) + 1)]
    checked = check_levels([(bid, bid_size, ask, ask_size) for bid, bid_size, ask, ask_size in levels])
    same = [frame[name].to_physical().to_numpy() for name in ("ts", "received") if not frame[name].null_count()]
    columns = [*same, *(column for level in levels for column in level)]
    flagged = int(np.count_nonzero(~checked.good))
    counts = {"rows": frame.height, "flagged": flagged, **checked.counts, "duplicates": repeated(columns)}
    return _Checked(pl.Series(checked.good), counts)


def _pools(frame: pl.DataFrame) -> _Checked:
    checked = check_pools(*(frame[name].to_numpy() for name in ("price", "liquidity", "lower", "upper")))
    same = [frame[name].to_physical().to_numpy() for name in POOL_STATES if not frame[name].null_count()]
    counts = {"rows": frame.height, "flagged": int(np.count_nonzero(~checked.good)), **checked.counts, "duplicates": repeated(same)}
    return _Checked(pl.Series(checked.good), counts)


def _trades(frame: pl.DataFrame) -> _Checked:
    broken = ~frame.select((pl.col("price") > 0) & (pl.col("size") > 0)).to_series()
    numbers = frame["trade_id"].drop_nulls()
    counts = {
        "rows": frame.height,
        "zero_or_negative": int(broken.sum()),
        "no_side": int((frame["side"] == 0).sum()),
        "duplicates": numbers.len() - numbers.n_unique(),
    }
    return _Checked(~broken, counts)


def _latencies(frame: pl.DataFrame) -> dict[str, float]:
    happened, delay = pl.coalesce("ts", "received"), (pl.col("received") - pl.col("ts")).dt.total_microseconds()
    row = frame.select(
        disorder=(happened < happened.cum_max()).sum(),
        negative_latency=(delay < 0).sum(),
        least_delay_us=delay.min(),
        median_delay_us=delay.median(),
    ).row(0, named=True)
    return {name: value for name, value in row.items() if value is not None}


# What lies between observations that hold from their time for so long, and before and behind them; they may begin on the day before.
def _stretches(observed: Int64s, lasting_us: int, day: tuple[int, int]) -> dict[str, float]:
    begins, ends = day
    if not observed.size:
        return {"covered": 0.0, **dict.fromkeys(("longest_gap_s", "late_s", "early_s"), (ends - begins) / US_PER_SECOND)}
    late, early = max(0, int(observed[0]) - begins), max(0, ends - int(observed[-1]) - lasting_us)
    longest = max(0, int(np.diff(observed).max(initial=0)) - lasting_us)
    seconds = {name: us / US_PER_SECOND for name, us in (("longest_gap_s", longest), ("late_s", late), ("early_s", early))}
    return {"covered": _share(observed, lasting_us, day), **seconds}


# The share of the day that is less than so long after an observation.
def _share(observed: Int64s, lasting_us: int, day: tuple[int, int]) -> float:
    if not observed.size:
        return 0.0
    begins, ends = (np.clip(times, *day) for times in (observed, np.append(observed[1:], day[1])))
    return float(np.minimum(ends - begins, np.clip(observed + lasting_us - begins, 0, lasting_us)).sum() / (day[1] - day[0]))
