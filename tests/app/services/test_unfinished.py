"""What a sweep has done survives its end, is told from what another did, and becomes a result in one step or not at all."""

import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from app.errors import Conflict
from app.services import unfinished
from app.services.unfinished import Unfinished
from engine.sweep import parse_sweep
from engine.synth import depeg_weekend

WEEKEND = depeg_weekend(7)
FORM: dict[str, Any] = {
    "version": 1,
    "name": "first",
    "design": "grid",
    "spec": tomllib.loads(WEEKEND.spec_toml),
    "parameters": [{"path": "strategy.threshold_bps", "values": [5, 10]}],
}
ORIGIN = {"name": "first", "sweep_sha256": "a", "data_sha256": "b", "made_by_sha256": "c"}
RESULT = {"manifest.json": b'{"sweep_sha256": "a"}', "best/3/summary.json": b"{}"}


def rows(*trials: int) -> pl.DataFrame:
    return pl.DataFrame({"trial": trials, "periods": [[0.5, float(trial)] for trial in trials]})


def kept(folder: Unfinished) -> list[dict[str, Any]]:
    found = folder.done()
    assert found is not None
    return found.to_dicts()


def leave(result: Path, *parts: pl.DataFrame, every_s: float = 0.0) -> None:
    """Leave a sweep unfinished after some rows, as Ctrl-C does."""
    with suppress(KeyboardInterrupt), unfinished.opened(result, ORIGIN, resume=False, every_s=every_s) as folder:
        for part in parts:
            folder.keep(part)
        raise KeyboardInterrupt


def test_rows_are_there_when_a_sweep_goes_on_and_gone_when_it_has_ended(tmp_path: Path) -> None:
    result = tmp_path / "deep" / "result"
    leave(result, rows(4, 2), rows(7))
    assert not result.exists()
    with unfinished.opened(result, ORIGIN, resume=True) as folder:
        assert kept(folder) == rows(4, 2, 7).to_dicts()
        folder.keep(rows(1))
        folder.keep(rows(0))
        saved = folder.finish(RESULT)
    assert {name: Path(path).read_bytes() for name, path in saved.items()} == RESULT
    assert list(result.parent.iterdir()) == [result]


def test_rows_are_written_first_at_once_then_now_and_then_and_at_the_end(tmp_path: Path) -> None:
    with suppress(ZeroDivisionError), unfinished.opened(tmp_path / "result", ORIGIN, resume=False, every_s=3600) as folder:
        folder.keep(rows(0))
        assert len(folder.parts) == 1
        folder.keep(rows(1))
        folder.keep(rows(2))
        assert len(folder.parts) == 1
        raise ZeroDivisionError
    assert [path.name for path in folder.parts] == ["rows-000001.parquet", "rows-000002.parquet"]
    assert kept(folder) == rows(0, 1, 2).to_dicts()


def test_a_sweep_that_ends_before_its_first_row_leaves_nothing(tmp_path: Path) -> None:
    leave(tmp_path / "result")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ("sweep_sha256", "are of another sweep (first)"),
        ("data_sha256", "the same sweep on other data"),
        ("made_by_sha256", "another version of usdc-arb"),
    ],
)
@pytest.mark.parametrize("resume", [True, False])
def test_rows_of_something_else_are_refused_with_the_reason_and_stay(changed: str, said: str, resume: bool, tmp_path: Path) -> None:
    leave(tmp_path / "result", rows(1))
    with pytest.raises(Conflict) as error, unfinished.opened(tmp_path / "result", {**ORIGIN, changed: "x", "name": "second"}, resume=resume):
        pass
    assert said in str(error.value)
    with unfinished.opened(tmp_path / "result", ORIGIN, resume=True) as folder:
        assert kept(folder) == rows(1).to_dicts()


def test_rows_are_not_thrown_away_unasked(tmp_path: Path) -> None:
    leave(tmp_path / "result", rows(1))
    with pytest.raises(Conflict, match="go on from there with --resume, or delete it"), unfinished.opened(tmp_path / "result", ORIGIN, resume=False):
        pass


def test_two_sweeps_do_not_write_into_one_folder(tmp_path: Path) -> None:
    with unfinished.opened(tmp_path / "result", ORIGIN, resume=False) as first:
        first.keep(rows(1))
        with pytest.raises(Conflict, match="another sweep is on its way to"), unfinished.opened(tmp_path / "result", ORIGIN, resume=True):
            pass
        assert first.parts


def test_a_file_of_rows_that_is_not_whole_is_named(tmp_path: Path) -> None:
    leave(tmp_path / "result", rows(1))
    with unfinished.opened(tmp_path / "result", ORIGIN, resume=True) as folder:
        folder.parts[0].write_bytes(folder.parts[0].read_bytes()[:50])
        with pytest.raises(Conflict, match=r"rows-000001.parquet is no whole file of rows"):
            folder.done()


def test_a_result_takes_the_place_of_an_earlier_one_whole(tmp_path: Path) -> None:
    for files in ({**RESULT, "best/9/summary.json": b"old"}, RESULT):
        with unfinished.opened(tmp_path / "result", ORIGIN, resume=False) as folder:
            (folder.folder / "result").mkdir()
            (folder.folder / "result" / "half").write_bytes(b"of an end in between")
            folder.finish(files)
    found = {str(path.relative_to(tmp_path / "result")) for path in (tmp_path / "result").rglob("*") if path.is_file()}
    assert found == set(RESULT)
    assert list(tmp_path.iterdir()) == [tmp_path / "result"]


def test_a_folder_with_anything_else_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "thesis.tex").touch()
    (tmp_path / "file").touch()
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text('{"spec_sha256": "a"}')
    (tmp_path / "taken.unfinished").touch()
    cases = {
        "full": "holds other files than the result of a sweep",
        "run": "holds other files than the result of a sweep",
        "file": "is a file; choose a folder with --out",
        "taken": "cannot be made, since there is a file of that name",
        "file/below": "cannot be made, since there is a file of that name",
    }
    before = sorted(tmp_path.rglob("*"))
    for name, said in cases.items():
        with pytest.raises(Conflict, match=said), unfinished.opened(tmp_path / name, ORIGIN, resume=False):
            pass
    assert sorted(tmp_path.rglob("*")) == before
    (tmp_path / "empty").mkdir()
    with unfinished.opened(tmp_path / "empty", ORIGIN, resume=False) as folder:
        folder.finish(RESULT)
    assert (tmp_path / "empty" / "manifest.json").exists()


def test_an_origin_tells_sweeps_and_data_apart_and_nothing_else() -> None:
    first = unfinished.origin(parse_sweep(FORM), WEEKEND.bars)
    assert unfinished.origin(parse_sweep(FORM), WEEKEND.bars) == first
    other = unfinished.origin(parse_sweep({**FORM, "keep": 3}), WEEKEND.bars)
    assert {name for name, value in other.items() if value != first[name]} == {"sweep_sha256"}
    moved = {key: frame.with_columns(pl.col("close") * 1.01) for key, frame in WEEKEND.bars.items()}
    other = unfinished.origin(parse_sweep(FORM), moved)
    assert {name for name, value in other.items() if value != first[name]} == {"data_sha256"}
