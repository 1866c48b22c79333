"""Bars from files alone, without a server: the same readers, the same checks."""

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import polars as pl

from app.errors import BadInput, NotFound
from app.sources.detect import Found, detect
from app.sources.files import Source, expand
from app.sources.names import hints
from app.sources.read import read
from app.sources.rows import NOISE
from engine.schema import BARS, SeriesKey
from engine.units import format_duration


def read_folder(folder: Path | str, keys: Iterable[SeriesKey], interval_us: int) -> dict[SeriesKey, pl.DataFrame]:
    """Return the bars of each series from the files of a folder; several files of a series are put together."""
    wanted = sorted(set(keys))
    found, others = _look(expand([folder]), wanted)
    parts = {key: [one for one in found if one.key == key and one.interval_us == interval_us] for key in wanted}
    missing = [f"{key} {format_duration(interval_us)}" for key, files in parts.items() if not files]
    if missing:
        has = sorted([f"{one.key} {format_duration(one.interval_us)}" for one in found] + others)
        raise NotFound(f"{folder}: expected files of {', '.join(missing)}, found {_listed(has)}; add them, or name them like kraken_BTC-USDC_1m.csv")
    return {key: _together(key, files) for key, files in parts.items()}


# A file whose name says another instrument is not opened; one whose name says nothing may be anything.
def _look(sources: Sequence[Source], wanted: Collection[SeriesKey]) -> tuple[list[Found], list[str]]:
    found: list[Found] = []
    others: list[str] = []
    instruments = {key.instrument for key in wanted}
    for source in sources:
        named = hints(source.name).instrument
        if named in instruments:
            found.append(detect(source))
        else:
            others.append(source.name if named is None else f"{source.name} ({named})")
    return found, others


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _together(key: SeriesKey, files: Sequence[Found]) -> pl.DataFrame:
    frames = [pl.concat([batch.frame for batch in read(one)]) for one in files]
    if len(frames) == 1:
        return frames[0].rechunk()
    whole = pl.concat(frames).sort("ts", maintain_order=True)
    again = pl.col("ts") == pl.col("ts").shift()
    twice = whole.filter(again & pl.any_horizontal(_differs(name) for name in BARS if name != "ts"))
    if twice.height:
        names = ", ".join(one.source.label for one in files)
        raise BadInput(f"{key}: expected one set of values for {twice['ts'][0]}, found two in {names}; find out which is right")
    return whole.filter(~again.fill_null(value=False))


def _differs(name: str) -> pl.Expr:
    return (pl.col(name) - pl.col(name).shift()).abs() > NOISE * pl.max_horizontal(pl.col(name), pl.col(name).shift())
