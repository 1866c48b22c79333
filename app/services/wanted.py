"""Which series a spec reads, and of which kind each is."""

from app.sources.kinds import QUOTES, Kind
from engine.config import Spec
from engine.schema import SeriesKey

Wanted = dict[SeriesKey, Kind]


def wanted(spec: Spec) -> Wanted:
    """Return the kinds of a spec's series, by key."""
    return {one.key: QUOTES if one.data == "quotes" else Kind(one.data, spec.interval_us) for one in spec.instruments}
