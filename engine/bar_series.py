"""From bars to a series: one observation a bar with volume, known when it has ended."""

import numpy as np
import polars as pl

from engine import quality
from engine.arrays import Bools, Floats, Int64s
from engine.config import Instrument, Spec
from engine.observations import Observed, Read, names, nothing_good, refuse_overflow, window
from engine.prices import ceil_tick, floor_tick, implied_ask, implied_bid
from engine.schema import ATOMS_PER_UNIT, BARS, check_bars, check_columns
from engine.series import Columns, series


def read(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Read:
    """Return what the run reads of one instrument that has bars.

    Raises
    ------
    DataError
        Where they break the contract of `BARS`.
    """
    check_columns(frame, key=instrument.key)
    cut = check_bars(window(spec, instrument, frame), key=instrument.key, interval_us=spec.interval_us)
    traded = int((cut["volume"] > 0).sum())
    return Read(instrument, frame, cut, traded, traded, 1)


def fill(spec: Spec, found: Read, part: Columns) -> Observed:
    """Return the observations of what was read, which stand in their part of the columns.

    Raises
    ------
    DataError
        Where none is good, or volumes and prices would overflow int64.
    """
    instrument, traded = found.instrument, found.frame.filter(pl.col("volume") > 0)
    opened, opens, high, low, close, volume = (traded[name].to_physical().to_numpy() for name in BARS)
    available = opened + spec.interval_us + spec.feed_latency_us
    good, blocked = _outages(spec, instrument, opened, available)
    if not good.any():
        raise nothing_good(spec, instrument, found.given)
    caps = np.floor(spec.execution.volume_share * volume * ATOMS_PER_UNIT)
    refuse_overflow(spec, instrument, largest=float(caps.max()), highest=float(high.max()))
    cap = caps.astype(np.int64)
    bid = np.where(good, implied_bid(close, instrument), np.nan)
    part.event_us[:], part.available_us[:], part.open_us[:] = opened + spec.interval_us, available, opened
    part.good[:], part.blocked[:] = good, blocked
    part.price[:] = np.nan  # further levels
    part.price[0, :, 0] = np.where(bid > 0, bid, np.nan)
    part.price[1, :, 0] = np.where(bid > 0, implied_ask(close, instrument), np.nan)
    part.size[:] = 0
    part.size[:, :, 0] = part.volume_cap[:] = cap
    part.close[:], part.fill_price[:] = close, _fill_prices(spec, instrument, opens, high, low)
    return Observed(series(instrument, part), {**names(instrument), **quality.bar_times(spec, found.frame)}, high, low)


def _outages(spec: Spec, instrument: Instrument, opened: Int64s, available: Int64s) -> tuple[Bools, Bools]:
    # what a bar tells is doubted if it ends or arrives in an outage, too; what filled in it before that stays filled
    outages = spec.venues[instrument.venue].outages
    ended = opened + spec.interval_us
    blocked = quality.touches(opened, ended - 1, outages)
    return ~(blocked | quality.touches(ended, ended, outages) | quality.touches(available, available, outages)), blocked


def _fill_prices(spec: Spec, instrument: Instrument, opens: Floats, high: Floats, low: Floats) -> tuple[Floats, Floats]:
    if spec.execution.fill_price == "worst":
        return floor_tick(low, instrument.tick), ceil_tick(high, instrument.tick)
    return implied_bid(opens, instrument), implied_ask(opens, instrument)
