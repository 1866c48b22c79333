"""What a spec demands of its data, day by day, and the days that are below it.

A day is judged when it is over, which nobody inside it can know: so nothing is left out of a run for it. The run is refused before its first
decision, or goes on as it would without, and says which days were below.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby
from typing import NamedTuple

import polars as pl

from engine.config import LASTING_US, Demands, Instrument, Spec
from engine.day_checks import DAY_US, check_day
from engine.errors import DataError
from engine.observations import window
from engine.schema import US_PER_SECOND, SeriesKey, instant, micros

_SHOWN = 5


class Unmet(NamedTuple):
    """A day of a series that is below what is demanded."""

    key: SeriesKey
    day_us: int
    why: str

    def __str__(self) -> str:
        return f"{instant(self.day_us):%Y-%m-%d} with {self.why}"


def unmet(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> list[Unmet]:
    """Return the days of traded and converting series that are below what the spec demands, in the order of its instruments.

    Parameters
    ----------
    spec : Spec
        With `quality.demands`, or without: none.
    data : Mapping[SeriesKey, pl.DataFrame]
        The frame of each of `spec.series`.

    Raises
    ------
    DataError
        Where there are any and the spec refuses them.

    Notes
    -----
    The counts of `engine.day_checks.check_day`, of the run's part of each day. A stretch without an observation counts on the day on which
    it ends, the run's ends being ends of it.
    """
    demands = spec.quality.demands
    if demands is None:
        return []
    found = [day for instrument in spec.instruments if instrument.use != "mark" for day in _below(spec, instrument, data[instrument.key], demands)]
    if found and demands.below == "refuse":
        raise _refusal(found)
    return found


def sentences(found: Sequence[Unmet]) -> list[str]:
    """Return a sentence for each series that has days below what is demanded: how many, and the first of them."""
    return [f"{key} is below what is demanded on {_named(list(days))}" for key, days in groupby(found, key=lambda day: day.key)]


def _named(days: Sequence[Unmet]) -> str:
    more = [f"and {len(days) - _SHOWN} more"] if len(days) > _SHOWN else []
    return f"{len(days)} day{'s' if len(days) > 1 else ''}: {'; '.join([*map(str, days[:_SHOWN]), *more])}"


def _refusal(found: Sequence[Unmet]) -> DataError:
    to_do = 'Take other data, a shorter run or smaller demands, or set quality.demands.below = "warn"'
    return DataError(f"quality.demands: {'. '.join(sentences(found))}. {to_do}")


def _below(spec: Spec, instrument: Instrument, frame: pl.DataFrame, demands: Demands) -> Iterator[Unmet]:
    waited_s, interval_us = 0.0, 0 if instrument.data in LASTING_US else spec.interval_us
    for begins, ends, rows in _days(spec, instrument, frame):
        counts = check_day(rows, data=instrument.data, interval_us=interval_us, day=(begins, ends))
        length_s = (ends - begins) / US_PER_SECOND
        is_empty = counts["late_s"] >= length_s
        stretch_s = 0.0 if is_empty else max(waited_s + counts["late_s"], counts["longest_gap_s"])
        waited_s = waited_s + length_s if is_empty else counts["early_s"]
        if ends == micros(spec.end):
            stretch_s = max(stretch_s, waited_s)
        if why := " and ".join(_why(counts, stretch_s, demands)):
            yield Unmet(instrument.key, begins, why)


def _why(counts: Mapping[str, float], stretch_s: float, demands: Demands) -> Iterator[str]:
    flagged = counts.get("flagged", 0) / max(1, counts["rows"])
    if demands.min_covered is not None and counts["covered"] < demands.min_covered:
        yield f"a price for {_percent(counts['covered'])} of the time (at least {_percent(demands.min_covered)})"
    if demands.max_flagged is not None and flagged > demands.max_flagged:
        yield f"{_percent(flagged)} of its rows flagged (at most {_percent(demands.max_flagged)})"
    if demands.max_gap is not None and stretch_s * US_PER_SECOND > demands.max_gap:
        yield f"no observation for {stretch_s:,.10g} s on end (at most {demands.max_gap / US_PER_SECOND:,.10g} s)"


# With as many digits as tell a share from the one that is demanded: 99.99% is not 100%.
def _percent(share: float) -> str:
    return f"{100 * share:.6g}%"


# When each day of the run begins and ends [µs], and its rows; receive times by the run's clock.
def _days(spec: Spec, instrument: Instrument, frame: pl.DataFrame) -> Iterator[tuple[int, int, pl.DataFrame]]:
    cut, start, end = window(spec, instrument, frame), micros(spec.start), micros(spec.end)
    if instrument.data == "bars":
        at = cut["ts"].to_physical()
    else:
        cut = cut.with_columns(pl.col("received") + pl.duration(microseconds=spec.venues[instrument.venue].clock_offset))
        at = cut.select(pl.coalesce("ts", "received").cum_max()).to_series().to_physical()
    for begins in (start, *range((start // DAY_US + 1) * DAY_US, end, DAY_US)):
        ends = min((begins // DAY_US + 1) * DAY_US, end)
        first, after = (at.search_sorted(us, side="left") for us in (begins, ends))
        yield begins, ends, cut.slice(first, after - first)
