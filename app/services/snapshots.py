"""Snapshots: each day of a series as a file by the hash of its columns. Built from what changed, read by runs, removed when nobody can want them.

A day that changes gets a new version beside the old one, which stays for as long as a run names it. Reading and building hold a lock that
removing waits for (`app.db.snapshots`); every file is checked when it is read (`app.services.snapshot_files`).
"""

import itertools
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from datetime import date, datetime, timedelta
from typing import Self, cast

import polars as pl
from adbc_driver_manager.dbapi import Cursor

from app.db import adbc, objects
from app.db import snapshots as stored
from app.db.objects import Objects, Place
from app.db.snapshots import Day, Line, Listed, Version, end_of, start_of
from app.errors import Conflict
from app.services import market, snapshot_files
from app.services.market import Coverage
from app.services.wanted import Reach
from app.sources.kinds import Data
from engine.schema import BARS, FUNDING, POOL_STATES, SeriesKey, instrument_key, quote_levels, quotes_schema

_DAYS_AT_ONCE = {"bars": 31, "funding": 366}  # of others a day alone may be millions of rows
_KINDS = ("bars", "quotes", "quote_bars", "pool", "pool_bars", "funding")
SCHEMAS: Mapping[str, pl.Schema] = {"bars": BARS, "pool": POOL_STATES, "pool_bars": POOL_STATES, "funding": FUNDING}
"""Of what runs read of each kind; of others quotes, of as many levels as there are."""

Span = tuple[Line, date, date]
Cut = tuple[datetime | None, datetime | None]
Days = dict[SeriesKey, list[Day]]

Tell = Callable[[str, float], None]
"""Told which day is built and the fraction that is done."""


def _silent(_stage: str, _fraction: float) -> None:
    """Say nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Archive:
    """Where series are: the database, whom to ask for their rows, and the place of their files."""

    libpq_uri: str = field(repr=False)
    read_uri: str = field(repr=False)
    """A replica where there is one, else the database itself."""
    place: Place

    @property
    def text(self) -> str:
        """Return all of it, secrets included, for a child's environment."""
        return json.dumps(asdict(self))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return what `text` was made of."""
        found = json.loads(text)
        return cls(**found | {"place": Place(**found["place"])})


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """The rows that a run reads, and the files that they came from."""

    frames: dict[SeriesKey, pl.DataFrame]
    named: list[dict[str, object]]
    """Venue, instrument, data, day, rows and hash of each file, in order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Built:
    """What building did: days looked at, days whose content is new, rows and bytes of these."""

    days: int
    new: int
    rows: int
    bytes: int


def load(archive: Archive, wanted: Mapping[SeriesKey, Reach]) -> Loaded:
    """Return all rows of each series within its reach, from files alone; days that changed since their file was built are built first. Blocks."""
    files = objects.at(archive.place)
    with adbc.session(archive.libpq_uri) as session:
        with session.transaction() as cursor:
            covers = market.covers(cursor, wanted)
            spans = {key: _span(covers[key], reach) for key, reach in wanted.items()}
            days = _shared(cursor, spans)
            stale = [(spans[key][0], day) for key in spans for day in days[key] if day.stale]
            frames = {} if stale else _read(files, days, covers, wanted)
        if stale:  # built without the lock, so that what removes files need not wait for it
            _build(archive, files, stale, _silent)
            with session.transaction() as cursor:
                days = _shared(cursor, spans)
                frames = _read(files, days, covers, wanted)
    return Loaded(frames=frames, named=[_named(key, covers[key], day) for key in sorted(wanted) for day in days[key] if day.rows])


def _shared(cursor: Cursor, spans: Mapping[SeriesKey, Span]) -> Days:
    stored.share(cursor)
    return {key: stored.days(cursor, *span) for key, span in spans.items()}


def _read(files: Objects, days: Days, covers: Mapping[SeriesKey, Coverage], wanted: Mapping[SeriesKey, Reach]) -> dict[SeriesKey, pl.DataFrame]:
    with ThreadPoolExecutor(snapshot_files.READERS) as pool:
        frames = {key: _joined(snapshot_files.read(files, days[key], pool), covers[key], _cut(days[key], wanted[key])) for key in wanted}
    for key, frame in frames.items():
        if not frame.height:
            raise market.nothing(key, covers[key], wanted[key])
    return frames


def build(archive: Archive, *, tell: Tell = _silent) -> Built:
    """Build the days of all series that changed since their files were built."""
    with adbc.transaction(archive.libpq_uri) as cursor:
        spans = [span for span in stored.lines(cursor) if span[0].data in _KINDS]
        stale = [(span[0], day) for span in spans for day in stored.days(cursor, *span) if day.stale]
    return _build(archive, objects.at(archive.place), stale, tell)


def listed(archive: Archive) -> list[Listed]:
    """Return how the snapshots of each series stand."""
    with adbc.transaction(archive.libpq_uri) as cursor:
        return [one for one in stored.listed(cursor) if one.data in _KINDS]


