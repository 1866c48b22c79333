"""Folders, patterns and archives are opened as users have them."""

import gzip
import os
import zipfile
from pathlib import Path

import pytest

from app.errors import BadInput, NotFound
from app.sources.detect import detect
from app.sources.files import Source, expand, opened
from app.sources.read import read

from .files import NAME, bars, minutes, row, write

ROWS = [row(minute) for minute in range(5_000)]


def zipped(folder: Path, **members: str) -> Path:
    """Write an archive."""
    path = folder / "archive.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return path


def test_a_folder_is_read_with_what_is_below_in_order_and_nothing_else(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    for name in ("b/2.csv", "1.csv.gz", "3.parquet", "README.md", "b/.4.csv", "LICENSE", "backup.tar.gz", "5_capture.gz"):
        (tmp_path / name).touch()
    assert [source.path.relative_to(tmp_path).as_posix() for source in expand([tmp_path])] == [
        "1.csv.gz",
        "3.parquet",
        "5_capture.gz",
        "b/2.csv",
    ]


def test_a_pattern_stands_for_its_files_and_each_file_is_read_once(tmp_path: Path) -> None:
    for name in ("1.csv", "2.csv", "3.txt"):
        (tmp_path / name).touch()
    assert [source.path.name for source in expand([tmp_path / "2.csv", f"{tmp_path}/*.csv"])] == ["2.csv", "1.csv"]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(NotFound, match=r"nowhere.csv: no such file or folder"):
        expand([tmp_path / "nowhere.csv"])
    with pytest.raises(NotFound, match=r"\*.csv: no such file or folder"):
        expand([tmp_path / "*.csv"])
    with pytest.raises(NotFound, match=r"expected files ending in .csv, .*, found none"):
        expand([tmp_path])


def test_gzip_is_told_by_content_and_its_name_by_what_is_inside(tmp_path: Path) -> None:
    path = tmp_path / f"{NAME}.gz"
    path.write_bytes(gzip.compress(write(tmp_path, ROWS).read_bytes()))
    assert bars(path).height == 5_000
    assert Source(path=path).name == NAME


def test_each_member_of_a_zip_is_a_file_of_its_own(tmp_path: Path) -> None:
    text = write(tmp_path, ROWS).read_text()
    path = zipped(tmp_path, **{"a/kraken_BTC-USD_1m.csv": text, "a/kraken_BTC-USDC_1m.csv": text, "__MACOSX/a.csv": "", "README.md": ""})
    found = [detect(source) for source in expand([path])]
    assert [str(one.key) for one in found] == ["kraken BTC/USDC", "kraken BTC/USD"]
    assert [sum(batch.frame.height for batch in read(one)) for one in found] == [5_000, 5_000]
    assert found[0].source.label == f"{path}/a/kraken_BTC-USDC_1m.csv"


@pytest.mark.parametrize("kind", ["gzip", "zip"])
def test_an_archive_that_is_cut_off_or_damaged_is_refused(tmp_path: Path, kind: str) -> None:
    text = write(tmp_path, ROWS).read_bytes()
    whole = gzip.compress(text) if kind == "gzip" else zipped(tmp_path, **{NAME: text.decode()}).read_bytes()
    path = tmp_path / f"{NAME}.{kind}"
    middle = len(whole) // 2
    for damaged in (whole[:middle], whole[:middle] + bytes(40) + whole[middle + 40 :]):
        path.write_bytes(damaged)
        with pytest.raises(BadInput, match=r"expected a sound archive, found .*; get the file again"):
            [bars(source.path) if source.member is None else list(read(detect(source))) for source in expand([path])]


def test_archives_without_tables_are_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"expected an archive of .csv files, found notes.md"):
        expand([zipped(tmp_path, **{"notes.md": "hello"})])
    with pytest.raises(BadInput, match="found an office document; save the sheet as CSV"):
        expand([zipped(tmp_path, **{"[Content_Types].xml": "", "xl/sheet1.xml": ""})])


def test_reading_says_how_far_it_got(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    with opened(Source(path=path)) as stream:
        stream.read(1_000)
        assert 1_000 <= stream.position() <= stream.size == path.stat().st_size
        stream.read(stream.size)
        assert stream.position() == stream.size


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path, ROWS)
    path.chmod(0)
    with pytest.raises(Exception, match="this user may not read it"):
        expand([path])


def test_a_file_longer_than_a_block_passes_in_several_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": 10_000, "longest": 65_536})
    batches = list(read(detect(Source(path=write(tmp_path, ROWS)))))
    assert len(batches) > 10
    assert max(batch.frame.height for batch in batches) < 400
    assert [batch.bytes_read for batch in batches] == sorted(batch.bytes_read for batch in batches)
    assert [minute for batch in batches for minute in minutes(batch.frame)] == list(range(5_000))
