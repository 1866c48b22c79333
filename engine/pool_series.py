"""From recorded states of a pool to a series: its price stands for bid and ask, and what a swap moves is told by its liquidity."""

from dataclasses import replace

import numpy as np
import polars as pl

from engine import quality
from engine.arrays import Bools, Floats, Records, read_only
from engine.config import Instrument, Spec
from engine.errors import DataError
from engine.kernels.market import POOL
from engine.observations import LARGEST_FLOW, Observed, Read, names, nothing_good, window
from engine.quote_series import outages_us, put_in_outages, refuse_negative_latency, times_of
from engine.schema import ATOMS_PER_UNIT, check_pool_states
from engine.series import Columns, series

_NO_FLOATS = np.empty(0)

KEPT = 2.0**-20
"""The share of its base that a pool keeps: no range reaches further than 2^40 times its price."""


def read(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Read:
    """Return what the run reads of one pool.

    Raises
    ------
    DataError
        Where its states break the contract of `POOL_STATES`, or nothing is in the window.
    """
    check_pool_states(frame, key=instrument.key)
    if instrument.data == "pool_bars" and frame["received"].null_count() < frame.height:
        raise DataError(f"{instrument.key}: expected pool bars without receive times, found some; leave `received` empty")
    cut = window(spec, instrument, frame)
    if cut.is_empty():
        raise nothing_good(spec, instrument, frame)
    return Read(instrument, frame, cut, cut.height + outages_us(spec, instrument).size, 0, 1)


def fill(spec: Spec, found: Read, part: Columns) -> Observed:
    """Return the observations of what was read, which stand in their part of the columns.

    Raises
    ------
    DataError
        Where more than 1 % were received before they happened, none is good, or a pool holds more than int64 atoms can tell.
    """
    instrument, rows = found.instrument, slice(0, found.frame.height)
    times = times_of(spec, found, part.part(rows, slice(0)))
    refuse_negative_latency(spec, instrument, times)
    price, liquidity, lower, upper = (read_only(found.frame[name].to_numpy()) for name in ("price", "liquidity", "lower", "upper"))
    checked = quality.check_pools(price, liquidity, lower, upper)
    part.good[rows] = checked.good & ~quality.touches(times.event_us, times.event_us, spec.venues[instrument.venue].outages)
    good = part.good[rows]
    if not good.any():
        raise nothing_good(spec, instrument, found.given)
    row: quality.Row = {
        **names(instrument),
        "rows": found.frame.height,
        "flagged": int(np.count_nonzero(~good)),
        **checked.counts,
        "duplicates": quality.repeated([times.happened_us, times.known_us, _blocks(found.frame), price, liquidity, lower, upper]),
        **quality.quote_times(spec, instrument, times),
    }
    states = _states(good, price, liquidity, lower, upper)
    _refuse_what_cannot_be_held(instrument, states)
    part.price[:], part.size[:] = np.nan, 0
    part.price[:, rows, 0] = np.where(good, price, np.nan)
    states = np.insert(states, put_in_outages(spec, found, part), np.zeros(1, POOL)).view(np.recarray)
    return Observed(replace(series(instrument, part), states=states), row, _NO_FLOATS, _NO_FLOATS)


def _blocks(frame: pl.DataFrame) -> Floats:
    blocks: Floats = frame["block"].cast(pl.Float64).to_numpy()  # null becomes nan
    return blocks


def _states(good: Bools, price: Floats, liquidity: Floats, lower: Floats, upper: Floats) -> Records:
    found = np.zeros(price.size, POOL).view(np.recarray)
    with np.errstate(divide="ignore", over="ignore"):  # a constant product has no lower end
        found.root[good] = np.sqrt(price[good])
        found.liquidity[good] = liquidity[good] * ATOMS_PER_UNIT
        found.reach_in[good] = 1 / np.sqrt(lower[good])
        found.reach_out[good] = np.maximum(1 / np.sqrt(upper[good]), KEPT / found.root[good])
    return found


def _refuse_what_cannot_be_held(instrument: Instrument, states: Records) -> None:
    # what a swap may take out within the range; balances keep what goes in small enough
    good = states.root > 0
    root, liquidity = states.root[good], states.liquidity[good]
    base, quote = liquidity * (1 / root - states.reach_out[good]), liquidity * (root - 1 / states.reach_in[good])
    for currency, held in ((instrument.key.base, base), (instrument.key.quote, quote)):
        if held.max() > LARGEST_FLOW:
            found = f"found {held.max() / ATOMS_PER_UNIT:g}"
            advice = "are price and liquidity in whole units, and not in the smallest ones of the tokens?"
            raise DataError(f"{instrument.key}: expected less than 4.6e10 {currency} within the active range, {found}; {advice}")
