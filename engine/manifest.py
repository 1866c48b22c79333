"""What a result was made from: enough to make the same bytes again, and nothing that differs between two such runs."""

import hashlib
import itertools
import json
import platform
from collections.abc import Iterable, Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files

import numpy as np
import polars as pl
from numpy.typing import NDArray

from engine import payments
from engine.arrays import Floats, Int64s
from engine.config import Spec
from engine.observations import window
from engine.schema import US_PER_SECOND, SeriesKey, funding_key, instant

_DAY_US = 86_400 * US_PER_SECOND
_LIBRARIES = ("numba", "numpy", "polars")


def build(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame], *, assumptions: list[str]) -> dict[str, object]:
    """Return spec, data hashes, code and library versions and assumptions; no clock time, host or thread count."""
    return {
        "spec": spec.canonical(),
        "spec_sha256": spec.hash(),
        "data": [row for i in spec.instruments for row in _day_hashes(i.key, window(spec, i, data[i.key]))] + _funding(spec, data),
        "engine_sha256": _engine_hash(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _libraries(spec)},
        "assumptions": assumptions,
    }


def _libraries(spec: Spec) -> tuple[str, ...]:
    # time zones change by law, and count where opening hours do
    return (*_LIBRARIES, "tzdata") if any(route.hours for route in spec.routes) else _LIBRARIES


def digest(manifest: Mapping[str, object]) -> str:
    """Return the SHA-256 of a manifest's canonical JSON."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def frame_hash(frame: pl.DataFrame) -> str:
    """Return the SHA-256 of the columns of a frame in which something is known, times as int64 [µs], texts as the bytes of lines."""
    return columns_hash((column.name, _bytes_of(column) if column.dtype == pl.String else column.to_numpy()) for column in _known(frame))


def _bytes_of(texts: pl.Series) -> NDArray[np.uint8]:
    return np.frombuffer("\n".join(texts.fill_null("")).encode(), np.uint8)


def _known(frame: pl.DataFrame) -> list[pl.Series]:
    # numbers stay as they are: a conversion goes through the engine of Polars, which is slow on the few rows of a day
    known = (column for column in frame.get_columns() if column.null_count() < frame.height)
    return [column.to_physical() if column.dtype.is_temporal() else column for column in known]


def _funding(spec: Spec, data: Mapping[SeriesKey, pl.DataFrame]) -> list[dict[str, object]]:
    # rates from before the start may be known
    keys = [funding_key(i.key) for i in spec.instruments if i.perpetual is not None]
    return [row for key in keys for row in _day_hashes(key, payments.window(spec, data[key]).with_columns(pl.coalesce("published", "ts")))]


def _day_hashes(key: SeriesKey, frame: pl.DataFrame) -> list[dict[str, object]]:
    known = _known(frame)
    return [
        {
            "venue": key.venue,
            "instrument": key.instrument,
            "day": f"{instant(day * _DAY_US):%Y-%m-%d}",
            "rows": last - first,
            "sha256": columns_hash((column.name, column.slice(first, last - first).to_numpy()) for column in known),
        }
        for day, first, last in _days(known)
    ]


def _days(columns: list[pl.Series]) -> list[tuple[int, int, int]]:
    # each day since the epoch that has rows, its first row and the one after its last, by the latest time so far: quotes may be out of order
    if not columns:
        return []
    latest = np.maximum.accumulate(columns[0].to_numpy())
    days = range(int(latest[0]) // _DAY_US, int(latest[-1]) // _DAY_US + 1)
    bounds = np.searchsorted(latest, np.arange(days.start, days.stop + 1) * _DAY_US).tolist()
    return [(day, first, last) for day, (first, last) in zip(days, itertools.pairwise(bounds), strict=True) if first < last]


def columns_hash(columns: Iterable[tuple[str, Int64s | Floats | NDArray[np.uint8]]]) -> str:
    """Return the SHA-256 of columns, each its name, a line feed, and its values as little-endian int64 [µs] or float64; no number: nan."""
    found = hashlib.sha256()
    for name, column in columns:
        found.update(f"{name}\n".encode())
        found.update(np.ascontiguousarray(column).astype(column.dtype.newbyteorder("<"), copy=False).data)
    return found.hexdigest()


@cache
def _engine_hash() -> str:
    found = hashlib.sha256()
    stack = [files("engine")]
    sources = []
    while stack:
        for entry in stack.pop().iterdir():
            if entry.is_dir() and entry.name != "__pycache__":
                stack.append(entry)
            elif entry.name.endswith((".py", ".j2")):
                sources.append(entry)
    for source in sorted(sources, key=str):
        found.update(source.read_bytes())
    return found.hexdigest()
