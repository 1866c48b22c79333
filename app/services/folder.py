"""Series from files alone, without a server: the same readers, the same checks."""

import itertools
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from pathlib import Path

import polars as pl

from app.errors import BadInput, NotFound
from app.services import sequence
from app.services.sequence import Clash
from app.sources.detect import Found, Said, detect_all
from app.sources.files import Source, expand
from app.sources.kinds import FUNDING, Kind
from app.sources.names import hints
from app.sources.read import Books, Read, read
from app.sources.rows import NOISE
from engine.config import POOLS
from engine.schema import BARS, POOL_STATES, SeriesKey, instrument_key

Tell = Callable[[str], None]
"""Told what each file of quotes was taken for, and what was left aside in it."""


def read_folder(
    folder: Path | str, wanted: Mapping[SeriesKey, Kind], *, said: Said | None = None, tell: Tell = lambda _sentence: None
) -> dict[SeriesKey, pl.DataFrame]:
    """Return the rows of each series from the files of a folder; several files of a series are put together."""
    found, others = _look(expand([folder]), wanted, said)
    parts = {key: [one for one in found if (one.key, one.kind) == (instrument_key(key), kind)] for key, kind in sorted(wanted.items())}
    missing = [key for key, files in parts.items() if not files]
    if missing:
        has = sorted([f"{one.key} {one.kind}" for one in found] + others)
        expected = ", ".join(f"{instrument_key(key)} {wanted[key]}" for key in missing)
        raise NotFound(f"{folder}: expected files of {expected}, found {_listed(has)}; add them, or name them like {_name(missing, wanted)}")
    return {key: _together(key, files, tell) for key, files in parts.items()}


def _name(missing: Collection[SeriesKey], wanted: Mapping[SeriesKey, Kind]) -> str:
    for key in map(instrument_key, (key for key in missing if wanted[key] == FUNDING)):
        return f"{key.venue}_{key.instrument.replace('/', '-')}_funding.csv, with the columns ts, published, rate"
    return "kraken_BTC-USDC_1m.csv"


# A file whose name says another instrument is not opened; one whose name says nothing may be anything.
def _look(sources: Sequence[Source], wanted: Collection[SeriesKey], said: Said | None) -> tuple[list[Found], list[str]]:
    named = {source: hints(source.name).instrument for source in sources}
    instruments = {instrument_key(key).instrument for key in wanted}
    others = [source.name if name is None else f"{source.name} ({name})" for source, name in named.items() if name not in instruments]
    return detect_all([source for source, name in named.items() if name in instruments], said), others


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")


def _together(key: SeriesKey, files: Sequence[Found], tell: Tell) -> pl.DataFrame:
    books: Books = {}
    frames = [_whole(one, books, tell) for one in files]
    if files[0].kind == FUNDING:
        return pl.concat(frames).unique(maintain_order=True).sort("ts", maintain_order=True).rechunk()
    if len(frames) == 1:
        return frames[0].rechunk()
    if files[0].kind.data in POOLS:
        return _pools(key, files, frames)
    return _bars(key, files, frames) if files[0].kind.data == "bars" else _quotes(key, files, frames)


def _whole(found: Found, books: Books, tell: Tell) -> pl.DataFrame:
    batches = list(read(found, books))
    if found.kind.data != "bars":
        tell(f"{found.source.label}: {found.why}{_aside(batches)}")
    whole = pl.concat([batch.frame for batch in batches])
    if found.kind.data in POOLS:
        return whole.select(*POOL_STATES)
    return whole.sort("ts") if found.kind.data == "bars" else whole


def _aside(batches: Sequence[Read]) -> str:
    counts = sum((Counter(batch.aside) for batch in batches), Counter[str]())
    return "; left aside: " + ", ".join(f"{count:,} {name}" for name, count in sorted(counts.items())) if counts else ""


def _bars(key: SeriesKey, files: Sequence[Found], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    whole = pl.concat(frames).sort("ts", maintain_order=True)
    again = pl.col("ts") == pl.col("ts").shift()
    twice = whole.filter(again & pl.any_horizontal(_differs(name) for name in BARS if name != "ts"))
    if twice.height:
        names = ", ".join(one.source.label for one in files)
        raise BadInput(f"{key}: expected one set of values for {twice['ts'][0]}, found two in {names}; find out which is right")
    return whole.filter(~again.fill_null(value=False))


# In order of time; where files overlap they must tell the same.
def _quotes(key: SeriesKey, files: Sequence[Found], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    _refuse_other_times(key, files, frames)
    order = sorted(range(len(frames)), key=lambda at: frames[at].select(pl.coalesce("received", "ts").first()).item())
    whole = sequence.placed(frames[order[0]], None)
    for index in order[1:]:
        first = frames[index].select(pl.coalesce("received", "ts").first()).item()
        frame = sequence.placed(frames[index], None, first=sequence.first_number(whole.filter(pl.col("at") == first), frames[index]))
        news = sequence.missing(whole, frame)
        if isinstance(news, Clash):
            names = ", ".join(one.source.label for one in files)
            raise BadInput(f"{key}: expected one series, found two that differ at {news.at} in {names}: {news.said}; find out which is right")
        whole = pl.concat(sequence.padded([whole, news])).sort("at", "seq")
    return whole.drop("at", "seq")


# One after the other: of a chain there is one, and where it is cut into files they meet.
def _pools(key: SeriesKey, files: Sequence[Found], frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    _refuse_other_times(key, files, frames)
    parts = sorted((frame.with_columns(at=pl.coalesce("ts", "received")) for frame in frames), key=lambda frame: frame["at"][0])
    for before, after in itertools.pairwise(parts):
        if after["at"][0] < before["at"].max():
            names = ", ".join(one.source.label for one in files)
            raise BadInput(f"{key}: expected files that follow each other, found some that overlap at {after['at'][0]} in {names}; leave one out")
    return pl.concat(parts).drop("at")


def _refuse_other_times(key: SeriesKey, files: Sequence[Found], frames: Sequence[pl.DataFrame]) -> None:
    shapes = {one.source.label: sequence.shape(frame) for one, frame in zip(files, frames, strict=True)}
    if len(set(shapes.values())) > 1:
        told = "; ".join(f"{label} has {shape}" for label, shape in shapes.items())
        raise BadInput(f"{key}: expected files of one kind, found {told}; take one stream of all, or leave some out")


def _differs(name: str) -> pl.Expr:
    return (pl.col(name) - pl.col(name).shift()).abs() > NOISE * pl.max_horizontal(pl.col(name), pl.col(name).shift())
