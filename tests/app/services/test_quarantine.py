"""Bad rows are set aside with everything that somebody needs to mend them, and the rest goes in; series are imported side by side."""

import csv
import gzip
from pathlib import Path

import polars as pl
import pyarrow as pa
import pytest

from app.db.session import Sessions
from app.errors import BadInput, Conflict
from app.services import quarantine
from app.services.imports import import_files
from app.services.market import list_instruments
from app.sources.errors import BadRow
from tests.app.sources.files import row, write

QUOTES = "ts_ms,bid,bid_size,ask,ask_size"
MS = 1_678_233_600_000


@pytest.fixture(params=[8 << 20, 1_000])
def blocks(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Read files whole, and in pieces."""
    monkeypatch.setattr("app.sources.text.blocks.__kwdefaults__", {"size": request.param, "longest": 65_536})


def aside(path: Path) -> list[list[str]]:
    """Return the rows of a quarantine without file and advice."""
    with path.open(newline="") as file:
        rows = list(csv.reader(file))
    assert rows[0] == ["file", "place", "column", "value", "expected", "advice"]
    return [one[1:5] for one in rows[1:]]


async def stored(sessions: Sessions) -> dict[str, int]:
    """Return how many rows there are of each series."""
    return {f"{one.key} {cover.data}": cover.count for one in await list_instruments(sessions) for cover in one.coverage}


@pytest.mark.usefixtures("blocks")
async def test_bad_bars_are_set_aside_and_the_rest_goes_in(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    lines = [row(minute) for minute in range(100)]
    lines[10] = row(10, "100,110,90,105,-1")
    lines[11] = row(11, "100,x,90,105,1")
    lines[50] = "oops"
    lines[60] = row(59)  # again, as the row before: no fault
    lines[61] = row(30)  # too late
    lines[99] = row(99, "100,110,90,105")
    bad = tmp_path / "bad.csv"
    (summary,) = await import_files(libpq_uri, [write(tmp_path, lines)], quarantine=bad)
    assert (summary.rows_read, summary.repeated, summary.counts["bad rows"]) == (94, 1, 5)
    assert await stored(sessions) == {"kraken BTC/USDC bars": 94}
    assert sorted(aside(bad)) == [
        ["line 101", "the whole line", row(99, "100,110,90,105"), "6 columns, not 5"],
        ["line 12", "volume", "-1", "a volume of 0 or more"],
        ["line 13", "high", "x", "a finite number with a decimal point and no other separators"],
        ["line 52", "the whole line", "oops", "6 columns, not 1"],
        ["line 63", "open_time_ms", str(MS + 30 * 60_000), "a time after 2023-03-08 00:59:00 of the row before"],
    ]
    (again,) = await import_files(libpq_uri, [write(tmp_path, lines)], quarantine=bad)
    assert (again.rows_new, len(aside(bad))) == (0, 5)


async def test_bad_quotes_of_a_parquet_file_are_set_aside(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    path = write(tmp_path, [f"{MS + at},99,1,101,{'inf' if at == 3 else 1}" for at in range(6)], header=QUOTES, name="kraken_BTC-USD.csv")
    table = tmp_path / "table" / "kraken_BTC-USD.parquet"
    table.parent.mkdir()
    pl.read_csv(path).write_parquet(table)
    (summary,) = await import_files(libpq_uri, [table], quarantine=tmp_path / "bad.csv")
    assert (summary.rows_new, summary.counts["bad rows"]) == (5, 1)
    assert aside(tmp_path / "bad.csv")[0][:3] == ["row 4", "ask_size", "inf"]


async def test_without_a_bad_row_there_is_no_file_and_nothing_else_is_overwritten(libpq_uri: str, tmp_path: Path) -> None:
    path = write(tmp_path, [row(0)])
    await import_files(libpq_uri, [path], quarantine=tmp_path / "bad.csv")
    assert not (tmp_path / "bad.csv").exists()
    with pytest.raises(Conflict, match="expected bad rows of another import or nothing, found something else"):
        await import_files(libpq_uri, [path], quarantine=path)
    with pytest.raises(Conflict, match="found a folder"):
        await import_files(libpq_uri, [path], quarantine=tmp_path)


async def test_a_file_that_is_bad_altogether_is_refused(libpq_uri: str, sessions: Sessions, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(quarantine, "MOST", 20)
    path = write(tmp_path, [row(0), *(row(minute, "1,2,3,4,5") for minute in range(1, 100))])
    with pytest.raises(BadInput, match="these are 20 bad rows and more: is the file what it was taken for"):
        await import_files(libpq_uri, [path], quarantine=tmp_path / "bad.csv")
    assert await stored(sessions) == {}


async def test_series_are_imported_side_by_side_from_every_kind_of_archive(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    text = write(tmp_path, [row(minute) for minute in range(3_000)]).read_bytes()
    (tmp_path / "a_BTC-USD_1m.csv.gz").write_bytes(gzip.compress(text))
    (tmp_path / "b_BTC-USD_1m.csv.zst").write_bytes(pa.compress(text, "zstd", asbytes=True))  # type: ignore[attr-defined]
    pl.read_csv(text).write_parquet(tmp_path / "c_BTC-USD_1m.parquet")
    found = await import_files(libpq_uri, [tmp_path], jobs=3)
    assert [(one.venue, one.rows_new) for one in found] == [("a", 3_000), ("b", 3_000), ("c", 3_000), ("kraken", 3_000)]
    assert set((await stored(sessions)).values()) == {3_000}


async def test_the_first_error_ends_what_is_imported_beside_it(libpq_uri: str, sessions: Sessions, tmp_path: Path) -> None:
    for venue in "abc":
        write(tmp_path, [row(0), row(1, "1,1,1,1,-1")] if venue == "b" else [row(0)], name=f"{venue}_BTC-USD_1m.csv")
    with pytest.raises(BadRow, match=r"b_BTC-USD_1m.csv, line 3, volume"):
        await import_files(libpq_uri, [tmp_path], jobs=2)
    assert "b BTC/USD bars" not in await stored(sessions)


@pytest.mark.parametrize("cut", [slice(0, -20), slice(0, 10)])
def test_a_damaged_zst_is_refused(tmp_path: Path, cut: slice) -> None:
    from app.sources.detect import detect
    from app.sources.files import Source
    from app.sources.read import read

    packed = pa.compress(write(tmp_path, [row(minute) for minute in range(20_000)]).read_bytes(), "zstd", asbytes=True)  # type: ignore[attr-defined]
    path = tmp_path / "kraken_BTC-USD_1m.csv.zst"
    path.write_bytes(packed[cut])
    with pytest.raises(BadInput, match="expected a sound archive"):
        list(read(detect(Source(path=path))))
