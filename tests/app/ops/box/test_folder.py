"""The data folder is ours, is a box's, and keeps its secrets."""

import json
import os
import stat
from pathlib import Path

import pytest

from app.errors import BadInput, Conflict
from app.ops.box import credentials, folder, lock


def test_a_new_folder_is_for_its_owner_alone(tmp_path: Path) -> None:
    with folder.held(tmp_path / "deep" / "data") as where:
        assert stat.S_IMODE(where.root.stat().st_mode) == 0o700
        assert {entry.name for entry in where.root.iterdir()} == {"lock", "logs", "valkey"}


def test_a_folder_that_others_could_read_is_closed(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    with folder.held(tmp_path / "data") as where:
        assert stat.S_IMODE(where.root.stat().st_mode) == 0o700


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    mode = tmp_path.stat().st_mode
    with (
        pytest.raises(Conflict, match=r"is not the folder of a box and not empty: it holds 'thesis.txt'; choose an empty or a new one"),
        folder.held(tmp_path),
    ):
        raise AssertionError("it was taken")
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]
    assert tmp_path.stat().st_mode == mode


def test_a_file_where_the_folder_should_be_is_refused(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("")
    for path in (tmp_path / "data", tmp_path / "data" / "below"):
        with pytest.raises(BadInput, match=r"cannot be made, since there is a file of that name in its path"), folder.held(path):
            raise AssertionError("it was taken")


def test_a_name_with_a_line_break_is_refused() -> None:
    with pytest.raises(BadInput, match="line break"):
        folder.at(Path("one\ntwo"))


def test_the_lock_names_its_holder_and_goes_with_it(tmp_path: Path) -> None:
    with folder.held(tmp_path / "data") as where:
        assert lock.is_held(where.lock)
        with pytest.raises(Conflict, match=rf"\(process {os.getpid()}\)"), lock.held(where.lock):
            raise AssertionError("two hold it")
    assert not lock.is_held(where.lock)
    assert not lock.is_held(tmp_path / "nowhere")


def test_each_run_has_a_name_of_its_own(tmp_path: Path) -> None:
    with folder.held(tmp_path / "data") as first:
        pass
    with folder.held(tmp_path / "data") as second:
        assert first.run != second.run
        assert first.root == second.root


def test_secrets_are_made_once_and_differ_and_are_for_us_alone(tmp_path: Path) -> None:
    with folder.held(tmp_path / "data") as where:
        made = credentials.load(where)
        assert credentials.load(where) == made == credentials.read(where)
        assert stat.S_IMODE(where.secrets.stat().st_mode) == 0o600
        values = json.loads(where.secrets.read_text())
        assert len(set(values.values())) == 5
        assert all(len(value) >= 43 for value in values.values())
        assert not any(value in repr(made) for value in values.values())


@pytest.mark.parametrize("text", ["", "{}", "[]", '{"db_password": 1}', "\x00"])
def test_damaged_secrets_are_not_replaced_by_new_ones(tmp_path: Path, text: str) -> None:
    with folder.held(tmp_path / "data") as where:
        where.secrets.write_text(text)
        with pytest.raises(Conflict, match=r"secrets.json is damaged; restore it from a backup"):
            credentials.load(where)
        assert where.secrets.read_text() == text


def test_databases_without_their_secrets_are_not_given_new_ones(tmp_path: Path) -> None:
    (tmp_path / "data" / "postgres").mkdir(parents=True)
    with folder.held(tmp_path / "data") as where, pytest.raises(Conflict, match=r"secrets.json is missing, and .* cannot be opened without it"):
        credentials.load(where)


def test_a_file_is_written_whole_or_not_at_all(tmp_path: Path) -> None:
    path = tmp_path / "box.json"
    folder.write_private(path, {"a": 1})
    with pytest.raises(TypeError):
        folder.write_private(path, {"a": object()})
    assert json.loads(path.read_text()) == {"a": 1}
