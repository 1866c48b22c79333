"""The market of a run: every series, read, flagged and with its wicks blocked."""

from collections.abc import Mapping
from dataclasses import replace
from statistics import median

import polars as pl

from engine.config import Instrument, Spec
from engine.errors import DataError
from engine.oracle.bars import read_bars
from engine.oracle.marks import Marks, marks_of
from engine.oracle.observations import Market, Observation, Series
from engine.oracle.pools import read_pools
from engine.oracle.quotes import read_quotes
from engine.schema import SeriesKey

READERS = {"bars": read_bars, "pool": read_pools, "pool_bars": read_pools}
"""Of kinds of data that are no quotes."""

ENOUGH_TO_JUDGE = 3
"""So many bars of a base that end together block the one that is off their median."""


def read_market(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> tuple[Market, Marks]:
    """Return all series and their marks; DataError if one has no good observation in the window."""
    alone = {i.key: _read(spec, i, data[i.key]) for i in spec.instruments}
    market = {key: replace(series, channel=_channel(alone, series.instrument)) for key, series in alone.items()}
    marks = marks_of(spec, market)
    return {key: _without_wicks(spec, market, marks, series) for key, series in market.items()}, marks


def _read(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Series:
    rows = READERS.get(instrument.data, read_quotes)(spec, instrument, frame)
    if not any(row.good for row in rows):
        raise DataError(f"{instrument.key}: no good observation in the five minutes before {spec.start} or between it and {spec.end}")
    return Series(instrument=instrument, rows=rows, max_age=spec.max_age_us(instrument))


def _channel(market: Market, instrument: Instrument) -> tuple[Series, ...]:
    if instrument.channel is None:
        return ()
    return tuple(one for one in market.values() if (one.instrument.venue, one.instrument.channel) == (instrument.venue, instrument.channel))


def _without_wicks(spec: Spec, market: Market, marks: Marks, series: Series) -> Series:
    rows = [_blocked(row) if _is_wick(spec, market, marks, series.instrument.key, row) else row for row in series.rows]
    return replace(series, rows=rows)


def _blocked(row: Observation) -> Observation:
    assert row.bar is not None
    return replace(row, bar=replace(row.bar, blocked=True))


def _is_wick(spec: Spec, market: Market, marks: Marks, key: SeriesKey, row: Observation) -> bool:
    return is_off(spec, market, marks, key, row) and len(_closes(market, marks, key.base, row.event)) >= ENOUGH_TO_JUDGE


def is_off(spec: Spec, market: Market, marks: Marks, key: SeriesKey, row: Observation) -> bool:
    """Return whether a bar's high or low is far off the median close of all good bars of its base that end then."""
    unit = marks.find(key.quote, row.available)
    if row.bar is None or not row.good or unit is None:
        return False
    middle, most = median(_closes(market, marks, key.base, row.event)), spec.quality.wick_bps * 1e-4
    return abs(row.bar.high * unit - middle) > most * middle or abs(row.bar.low * unit - middle) > most * middle


def _closes(market: Market, marks: Marks, base: str, event: int) -> list[float]:
    return [close for series in market.values() if (close := _close(series, base, event, marks)) is not None]


# What the bar of a series of the base that ends then closes at, in the numeraire.
def _close(series: Series, base: str, event: int, marks: Marks) -> float | None:
    key, row = series.instrument.key, series.in_force(event)
    if key.base != base or row is None or row.bar is None or not row.good or row.event != event:
        return None
    unit = marks.find(key.quote, row.available)
    return None if unit is None else row.price * unit
