"""Where values lie on an axis, and which of them are round enough to be written beside it."""

import math
from dataclasses import dataclass
from datetime import timedelta

import numpy as np

from engine.arrays import Floats, Int64s
from engine.schema import US_PER_SECOND, instant

_SECONDS = (1, 2, 5, 10, 15, 30)
_MINUTES = tuple(60 * n for n in _SECONDS)
_HOURS = tuple(3_600 * n for n in (1, 2, 3, 6, 12))
_DAYS = tuple(86_400 * n for n in (1, 2, 7, 14, 28, 91, 182, 364))
_DAY_US = 86_400 * US_PER_SECOND


@dataclass(frozen=True, slots=True, kw_only=True)
class Scale:
    """A straight line from values to places."""

    low: float
    high: float
    first: float  # the place of `low`
    last: float  # the place of `high`

    def at(self, value: Floats | float) -> Floats:
        """Return the place of each value; of an empty range, the middle."""
        span = self.high - self.low
        share = (np.asarray(value, np.float64) - self.low) / span if span > 0 else np.full(np.shape(value), 0.5)
        return self.first + share * (self.last - self.first)


def value_range(values: Floats, *, zero: bool = False) -> tuple[float, float]:
    """Return a range that holds all values that are numbers, and 0 if asked, with a little room; never empty.

    Parameters
    ----------
    values : (N,) float64
        nan: none.
    zero : bool
        Whether 0 belongs to it.
    """
    known = values[np.isfinite(values)]
    ends = [*([float(known.min()), float(known.max())] if known.size else []), *([0.0] if zero or not known.size else [])]
    low, high = min(ends), max(ends)
    room = 0.05 * (high - low) or abs(high) * 0.05 or 1.0
    return (low if zero and low == 0 < high else low - room), (high if zero and high == 0 > low else high + room)


def round_ticks(low: float, high: float, most: int = 6) -> tuple[Floats, float]:
    """Return the multiples of a round step (1, 2 or 5 times a power of ten) in [low, high], at most so many, and the step."""
    least = (high - low) / most
    if not math.isfinite(least) or least <= 0:
        return np.array([low]), 1.0
    power = math.pow(10, math.floor(math.log10(least)))
    step = next(step for step in (times * power for times in (1, 2, 5, 10, 20)) if len(_multiples(low, high, step)) <= most)
    return np.array(_multiples(low, high, step), dtype=np.float64) * step, step


def _multiples(low: float, high: float, step: float) -> range:
    return range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)


def tick_text(value: float, step: float) -> str:
    """Return a tick with as many decimals as its step needs."""
    decimals = max(0, -math.floor(math.log10(step) + 1e-9)) if step > 0 else 0
    return f"{value:z,.{decimals}f}"


def time_ticks(start_us: int, end_us: int, most: int = 8) -> tuple[Int64s, int]:
    """Return UTC times in [start, end] that are multiples of a round span, at most so many [µs], and the span [s]."""
    for span in (*_SECONDS, *_MINUTES, *_HOURS, *_DAYS):
        step = span * US_PER_SECOND
        first = -(-start_us // step) * step
        if first > end_us or (end_us - first) // step + 1 <= most:
            break
    else:
        step = -(-(end_us - start_us) // (most * _DAY_US)) * _DAY_US or _DAY_US
        first = -(-start_us // _DAY_US) * _DAY_US
    return np.arange(first, end_us + 1, step, dtype=np.int64), step // US_PER_SECOND


def time_text(at_us: int, span_s: int) -> str:
    """Return a tick of a time axis: the day where the span is days or a day begins, else the time of day."""
    at = instant(at_us)
    if span_s >= 86_400 or (span_s >= 60 and at_us % _DAY_US == 0):
        return f"{at.day} {at:%b}" if span_s < 90 * 86_400 else f"{at:%b %Y}"
    return f"{at:%H:%M:%S}" if span_s < 60 else f"{at:%H:%M}"


def duration_text(seconds: float) -> str:
    """Return a length of time in its largest units: 250 ms, 42 s, 5 min, 3 h 20 min, 2 d 4 h."""
    if seconds < 1:
        return "0 s" if seconds == 0 else f"{1e3 * seconds:.3g} ms"
    if seconds < 60:
        return f"{seconds:.3g} s"
    minutes = timedelta(seconds=seconds) // timedelta(minutes=1)
    for size, names in ((1440, ("d", "h", 60)), (60, ("h", "min", 1))):
        if minutes >= size:
            rest = minutes % size // names[2]
            return f"{minutes // size:,} {names[0]}" + (f" {rest} {names[1]}" if rest else "")
    return f"{minutes} min"