def verify(archive: Archive, *, tell: Tell = _silent) -> list[str]:
    """Read every current file and compare its hash; return what is wrong, a sentence each. Damaged days are built anew by the next `build`."""
    files, wrong = objects.at(archive.place), []
    with adbc.transaction(archive.libpq_uri) as cursor:
        stored.share(cursor)
        hashes = sorted(stored.known(cursor))
        for n, sha256 in enumerate(hashes):
            tell(sha256[:12], n / len(hashes))
            try:
                stored.know(cursor, sha256, snapshot_files.check(files, sha256))
            except Conflict as error:
                wrong.append(str(error))
                stored.distrust(cursor, sha256)
    return wrong


def _span(cover: Coverage, reach: Reach) -> Span:
    line = Line(cover.instrument_id, cover.data, cover.interval_us)
    return line, max(reach.start, cover.first).date(), min(reach.end - timedelta(microseconds=1), cover.last).date()


def _build(archive: Archive, files: Objects, stale: Sequence[tuple[Line, Day]], tell: Tell) -> Built:
    versions: list[Version] = []
    done = 0
    for line, days in _groups(stale):
        tell(f"{days[0].day}", done / len(stale))
        versions += _build_days(archive, files, line, days)
        done += len(days)
    return Built(days=len(stale), new=len(versions), rows=sum(one.rows for one in versions), bytes=sum(one.bytes for one in versions))


# Days of a series that follow on each other, as many as are read at once.
def _groups(stale: Sequence[tuple[Line, Day]]) -> Iterator[tuple[Line, list[Day]]]:
    ordered = enumerate(stale)
    for _, group in itertools.groupby(ordered, key=lambda item: (item[1][0], item[1][1].day.toordinal() - item[0])):
        together = [item for _, item in group]
        size = _DAYS_AT_ONCE.get(together[0][0].data, 1)
        for begin in range(0, len(together), size):
            yield together[begin][0], [day for _, day in together[begin : begin + size]]


def _build_days(archive: Archive, files: Objects, line: Line, days: Sequence[Day]) -> list[Version]:
    with adbc.transaction(archive.read_uri) as cursor:
        # One look at rows and counts, whatever is imported meanwhile; a replica that lags has lower counts, and the day is built again later.
        cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        counts = {day.day: day.changed for day in stored.days(cursor, line, days[0].day, days[-1].day)}
        whole = _rows(cursor, line, start_of(days[0].day), end_of(days[-1].day))
    parts = [(day, _within(whole, start_of(day), end_of(day))) for day in counts]
    with adbc.transaction(archive.libpq_uri) as cursor:
        stored.share(cursor)
        versions = [snapshot_files.write(files, day, frame, counts[day]) for day, frame in parts]
        return [version for version in versions if stored.record(cursor, line, version)]


def _rows(cursor: Cursor, line: Line, start: datetime, end: datetime) -> pl.DataFrame:
    cover = Coverage(instrument_id=line.instrument_id, data=cast(Data, line.data), interval_us=line.interval_us, first=start, last=end, count=0)
    return market.rows(cursor, cover, start, end)


# Where the rows of days have to be cut to lie within a reach; None: nowhere. To find the row of a time takes longer than to decode a column.
def _cut(days: Sequence[Day], reach: Reach) -> Cut:
    filled = [day.day for day in days if day.rows]
    if not filled:
        return None, None
    return reach.start if start_of(filled[0]) < reach.start else None, reach.end if reach.end < end_of(filled[-1]) else None


def _joined(frames: Sequence[pl.DataFrame], cover: Coverage, cut: Cut) -> pl.DataFrame:
    if not frames:
        return pl.DataFrame(schema=SCHEMAS.get(cover.data, quotes_schema(1)))
    if cover.data in SCHEMAS:
        frames = [frame.select(*SCHEMAS[cover.data]) for frame in frames]  # of a pool there is more than a run reads
    else:
        names = list(quotes_schema(max(map(quote_levels, frames))))
        frames = [frame.with_columns(**{name: pl.lit(float("nan")) for name in names if name not in frame.columns}).select(names) for frame in frames]
    frames = [_within(frames[0], cut[0], None), *frames[1:]]
    parts = [*frames[:-1], _within(frames[-1], None, cut[1])]
    return pl.concat(parts).rechunk()  # in one piece, a column is read as it lies


# By open time of bars, by due time of funding; of others by arrival, which is the latest time so far: the first row of a day arrived on it.
def _within(frame: pl.DataFrame, start: datetime | None, end: datetime | None) -> pl.DataFrame:
    if start is None and end is None:
        return frame
    at = frame["ts"] if "received" not in frame.columns else frame.select(pl.coalesce("received", "ts").cum_max()).to_series()
    first = 0 if start is None else int(at.search_sorted(start, side="left"))
    return frame.slice(first, (frame.height if end is None else int(at.search_sorted(end, side="left"))) - first)


def _named(key: SeriesKey, cover: Coverage, day: Day) -> dict[str, object]:
    what = {"venue": key.venue, "instrument": instrument_key(key).instrument, "data": cover.data, "interval_us": cover.interval_us}
    return {**what, "day": day.day.isoformat(), "rows": day.rows, "sha256": day.sha256}
