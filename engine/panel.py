"""Observations of each series as columns, and their alignment on the run's clock of instants."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce

import numpy as np
import polars as pl

from engine.arrays import Floats, Int32s, Int64s
from engine.config import MARK_MAX_AGE_US, Instrument, Spec
from engine.errors import DataError
from engine.kernels.alignment import asof_rows, union
from engine.schema import ATOMS_PER_UNIT, SeriesKey, check_bars, check_columns, micros

_TICK_SLACK = 1e-6
_LARGEST_FLOW = 2.0**62


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The observations (bars with volume) of one instrument, in columns of one length N."""

    instrument: Instrument
    open_us: Int64s  # (N,) [µs] open time of the bar
    event_us: Int64s  # (N,) [µs] its end
    available_us: Int64s  # (N,) [µs] when it can be known
    open: Floats  # (N,) [quote per base]
    high: Floats
    low: Floats
    close: Floats
    volume_cap: Int64s  # (N,) [atoms of base] our share of the bar's volume

    @property
    def key(self) -> SeriesKey:
        """Venue and instrument."""
        return self.instrument.key


@dataclass(frozen=True, slots=True, kw_only=True)
class Panel:
    """All series of a run, and the row of each that each instant sees."""

    series: tuple[Series, ...]  # in the order of `Spec.series`
    instants_us: Int64s  # (T,) [µs] available times of the instruments that decisions use, start ≤ t ≤ end
    rows: tuple[Int32s, ...]  # a (T,) row index for each series; -1: absent. Empty for series used for marks alone

    def of(self, key: SeriesKey) -> tuple[Series, Int32s]:
        """Return one series and its rows."""
        at = next(i for i, s in enumerate(self.series) if s.key == key)
        return self.series[at], self.rows[at]


def build(spec: Spec, bars: Mapping[SeriesKey, pl.DataFrame]) -> Panel:
    """Return the panel of a run.

    Parameters
    ----------
    spec : Spec
        What to read.
    bars : Mapping[SeriesKey, pl.DataFrame]
        A frame of `engine.schema.BARS` for each of `spec.series`; bars outside the window are cut.

    Raises
    ------
    DataError
        Where a series is missing, breaks its contract, has no bar with volume in the window, or would overflow int64.
    """
    series = tuple(_series(spec, instrument, bars) for instrument in spec.instruments)
    instants = _instants(spec, [s for s in series if s.instrument.use != "mark"])
    rows = tuple(
        asof_rows(s.available_us, s.event_us, instants, spec.interval - 1) if s.instrument.use != "mark" else np.empty(0, np.int32) for s in series
    )
    return Panel(series=series, instants_us=instants, rows=rows)


def window(spec: Spec, frame: pl.DataFrame) -> pl.DataFrame:
    """Return the bars that the run reads: those that ended at most five minutes before its start, or later, by its end."""
    event = pl.col("ts").dt.epoch("us") + spec.interval
    return frame.filter(event.is_between(micros(spec.start) - MARK_MAX_AGE_US, micros(spec.end)))


def within(times_us: Int64s, first_us: int, last_us: int) -> Int64s:
    """Return those of some increasing times that lie in [first, last]."""
    return times_us[np.searchsorted(times_us, first_us) : np.searchsorted(times_us, last_us, side="right")]


def floor_tick(price: Floats, tick: float) -> Floats:
    """Return prices [quote per base] rounded down to the tick; within 1e-6 of a tick above, to that."""
    return np.floor(price / tick + _TICK_SLACK) * tick


def ceil_tick(price: Floats, tick: float) -> Floats:
    """Return prices [quote per base] rounded up to the tick; within 1e-6 of a tick below, to that."""
    return np.ceil(price / tick - _TICK_SLACK) * tick


def implied_bid(price: Floats, instrument: Instrument) -> Floats:
    """Return the bid that a traded price implies: half a spread below it, rounded down to the tick [quote per base]."""
    return floor_tick(price * (1 - instrument.half_spread_bps * 1e-4), float(instrument.tick))


def implied_ask(price: Floats, instrument: Instrument) -> Floats:
    """Return the ask that a traded price implies: half a spread above it, rounded up to the tick [quote per base]."""
    return ceil_tick(price * (1 + instrument.half_spread_bps * 1e-4), float(instrument.tick))


def _series(spec: Spec, instrument: Instrument, bars: Mapping[SeriesKey, pl.DataFrame]) -> Series:
    if instrument.key not in bars:
        raise DataError(f"{instrument.key}: expected its bars, found none; there are {', '.join(map(str, sorted(bars))) or 'no series at all'}")
    found = check_columns(bars[instrument.key], key=instrument.key)
    frame = check_bars(window(spec, found), key=instrument.key, interval_us=spec.interval)
    frame = frame.filter(pl.col("volume") > 0)
    if frame.is_empty():
        raise DataError(f"{instrument.key}: expected bars with volume between {spec.start} and {spec.end}, found none; {_coverage(found)}")
    opened = frame["ts"].dt.epoch("us").to_numpy()
    columns = {name: frame[name].to_numpy() for name in ("open", "high", "low", "close")}
    caps = np.floor(spec.execution.volume_share * frame["volume"].to_numpy() * ATOMS_PER_UNIT)
    if float(caps.max()) * max(1.0, float(columns["high"].max())) > _LARGEST_FLOW:
        raise DataError(
            f"{instrument.key}: expected volumes × prices below 4.6e10, found {caps.max() / ATOMS_PER_UNIT:g} × {columns['high'].max():g}"
        )
    return Series(
        instrument=instrument,
        open_us=opened,
        event_us=opened + spec.interval,
        available_us=opened + spec.interval + spec.feed_latency_us,
        volume_cap=caps.astype(np.int64),
        **columns,
    )


def _coverage(frame: pl.DataFrame) -> str:
    return "the series is empty" if frame.is_empty() else f"it has {frame.height} bars from {frame['ts'][0]} to {frame['ts'][-1]}"


def _instants(spec: Spec, series: list[Series]) -> Int64s:
    return reduce(union, [within(s.available_us, micros(spec.start), micros(spec.end)) for s in series])
