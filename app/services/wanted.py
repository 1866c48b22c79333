"""Which series a spec reads, of which kind each is, and how far around the run's window rows of each may count."""

from datetime import datetime, timedelta
from typing import NamedTuple

from app.sources.kinds import FUNDING, Kind
from app.sources.quote_rows import APART_US
from engine.config import LASTING_US, MARK_MAX_AGE_US, Instrument, Spec
from engine.payments import REACH_US
from engine.schema import SeriesKey, funding_key


class Reach(NamedTuple):
    """Rows of a series that a run may read: by open time of bars, by arrival of others, in [start, end)."""

    kind: Kind
    start: datetime
    end: datetime


def wanted(spec: Spec) -> dict[SeriesKey, Kind]:
    """Return the kinds of a spec's series, by key; the funding of a perpetual stands beside its prices."""
    prices = {one.key: Kind(one.data) if one.data in LASTING_US else Kind(one.data, spec.interval_us) for one in spec.instruments}
    return prices | {funding_key(one.key): FUNDING for one in spec.instruments if one.perpetual is not None}


def reaches(spec: Spec) -> dict[SeriesKey, Reach]:
    """Return what a run may read of each series; it reads by event times, between which and arrivals there is less than an hour."""
    kinds = wanted(spec)
    prices = {one.key: _reach(spec, one, kinds[one.key]) for one in spec.instruments}
    around, last = timedelta(microseconds=REACH_US), timedelta(microseconds=1)
    return prices | {key: Reach(kind, spec.start - around, spec.end + around + last) for key, kind in kinds.items() if kind == FUNDING}


def _reach(spec: Spec, instrument: Instrument, kind: Kind) -> Reach:
    before, after = MARK_MAX_AGE_US, 0
    match kind.data:
        case "bars":
            before += kind.interval_us
        case "quotes" | "pool":
            apart = APART_US + abs(spec.venues[instrument.venue].clock_offset)
            before, after = before + apart, apart
        case "quote_bars" | "pool_bars":
            after = 1
    return Reach(kind, spec.start - timedelta(microseconds=before), spec.end + timedelta(microseconds=after))
