"""What nobody can want is removed, and nothing else: not the current version, not one that a run names, not under a reader's hands."""

import json
import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from app.db import adbc, objects
from app.db import snapshots as stored
from app.db.objects import Place
from app.errors import Conflict
from app.services import snapshot_removal, snapshots
from app.services.imports import import_files
from app.services.snapshot_removal import Removed
from app.services.snapshots import Archive
from app.services.wanted import Reach
from app.sources.kinds import Kind
from engine.schema import SeriesKey
from tests.app.sources.files import row, write

AT_ONCE = timedelta(seconds=-1)
START = datetime(2023, 3, 8, tzinfo=UTC)
KEY = SeriesKey("kraken", "BTC/USDC")
WANTED = {KEY: Reach(Kind("bars", 60_000_000), START, START + timedelta(days=1))}
RUN = """
    INSERT INTO runs (id, created_by, name, strategy, spec, spec_hash, manifest) VALUES
    ('00000000-0000-7000-8000-000000000001', 'a', 'b', 'c', '{}', 'd', $1::text::jsonb)"""


@pytest.fixture
def archive(libpq_uri: str, tmp_path: Path) -> Archive:
    return Archive(libpq_uri=libpq_uri, read_uri=libpq_uri, place=Place(url=str(tmp_path / "snapshots")))


async def versions(archive: Archive, folder: Path, count: int, *, first: int = 0) -> list[str]:
    """Make versions of a day, each with a bar more; return their hashes, the oldest first."""
    made = []
    for minute in range(first, first + count):
        await import_files(archive.libpq_uri, [write(folder, [row(minute)])])
        made += [str(one["sha256"]) for one in snapshots.load(archive, WANTED).named]
    return made


def files(archive: Archive) -> set[str]:
    return {path.stem for path in Path(archive.place.url).rglob("*.parquet")}


async def test_superseded_versions_go_after_a_while_but_for_those_that_a_run_names(archive: Archive, tmp_path: Path) -> None:
    first, second, third = await versions(archive, tmp_path, 3)
    with adbc.transaction(archive.libpq_uri) as cursor:
        cursor.execute(RUN, (json.dumps({"snapshots": [{"sha256": second}]}),))
    assert snapshot_removal.collect(archive) == Removed(superseded=0, unnamed=0), "not a day old"
    assert snapshot_removal.collect(archive, grace=AT_ONCE) == Removed(superseded=1, unnamed=0)
    assert files(archive) == {second, third}
    with adbc.transaction(archive.libpq_uri) as cursor:
        cursor.execute("DELETE FROM runs")
    assert snapshot_removal.collect(archive, grace=AT_ONCE) == Removed(superseded=1, unnamed=0)
    assert files(archive) == {third}
    assert snapshots.load(archive, WANTED).frames[KEY].height == 3
    assert first not in files(archive)


async def test_files_that_an_interrupted_build_left_go_and_one_that_came_back_stays(archive: Archive, tmp_path: Path) -> None:
    (kept,) = await versions(archive, tmp_path, 1)
    objects.at(archive.place).put("f" * 64, b"half a build")
    await import_files(archive.libpq_uri, [write(tmp_path, [row(0, "1,1,1,1,1")])], replace=True)
    snapshots.build(archive)
    await import_files(archive.libpq_uri, [write(tmp_path, [row(0)])], replace=True)
    assert [str(one["sha256"]) for one in snapshots.load(archive, WANTED).named] == [kept], "the first content again, as a third version"
    assert snapshot_removal.collect(archive, grace=AT_ONCE) == Removed(superseded=2, unnamed=1)
    assert files(archive) == {kept}


async def test_nothing_goes_while_somebody_reads(archive: Archive, tmp_path: Path) -> None:
    await versions(archive, tmp_path, 2)
    with adbc.transaction(archive.libpq_uri) as reader:
        stored.share(reader)
        with pytest.raises(Conflict, match="have been read or built for 0 s without a pause; try again later"):
            snapshot_removal.collect(archive, grace=AT_ONCE, patience_s=0.1)
        assert len(files(archive)) == 2
    assert snapshot_removal.collect(archive, grace=AT_ONCE).superseded == 1


async def test_readers_beside_late_rows_and_removal_never_miss_a_file(archive: Archive, tmp_path: Path) -> None:
    await versions(archive, tmp_path, 1)
    heights: list[int] = []
    errors: list[Exception] = []
    done = threading.Event()

    def read() -> None:
        try:
            while not done.is_set():
                heights.append(snapshots.load(archive, WANTED).frames[KEY].height)
        except Exception as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    def remove() -> None:
        try:
            while not done.is_set():
                snapshot_removal.collect(archive, grace=AT_ONCE)
        except Exception as error:  # noqa: BLE001 - told by the test
            errors.append(error)

    threads = [threading.Thread(target=target) for target in (read, read, remove)]
    for thread in threads:
        thread.start()
    await versions(archive, tmp_path, 6, first=1)
    done.set()
    for thread in threads:
        thread.join()
    assert errors == []
    assert heights[-1] >= 6
    assert snapshots.load(archive, WANTED).frames[KEY].height == 7
