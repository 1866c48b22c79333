"""A full disk is one error that says what to do, and nothing is lost by it."""

import errno
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from app.errors import DiskFull
from app.ops.box import disk
from app.ops.box.supervisor import box, servers
from app.settings import Settings
from tests.app.ops.box.support import processes

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount a small disk")


def _mount(place: Path, mebibytes: int, *options: str) -> None:
    subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([*options, f"size={mebibytes}m"]), "none", place], check=True)


@pytest.fixture
def small(tmp_path: Path) -> Iterator[Path]:
    """Yield a folder on a disk of 300 MiB."""
    place = tmp_path / "small"
    place.mkdir()
    try:
        _mount(place, 300)
    except subprocess.CalledProcessError:
        pytest.skip("this root may not mount")
    yield place
    subprocess.run(["umount", "--lazy", place], check=True)


def _fill(place: Path, leave: int) -> Path:
    ballast = place / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, max(1, os.statvfs(place).f_bavail * os.statvfs(place).f_frsize - leave))
    return ballast


async def _ask(uri: str, query: str) -> object:
    connection = await asyncpg.connect(uri)
    try:
        return await connection.fetchval(query)
    finally:
        await connection.close()


async def _refused(data: Path) -> str:
    with pytest.raises(DiskFull) as caught:
        async with servers(data):
            raise AssertionError("it started on a full disk")
    assert processes(data) == []
    return str(caught.value)


async def test_a_box_is_not_begun_where_it_cannot_be_made(small: Path) -> None:
    _fill(small, 20 * disk.MIB)
    assert await _refused(small / "data") == (
        f"the disk of {small}/data is full: 20 MiB are free and the box needs 160 MiB; nothing is lost: make room there, "
        "or choose another data folder, and start again"
    )


@pytest.mark.parametrize("leave", [0, 1, 12, 30, 44])
async def test_a_disk_that_fills_up_while_the_box_is_made_is_the_same_error_and_the_next_start_works(
    small: Path, monkeypatch: pytest.MonkeyPatch, leave: int
) -> None:
    ballast = _fill(small, leave * disk.MIB)
    with monkeypatch.context() as patch:
        patch.setattr(disk, "NEW", 0)
        patch.setattr(disk, "KNOWN", 0)
        assert f"the disk of {small}/data is full: " in await _refused(small / "data")
    ballast.unlink()
    async with servers(small / "data") as it:
        assert await _ask(it.settings.libpq_uri, "SELECT 1") == 1


def test_a_server_that_is_gone_for_want_of_room_is_the_same_error_and_one_that_is_gone_with_room_is_not(small: Path) -> None:
    gone = asyncpg.ConnectionDoesNotExistError("connection was closed in the middle of operation")
    with pytest.raises(asyncpg.ConnectionDoesNotExistError), disk.explained(small):
        raise gone
    _fill(small, 8 * disk.MIB)
    with pytest.raises(DiskFull, match="8 MiB are free"), disk.explained(small):
        raise RuntimeError("wrapped") from gone
    with pytest.raises(RuntimeError), disk.explained(small):
        raise RuntimeError("something else")


async def test_a_disk_that_fills_up_while_the_schema_is_made_is_the_same_error(small: Path) -> None:
    async def fill(settings: Settings) -> None:
        await _ask(settings.libpq_uri, "CREATE TABLE huge AS SELECT repeat(md5(g::text), 30) FROM generate_series(1, 1000000) g")

    with pytest.raises(DiskFull, match=r"make room there"):
        async with box(small / "data", migrate=fill, children=[]):
            raise AssertionError("it was ready")
    assert processes(small / "data") == []


async def test_what_was_there_before_the_disk_was_full_is_there_afterwards(small: Path) -> None:
    async with servers(small / "data") as it:
        await _ask(it.settings.libpq_uri, "CREATE TABLE kept AS SELECT 7 AS value")
        ballast = _fill(small, 0)
        with pytest.raises(asyncpg.DiskFullError):
            await _ask(it.settings.libpq_uri, "CREATE TABLE more AS SELECT repeat('x', 1000) FROM generate_series(1, 100000)")
        assert await _ask(it.settings.libpq_uri, "SELECT value FROM kept") == 7
    await _refused(small / "data")
    ballast.unlink()
    async with servers(small / "data") as it:
        assert await _ask(it.settings.libpq_uri, "SELECT value FROM kept") == 7


def test_only_a_full_disk_is_called_one(tmp_path: Path) -> None:
    with pytest.raises(DiskFull), disk.explained(tmp_path / "not" / "there"):
        raise OSError(errno.ENOSPC, "No space left on device")
    with pytest.raises(PermissionError), disk.explained(tmp_path):
        raise PermissionError(errno.EACCES, "Permission denied")
