"""What a result was made from: enough to make the same bytes again, and nothing that differs between two such runs."""

import hashlib
import json
import platform
from collections.abc import Mapping
from functools import cache
from importlib.metadata import version
from importlib.resources import files

import polars as pl

from engine.config import Spec
from engine.panel import window
from engine.schema import SeriesKey

_LIBRARIES = ("numba", "numpy", "polars")


def build(spec: Spec, bars: Mapping[SeriesKey, pl.DataFrame], *, assumptions: list[str]) -> dict[str, object]:
    """Return spec, data hashes, code and library versions and assumptions; no clock time, host or thread count."""
    return {
        "spec": spec.canonical(),
        "spec_sha256": spec.hash(),
        "data": [row for key in spec.series for row in _day_hashes(key, window(spec, bars[key]))],
        "engine_sha256": _engine_hash(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in _LIBRARIES},
        "assumptions": assumptions,
    }


def digest(manifest: Mapping[str, object]) -> str:
    """Return the SHA-256 of a manifest's canonical JSON."""
    return hashlib.sha256(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _day_hashes(key: SeriesKey, frame: pl.DataFrame) -> list[dict[str, object]]:
    days = frame.group_by(pl.col("ts").dt.date().alias("day"), maintain_order=True)
    return [
        {"venue": key.venue, "instrument": key.instrument, "day": f"{day[0]}", "bars": part.height, "sha256": columns_hash(part)}
        for day, part in days
    ]


def columns_hash(frame: pl.DataFrame) -> str:
    """Return the SHA-256 of a frame's columns as little-endian int64 µs and float64, in order."""
    found = hashlib.sha256()
    for column in frame.get_columns():
        values = column.dt.epoch("us") if column.dtype.is_temporal() else column
        found.update(values.to_numpy().astype("<i8" if column.dtype.is_temporal() else "<f8", copy=False).tobytes())
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
